"""A backup of a platform at work, and the platform that goes on from it in an empty database."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import orjson
import pytest
from conftest import TEST_SETTINGS, in_other_loop
from sample_graph import confirm_document, trace_document, uuid4
from world import World, chain, registry, statement, step

from psg.audit import verify
from psg.backup import (
    BackupIncomplete,
    BackupInvalid,
    DatabaseNotEmpty,
    RestoreUnfinished,
    backup,
    check,
    require_whole,
    restore,
)
from psg.backup.archive import records
from psg.errors import NotFound, PsgError
from psg.model.ids import derived_id
from psg_neo4j import Database, faults
from psg_neo4j.embedded import EmbeddedServer, stop
from psg_neo4j.errors import SchemaNotMigrated
from psg_neo4j.migrations import migrate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(400)]
SETTINGS = replace(TEST_SETTINGS, transaction_timeout=60.0)

WIPE = """
MATCH (n) WHERE NOT (n:Lock AND n.id = 'projects') AND NOT n:__Neo4jMigration
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS
"""
WHOLE = """
MATCH (n) WHERE NOT n:Lock AND NOT n:Session AND NOT n:__Neo4jMigration AND NOT n:AuditRecord
WITH n, [x IN labels(n) | x] AS names
RETURN names, properties(n) AS props, COLLECT { MATCH (n)-[e]->(m) RETURN [type(e), m.id, properties(e)] } AS links
"""


async def whole(db: Database) -> list[str]:
    """Everything in a database, in a form that can be compared."""
    rows = await db.read(statement(WHOLE))
    made = []
    for row in rows:
        props = {k: v for k, v in row["props"].items() if k != "_lock"}
        links = sorted((kind, to, sorted(p.items())) for kind, to, p in row["links"])
        made.append(repr((sorted(row["names"]), sorted(props.items()), links)))
    return sorted(made)


async def taken(db: Database, **options: Any) -> io.BytesIO:
    target = io.BytesIO()
    await backup(db, target, **options)
    return target


async def clean(db: Database) -> None:
    report = await verify(db)
    assert report.violations == []


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """Two servers for all tests of this module; each test finds them empty and migrated."""
    homes = [tmp_path_factory.mktemp("backup") / name for name in ("first", "second")]
    made = [in_other_loop(partial(EmbeddedServer.attach, home, settings=SETTINGS)) for home in homes]
    yield made[0], made[1]
    for server, home in zip(made, homes, strict=True):
        server.close()
        in_other_loop(partial(stop, home))


@pytest.fixture
async def two(servers: tuple[EmbeddedServer, EmbeddedServer]) -> AsyncIterator[tuple[Database, Database]]:
    first, second = servers
    async with first.database() as one, second.database() as other:
        for db in (one, other):
            await migrate(db)
            await db.write(statement(WIPE, "write"))
        yield one, other


async def echo(text: str) -> str:
    return text


def gate() -> tuple[anyio.Event, Any]:
    opened = anyio.Event()

    async def hold() -> str:
        await opened.wait()
        return "held"

    return opened, hold


async def furnish(world: World) -> dict[str, str]:
    """Plans in every state a plan can rest in; ids by name."""
    graph, project = world.graph, world.project_id
    made = {"done": await world.run(*chain(3), step("no", "s0", condition="1 > 2"))}
    made["draft"] = await world.draft(step("a"), step("b", "a"), step("c", "a", "b"))
    steps = await world.steps(made["draft"])
    await graph.remove_dependency(project, steps["c"]["id"], steps["a"]["id"])
    made["gone"] = await world.draft(step("x"))
    await graph.delete(project, "Plan", made["gone"])
    made["cancelled"] = await world.started(step("y"), step("z", "y"))
    await graph.cancel_plan(project, made["cancelled"])
    made["approved"] = await world.approved(step("a"))
    made["paused"] = await world.started(step("ask", type="confirm", params={"reason": "?"}), step("after", "ask"),
                                         step("long", name="echo", params={"text": "x" * 10_000}))  # fmt: skip
    await graph.pause_plan(project, made["paused"])
    await graph.create_document(project, "confirm", confirm_document("plan", made["draft"]))
    await graph.create_document(project, "trace", trace_document(
        world.context_id, made["draft"], segments=[{"segment_id": uuid4(), "label": "l", "status": "completed"}]
    ))  # fmt: skip
    return made


async def test_a_platform_at_work_is_restored_exactly_and_goes_on(two: tuple[Database, Database]) -> None:
    first, second = two
    world, other = await World.create(first), await World.create(first)
    ids = await furnish(world)
    opened, hold = gate()
    running = await world.started(step("a", name="hold"), step("b", "a"), step("t", type="wait",
                                  params={"duration_ms": 3_600_000}))  # fmt: skip
    async with world.running(registry(hold=hold)):
        await world.step_is(running, "a", "in_progress")
        await world.step_is(running, "t", "in_progress")
        await other.run(*chain(5))
        copy = await taken(first)
        before = await whole(first)
        owned = (await world.steps(running))["a"]
        opened.set()
    assert owned["owner"] is not None

    found = await restore(second, copy)
    there = World(second, world.project_id, world.context_id)
    assert found.counts["projects"] == 2
    heads = [await World(second, w.project_id, "").head_seq() for w in (world, other)]
    assert found.counts["events"] == sum(heads) and heads[1] == await other.head_seq()
    await clean(second)
    given_back = (await there.steps(running))["a"]
    assert given_back.get("owner") is None and "Ready" in given_back["labels"]
    assert (given_back["fence"], given_back["takeovers"]) == (owned["fence"], 1)
    # But for that one step, and its plan that is offered again, everything is what it was.
    after = await whole(second)
    assert len(after) == len(before)
    different = sorted(set(after) - set(before))
    assert len(different) == 2 and running in different[0] and given_back["id"] in different[1]
    unoffered = different[0].replace("'Runnable'", "").replace("'PsgNode', ]", "'PsgNode']")
    assert unoffered in before

    await there.graph.resume_plan(there.project_id, ids["paused"])
    async with there.running(registry(hold=hold, echo=echo)):
        await there.step_is(running, "b", "completed")
        await there.graph.start_plan(there.project_id, ids["approved"])
        assert await there.finished(ids["approved"]) == ["completed"]
        await there.step_is(ids["paused"], "long", "completed")
        asked = derived_id("confirm", (await there.steps(ids["paused"]))["ask"]["id"], "1")
        await there.until(lambda: _exists(there, asked))
        await there.graph.decide_confirm(there.project_id, asked, "approved")
        assert await there.finished(ids["paused"]) == ["completed"]
        again = (await there.steps(running))["a"]
        assert again["fence"] > owned["fence"] and again["output"] == "held"
    await clean(second)


async def _exists(world: World, node_id: str) -> bool:
    found = await world.query("MATCH (n:PsgNode {project_id: $project_id, id: $id}) RETURN n.id AS id", id=node_id)
    return bool(found)


async def test_a_backup_of_a_restored_database_is_the_same_backup(two: tuple[Database, Database]) -> None:
    first, second = two
    await furnish(await World.create(first))
    copy = await taken(first)
    await restore(second, copy)
    assert await whole(second) == await whole(first)
    assert _content(await taken(second)) == _content(copy)


def _content(copy: io.BytesIO) -> list[bytes]:
    """The records between header and trailer; the server gives labels, properties and links in any order."""

    def line(record: dict[str, Any]) -> bytes:
        lists = {k: sorted(record[k], key=repr) for k in ("labels",) if k in record}
        links = sorted(orjson.dumps(x, option=orjson.OPT_SORT_KEYS).decode() for x in record.get("links", ()))
        return orjson.dumps(record | lists | {"links": links}, option=orjson.OPT_SORT_KEYS)

    return [line(record) for record in records(copy) if record["kind"] not in ("header", "section", "trailer")]


@pytest.mark.long
async def test_each_project_is_one_consistent_cut_while_everybody_writes(two: tuple[Database, Database]) -> None:
    """Orchestrators run and clients edit while backups are made one after the other; each of them is sound."""
    first, second = two
    worlds = [await World.create(first) for _ in range(2)]
    copies: list[io.BytesIO] = []
    over = anyio.Event()

    async def edit(world: World, seed: int) -> None:
        dice = random.Random(seed)
        while not over.is_set():
            plan_id = await world.started(*chain(6), *[step(f"f{i}", "s0") for i in range(6)])
            try:
                extra = (await world.graph.add_step(world.project_id, plan_id, step("late", "s5"))).ids["step"]
                steps = await world.steps(plan_id)
                await world.graph.add_dependency(world.project_id, extra, steps[f"f{dice.randrange(6)}"]["id"])
                if dice.random() < 0.3:
                    await world.graph.pause_plan(world.project_id, plan_id)
                    await world.graph.resume_plan(world.project_id, plan_id)
                if dice.random() < 0.3:
                    await world.graph.cancel_plan(world.project_id, plan_id)
            except PsgError:
                continue  # the plan was quicker

    async with worlds[0].running(), worlds[1].running(), anyio.create_task_group() as tasks:
        for seed, world in enumerate(worlds):
            tasks.start_soon(edit, world, seed)
        while len(copies) < 4 or (await worlds[0].head_seq()) < 600:
            copies.append(await taken(first))
        over.set()
    sizes = [check(copy).counts["events"] for copy in copies]
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0], "the platform worked meanwhile"
    await restore(second, copies[-1])
    await clean(second)
    report = await verify(first)
    assert report.violations == []


async def test_nothing_is_stored_unless_the_file_is_whole_and_the_database_empty(
    two: tuple[Database, Database],
) -> None:
    first, second = two
    await furnish(await World.create(first))
    good = (await taken(first)).getvalue()
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 0x55
    for data in (good[:-1], good[: len(good) // 2], bytes(bad), b"", b"something else"):
        with pytest.raises(BackupInvalid):
            await restore(second, io.BytesIO(data))
        assert await whole(second) == []
    before = await whole(first)
    with pytest.raises(DatabaseNotEmpty, match="into an empty database"):
        await restore(first, io.BytesIO(good))
    assert await whole(first) == before
    await restore(second, io.BytesIO(good))
    after = await whole(second)
    with pytest.raises(DatabaseNotEmpty):
        await restore(second, io.BytesIO(good))
    assert await whole(second) == after == before


async def test_a_restore_that_breaks_off_leaves_nothing_to_work_on_and_goes_on(two: tuple[Database, Database]) -> None:
    first, second = two
    world = await World.create(first)
    await furnish(world)
    copy = await taken(first)
    with faults.arm("before_commit/restore_links", faults.FaultInjected), pytest.raises(faults.FaultInjected):
        await restore(second, copy)
    assert len(await whole(second)) > 10
    there = World(second, world.project_id, world.context_id)
    with pytest.raises(NotFound, match="project"):
        await there.draft(step("a"))
    for refused in (require_whole(second), backup(second, io.BytesIO())):
        with pytest.raises(RestoreUnfinished, match="is not finished"):
            await refused
    with pytest.raises(RestoreUnfinished):
        await restore(second, await taken(first))
    await restore(second, copy)
    await require_whole(second)
    assert await whole(second) == await whole(first)


async def test_two_restores_at_once_store_it_once(two: tuple[Database, Database]) -> None:
    first, second = two
    await furnish(await World.create(first))
    good = (await taken(first)).getvalue()
    ends: list[str] = []

    async def one() -> None:
        try:
            await restore(second, io.BytesIO(good))
            ends.append("ok")
        except PsgError as error:
            ends.append(error.code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        tasks.start_soon(one)
    assert sorted(ends) == ["database_not_empty", "ok"]
    assert await whole(second) == await whole(first)
    await clean(second)


async def test_a_database_without_the_schema_is_refused(two: tuple[Database, Database]) -> None:
    _, db = two
    await db.write(statement("MATCH (m:__Neo4jMigration) DETACH DELETE m", "write"))
    with pytest.raises(SchemaNotMigrated):
        await backup(db, io.BytesIO())
    with pytest.raises(SchemaNotMigrated):
        await restore(db, io.BytesIO())


async def test_an_empty_platform_is_a_backup_too(two: tuple[Database, Database]) -> None:
    first, second = two
    found = await restore(second, await taken(first))
    assert set(found.counts.values()) == {0}
    assert (await World.create(second)).project_id


async def test_a_project_that_is_held_for_too_long_is_told(two: tuple[Database, Database]) -> None:
    first, _ = two
    world = await World.create(first)
    hold = statement("MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true RETURN h.seq AS seq", "write")
    async with first.transaction(timeout=30) as blocking:
        await blocking.run(hold, project_id=world.project_id)
        with pytest.raises(BackupIncomplete, match=r"could not be read within 0\.5 s"):
            await taken(first, lock_seconds=0.5)
    assert check(await taken(first)).counts["projects"] == 1
