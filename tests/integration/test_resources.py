"""Resources of the whole installation: all or nothing, once released, by strategy, by lease, across processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from world import statement

from psg.audit.report import Report
from psg.audit.resources import audit_resources
from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.resources import (
    AllocationLapsed,
    AllocationReleased,
    AllocationUnknown,
    PoolInUse,
    PoolUnknown,
    RequestInvalid,
    ResourceManager,
    ResourceSettings,
    ResourcesExhausted,
    ResourceTimeout,
)

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

PROGRAM = Path(__file__).parents[1] / "programs" / "resource_process.py"
QUICK = {"poll_ms": 20, "lease_ms": 5_000}
PATIENT = 20_000


@pytest.fixture
async def name(db: Database) -> AsyncIterator[str]:
    """A name of pools of this test's own; audited, then removed."""
    made = f"t{uuid.uuid4().hex}"
    yield made
    report = Report()
    await audit_resources(db, report)
    assert [v for v in report.violations if v.node_id.startswith(made)] == []
    await forget(db, made)


async def forget(db: Database, prefix: str) -> None:
    await db.write(
        statement(
            "MATCH (a:Allocation) WHERE a.pool >= $low AND a.pool < $low + '~' OR a.pool >= '~' + $low "
            "AND a.pool < '~' + $low + '~' DETACH DELETE a", "write"
        ), low=prefix,
    )  # fmt: skip
    await db.write(statement("MATCH (p:ResourcePool) WHERE p.name STARTS WITH $low DELETE p", "write"), low=prefix)


def manager(db: Database, **settings: Any) -> ResourceManager:
    return ResourceManager(Graph(db), ResourceSettings(**{**QUICK, **settings}))


async def lapse(db: Database, allocation_id: str) -> None:
    """Let the time of an allocation's lease be over: its holder died long ago."""
    await db.write(
        statement("MATCH (a:Allocation) WHERE a.id STARTS WITH $id SET a.lease_until = 1", "write"), id=allocation_id
    )


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    with anyio.fail_after(seconds):
        while not await condition():  # noqa: ASYNC110 - what other processes do is seen in the graph only
            await anyio.sleep(0.02)


async def waiting(m: ResourceManager, name: str, count: int) -> None:
    async def are() -> bool:
        return (await m.get_resource_usage(name)).pools[name].waiting == count

    await until(are)


@pytest.mark.req("CORE-33", "CORE-34", "CORE-35")
async def test_allocations_stay_within_the_utilisation_and_usage_is_their_sum(db: Database, name: str) -> None:
    m = manager(db, max_resource_utilization=0.8)
    pool = await m.define_pool(name, 10)
    assert (pool.capacity, pool.limit, pool.used, pool.max_utilization) == (10, 8, 0, 0.8)
    first = await m.allocate_resources({"resources": {name: 5.5}})
    second = await m.allocate_resources({"resources": {name: 2.5}})
    assert uuid.UUID(first.id).version == 4 and first.id != second.id and first.resources == {name: 5.5}
    with pytest.raises(ResourcesExhausted, match=r"0\.001 were asked for, 0 are free") as refused:
        await m.allocate_resources({"resources": {name: 0.001}})
    assert refused.value.category == "resource_error" and refused.value.retryable
    usage = (await m.get_resource_usage(name)).pools[name]
    assert (usage.used, usage.free, usage.allocations, usage.utilization) == (8, 0, 2, 0.8)
    await m.release_resources(first.id)
    assert (await m.get_resource_usage()).used[name] == 2.5
    # More than can ever be held is told as such, whoever waits.
    with pytest.raises(ResourcesExhausted, match=r"at most 8 can be held \(80%\)"):
        await m.allocate_resources({"resources": {name: 9}, "timeout": PATIENT})


@pytest.mark.req("CORE-33")
async def test_several_resources_are_given_together_or_not_at_all(db: Database, name: str) -> None:
    m, cpu, ram = manager(db), f"{name}.cpu", f"{name}.ram"
    await m.define_pool(cpu, 4)
    await m.define_pool(ram, 1)
    with pytest.raises(ResourcesExhausted, match=rf"pool '{ram}': 2 were asked"):
        await m.allocate_resources({"resources": {cpu: 1, ram: 2}})
    with pytest.raises(PoolUnknown):
        await m.allocate_resources({"resources": {cpu: 1, f"{name}.none": 1}})
    assert (await m.get_resource_usage(cpu)).used == {cpu: 0}
    both = await m.allocate_resources({"resources": {cpu: 1, ram: 1}})
    assert {n: (await m.get_resource_usage(n)).used[n] for n in (cpu, ram)} == {cpu: 1, ram: 1}
    await m.release_resources(both.id)
    assert {n: (await m.get_resource_usage(n)).used[n] for n in (cpu, ram)} == {cpu: 0, ram: 0}


