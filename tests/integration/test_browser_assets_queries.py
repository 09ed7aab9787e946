"""The saved queries of Neo4j Browser on a run that has steps done, failed, skipped, asleep and waiting for a person."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from importlib.resources import files
from typing import Any

import anyio
import pytest
from conftest import TEST_SETTINGS, Neo4jServer, in_other_loop
from world import World, registry, statement, step

import psg_cypher
from psg.errors import ActionFailed
from psg.model.entities import ENTITIES
from psg_neo4j import Database
from psg_neo4j.embedded import EmbeddedServer, stop
from psg_neo4j.migrations import migrate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
# Planning the hot statement for the first time can take longer than the usual limit where many tests share a machine.
PATIENT = replace(TEST_SETTINGS, transaction_timeout=60.0)
KNOWN = {"Tombstone", "Undecided", "Timer", "Offered", "Decision", "due_at", "offered_to", "turn_worker", "turn_answer"}
KNOWN |= {"spent_cost", "spent_tokens", "spent_calls", "spent_wall_ms", "actor"}
KNOWN |= {name for entity in ENTITIES.values() for name in (*entity.scalars, *entity.runtime)}
SCANS = {"AllNodesScan", "NodeByLabelScan", "CartesianProduct", "VarLengthExpand(All)"}
NAMES = (
    "critical_path", "cycles_audit", "failed_steps", "frontier", "last_events", "pending_approvals", "plan_run", "runs",
    "what_it_affects", "what_it_cost", "what_led_to_it", "who_approved", "who_works_now", "why_not_running",
)  # fmt: skip


def text_of(name: str) -> str:
    return psg_cypher.asset(f"{name}.cypher").read_text("utf-8")


def boom() -> None:
    raise ActionFailed("the parser gave up")


class Run:
    """One run and a way to ask the saved queries about it."""

    def __init__(self, world: World, plan_id: str) -> None:
        self.world = world
        self.plan_id = plan_id

    async def ask(self, name: str, step_key: str = "report") -> list[dict[str, Any]]:
        params = {"plan_id": self.plan_id, "step_key": step_key}
        used = {k: v for k, v in params.items() if f"${k}" in text_of(name)}
        return await self.world.query(text_of(name), **used)

    async def why(self, key: str) -> str:
        (row,) = await self.ask("why_not_running", key)
        return row["because"]


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    """A server where no orchestrator of another test works on our steps."""
    home = tmp_path_factory.mktemp("browser") / "neo4j"
    held = in_other_loop(lambda: EmbeddedServer.attach(home, settings=PATIENT))
    server = Neo4jServer(held.uri, held.user, held.password)

    async def migrated() -> None:
        async with server.database() as database:
            await migrate(database)

    in_other_loop(migrated)
    yield server
    held.close()
    in_other_loop(lambda: stop(home))


@pytest.fixture
async def db(own_server: Neo4jServer) -> AsyncIterator[Database]:
    """A connection to the server of this module."""
    async with own_server.database() as database:
        yield database


@pytest.fixture
async def run(db: Database) -> AsyncIterator[Run]:
    """list → (parse fails → fix skipped), list → publish (waits for a person) → report → mail."""
    world = await World.create(db)
    plan_id = await world.started(
        step("list"), step("parse", "list", name="boom"), step("fix", "parse"),
        step("publish", "list", type="confirm", params={"reason": "publish it?"}), step("report", "publish"),
        step("mail", "report"), step("later", type="wait", params={"duration_ms": 3_600_000}),
        title="Browser run",
    )  # fmt: skip
    async with world.running(registry(boom=boom)):
        await world.step_is(plan_id, "fix", "skipped")

        async def parked() -> bool:
            steps = await world.steps(plan_id)
            return steps["publish"].get("parked") == "confirm" and "Timer" in steps["later"]["labels"]

        await world.until(parked)
        yield Run(world, plan_id)


async def test_the_graph_of_a_run_has_its_steps_dependencies_records_and_approvals(run: Run) -> None:
    rows = await run.ask("plan_run")
    assert [row["step"]["key"] for row in rows] == ["list", "parse", "fix", "publish", "report", "mail", "later"]
    assert {row["plan"]["id"] for row in rows} == {run.plan_id}
    by_key = {row["step"]["key"]: row for row in rows}
    assert {key: len(row["waits"]) for key, row in by_key.items()} == {
        "list": 0, "parse": 1, "fix": 1, "publish": 1, "report": 1, "mail": 1, "later": 0
    }  # fmt: skip
    assert [len(by_key[k]["records"]) for k in ("list", "parse", "fix", "publish")] == [1, 1, 0, 0]
    assert [len(by_key[k]["approvals"]) for k in ("list", "publish")] == [0, 1]
    assert all(len(row["parts"]) == 1 for row in rows)


async def test_runs_are_listed_with_the_line_that_chooses_them(run: Run) -> None:
    rows = await run.ask("runs")
    (row,) = [r for r in rows if run.plan_id in r["choose_it"]]
    assert (row["plan"], row["status"], row["steps"], row["done"]) == ("Browser run", "in_progress", 7, 3)
    line = f':params {{"project_id": "{run.world.project_id}", "plan_id": "{run.plan_id}"}}'
    assert row["choose_it"] == line


async def test_why_a_step_does_not_run(run: Run) -> None:
    assert await run.why("list") == "it is done"
    assert "the parser gave up" in await run.why("parse")
    assert await run.why("fix") == "it was skipped: dependency_failed"
    assert await run.why("publish") == "it waits for a decision of a person: publish it?"
    assert await run.why("report") == "it waits for steps that are not finished"
    (row,) = await run.ask("why_not_running", "report")
    assert row["open_dependencies"] == ["publish (in_progress)"]
    assert (await run.why("later")).startswith("it sleeps until 20")
    await run.world.graph.pause_plan(run.world.project_id, run.plan_id)
    assert await run.why("report") == "its plan is paused"
    draft = Run(run.world, await run.world.draft(step("report")))
    assert await draft.why("report") == "its plan is draft; it has to be approved and started"


async def test_what_a_step_affects_and_what_led_to_it(run: Run) -> None:
    affected = await run.ask("what_it_affects", "list")
    assert [row["affected"] for row in affected] == ["parse", "fix", "publish", "report", "mail"]
    assert [row["affected"] for row in affected if row["directly"]] == ["parse", "publish"]
    (confirm,) = await run.ask("pending_approvals")
    await run.world.graph.decide_confirm(run.world.project_id, confirm["confirm"], "approved", role="lead")
    await run.world.step_is(run.plan_id, "report", "completed")
    rows = {row["earlier"]["key"]: row for row in await run.ask("what_led_to_it")}
    assert sorted(rows) == ["list", "publish", "report"]
    assert [len(rows[k]["records"]) for k in ("list", "publish", "report")] == [1, 1, 1]
    (decided,) = rows["publish"]["decisions"]
    assert decided[3]["decided_by_role"] == "lead"
    assert all(row["approvals"] for row in rows.values())


async def test_pending_approvals_failed_steps_and_the_log(run: Run) -> None:
    (confirm,) = await run.ask("pending_approvals")
    assert (confirm["question"], confirm["step"]) == ("publish it?", "publish")
    assert confirm["decide_it"] == f"psg confirm decide {confirm['confirm']} --approve"
    (failed,) = await run.ask("failed_steps")
    assert (failed["failed"], failed["attempts_recorded"]) == ("parse", 1)
    assert "the parser gave up" in failed["error"]
    events = await run.ask("last_events")
    head = await run.world.head_seq()
    assert [e["seq"] for e in events] == list(range(head, max(0, head - 100), -1))
    assert {"step_skipped", "step_failed"} <= {e["type"] for e in events if e["family"] == "pipeline_stage"}


async def test_who_approved_what_it_cost_and_what_it_waited_for(run: Run) -> None:
    (confirm,) = await run.ask("pending_approvals")
    graph, project_id = run.world.graph, run.world.project_id
    await graph.decide_confirm(project_id, confirm["confirm"], "approved", role="lead", reason="fine", actor="ann")
    await run.world.step_is(run.plan_id, "mail", "completed")
    decided = await run.ask("who_approved")
    assert decided[-1]["about"] == "publish"
    assert (decided[-1]["who"], decided[-1]["as_role"], decided[-1]["reason"]) == ("ann", "lead", "fine")
    assert decided[0]["about"] == "Browser run" and decided[0]["decision"] == "approved"
    path = await run.ask("critical_path")
    assert [row["step"] for row in path] == ["list", "publish", "report", "mail"]
    assert all(row["took_ms"] >= 0 for row in path)
    await run.world.damage(
        "MATCH (s:Step {project_id: $project_id, plan: $plan, key: 'mail'}) SET s.spent_calls = 2, s.spent_cost = 7",
        plan=run.plan_id,
    )
    costly = (await run.ask("what_it_cost"))[0]
    assert (costly["step"], costly["calls"], costly["cost_micros"]) == ("mail", 2, 7)


async def test_the_frontier_is_in_scheduling_order(db: Database) -> None:
    world = await World.create(db)
    plan_id = await world.started(step("b", urgency=5), step("a", urgency=1), step("c", "a"), step("d", type="llm"))
    rows = await Run(world, plan_id).ask("frontier")
    assert [(row["step"], row["urgency"], row["attempts_so_far"]) for row in rows] == [("a", 1, 0), ("b", 5, 0)]
    await world.graph.pause_plan(world.project_id, plan_id)
    assert await Run(world, plan_id).ask("frontier") == []


async def test_who_works_now_and_on_what(db: Database) -> None:
    world = await World.create(db)
    let_go = anyio.Event()

    async def hold() -> None:
        await let_go.wait()

    async with world.running(registry(hold=hold)) as orchestrator:
        plan_id = await world.started(step("long", name="hold"))
        await world.step_is(plan_id, "long", "in_progress")
        run = Run(world, plan_id)
        (mine,) = [row for row in await run.ask("who_works_now") if row["session"] == orchestrator.session_id]
        assert (mine["holds"], mine["steps"]) == (1, ["long"])
        assert mine["lease_left_ms"] > 0
        assert await run.why("long") == f"it is running, on {mine['host']}, process {mine['pid']}"
        let_go.set()
        await world.finished(plan_id)
    assert all(row["session"] != orchestrator.session_id for row in await run.ask("who_works_now"))


async def test_the_cycles_audit_is_empty_until_the_certificate_is_broken(run: Run) -> None:
    assert await run.ask("cycles_audit") == []
    await run.world.damage(
        "MATCH (s:Step {project_id: $project_id, plan: $plan, key: 'mail'}) SET s.rank = 0", plan=run.plan_id
    )
    (row,) = await run.ask("cycles_audit")
    assert (row["step"]["key"], row["needed"]["key"]) == ("mail", "report")


def test_every_saved_query_is_tested_here() -> None:
    found = {f.name for f in files("psg_cypher").joinpath("browser").iterdir() if f.name.endswith(".cypher")}
    assert found == {f"{name}.cypher" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
async def test_a_saved_query_seeks_by_index_and_names_only_what_exists(db: Database, name: str) -> None:
    params = dict.fromkeys(("project_id", "plan_id", "step_key"), "nobody")
    plan = await db.explain(statement(text_of(name)), params)
    # All plans by start time is what no index serves; two nodes by unique index are a product of one row.
    assert plan.names & SCANS <= {"runs": {"NodeByLabelScan"}, "why_not_running": {"CartesianProduct"}}.get(name, set())
    for notification in plan.notifications:  # a small store lacks labels and properties that the platform has
        (unknown,) = re.findall(r"`(\w+)`", notification["description"])
        assert unknown in KNOWN, notification
