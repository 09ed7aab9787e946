"""Payloads encrypted in the database itself: nothing of them in its files, everything else as without a key."""

from __future__ import annotations

import gzip
import io
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from conftest import FreshNeo4j
from graphql_api import running_api
from world import META, World, chain, registry, step

from psg import snapshots
from psg.audit import verify
from psg.backup import backup, restore
from psg.documents import import_documents
from psg.encryption import check_keys, keys_of
from psg.events.emit import emit
from psg.graph import Graph
from psg.model import codec
from psg.model.cipher import KEY_VARIABLE, Cipher, EncryptionKeyRefused, PayloadUnreadable, is_sealed, key_id
from psg.retention import Policy, retain
from psg_graphql.global_id import global_id
from psg_neo4j.embedded import stop
from psg_neo4j.migrations import migrate
from psg_runtime.vsl import Neo4jVSL

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(300)]

KEY, OTHER = "0f" * 32, "a1" * 32
MARK = "marker-of-a-payload-that-nobody-may-find-in-the-files-of-the-database"
SHOWN = "marker-of-a-title-that-is-searched-for-and-so-is-plain-in-the-database"


@pytest.fixture(autouse=True)
def keyed() -> Iterator[None]:
    with codec.using(Cipher(KEY)):
        yield


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def clean(world: World) -> None:
    report = await verify(world.db, world.project_id)
    assert report.violations == []


async def holding(world: World, text: str) -> set[str]:
    """Label and property of everything of the project that holds a text."""
    rows = await world.query(
        "MATCH (n) WHERE n.project_id = $project_id UNWIND keys(n) AS k "
        "WITH n, k WHERE toStringOrNull(n[k]) CONTAINS $wanted "
        "RETURN labels(n) AS labels, k",
        wanted=text,
    )
    return {f"{'/'.join(row['labels'])}.{row['k']}" for row in rows}


def context(**fields: Any) -> dict[str, Any]:
    root = {"domain": MARK, "environment": "e"}
    return {"meta": META, "context_id": str(uuid.uuid4()), "title": SHOWN, "status": "active", "root": root} | fields


async def filled(world: World) -> str:
    """Payloads by every way in but the run's own results; returns a draft plan."""
    graph, project = world.graph, world.project_id
    document = context()
    await import_documents(graph, project, [("context", document)])
    exported = await graph.export_document(project, "context", document["context_id"])
    assert exported == document
    plan_id = await world.draft(
        step("a", params={"text": MARK}), step("b", "a", params={"text": MARK * 100}),
        params={"plan": MARK}, title=SHOWN,
    )  # fmt: skip
    await graph.add_step(project, plan_id, step("c", "b", params={"text": MARK}))
    changed = {"root": {"domain": MARK * 100, "environment": "e"}}
    for _ in range(2):  # a long payload is overwritten, and kept
        await graph.update_document(project, "context", document["context_id"], changed)
        changed = {"root": {"domain": MARK, "environment": "other"}, "summary": "short"}
    await emit(graph, project, "external_integration", "told", {"secret": MARK}, fields=EXTERNAL)
    vsl = Neo4jVSL(graph, project)
    await vsl.set("key", {"secret": MARK})
    await vsl.set("key", {"secret": MARK + "2"})
    assert await vsl.get("key") == {"secret": MARK + "2"}
    return plan_id


EXTERNAL = {"system": "s", "operation": "o"}


@pytest.mark.long
async def test_payloads_are_in_the_answers_and_nowhere_in_the_files(fresh_neo4j: FreshNeo4j, tmp_path: Path) -> None:
    server = await fresh_neo4j()
    async with server.database() as db:
        await migrate(db)
        await check_keys(db)
        world = await World.create(db)
        await filled(world)
        assert await holding(world, MARK) == set() and await holding(world, SHOWN) != set()
        await clean(world)
        await shown_in_clear(world)
    server.close()
    await stop(tmp_path / "neo4j")
    found = {MARK: 0, SHOWN: 0}
    for file in (tmp_path / "neo4j").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for text in found:
                found[text] += content.count(text.encode())
    assert found[MARK] == 0 and found[SHOWN] > 0


