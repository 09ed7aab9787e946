"""Plans edited while they exist: the certificate against a model, edges that race, large plans, large fan-outs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import orjson
import pytest
from conftest import Neo4jServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_graph import Sample, assert_sound, make_sample, plan_document, plan_spec, quiet_server, sound_sample, uuid4

import psg_cypher
from psg.errors import DependencyCycle, DuplicateId, NotEditable, NotFound, PsgError, Refused
from psg.graph import Graph
from psg.plan.spec import PlanSpec, StepSpec
from psg_neo4j import Database
from psg_runtime.orchestrator.records import result_row

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

KEYS = "abcdefg"
EDITS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "add", "remove"]), st.sampled_from(KEYS), st.sampled_from(KEYS)),
    min_size=8,
    max_size=16,
)


# Nobody runs the plans that are running here.
neo4j_server = quiet_server


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


def reaches(edges: set[tuple[str, str]], start: str, goal: str) -> bool:
    front, seen = {start}, set()
    while front:
        seen |= front
        front = {b for a, b in edges if a in front} - seen
    return goal in seen


async def assert_certified(sample: Sample, plan_id: str, edges: set[tuple[str, str]]) -> None:
    rows = await sample.edges(plan_id)
    assert sorted((r["step"], r["dependency"]) for r in rows) == sorted(edges)
    assert all(r["rank"] > r["below"] for r in rows)


async def edit(sample: Sample, steps: Mapping[str, str], kind: str, a: str, b: str) -> str:
    command = sample.graph.add_dependency if kind == "add" else sample.graph.remove_dependency
    try:
        await command(sample.project_id, steps[a], steps[b])
    except DependencyCycle as error:
        assert error.details["path"][0] == a and (len(error.details["path"]) == 1 or error.details["path"][1] == b)
        return "cycle"
    except PsgError as error:
        return error.code
    return "ok"


@pytest.mark.req("L3-04", "DD-02")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
async def test_an_edge_is_refused_exactly_when_it_closes_a_cycle(
    sample: Sample, edits: list[tuple[str, str, str]]
) -> None:
    plan_id, steps = await sample.plan(dict.fromkeys(KEYS, ()))
    edges: set[tuple[str, str]] = set()
    for kind, a, b in edits:
        if kind == "remove":
            expected = "ok" if (a, b) in edges else "not_found"
        elif (a, b) in edges:
            expected = "duplicate_id"
        else:
            expected = "cycle" if reaches(edges, b, a) else "ok"
        assert await edit(sample, steps, kind, a, b) == expected, (edges, kind, a, b)
        if expected == "ok":
            (edges.add if kind == "add" else edges.discard)((a, b))
    await assert_certified(sample, plan_id, edges)
    for key in KEYS:
        node = await sample.node(steps[key])
        waits = sum(a == key for a, _ in edges)
        assert (node["waits"], "Ready" in node["labels"]) == (waits, waits == 0)


async def test_a_refused_edge_shows_the_whole_path(sample: Sample) -> None:
    _, steps = await sample.plan({"a": (), "b": ("a",), "c": ("b",), "d": ("c", "a"), "e": ("d",)})
    async with sample.untouched():
        with pytest.raises(DependencyCycle, match="b → d → c → b") as caught:
            await sample.graph.add_dependency(sample.project_id, steps["b"], steps["d"])
    assert caught.value.details["path"] == ["b", "d", "c"]


async def test_edges_find_room_when_ranks_have_become_tight(sample: Sample, db: Database) -> None:
    plan_id, steps = await sample.plan({key: (() if i == 0 else (KEYS[i - 1],)) for i, key in enumerate(KEYS[:4])})
    statement = psg_cypher.statement("steps_rerank")
    rows = [{"id": steps[key], "rank": i} for i, key in enumerate(KEYS[:4])]
    await db.write(statement, project_id=sample.project_id, rows=rows)
    added = await sample.graph.add_step(sample.project_id, plan_id, StepSpec(key="n", name="noop", dependencies=["a"]))
    await db.write(statement, project_id=sample.project_id, rows=[{"id": added.ids["step"], "rank": 1}])
    await sample.graph.add_dependency(sample.project_id, steps["b"], added.ids["step"])
    edges = {("b", "a"), ("c", "b"), ("d", "c"), ("n", "a"), ("b", "n")}
    await assert_certified(sample, plan_id, edges)


@pytest.mark.req("DD-02", "L3-04")
async def test_of_two_edges_that_close_a_cycle_together_exactly_one_wins(sample: Sample) -> None:
    pairs = 12
    plan_id, steps = await sample.plan({f"{side}{n}": () for n in range(pairs) for side in "xy"})
    outcomes: list[str] = []

    async def add(a: str, b: str) -> None:
        # A Graph of its own each: they meet in the database only.
        try:
            await Graph(sample.db).add_dependency(sample.project_id, steps[a], steps[b])
            outcomes.append("ok")
        except DependencyCycle as error:
            assert sorted(error.details["path"]) == sorted((a, b))
            outcomes.append("cycle")

    async with anyio.create_task_group() as tasks:
        for n in range(pairs):
            tasks.start_soon(add, f"x{n}", f"y{n}")
            tasks.start_soon(add, f"y{n}", f"x{n}")
    assert sorted(outcomes) == ["cycle"] * pairs + ["ok"] * pairs
    rows = await sample.edges(plan_id)
    assert len(rows) == pairs and all(r["rank"] > r["below"] for r in rows)


async def test_dependencies_stay_inside_a_plan_and_before_the_start_of_a_step(sample: Sample) -> None:
    _, steps = await sample.plan({"a": (), "b": ()})
    _, others = await sample.plan({"a": ()})
    done = plan_document(sample.context_id, "completed", "pending", "pending")
    await sample.graph.create_document(sample.project_id, "plan", done)
    first, _, third = (s["step_id"] for s in done["steps"])
    graph, project = sample.graph, sample.project_id
    async with sample.untouched():
        with pytest.raises(PsgError, match="is of another plan"):
            await graph.add_dependency(project, steps["a"], others["a"])
        with pytest.raises(NotEditable, match="is completed"):
            await graph.add_dependency(project, first, third)
        with pytest.raises(NotFound, match="does not depend on"):
            await graph.remove_dependency(project, steps["b"], steps["a"])
    # A dependency that is done already does not keep anybody waiting.
    await graph.add_dependency(project, third, first)
    assert (await sample.node(third))["waits"] == 1
    finished = plan_document(sample.context_id, "completed", "skipped", status="completed")
    await graph.create_document(project, "plan", finished)
    async with sample.untouched():
        with pytest.raises(NotEditable, match="until it is finished"):
            await graph.add_step(project, finished["plan_id"], StepSpec(key="late", name="noop"))


async def test_a_step_added_to_a_running_plan_joins_the_frontier(sample: Sample) -> None:
    plan_id, steps = await sample.running_plan({"a": (), "b": ("a",)})
    late = await sample.graph.add_step(sample.project_id, plan_id, StepSpec(key="c", name="noop"))
    waiting = await sample.graph.add_step(
        sample.project_id, plan_id, StepSpec(key="d", name="noop", dependencies=["c", "b"])
    )
    decided = await sample.graph.add_step(sample.project_id, plan_id, StepSpec(key="e", name="noop", condition="true"))
    labels = {k: (await sample.node(i))["labels"] & {"Ready", "Undecided"} for k, i in [
        ("c", late.ids["step"]), ("d", waiting.ids["step"]), ("e", decided.ids["step"]), ("a", steps["a"]),
    ]}  # fmt: skip
    assert labels == {"c": {"Ready"}, "d": set(), "e": {"Undecided"}, "a": {"Ready"}}
    plan = await sample.node(plan_id)
    assert (plan["steps_total"], plan["steps_open"], "Runnable" in plan["labels"]) == (5, 5, True)
    await sample.graph.add_dependency(sample.project_id, steps["a"], late.ids["step"])
    assert "Ready" not in (await sample.node(steps["a"]))["labels"]
    await sample.graph.remove_dependency(sample.project_id, steps["a"], late.ids["step"])
    assert "Ready" in (await sample.node(steps["a"]))["labels"]


def large_spec(size: int) -> PlanSpec:
    steps = [
        StepSpec(key=f"s{n}", name="noop", dependencies=[f"s{m}" for m in {n - 7, n - 50, n // 2} if 0 <= m < n])
        for n in range(size)
    ]
    return PlanSpec(title="large", objective="o", steps=steps)


LOADER = """
import sys, anyio, orjson
from psg.graph import Graph
from psg.plan.spec import PlanSpec
from psg_neo4j import Database