@pytest.mark.req("CORE-34")
async def test_an_allocation_is_released_once(db: Database, name: str) -> None:
    m = manager(db)
    await m.define_pool(name, 2)
    mine = await m.allocate_resources({"resources": {name: 1}})
    other = await m.allocate_resources({"resources": {name: 1}})
    assert m.holds(mine.id)
    await m.release_resources(mine.id)
    assert not m.holds(mine.id)
    for _ in range(2):
        with pytest.raises(AllocationReleased, match=mine.id):
            await m.release_resources(mine.id)
    for unknown in (str(uuid.uuid4()), "", "x/y", f"{other.id}/{name}", other.id[:8]):
        with pytest.raises(AllocationUnknown):
            await m.release_resources(unknown)
    with pytest.raises(RequestInvalid):
        await m.release_resources(7)  # type: ignore[arg-type]
    assert (await m.get_resource_usage(name)).used == {name: 1}


async def test_the_same_request_asked_again_is_one_allocation(db: Database, name: str) -> None:
    m = manager(db)
    await m.define_pool(name, 2)
    request = {"resources": {name: 2}, "id": str(uuid.uuid4())}
    assert await m.allocate_resources(request) == await m.allocate_resources(request)
    with pytest.raises(RequestInvalid, match="used before"):
        await m.allocate_resources({**request, "resources": {name: 1}})
    await m.release_resources(request["id"])
    with pytest.raises(AllocationReleased):
        await m.allocate_resources(request)


@pytest.mark.req("CORE-37")
@pytest.mark.parametrize(
    ("strategy", "order"),
    [("fair", ["poor", "rich"]), ("priority", ["rich", "poor"]), ("performance", ["small", "poor"])],
)
async def test_who_is_served_when_something_is_released(
    db: Database, name: str, strategy: Any, order: list[str]
) -> None:
    """The rich one holds most and asks with priority; then the poor one, and last a small request of the rich."""
    m = manager(db, strategy=strategy)
    await m.define_pool(name, 8)
    blocker = await m.allocate_resources({"resources": {name: 4}, "holder": "blocker"})
    await m.allocate_resources({"resources": {name: 4}, "holder": "rich"})
    served: list[str] = []

    async def enough() -> bool:
        return len(served) >= len(order)

    async def ask(who: str, amount: int, holder: str, priority: str) -> None:
        request = {"resources": {name: amount}, "holder": holder, "priority": priority, "timeout": PATIENT}
        allocation = await m.allocate_resources(request)
        served.append(who)
        if len(served) < len(order):
            await m.release_resources(allocation.id)

    async with m, anyio.create_task_group() as tasks:
        asks = [("rich", 4, "rich", "high"), ("poor", 3, "poor", "low"), ("small", 2, "rich", "low")]
        for count, (who, *rest) in enumerate(asks, 1):
            tasks.start_soon(ask, who, *rest)
            await waiting(m, name, count)
        await m.release_resources(blocker.id)
        await until(enough)
        tasks.cancel_scope.cancel()
    assert served[:2] == order


@pytest.mark.req("CORE-37")
@pytest.mark.parametrize(("strategy", "gets"), [("fair", False), ("priority", False), ("performance", True)])
async def test_who_does_not_wait_overtakes_only_where_most_is_to_be_used(
    db: Database, name: str, strategy: Any, gets: bool
) -> None:
    m = manager(db, strategy=strategy)
    await m.define_pool(name, 4)
    await m.allocate_resources({"resources": {name: 2}, "holder": "first"})
    async with m, anyio.create_task_group() as tasks:
        tasks.start_soon(m.allocate_resources, {"resources": {name: 3}, "holder": "large", "timeout": PATIENT})
        await waiting(m, name, 1)
        small = {"resources": {name: 1}, "holder": "small"}
        if gets:
            assert await m.allocate_resources(small)
        else:
            with pytest.raises(ResourcesExhausted, match="others wait"):
                await m.allocate_resources(small)
        tasks.cancel_scope.cancel()
    assert (await m.get_resource_usage(name)).pools[name].waiting == 0


