"""A role that is taken from a worker while it holds a turn: its answer is refused, the step goes on elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from access_world import FORGET, OPERATOR, SECRET
from graphql_api import running_api
from world import World, registry, step

from psg.accounts import Accounts, NewToken
from psg.audit import verify
from psg_client import Client, ClientError, Forbidden, Worker, WorkerTurn
from psg_graphql.global_id import global_id
from psg_neo4j import Database
from psg_runtime.ael import CapabilityRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean at the end of each test."""
    made = await World.create(db)
    yield made
    assert (await verify(db, made.project_id)).violations == []


def tools() -> CapabilityRegistry:
    made = registry()
    made.register(name="coder", type="agent", adapter="external")
    return made


async def agent(world: World, name: str) -> NewToken:
    """Somebody with the role ``agent`` in the world's project."""
    accounts = Accounts(world.db)
    actor = f"{name}-{world.project_id[:8]}"
    await accounts.grant(actor, world.project_id, "agent", by=OPERATOR)
    return await accounts.create_token(actor, by=OPERATOR)


async def test_who_loses_the_role_finishes_nothing_and_another_worker_does(world: World) -> None:
    first, second = await agent(world, "first"), await agent(world, "second")
    began = anyio.Event()
    told: list[str] = []
    ended: list[str] = []

    async def slow(turn: WorkerTurn) -> Any:
        began.set()
        await anyio.sleep_forever()

    def quick(turn: WorkerTurn) -> Any:
        return {"by": turn.worker, "attempt": turn.attempt}

    plan_id = await world.started(step("a", type="agent", name="coder"))
    async with (
        running_api(world.db, token=SECRET, auth="token") as api, world.running(tools()),
        Client(f"{api.url}/graphql", token=first.text) as ours,
        Client(f"{api.url}/graphql", token=second.text) as theirs,
        anyio.create_task_group() as tasks,
    ):  # fmt: skip
        how = {"lease_ms": 1_000, "drain_s": 0.2}
        losing = Worker(ours, "coder", slow, listener=lambda what, t: told.append(what), **how)  # type: ignore[arg-type]
        other = Worker(theirs, "coder", quick, **how)  # type: ignore[arg-type]

        async def until_refused() -> None:
            try:
                await losing.run()
            except* Forbidden:
                ended.append("forbidden")

        tasks.start_soon(until_refused)
        with anyio.fail_after(20):
            await began.wait()
        await Accounts(world.db).revoke(first.token.actor, world.project_id, "agent", by=OPERATOR)
        tasks.start_soon(other.run)
        assert await world.finished(plan_id) == ["completed"]
        other.stop()
    assert told == ["taken", "lost"]
    assert ended == ["forbidden"], "who may claim nothing stops, with the reason"
    (done,) = (await world.steps(plan_id)).values()
    assert done["output"]["by"].startswith(f"{second.token.actor}/")
    for who in (first, second):
        await world.db.write(FORGET, actor=who.token.actor)