async def main(uri, user, password, project, context, command):
    spec = PlanSpec.model_validate(orjson.loads(sys.stdin.buffer.read()))
    async with Database.connect(uri, user, password) as database:
        await Graph(database).create_plan(project, context, spec, command_id=command)

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.long
async def test_a_large_plan_whose_loading_was_killed_goes_on_and_cannot_run_before(
    sample: Sample, neo4j_server: Neo4jServer
) -> None:
    server, spec, command_id = neo4j_server, large_spec(5_000), uuid4()
    arguments = [server.uri, server.user, server.password, sample.project_id, sample.context_id, command_id]
    killed = await anyio.run_process(
        [sys.executable, "-c", LOADER, *arguments],
        input=orjson.dumps(spec.model_dump(mode="json")),
        env={**os.environ, "PSG_FAULT": "after_commit/plan_load:kill@2"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    (plan_id,) = {e["plan"] for e in await sample.events() if "plan" in e}
    stored = sum("Step" in n["labels"] for n in await sample.whole())
    assert 0 < stored < 5_000 and (await sample.node(plan_id))["loading"]
    graph, project = sample.graph, sample.project_id
    async with sample.untouched():
        with pytest.raises(Refused):
            await graph.propose_plan(project, plan_id)
        with pytest.raises(NotEditable):
            await graph.add_step(project, plan_id, StepSpec(key="late", name="noop"))
    seen: list[tuple[int, int]] = []
    answer = await graph.create_plan(
        project, sample.context_id, spec, command_id=command_id, progress=lambda done, total: seen.append((done, total))
    )
    assert answer.replayed and seen[-1] == (5_000, 5_000)
    rows = await sample.edges(plan_id)
    assert len(rows) == sum(len(step.dependencies) for step in spec.steps)
    assert all(r["rank"] > r["below"] for r in rows)
    await graph.propose_plan(project, plan_id)
    await graph.approve_plan(project, plan_id)
    await graph.start_plan(project, plan_id)
    assert (await sample.node(plan_id))["steps_open"] == 5_000


async def test_a_fan_out_beyond_the_limit_is_unlocked_in_chunks_that_go_on_after_an_interruption(
    sample: Sample, db: Database
) -> None:
    wide = 60
    plan_id, _ = await sample.running_plan({"root": (), **{f"d{n}": ("root",) for n in range(wide)}})
    project, session = sample.project_id, uuid4()
    await db.write(psg_cypher.statement("session_open"), session_id=session, facts={}, lease_ms=60_000)
    advance = psg_cypher.statement("frontier_advance")

    async def turn(results: list[dict[str, Any]], want: int) -> dict[str, Any]:
        (row,) = await db.write(
            advance, project_id=project, session_id=session, actor="test", want=want, fanout_max=25,
            batch={"results": results, "skips": [], "runs": []},
        )  # fmt: skip
        return row

    (claim,) = (await turn([], 5))["claimed"]
    assert claim["key"] == "root"
    result = result_row(claim, (await sample.node(plan_id))["trace_id"], session, "completed", {"ok": True}, None, 1)
    assert (await turn([result], 5))["claimed"] == []
    async with sample.untouched():
        with pytest.raises(NotEditable, match="many dependents"):
            await sample.graph.add_step(project, plan_id, StepSpec(key="x", name="noop", dependencies=["root"]))
    told = []
    while rows := await db.write(psg_cypher.statement("unlock_chunk"), project_id=project, limit=25):
        told.append(rows[0]["unlocked"])
    assert told == [25, 25, 10]
    nodes = [n for n in await sample.whole() if "Step" in n["labels"]]
    assert sum("Ready" in n["labels"] and n["props"]["waits"] == 0 for n in nodes) == wide
    assert not any("Unlocking" in n["labels"] for n in nodes)
    await db.write(psg_cypher.statement("session_end"), session_id=session, expired_only=False)


async def test_the_same_plan_command_given_twice_at_once_stores_one_plan(db: Database) -> None:
    sample = await make_sample(db)
    command_id, spec = uuid4(), plan_spec({"a": (), "b": ("a",)})
    answers: list[str] = []

    async def give() -> None:
        answer = await Graph(db).create_plan(sample.project_id, sample.context_id, spec, command_id=command_id)
        answers.append(answer.ids["plan"])

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(give)
    assert len(set(answers)) == 1 and len(answers) == 6
    assert sum("Step" in n["labels"] for n in await sample.whole()) == 2
    with pytest.raises(DuplicateId):
        await sample.graph.create_plan(sample.project_id, sample.context_id, spec, plan_id=answers[0])
    await assert_sound(sample)