async def test_a_setting_of_the_strategy_is_for_pools_that_are_there_already(db: Database, name: str) -> None:
    await manager(db).define_pool(name, 4)
    other = manager(db, strategy="priority", max_resource_utilization=0.5)
    await other.allocate_resources({"resources": {name: 1}})
    pool = (await other.get_resource_usage(name)).pools[name]
    assert (pool.strategy, pool.limit) == ("priority", 2)
    with pytest.raises(PoolInUse, match="1 of it are held"):
        await other.define_pool(name, 1)
    with pytest.raises(PoolInUse):
        await other.remove_pool(name)


async def test_pools_of_the_settings_are_there_and_pools_that_nobody_needs_can_go(db: Database, name: str) -> None:
    async with manager(db, pools={name: 3}) as m:
        assert (await m.get_resource_usage(name)).pools[name].capacity == 3
        mine = await m.allocate_resources({"resources": {name: 1}})
        await m.release_resources(mine.id)
        await m.remove_pool(name)
        assert (await m.get_resource_usage(name)).pools == {}
        with pytest.raises(PoolUnknown):
            await m.remove_pool(name)
        # Asked for again it is what the settings say.
        assert await m.allocate_resources({"resources": {name: 3}})


@pytest.mark.parametrize(
    "bad", [{"capacity": 0}, {"capacity": 1, "max_utilization": 2}, {"capacity": 1, "strategy": "x"}]
)
async def test_a_pool_that_cannot_be_is_refused(db: Database, name: str, bad: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        await manager(db).define_pool(name, **bad)


async def test_who_waits_in_vain_is_told_and_keeps_nobody_back(db: Database, name: str) -> None:
    m = manager(db)
    await m.define_pool(name, 2)
    held = await m.allocate_resources({"resources": {name: 1}})
    with pytest.raises(ResourceTimeout, match=f"2 of {name} did not become free within 60 ms"):
        await m.allocate_resources({"resources": {name: 2}, "timeout": 60})
    assert await m.allocate_resources({"resources": {name: 1}})
    # Cancelled while it waits it holds nothing and waits no more.
    with anyio.move_on_after(0.1):
        await m.allocate_resources({"resources": {name: 1}, "timeout": PATIENT})
    await m.release_resources(held.id)
    usage = (await m.get_resource_usage(name)).pools[name]
    assert (usage.used, usage.waiting) == (1, 0)


async def test_not_more_than_so_many_wait(db: Database, name: str) -> None:
    m = manager(db, max_waiting=1)
    await m.define_pool(name, 1)
    await m.allocate_resources({"resources": {name: 1}})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(m.allocate_resources, {"resources": {name: 1}, "timeout": PATIENT})
        await waiting(m, name, 1)
        with pytest.raises(ResourcesExhausted, match="1 requests wait"):
            await m.allocate_resources({"resources": {name: 1}, "timeout": PATIENT})
        tasks.cancel_scope.cancel()


@pytest.mark.req("CORE-35")
async def test_what_a_dead_holder_held_comes_back_with_its_lease(db: Database, name: str) -> None:
    dead, living = manager(db), manager(db)
    await dead.define_pool(name, 2)
    lost = await dead.allocate_resources({"resources": {name: 2}})
    await lapse(db, lost.id)
    # Nobody tidied up yet: what is used is counted from what lives.
    assert (await living.get_resource_usage(name)).used == {name: 0}
    got = await living.allocate_resources({"resources": {name: 2}})
    assert await dead.renew() == [lost.id] and not dead.holds(lost.id)
    with pytest.raises(AllocationLapsed):
        await dead.release_resources(lost.id)
    assert (await living.get_resource_usage(name)).used == {name: 2}
    # Who waits for a dead one is served without anybody releasing.
    async with living, anyio.create_task_group() as tasks:
        tasks.start_soon(living.allocate_resources, {"resources": {name: 1}, "timeout": PATIENT})
        await waiting(living, name, 1)
        await lapse(db, got.id)
        await waiting(living, name, 0)
    assert await living.renew() == []


async def test_leases_are_renewed_and_given_back_at_the_end_of_the_block(db: Database, name: str) -> None:
    async with manager(db, lease_ms=500) as m:
        await m.define_pool(name, 1)
        mine = await m.allocate_resources({"resources": {name: 1}})

        async def renewed() -> bool:
            (share,) = await m.list_allocations(name)
            return bool(share["leaseUntilMs"] > mine.granted_ms + 2 * 500)

        await until(renewed)
        assert m.holds(mine.id)
        await m.release_resources(mine.id)
        async with m.allocated({"resources": {name: 1}}) as block:
            assert m.holds(block.id)
        assert not m.holds(block.id)
        await m.allocate_resources({"resources": {name: 1}})
    assert (await m.get_resource_usage(name)).used == {name: 0}


@pytest.mark.req("CORE-36")
async def test_optimising_returns_what_lapsed_serves_who_waits_and_proposes_the_rest(db: Database, name: str) -> None:
    m = manager(db, poll_ms=60_000, max_resource_utilization=0.5)
    await m.define_pool(name, 8)
    dead = await m.allocate_resources({"resources": {name: 3}})
    async with m, anyio.create_task_group() as tasks:
        tasks.start_soon(m.allocate_resources, {"resources": {name: 2}, "timeout": PATIENT})
        await waiting(m, name, 1)
        tasks.start_soon(m.allocate_resources, {"resources": {name: 4}, "timeout": PATIENT})
        await waiting(m, name, 2)
        await lapse(db, dead.id)
        result = await m.optimize_resource_allocation()
        assert dead.id in result.reclaimed and len(result.granted) >= 1
        (proposal,) = [p for p in result.proposals if p.pool == name]
        assert (proposal.kind, proposal.capacity) == ("raise_utilization", 6)
        assert (await m.get_resource_usage(name)).pools[name].wanted == 4
        await m.define_pool(name, 12)
        await waiting(m, name, 0)
    assert (await m.optimize_resource_allocation()).to_dict()["granted"] == []


async def test_one_who_does_not_wait_keeps_nobody_waiting(db: Database, name: str) -> None:
    """What lapsed is found by a request that is refused; those that wait get it all the same."""
    m = manager(db, poll_ms=60_000)
    await m.define_pool(name, 4)
    dead = await m.allocate_resources({"resources": {name: 2}, "holder": "dead"})
    await m.allocate_resources({"resources": {name: 2}, "holder": "rich"})
    async with m, anyio.create_task_group() as tasks:
        tasks.start_soon(m.allocate_resources, {"resources": {name: 1}, "holder": "rich", "timeout": PATIENT})
        await waiting(m, name, 1)
        await lapse(db, dead.id)
        with pytest.raises(ResourcesExhausted, match="4 were asked for, 2 are free"):
            await m.allocate_resources({"resources": {name: 4}, "holder": "poor"})
        assert (await m.get_resource_usage(name)).pools[name].waiting == 0


async def test_who_died_waiting_keeps_nobody_back(db: Database, name: str) -> None:
    dead, living = manager(db, poll_ms=60_000), manager(db)
    await living.define_pool(name, 4)
    await living.allocate_resources({"resources": {name: 2}, "holder": "first"})
    small = {"resources": {name: 1}, "holder": "second"}
    async with dead, anyio.create_task_group() as tasks:
        tasks.start_soon(dead.allocate_resources, {"resources": {name: 3}, "timeout": PATIENT})
        await waiting(living, name, 1)
        with pytest.raises(ResourcesExhausted, match="others wait"):
            await living.allocate_resources(small)
        (share,) = [s for s in await living.list_allocations(name) if s["state"] == "waiting"]
        await lapse(db, share["allocationId"])
        assert await living.allocate_resources(small)
        tasks.cancel_scope.cancel()
    assert (await living.get_resource_usage(name)).used == {name: 3}


async def test_two_who_wait_alone_keep_their_places_for_longer_than_a_lease(db: Database, name: str) -> None:
    m = manager(db, lease_ms=500)
    await m.define_pool(name, 2)
    for _ in range(2):
        await ResourceManager(Graph(db)).allocate_resources({"resources": {name: 1}})

    async def ask() -> None:
        with pytest.raises(ResourceTimeout):
            await m.allocate_resources({"resources": {name: 1}, "timeout": 1_500})
        seen.append((await m.get_resource_usage(name)).pools[name].waiting)

    async def both() -> bool:
        shares = await m.list_allocations(name)
        asked = [s["askedMs"] for s in shares if s["state"] == "waiting"]
        return len(asked) == 2 and min(s["leaseUntilMs"] for s in shares) > max(asked) + 2 * 500

    seen: list[int] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
        await until(both)
    assert seen[-1] == 0


async def test_ended_allocations_are_forgotten_after_a_while(db: Database, name: str) -> None:
    m = manager(db)
    await m.define_pool(name, 1)
    mine = await m.allocate_resources({"resources": {name: 1}})
    await m.release_resources(mine.id)
    await db.write(
        statement("MATCH (a:Allocation) WHERE a.id STARTS WITH $id SET a.ended_ms = 1", "write"), id=mine.id
    )
    assert (await m.optimize_resource_allocation()).forgotten >= 1
    old = await m.allocate_resources({"resources": {name: 1}})
    await m.release_resources(old.id)
    # Also without anybody who optimises, now and then.
    await db.write(
        statement("MATCH (a:Allocation) WHERE a.id STARTS WITH $id SET a.ended_ms = 1", "write"), id=old.id
    )
    await db.write(statement("MATCH (p:ResourcePool {name: $name}) SET p.swept_ms = 1", "write"), name=name)
    await m.release_resources((await m.allocate_resources({"resources": {name: 1}})).id)
    with pytest.raises(AllocationUnknown):
        await m.release_resources(old.id)
    with pytest.raises(AllocationUnknown):
        await m.release_resources(mine.id)


async def test_the_audit_sees_what_must_not_be(db: Database) -> None:
    name = f"t{uuid.uuid4().hex}"
    m = manager(db)
    try:
        await m.define_pool(name, 4)
        mine = await m.allocate_resources({"resources": {name: 4}})
        await db.write(statement("MATCH (p:ResourcePool {name: $name}) SET p.limit = 1000", "write"), name=name)
        await db.write(
            statement("MATCH (a:Allocation) WHERE a.id STARTS WITH $id SET a.pools = a.pools + 'x'", "write"),
            id=mine.id,
        )
        await db.write(
            statement(
                "CREATE (b:Allocation {id: $name + '/x', pool: $name + '.x', pools: ['x'], allocation: $name, "
                "state: 'granted', amount: 1, lease_until: 1})", "write"
            ), name=name,
        )  # fmt: skip
        report = Report()
        await audit_resources(db, report)
        found = {(v.kind, v.node_id, v.message.partition(" ")[0]) for v in report.violations if name in v.node_id}
        assert found == {
            ("resources", name, "4000"), ("resources", name, "allocation"), ("resources", f"{name}.x", "shares")
        }  # fmt: skip
    finally:
        await forget(db, name)


class Process:
    """A holder in a process of its own."""

    def __init__(self, server: Any, **settings: str) -> None:
        env = {"PSG_TEST_URI": server.uri, "PSG_TEST_USER": server.user, "PSG_TEST_PASSWORD": server.password}
        self.popen = subprocess.Popen(
            [sys.executable, str(PROGRAM)], env={**os.environ, **env, **settings}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    async def answer(self) -> Any:
        assert self.popen.stdout is not None
        return json.loads(await anyio.to_thread.run_sync(self.popen.stdout.readline))

    def order(self, **order: Any) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps(order) + "\n")
        self.popen.stdin.flush()


@asynccontextmanager
async def processes(server: Any, count: int, **settings: str) -> AsyncIterator[list[Process]]:
    started = [Process(server, **settings) for _ in range(count)]
    try:
        for process in started:
            assert await process.answer() == "ready"
        yield started
    finally:
        for process in started:
            process.popen.kill()
            process.popen.communicate()


@pytest.mark.req("CORE-33", "CORE-35")
async def test_two_processes_never_hold_more_than_there_is_and_a_killed_one_gives_back(
    neo4j_server: Any, db: Database, name: str
) -> None:
    m = manager(db)
    await m.define_pool(name, 5)
    async with processes(neo4j_server, 2, PSG_RESOURCE_LEASE_MS="1000") as (one, two):
        request = {"resources": {name: 2}}
        for process in (one, two):
            process.order(race={"request": request, "times": 5})
        counts = [await one.answer(), await two.answer()]
        assert max(c["most"] for c in counts) <= 5 and min(c["got"] for c in counts) > 0
        assert (await m.get_resource_usage(name)).used == {name: 0}
        # One holds all of it; the other one waits, and is told of a release that was not in its process.
        one.order(allocate={"resources": {name: 5}})
        held = await one.answer()
        two.order(allocate={"resources": {name: 5}, "timeout": PATIENT})
        await waiting(m, name, 1)
        one.order(release=held)
        assert await one.answer() is None
        assert await two.answer() != held
        # Killed, it gives back with its lease: nobody has to release.
        one.order(allocate={"resources": {name: 5}, "timeout": PATIENT})
        await waiting(m, name, 1)
        two.popen.kill()
        assert (await one.answer())[8] == "-"
    assert (await m.get_resource_usage(name)).pools[name].waiting == 0