async def test_everything_else_is_as_without_a_key(world: World) -> None:
    graph, project = world.graph, world.project_id
    plan_id = await filled(world)
    snapshot = await snapshots.take(graph, project)
    seq = await world.head_seq()
    then = await snapshots.plan_as_of(world.db, project, plan_id, seq)
    assert then["params"] == {"plan": MARK} and then["steps"][1]["params"] == {"text": MARK * 100}
    await graph.add_step(project, plan_id, step("d", params={"text": MARK}))
    await graph.update_document(project, "context", world.context_id, {"root": {"domain": "x", "environment": "y"}})
    await Neo4jVSL(graph, project).set("key", None)
    await snapshots.restore(graph, project, snapshot)
    assert await Neo4jVSL(graph, project).get("key") == {"secret": MARK + "2"}
    assert len((await snapshots.plan_as_of(world.db, project, plan_id, seq))["steps"]) == 3
    await clean(world)
    with codec.using(None):
        await clean(world)  # the audit compares what is stored: it needs no key


async def test_nothing_is_changed_where_nothing_changes(world: World) -> None:
    document = context()
    await world.graph.create_document(world.project_id, "context", document)
    before = await world.head_seq()
    await world.graph.update_document(world.project_id, "context", document["context_id"], {"root": document["root"]})
    (event,) = await world.events(seq=before + 1)
    assert event["changes"]["after"] == {}
    await Neo4jVSL(world.graph, world.project_id).set("key", [1])
    head = await world.head_seq()
    await Neo4jVSL(world.graph, world.project_id).set("key", [1])
    assert await world.head_seq() == head


async def test_steps_run_on_encrypted_parameters(world: World) -> None:
    seen: list[str] = []

    async def say(text: str) -> str:
        seen.append(text)
        return "done"

    plan_id = await world.run(
        step("a", name="say", params={"text": "{{params.secret}}"}),
        step("b", "a", condition="steps.a.output == 'done'"),
        tools=registry(say=say), params={"secret": MARK},
    )  # fmt: skip
    assert seen == [MARK] and await world.plan_status(plan_id) == "completed"
    assert await holding(world, MARK) == set()
    await clean(world)


async def test_results_of_steps_are_encrypted(world: World) -> None:
    async def say() -> str:
        return MARK

    async def fail() -> None:
        raise ValueError(MARK)

    plan_id = await world.run(
        step("a", name="say"), step("b", name="fail", retries=0), tools=registry(say=say, fail=fail)
    )
    assert (await world.steps(plan_id))["a"]["output"] == MARK
    assert MARK in (await world.steps(plan_id))["b"]["error"]["message"]
    await clean(world)
    assert await holding(world, MARK) == set()


async def test_what_was_stored_before_there_was_a_key_stays_readable_and_comes_back_as_it_was(world: World) -> None:
    vsl = Neo4jVSL(world.graph, world.project_id)
    with codec.using(None):
        plan_id = await world.draft(step("a", params={"text": MARK}))
        await vsl.set("key", {"secret": MARK})
        await vsl.set("long", MARK * 500)
    snapshot = await snapshots.take(world.graph, world.project_id)
    assert await vsl.get("key") == {"secret": MARK}
    for key in ("key", "long"):
        await vsl.set(key, {"secret": MARK + "2"})
    await world.graph.add_step(world.project_id, plan_id, step("b", "a", params={"text": MARK}))
    await clean(world)
    await snapshots.restore(world.graph, world.project_id, snapshot)
    assert (await vsl.get("key"), await vsl.get("long")) == ({"secret": MARK}, MARK * 500)
    await clean(world)


async def test_another_key_or_none_reads_nothing_and_changes_nothing(world: World) -> None:
    plan_id = await filled(world)
    head = await world.head_seq()
    for cipher in (None, Cipher(OTHER)):
        with codec.using(cipher):
            with pytest.raises(PayloadUnreadable, match=r"no key|another one") as caught:
                await world.graph.export_document(world.project_id, "plan", plan_id)
            assert MARK not in str(caught.value) and caught.value.code == "payload_unreadable"
            with pytest.raises(PayloadUnreadable):
                await world.graph.update_document(world.project_id, "context", world.context_id, {"language": "en"})
    assert await world.head_seq() == head
    await clean(world)