async def test_heartbeat_answer_and_return_of_who_lost_the_role_are_refused(world: World) -> None:
    first, second = await agent(world, "first"), await agent(world, "second")
    plan_id = await world.started(step("a", type="agent", name="coder"))
    async with (
        running_api(world.db, token=SECRET, auth="token") as api, world.running(tools()),
        Client(f"{api.url}/graphql", token=first.text) as ours,
        Client(f"{api.url}/graphql", token=second.text) as theirs,
    ):  # fmt: skip
        claim: dict[str, Any] = {"agents": ["coder"], "wait_ms": 10_000, "lease_ms": 2_000}
        turn = (await ours.claim_turn(worker="w", **claim)).turn
        assert turn is not None and turn.worker == f"{first.token.actor}/w"
        held: dict[str, Any] = {"id": turn.id, "fence": turn.fence}
        await ours.heartbeat_turn(worker="w", **held)
        for name in ("w", turn.worker):  # nobody answers for another one's worker, whatever it is called
            with pytest.raises(ClientError) as refused:
                await theirs.complete_turn(worker=name, output="forged", **held)
            assert refused.value.code == "turn_elsewhere"
        await Accounts(world.db).revoke(first.token.actor, world.project_id, "agent", by=OPERATOR)
        codes = []
        for say in (
            lambda: ours.heartbeat_turn(worker="w", **held), lambda: ours.complete_turn(worker="w", output=1, **held),
            lambda: ours.release_turn(worker="w", **held), lambda: ours.claim_turn(worker="w", **claim),
        ):  # fmt: skip
            with pytest.raises(Forbidden) as denied:
                await say()
            codes.append(denied.value.code)
        assert codes == ["forbidden"] * 4
        audited = await Accounts(world.db).audit_records(project_id=world.project_id, actor=first.token.actor)
        assert {(r.act, r.outcome) for r in audited} == {
            (f"Mutation.{act}Turn", "denied") for act in ("heartbeat", "complete", "release")
        }
        again = (await theirs.claim_turn(worker="w", **claim)).turn
        assert again is not None and (again.id, again.lost) == (turn.id, 1)
        await theirs.complete_turn(worker="w", output="done", id=again.id, fence=again.fence)
        assert await world.finished(plan_id) == ["completed"]
    (done,) = (await world.steps(plan_id)).values()
    assert done["output"] == "done"
    for who in (first, second):
        await world.db.write(FORGET, actor=who.token.actor)


async def test_a_claim_that_waits_is_refused_once_the_role_is_taken(world: World) -> None:
    waiting = await agent(world, "waiting")
    refused: list[str] = []
    heard = anyio.Event()
    async with (
        running_api(world.db, token=SECRET, auth="token") as api,
        Client(f"{api.url}/graphql", token=waiting.text) as client, anyio.create_task_group() as tasks,
    ):  # fmt: skip

        async def claim() -> None:
            with pytest.raises(Forbidden) as denied:
                await client.claim_turn(agents=["coder"], worker="w", project_id=world.project_id, wait_ms=30_000)
            refused.append(denied.value.code)
            heard.set()

        tasks.start_soon(claim)
        with anyio.fail_after(10):  # until it waits for something to be offered
            while world.project_id not in api.graph.signals._waiting:  # noqa: ASYNC110 - it tells nobody
                await anyio.sleep(0.01)
        await Accounts(world.db).revoke(waiting.token.actor, world.project_id, "agent", by=OPERATOR)
        with anyio.fail_after(10):
            await heard.wait()
    assert refused == ["forbidden"]
    await world.db.write(FORGET, actor=waiting.token.actor)


async def test_a_claim_without_a_project_finds_turns_of_ones_own_projects_only(world: World) -> None:
    foreign = await World.create(world.db)
    stranger = await agent(foreign, "stranger")
    plan_id = await world.started(step("a", type="agent", name="coder"))
    async with (
        running_api(world.db, token=SECRET, auth="token") as api, world.running(tools()),
        Client(f"{api.url}/graphql", token=stranger.text) as theirs, Client(f"{api.url}/graphql", token=SECRET) as ours,
    ):  # fmt: skip
        here: dict[str, Any] = {"agents": ["coder"], "worker": "w", "wait_ms": 10_000, "project_id": world.project_id}
        turn = (await ours.claim_turn(**here)).turn
        assert turn is not None
        await ours.release_turn(id=turn.id, fence=turn.fence, worker="w")  # it is offered: whoever may can take it
        assert (await theirs.claim_turn(agents=["coder"], worker="w")).turn is None
        with pytest.raises(Forbidden):
            await theirs.claim_turn(agents=["coder"], worker="w", project_id=world.project_id)
        with pytest.raises(Forbidden):
            await theirs.claim_turn(
                agents=["coder"], worker="w", plan_id=global_id("Plan", world.project_id, plan_id)
            )
        again = (await ours.claim_turn(**here)).turn
        assert again is not None
        await ours.complete_turn(id=again.id, fence=again.fence, worker="w", output=1)
        assert await world.finished(plan_id) == ["completed"]
    await world.db.write(FORGET, actor=stranger.token.actor)
