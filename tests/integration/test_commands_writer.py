"""The unit of work: one effect per command id, verdicts row by row, a log without gaps, few transactions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from conftest import Neo4jServer
from neo4j.exceptions import ServiceUnavailable
from sample_graph import (
    Sample,
    assert_sound,
    context_document,
    make_sample,
    plan_spec,
    quiet_server,
    role_document,
    sound_sample,
    uuid4,
)

import psg_cypher
from psg.commands.documents import store_document
from psg.errors import CommandReused, DuplicateId, NotFound, PsgError, ReferenceMissing
from psg.graph import Graph
from psg.model.protocol import check_document
from psg.plan.spec import StepSpec
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg_cypher import Statement
from psg_neo4j import Database, faults
from psg_neo4j.errors import OutcomeUnknown, TransactionTooLarge

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


class WatchedDatabase(Database):
    """Counts the batches that are committed, and can hold them back or refuse large ones."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.batches: list[int] = []
        self.gate: anyio.Event | None = None
        self.entered = anyio.Event()
        self.most_rows = 10_000

    async def write(self, statement: Statement, /, *, idempotent: bool = True, **params: Any) -> list[dict[str, Any]]:
        if statement.name == "command_apply":
            self.batches.append(len(params["batch"]["rows"]))
            self.entered.set()
            if self.gate is not None:
                await self.gate.wait()
            if len(params["batch"]["rows"]) > self.most_rows:
                raise TransactionTooLarge
        return await super().write(statement, idempotent=idempotent, **params)


# Nobody runs the plans that are running here.
neo4j_server = quiet_server


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


@pytest.fixture
async def watched(neo4j_server: Neo4jServer) -> AsyncIterator[tuple[WatchedDatabase, Sample]]:
    server = neo4j_server
    async with WatchedDatabase.connect(server.uri, server.user, server.password) as database:
        made = await make_sample(database)
        database.batches.clear()
        database.entered = anyio.Event()
        yield database, made
        await assert_sound(made)


def role(sample: Sample, document: dict[str, Any] | None = None, command_id: str | None = None) -> Change:
    document = document or role_document()
    command = Command("create_role", document, "test", command_id or uuid4())
    return store_document(sample.project_id, "role", document, command)


async def apply(sample: Sample, *changes: Change) -> list[dict[str, Any]]:
    """Commit changes together, as one batch."""
    batch = {"rows": [change.row(sample.project_id) for change in changes]}
    statement = psg_cypher.statement("command_apply")
    applied = await sample.db.write(statement, project_id=sample.project_id, batch=batch)
    return applied[0]["answers"]