async def test_a_value_that_was_tampered_with_is_told(world: World) -> None:
    plan_id = await world.draft(step("a", params={"text": MARK}))
    read = "MATCH (s:Step {project_id: $project_id, plan: $plan}) RETURN s.params AS params"
    (row,) = await world.query(read, plan=plan_id)
    flipped = row["params"][:-1] + ("0" if row["params"][-1] != "0" else "1")
    write = "MATCH (s:Step {project_id: $project_id, plan: $plan}) SET s.params = $params"
    await world.damage(write, plan=plan_id, params=flipped)
    with pytest.raises(PayloadUnreadable, match="tampered"):
        await snapshots.plan_as_of(world.db, world.project_id, plan_id, await world.head_seq())
    report = await verify(world.db, world.project_id)
    assert [v.kind for v in report.violations] == ["state_vs_log"]
    assert (await world.query(read, plan=plan_id))[0]["params"] == flipped, "left as it is"
    await world.damage(write, plan=plan_id, params=row["params"])
    await clean(world)


async def shown_in_clear(world: World) -> None:
    """The API decrypts; on a server of one's own, since it notes the key there."""
    async with running_api(world.db) as api:
        answer = await api.ask(
            "query ($p: ID!) { events(projectId: $p) { ... on EventPage { events { type changes protocol } } } }",
            p=global_id("Project", world.project_id, world.project_id),
        )
    events = answer["events"]["events"]
    assert MARK in orjson.dumps(events).decode() and not any(is_sealed(value) for value in strings(events))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


async def test_stubs_of_encrypted_plans_keep_hashes_and_fold(world: World) -> None:
    plan_id = await world.run(*chain(2, params={}), params={"secret": MARK})
    await filled(world)
    outcome = await retain(world.graph, world.project_id, Policy(keep_last=0))
    assert outcome.pruned == 1 and (await world.steps(plan_id))["s0"]["output"] is None
    await clean(world)
    assert await holding(world, MARK) == set()


@pytest.mark.long
async def test_a_backup_stays_encrypted_and_a_database_tells_its_keys(fresh_neo4j: FreshNeo4j) -> None:
    first, second = await fresh_neo4j("first"), await fresh_neo4j("second")
    async with first.database() as one, second.database() as other:
        for db in (one, other):
            await migrate(db)
        with codec.using(None):
            await check_keys(one)
        assert await keys_of(one) == []
        await check_keys(one)
        assert await keys_of(one) == [key_id(KEY)]
        world = await World.create(one)
        plan_id = await filled(world)
        cut = await retain(world.graph, world.project_id, Policy(older_than_days=0))
        assert cut.removed["events"] > 10
        target = io.BytesIO()
        with codec.using(None):
            await backup(one, target)  # as it is stored: a backup needs no key either
            await restore(other, target)
        assert MARK.encode() not in gzip.decompress(target.getvalue())
        for cipher, told in ((None, f"set {KEY_VARIABLE}"), (Cipher(OTHER), key_id(KEY))):
            for db in (one, other):
                with codec.using(cipher), pytest.raises(EncryptionKeyRefused, match=told) as caught:
                    await check_keys(db)
                assert KEY not in str(caught.value) and OTHER not in str(caught.value)
        document = await Graph(other).export_document(world.project_id, "plan", plan_id)
        assert document["title"] == SHOWN
        assert (await verify(other)).violations == []
        with codec.using(Cipher(OTHER, [KEY])):  # the key was changed: both are needed from now on
            await check_keys(other)
            assert await keys_of(other) == [key_id(KEY), key_id(OTHER)]
            assert await Graph(other).export_document(world.project_id, "plan", plan_id) == document
        with pytest.raises(EncryptionKeyRefused):
            await check_keys(other)


@pytest.mark.long
async def test_the_command_line_refuses_a_database_whose_key_it_does_not_have(fresh_neo4j: FreshNeo4j) -> None:
    server = await fresh_neo4j()
    async with server.database() as db:
        await migrate(db)
        await check_keys(db)
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
    environment = {
        **kept, "PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password
    }  # fmt: skip
    refused = "encryption_key_refused"
    for key, status, told in (("", 1, refused), (OTHER, 1, refused), ("short", 1, KEY_VARIABLE), (KEY, 0, "")):
        ended = await anyio.run_process(
            [sys.executable, "-m", "psg_cli", "verify"], env={**environment, KEY_VARIABLE: key}, check=False
        )
        said = ended.stderr.decode()
        assert ended.returncode == status and told in said, said
        assert not key or key not in said
