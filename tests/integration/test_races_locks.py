"""Every locking statement, run by many at once, with a lock property that the store has never seen (EVIDENCE A1).

On the shared server the property is given a new name for each race; the races marked ``long`` (and the claim race
always) run the statement as it is, first of all on an empty store of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest
from bus_races import bus_acknowledge, bus_take
from conftest import TEST_SETTINGS, FreshNeo4j
from race_statements import RAW
from restore_races import restore_links, restore_nodes
from sample_graph import quiet_server, role_document, uuid4
from turn_races import turn_heartbeat

import psg_cypher
from psg.commands.documents import store_document
from psg.commands.plans import store_plan
from psg.plan.spec import PlanSpec, StepSpec
from psg.write.command import Command
from psg_cypher import Statement
from psg_neo4j import Database
from psg_neo4j.database import Transaction

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


async def at_once(times: int, work: Callable[[int], Awaitable[None]]) -> None:
    async with anyio.create_task_group() as tasks:
        for n in range(times):
            tasks.start_soon(work, n)


# Nobody else claims what is raced for here.
neo4j_server = quiet_server


class Race:
    """One project made without ever touching a lock property, and the statement that is put to the test."""

    def __init__(self, db: Database, key: str) -> None:
        self.db, self.key, self.p = db, key, uuid4()

    def statement(self, name: str) -> Statement:
        found = psg_cypher.statement(name)
        assert "_lock = true" in found.text
        return replace(found, text=found.text.replace("_lock", self.key))

    async def raw(self, name: str, /, **params: Any) -> list[dict[str, Any]]:
        run = self.db.read if RAW[name].mode == "read" else self.db.write
        return await run(RAW[name], **params)

    async def project(self, steps: int = 0, *more: str) -> str:
        plan = uuid4()
        await self.raw("project", p=self.p)
        if steps:
            await self.raw("plan", p=self.p, plan=plan, steps=steps)
        for name in more:
            await self.raw(name, p=self.p, plan=plan)
        return plan

    async def counted_under(self, lock: Callable[[Transaction], Awaitable[object]]) -> None:
        """Read, think, write inside the lock: a lock that does not hold loses some of it."""
        await self.raw("counter_unique")

        async def work(transaction: Transaction) -> None:
            await lock(transaction)
            (row,) = await transaction.run(RAW["counted"], id=self.p)
            await transaction.run(RAW["count_up"], id=self.p, n=row["n"] + 1)

        async def climb(_: int) -> None:
            for _ in range(8):
                await self.db.in_transaction(work)

        await at_once(6, climb)
        assert await self.raw("counted", id=self.p) == [{"n": 48}]


async def command_apply(race: Race) -> None:
    await race.project()
    statement = race.statement("command_apply")

    async def write(_: int) -> None:
        for _ in range(6):
            rows = []
            for _ in range(3):
                document = role_document()
                change = store_document(race.p, "role", document, Command("race", document))
                rows.append(change.row(race.p))
            applied = await race.db.write(statement, project_id=race.p, batch={"rows": rows})
            assert [a["verdict"] for a in applied[0]["answers"]] == ["ok"] * 3

    await at_once(8, write)
    numbers = [row["seq"] for row in await race.raw("sequence", p=race.p)]
    assert numbers == list(range(1, 8 * 6 * 3 + 1))
    assert await race.raw("head", p=race.p) == [{"seq": len(numbers)}]


async def plan_load(race: Race) -> None:
    await race.project()
    context = uuid4()
    await race.raw("context", p=race.p, id=context)
    statement = race.statement("plan_load")

    async def write(_: int) -> None:
        for _ in range(6):
            spec = PlanSpec(title="race", objective="race", steps=[StepSpec(key="a", name="noop")])
            (chunk,) = store_plan(uuid4(), context, spec, Command("race", {})).chunks
            applied = await race.db.write(statement, project_id=race.p, batch={"rows": [chunk.row(race.p)]})
            assert [a["verdict"] for a in applied[0]["answers"]] == ["ok"]

    await at_once(8, write)
    numbers = [row["seq"] for row in await race.raw("sequence", p=race.p)]
    assert numbers == list(range(1, 8 * 6 * 2 + 1))
    assert await race.raw("head", p=race.p) == [{"seq": len(numbers)}]


async def backup_lock(race: Race) -> None:
    await race.project()
    statement = race.statement("backup_lock")
    await race.counted_under(lambda t: t.run(statement, project_id=race.p))


async def backup_lock_projects(race: Race) -> None:
    statement = race.statement("backup_lock_projects")
    await race.counted_under(lambda t: t.run(statement))


async def project_lock(race: Race) -> None:
    await race.project()
    statement = race.statement("project_lock")
    await race.counted_under(lambda t: t.run(statement, project_id=race.p, command_id=uuid4()))


async def log_settle(race: Race) -> None:
    await race.project()
    statement = race.statement("log_settle")
    await race.counted_under(lambda t: t.run(statement, project_id=race.p))


async def audit_lock(race: Race) -> None:
    await race.project()
    statement = race.statement("audit_lock")
    await race.counted_under(lambda t: t.run(statement, project_id=race.p))


async def migration_lock(race: Race) -> None:
    statement = race.statement("migration_lock")
    await race.counted_under(lambda t: t.run(statement))


async def project_create(race: Race) -> None:
    name, verdicts = f"race {race.p}", Counter[str]()
    statement = race.statement("project_create")

    async def create(n: int) -> None:
        project_id, command_id = uuid4(), uuid4()
        event = {
            "event_id": uuid4(), "family": "graph_update", "type": "project_created", "op": "create",
            "entity": project_id, "command_id": command_id, "command_hash": "x", "answer": "{}", "changes": "{}",
        }  # fmt: skip
        (row,) = await race.db.write(
            statement, project_id=project_id, name=name, description=None, command_id=command_id, command_hash="x",
            event=event,
        )  # fmt: skip
        verdicts[row["verdict"]] += 1

    await at_once(12, create)
    assert verdicts == {"ok": 1, "name_taken": 11}
    assert await race.raw("projects", name=name) == [{"count": 1}]


STEPS = 200


async def claims(race: Race, statement: Statement) -> Counter[str]:
    """Six sessions claim until nothing is left; how often each step was handed out."""
    plan = await race.project(STEPS, "ready")
    taken = Counter[str]()

    async def claim(_: int) -> None:
        session = uuid4()
        await race.raw("session", id=session, lease=60_000)
        while True:
            (row,) = await race.db.write(
                statement, project_id=race.p, session_id=session, actor="race", want=7, fanout_max=5_000,
                batch={"results": [], "skips": [], "runs": []},
            )  # fmt: skip
            if not row["claimed"]:
                return
            taken.update(c["id"] for c in row["claimed"])

    await at_once(6, claim)
    rows = await race.raw("steps", p=race.p, plan=plan)
    assert {row["id"] for row in rows} == set(taken)
    assert sum(row["fence"] for row in rows) == taken.total()
    return taken


async def frontier_advance(race: Race) -> None:
    taken = await claims(race, race.statement("frontier_advance"))
    assert taken.total() == len(taken) == STEPS
    numbers = [row["seq"] for row in await race.raw("sequence", p=race.p)]
    assert numbers == list(range(1, STEPS + 1))


async def timers_release(race: Race) -> None:
    await race.project(100, "timers")
    statement, released = race.statement("timers_release"), []

    async def release(_: int) -> None:
        while True:
            rows = await race.db.write(statement, project_id=race.p, limit=15)
            if not rows or not rows[0]["released"]:
                return
            released.append(rows[0]["released"])

    await at_once(6, release)
    assert sum(released) == 100


async def unlock_chunk(race: Race) -> None:
    plan = await race.project(120, "fan_out")
    statement, told = race.statement("unlock_chunk"), []

    async def unlock(_: int) -> None:
        while rows := await race.db.write(statement, project_id=race.p, limit=25):
            told.append(rows[0]["unlocked"])

    await at_once(6, unlock)
    assert sum(told) == 120
    assert {row["waits"] for row in await race.raw("steps", p=race.p, plan=plan)} == {1}


async def session_open(race: Race) -> None:
    statement = race.statement("session_open")

    async def open_it(_: int) -> None:
        await race.db.write(statement, session_id=race.p, facts={"host": "h"}, lease_ms=1_000)

    await at_once(8, open_it)
    assert await race.raw("sessions", id=race.p) == [{"count": 1}]


async def session_end(race: Race) -> None:
    """Leases that ran out: each is ended by exactly one, or renewed and ended by nobody."""
    sessions = [uuid4() for _ in range(25)]
    for session in sessions:
        await race.raw("session", id=session, lease=-1)
    end, renew = race.statement("session_end"), race.statement("session_renew")
    ended, renewed = Counter[str](), Counter[str]()

    async def act(n: int) -> None:
        for session in sessions:
            if n == 0:
                rows = await race.db.write(renew, session_id=session, lease_ms=60_000)
                renewed[session] += len(rows)
            else:
                rows = await race.db.write(end, session_id=session, expired_only=True)
                ended[session] += len(rows)

    await at_once(6, act)
    assert [ended[s] + renewed[s] for s in sessions] == [1] * len(sessions)


async def session_takeover(race: Race) -> None:
    session = uuid4()
    await race.raw("session", id=session, lease=-1)
    await race.raw("ended", id=session)
    plan = await race.project(100)
    await race.raw("owned", p=race.p, plan=plan, owner=session)
    statement, freed = race.statement("session_takeover"), []

    async def take(_: int) -> None:
        while True:
            rows = await race.db.write(statement, project_id=race.p, session_id=session, limit=15)
            if not rows or not rows[0]["freed"]:
                return
            freed.append(rows[0]["freed"])

    await at_once(6, take)
    assert sum(freed) == 100


async def effect_begin(race: Race) -> None:
    """Many steps that run ask for one key at once: one of them gets it."""
    plan, count = await race.project(20), 20
    await race.raw("owned", p=race.p, plan=plan, owner=uuid4())
    steps = await race.raw("steps", p=race.p, plan=plan)
    statement, verdicts = race.statement("effect_begin"), []

    async def ask(n: int) -> None:
        rows = await race.db.write(
            statement, project_id=race.p, key="one", step_id=steps[n]["id"], fence=steps[n]["fence"]
        )
        verdicts.append(rows[0]["verdict"])

    await at_once(count, ask)
    assert Counter(verdicts) == {"yours": 1, "held": count - 1}


async def platform_lock(race: Race) -> None:
    statement = race.statement("platform_lock")
    try:
        await race.counted_under(lambda t: t.run(statement, lock_id=race.p))
    finally:
        await race.raw("unlock", id=race.p)


async def hub_apply(race: Race) -> None:
    """Modules announced, messages accepted up to the limit and answered, by many at once."""
    await race.project()
    statement, verdicts = race.statement("hub_apply"), Counter[str]()

    async def apply(**row: Any) -> str:
        event = {"event_id": uuid4(), "family": "runtime_execution", "type": "t", "op": "note", "changes": "{}"}
        command = {"command_id": uuid4(), "command_hash": "x", "answer": '{"ok":true}', "events": [event]}
        applied = await race.db.write(statement, project_id=race.p, batch={"rows": [{**command, **row}]})
        return applied[0]["answers"][0]["answer"]

    async def act(n: int) -> None:
        verdicts[await apply(op="announce", module="plan")] += 1
        for i in range(6):
            name = f"{n}.{i}"
            sent = {"id": name, "source": "plan", "target": "plan", "rank": 2, "limit": 20, "props": {}}
            verdicts[await apply(op="send", timeout_ms=None, **sent)] += 1
        for i in range(6):
            over = {"fence": 0, "status": "completed", "output": None, "error": None, "overdue": False}
            verdicts["over" if "over" in await apply(op="finish", id=f"{n % 2}.{i}", **over) else "ended"] += 1

    await at_once(6, act)
    ended = verdicts["ended"]
    assert verdicts['{"refused":"same"}'] == 5
    numbers = [row["seq"] for row in await race.raw("sequence", p=race.p)]
    assert numbers == list(range(1, verdicts['{"ok":true}'] + ended + 1))
    assert 20 <= verdicts['{"ok":true}'] - 1 <= 20 + ended
    assert ended <= 12


async def hub_claim(race: Race) -> None:
    await race.project()
    await race.raw("hub_messages", p=race.p, n=60)
    statement, taken = race.statement("hub_claim"), Counter[str]()

    async def claim(_: int) -> None:
        while rows := await race.db.write(
            statement, project_id=race.p, owner=uuid4(), lease_ms=60_000,
            batch={"wanted": [{"target": "plan", "want": 7}]},
        ):  # fmt: skip
            taken.update(row["message"]["id"] for row in rows)

    await at_once(6, claim)
    assert len(taken) == taken.total() == 60
    assert {row["fence"] for row in await race.raw("hub_fences", p=race.p)} == {1}


async def hub_hold(race: Race) -> None:
    await race.project()
    held = race.statement("hub_hold")
    await race.counted_under(
        lambda t: t.run(held, project_id=race.p, owner="o", lease_ms=1, batch={"held": [{"id": "m1", "fence": 0}]})
    )


async def hub_forget(race: Race) -> None:
    await race.project()
    await race.raw("hub_messages", p=race.p, n=50)
    await race.raw("hub_over", p=race.p)
    statement, forgotten = race.statement("hub_forget"), []

    async def forget(_: int) -> None:
        (row,) = await race.db.write(statement, project_id=race.p, keep_ms=0)
        forgotten.append(row["forgotten"])

    await at_once(6, forget)
    assert sum(forgotten) == 50


async def kill_switch_global_lock(race: Race) -> None:
    statement = race.statement("kill_switch_global_lock")
    await race.counted_under(lambda t: t.run(statement))


async def resource_lock(race: Race) -> None:
    statement = race.statement("resource_lock")
    await race.counted_under(lambda t: t.run(statement))


async def resource_renew(race: Race) -> None:
    statement = race.statement("resource_renew")
    await race.counted_under(lambda t: t.run(statement, batch={"ids": []}))


RACES = {
    run.__name__: run
    for run in (
        command_apply, plan_load, backup_lock, backup_lock_projects, restore_nodes, restore_links, project_lock,
        log_settle, audit_lock,
        migration_lock, project_create, frontier_advance,
        timers_release, unlock_chunk, session_open, session_end, session_takeover, effect_begin,
        kill_switch_global_lock, platform_lock,
        hub_apply, hub_claim, hub_hold, hub_forget,
        resource_lock, resource_renew, bus_take, bus_acknowledge, turn_heartbeat,
    )
}  # fmt: skip
# Renewing is raced against ending.
ALSO_RACED = {"session_renew"}


def test_every_locking_statement_has_its_race() -> None:
    locking = {name for name, s in psg_cypher.statements().items() if "_lock" in s.text}
    assert locking == RACES.keys() | ALSO_RACED


def test_a_lock_is_a_write_that_stays_and_comes_first() -> None:
    """EVIDENCE A1, A2: never REMOVE, never a self-referencing SET, and nothing is read before it."""
    for name, item in psg_cypher.statements().items():
        if "_lock" not in item.text:
            continue
        assert item.text.count("_lock") == item.text.count("_lock = true") == 1, name
        first = item.text.removeprefix("CYPHER replan=skip").strip().partition("_lock = true")[0]
        assert first.count("MATCH") + first.count("MERGE") == 1 and first.rstrip().endswith((".",)), name
        assert item.mode == "write", name


@pytest.mark.parametrize("name", RACES)
async def test_a_lock_holds_whose_property_the_store_has_never_seen(db: Database, name: str) -> None:
    await RACES[name](Race(db, f"_lock_{uuid4().replace('-', '')}"))


async def empty_store(fresh_neo4j: FreshNeo4j) -> Database:
    """An empty server with our constraints and nothing else: no statement with a lock ever ran there."""
    # Six at once plan a large statement on a cold server: that can take longer than clients may block each other.
    server = await fresh_neo4j(settings=replace(TEST_SETTINGS, transaction_timeout=60.0))
    return server.database()


async def constrained(db: Database) -> None:
    for migration in psg_cypher.migrations():
        for number, text in enumerate(migration.statements):
            assert "_lock" not in text
            await db.write(Statement(f"m{number}", text, "write", "none", "", migration.source))


@pytest.mark.long
async def test_no_step_is_claimed_twice_by_the_first_claims_ever_made_and_the_race_sees_it_when_one_is(
    fresh_neo4j: FreshNeo4j,
) -> None:
    async with await empty_store(fresh_neo4j) as db:
        await constrained(db)
        await frontier_advance(Race(db, "_lock"))
        # The mutant: the obvious claim query in the place of ours hands steps out more than once.
        doubled = 0
        for _ in range(5):
            taken = await claims(Race(db, "_lock"), RAW["naive_claim"])
            doubled += taken.total() - len(taken)
            if doubled:
                break
        assert doubled > 0


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in RACES if name != "frontier_advance"])
async def test_a_lock_holds_as_the_first_statement_ever_on_an_empty_store(fresh_neo4j: FreshNeo4j, name: str) -> None:
    async with await empty_store(fresh_neo4j) as db:
        await constrained(db)
        await RACES[name](Race(db, "_lock"))