async def test_a_repeated_command_has_the_first_answer_and_one_effect(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    plan_id, steps = await sample.plan({"a": (), "b": ()})
    document = role_document()
    context = context_document()
    commands: list[Callable[[str], Awaitable[Answer]]] = [
        lambda c: graph.create_document(project, "role", document, command_id=c),
        lambda c: graph.create_document(project, "context", context, command_id=c),
        lambda c: graph.update_document(project, "role", document["role_id"], {"name": "x"}, command_id=c),
        lambda c: graph.create_plan(project, sample.context_id, plan_spec({"a": (), "b": ("a",)}), command_id=c),
        lambda c: graph.add_dependency(project, steps["b"], steps["a"], command_id=c),
        lambda c: graph.remove_dependency(project, steps["b"], steps["a"], command_id=c),
        lambda c: graph.add_step(project, plan_id, StepSpec(key="c", name="noop"), command_id=c),
        lambda c: graph.propose_plan(project, plan_id, command_id=c),
        lambda c: graph.approve_plan(project, plan_id, command_id=c),
        lambda c: graph.start_plan(project, plan_id, command_id=c),
        lambda c: graph.pause_plan(project, plan_id, command_id=c),
        lambda c: graph.resume_plan(project, plan_id, command_id=c),
        lambda c: graph.cancel_plan(project, plan_id, command_id=c),
        lambda c: graph.delete(project, "Plan", plan_id, command_id=c),
        lambda c: graph.transition(project, "Context", context["context_id"], "suspended", command_id=c),
    ]
    for give in commands:
        command_id = uuid4()
        first = await give(command_id)
        async with sample.untouched():
            again = await give(command_id)
        assert (again.seq, again.ids, again.replayed, first.replayed) == (first.seq, first.ids, True, False)


async def test_a_project_is_created_once_per_command(sample: Sample) -> None:
    name, command_id = f"sample {uuid4()}", uuid4()
    first = await sample.graph.create_project(name, command_id=command_id)
    again = await sample.graph.create_project(name, command_id=command_id)
    assert (again.project_id, again.replayed) == (first.project_id, True)
    with pytest.raises(DuplicateId, match=r"a project .* exists already"):
        await sample.graph.create_project(name)


async def test_a_command_id_used_for_something_else_is_refused(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    plan_id, _ = await sample.plan()
    command_id = uuid4()
    await graph.create_document(project, "role", role_document(), command_id=command_id)
    locked = uuid4()
    await graph.add_step(project, plan_id, StepSpec(key="x", name="noop"), command_id=locked)
    for used in (command_id, locked):
        async with sample.untouched():
            for give in (
                lambda c=used: graph.create_document(project, "role", role_document(), command_id=c),
                lambda c=used: graph.add_step(project, plan_id, StepSpec(key="y", name="noop"), command_id=c),
                lambda c=used: graph.propose_plan(project, plan_id, command_id=c),
            ):
                with pytest.raises(CommandReused, match=used):
                    await give()


async def test_each_row_of_a_batch_has_its_own_verdict(sample: Sample) -> None:
    document, repeated = role_document(), uuid4()
    elsewhere = context_document(title="z")
    plan_id, _ = await sample.plan()
    missing = Change(Command("test", [1]))
    missing.require(uuid4(), ["Context"], "context_id")
    missing.create("Role", uuid4(), {"name": "never"})
    stale = Change(Command("test", [2]))
    stale.require(plan_id, ["Plan"], "id", revision=7)
    stale.transition("Plan", plan_id, "draft", "proposed", plan=plan_id)
    before = await sample.head()
    rows = await apply(
        sample,
        role(sample, document, repeated),
        role(sample, document, repeated),
        role(sample, document),
        role(sample, None, repeated),
        missing,
        store_document(sample.project_id, "context", elsewhere, Command("x", elsewhere)),
        stale,
        role(sample),
    )
    assert [r["verdict"] for r in rows] == ["ok", "replay", "exists", "reused", "missing", "ok", "stale", "ok"]
    assert [r["seq"] for r in rows if r["verdict"] in ("ok", "replay")] == [before + i for i in (1, 1, 2, 3)]
    assert rows[0]["answer"] == rows[1]["answer"]
    assert await sample.head() == before + 3
    assert "never" not in {n["props"].get("name") for n in await sample.whole()}


async def test_refused_rows_leave_their_neighbours_alone_when_all_come_at_once(
    watched: tuple[WatchedDatabase, Sample],
) -> None:
    database, sample = watched
    taken = role_document()
    await sample.graph.create_document(sample.project_id, "role", taken)
    outcomes: dict[int, str] = {}

    async def give(n: int) -> None:
        orphan = {"trace_id": (t := uuid4()), "context_id": uuid4(), "status": "running", "meta": taken["meta"]}
        documents = [
            ("role", role_document()), ("role", taken), ("trace", orphan | {"root_span": {"trace_id": t, "span_id": t}})
        ]  # fmt: skip
        try:
            await sample.graph.create_document(sample.project_id, *documents[n % 3])
            outcomes[n] = "ok"
        except PsgError as error:
            outcomes[n] = error.code

    async with anyio.create_task_group() as tasks:
        for n in range(60):
            tasks.start_soon(give, n)
    assert outcomes == {n: ("ok", "duplicate_id", "reference_missing")[n % 3] for n in range(60)}
    assert len(database.batches) < 10


@pytest.mark.parametrize(
    "unstorable", [{"attributes": {"n": 2**70}}, {"attributes": {"s": "\ud800"}}, {"attributes": {"x": float("nan")}}]
)
async def test_what_is_no_json_is_refused_and_its_neighbours_are_stored(sample: Sample, unstorable: Any) -> None:
    outcomes: list[str] = []
    context = {"context_id": sample.context_id}

    async def give(n: int) -> None:
        document = role_document()
        if n == 3:
            document["trace"] = {"trace_id": uuid4(), "span_id": uuid4()} | unstorable | context
        try:
            await sample.graph.create_document(sample.project_id, "role", document)
            outcomes.append("ok")
        except PsgError as error:
            outcomes.append(error.code)

    async with anyio.create_task_group() as tasks:
        for n in range(8):
            tasks.start_soon(give, n)
    assert sorted(outcomes) == ["ok"] * 7 + ["validation_failed"]


async def test_the_log_has_no_gap_under_eight_writers_that_do_not_know_each_other(sample: Sample) -> None:
    plan_id, _ = await sample.plan()

    async def write(n: int) -> None:
        graph = Graph(sample.db)
        for i in range(12):
            if i % 4 == 3:
                await graph.add_step(sample.project_id, plan_id, StepSpec(key=f"s{n}_{i}", name="noop"))
                continue
            await graph.create_document(sample.project_id, "role", role_document())
            with pytest.raises(ReferenceMissing):
                await graph.create_plan(sample.project_id, uuid4(), plan_spec())

    async with anyio.create_task_group() as tasks:
        for n in range(8):
            tasks.start_soon(write, n)
    events = await sample.events()
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert sum(e["type"] == "role_created" for e in events) == 8 * 9
    assert (await sample.node(plan_id))["steps_total"] == 1 + 8 * 3
    assert sorted(e["at"] for e in events) == [e["at"] for e in events]


async def test_commands_that_arrive_together_share_a_transaction(watched: tuple[WatchedDatabase, Sample]) -> None:
    database, sample = watched
    async with anyio.create_task_group() as tasks:
        for _ in range(64):
            tasks.start_soon(sample.graph.create_document, sample.project_id, "role", role_document())
    assert sum(database.batches) == 64
    assert len(database.batches) <= 2
    assert not sample.graph.writer(sample.project_id).busy


async def test_one_that_waits_can_be_cancelled_and_is_not_stored(watched: tuple[WatchedDatabase, Sample]) -> None:
    database, sample = watched
    writer = sample.graph.writer(sample.project_id)
    database.gate = anyio.Event()
    leader, waiter, last = role_document(), role_document(), role_document()
    done: list[Answer] = []

    async def submit(document: dict[str, Any]) -> None:
        done.append(await writer.submit(role(sample, document)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit, leader)
        await database.entered.wait()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as others:
                others.start_soon(submit, waiter)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        tasks.start_soon(submit, last)
        await anyio.wait_all_tasks_blocked()
        database.gate.set()
    assert [a.ids["role"] for a in done] == [leader["role_id"], last["role_id"]]
    assert database.batches == [1, 1]
    assert waiter["role_id"] not in {n["id"] for n in await sample.whole()}
    assert not writer.busy


async def test_a_cancelled_leader_finishes_the_commit_that_others_wait_for(
    watched: tuple[WatchedDatabase, Sample],
) -> None:
    database, sample = watched
    writer = sample.graph.writer(sample.project_id)
    database.gate = anyio.Event()
    documents = [role_document() for _ in range(4)]
    done: list[str] = []

    async def submit(document: dict[str, Any]) -> None:
        done.append((await writer.submit(role(sample, document))).ids["role"])

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as leading:
                leading.start_soon(submit, documents[0])
                await database.entered.wait()
                for document in documents[1:]:
                    tasks.start_soon(submit, document)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                database.gate.set()
    assert sorted(done) == sorted(d["role_id"] for d in documents[1:])
    assert {d["role_id"] for d in documents} <= {n["id"] for n in await sample.whole()}
    assert database.batches == [1, 3] and not writer.busy


async def test_cancelling_the_one_that_was_to_lead_next_passes_the_lead_on(
    watched: tuple[WatchedDatabase, Sample],
) -> None:
    database, sample = watched
    writer = sample.graph.writer(sample.project_id)
    database.gate = anyio.Event()
    done: list[Answer] = []
    scope = anyio.CancelScope()

    async def submit() -> None:
        done.append(await writer.submit(role(sample)))

    async def heir() -> None:
        with scope:
            await submit()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        await database.entered.wait()
        tasks.start_soon(heir)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(submit)
        await anyio.wait_all_tasks_blocked()
        # Cancelled in the very moment in which the lead is handed over.
        database.gate.set()
        while not writer._queue[0].leads:
            await anyio.lowlevel.checkpoint()
        scope.cancel()
    assert len(done) >= 2 and not writer.busy


@pytest.mark.parametrize("point", ["after_commit/command_apply", "before_commit/command_apply"])
async def test_a_lost_answer_is_asked_for_again_and_has_one_effect(sample: Sample, point: str) -> None:
    losses = 0

    def lose() -> None:
        nonlocal losses
        losses += 1
        if losses <= 2:
            raise ServiceUnavailable("connection lost")

    document, before = role_document(), await sample.head()
    with faults.arm(point, lose):
        answer = await sample.graph.create_document(sample.project_id, "role", document)
    assert (answer.ids, losses) == ({"role": document["role_id"]}, 3)
    assert answer.replayed == point.startswith("after")
    assert await sample.head() == before + 1 == answer.seq


async def test_a_lost_answer_of_a_locked_unit_of_work_has_one_effect(sample: Sample) -> None:
    plan_id, _ = await sample.plan()
    losses = iter([OutcomeUnknown(), OutcomeUnknown()])

    def lose() -> None:
        if error := next(losses, None):
            raise error

    with faults.arm("after_commit", lose):
        answer = await sample.graph.add_step(sample.project_id, plan_id, StepSpec(key="b", name="noop"))
    assert answer.replayed
    assert (await sample.node(plan_id))["steps_total"] == 2
    assert sum(e["type"] == "step_created" for e in await sample.events()) == 2


async def test_a_batch_that_is_too_large_is_split_until_it_fits(watched: tuple[WatchedDatabase, Sample]) -> None:
    database, sample = watched
    database.most_rows = 5
    async with anyio.create_task_group() as tasks:
        for _ in range(21):
            tasks.start_soon(sample.graph.create_document, sample.project_id, "role", role_document())
    tried, stored = database.batches, [n for n in database.batches if n <= 5]
    assert sum(stored) == 21 and max(tried) > 5, "too large ones were halved until they fitted"
    assert sum("Role" in n["labels"] for n in await sample.whole()) == 21


async def test_one_that_is_too_large_alone_is_told_so_without_its_neighbours(
    watched: tuple[WatchedDatabase, Sample],
) -> None:
    database, sample = watched
    database.most_rows = 0
    with pytest.raises(TransactionTooLarge):
        await sample.graph.create_document(sample.project_id, "role", role_document())
    database.most_rows = 1
    await sample.graph.create_document(sample.project_id, "role", role_document())


async def test_a_project_that_does_not_exist_is_told(sample: Sample) -> None:
    for ask in (
        lambda p: sample.graph.create_document(p, "role", role_document()),
        lambda p: sample.graph.start_plan(p, uuid4()),
    ):
        with pytest.raises(NotFound, match=r"project .* does not exist"):
            await ask(uuid4())


STOPPED = """
import sys, anyio
from psg.graph import Graph
from psg.plan.spec import StepSpec
from psg_neo4j import Database

async def main(uri, user, password, project, plan):
    async with Database.connect(uri, user, password) as database:
        await Graph(database).add_step(project, plan, StepSpec(key="late", name="noop"))

anyio.run(main, *sys.argv[1:])
"""


async def test_a_client_stopped_in_the_middle_of_a_write_does_not_stop_the_project(
    sample: Sample, neo4j_server: Neo4jServer
) -> None:
    plan_id, _ = await sample.plan()
    server = neo4j_server
    client = subprocess.Popen(  # noqa: ASYNC220 - waitpid tells when it stopped
        [sys.executable, "-c", STOPPED, server.uri, server.user, server.password, sample.project_id, plan_id],
        env={**os.environ, "PSG_FAULT": "before_commit:stop"},
    )
    try:
        _, status = await anyio.to_thread.run_sync(os.waitpid, client.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        began = time.monotonic()
        with anyio.fail_after(30):
            await sample.graph.create_document(sample.project_id, "role", role_document())
            await sample.graph.add_step(sample.project_id, plan_id, StepSpec(key="next", name="noop"))
        assert time.monotonic() - began < 20
        client.send_signal(signal.SIGCONT)
        _, status = await anyio.to_thread.run_sync(os.waitpid, client.pid, 0)
    finally:
        client.returncode = client.returncode or 0
        try:
            os.kill(client.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    keys = {n["props"].get("key") for n in await sample.whole()} - {None}
    assert keys in ({"a", "next"}, {"a", "next", "late"})
    assert (await sample.node(plan_id))["steps_total"] == len(keys)


def test_documents_that_are_no_json_are_refused_by_the_model() -> None:
    from psg.errors import ValidationFailed

    with pytest.raises(ValidationFailed, match="JSON"):
        check_document("context", context_document(constraints={"n": 2**70}))
