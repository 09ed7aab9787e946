"""Whatever the platform does, the audit finds nothing wrong: real runs, edits, imports, also while they happen."""

from __future__ import annotations

import random
import uuid
from typing import Any

import anyio
import pytest
from world import META, World, chain, plan, registry, statement, step

import psg_cypher
from psg.audit import fold, verify
from psg.errors import ActionFailed, PsgError
from psg.graph import Graph
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


class Flaky(ActionFailed):
    """A failure that is worth another try."""

    code = "flaky"
    retryable = True


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def clean(world: World) -> dict[str, int]:
    """Assert that the audit finds nothing; what it looked at."""
    report = await verify(world.db, world.project_id)
    assert report.violations == []
    return report.checked


def everything() -> list[Any]:
    """Steps of every kind of fate: done, failed, retried, skipped in all ways, timed, confirmed."""
    return [
        step("ok"), step("no", "ok", condition="1 > 2"), step("yes", "ok", condition="1 < 2"),
        step("both", "no", "yes"), step("only_no", "no"), step("wait", type="wait", params={"duration_ms": 30}),
        step("later", "wait"),
        step("boom", name="boom"), step("doomed", "boom", "later"), step("far", "doomed", "ok"),
        step("flaky", name="flaky", retries=2), step("ask", type="confirm", params={"reason": "go on?"}),
        step("asked", "ask"), step("nobody", type="llm", params={"prompt": "x"}),
    ]  # fmt: skip


def tools() -> Any:
    tried: list[int] = []

    async def boom() -> None:
        raise ActionFailed("planted")

    async def flaky() -> str:
        tried.append(1)
        if len(tried) % 3:
            raise Flaky("once more")
        return "x" * 10_000

    return registry(boom=boom, flaky=flaky)


async def approve_all(world: World) -> None:
    pending = "MATCH (c:Confirm {project_id: $project_id, status: 'pending'}) RETURN c.id AS id"

    async def asked() -> bool:
        return bool(await world.query(pending))

    await world.until(asked)
    for row in await world.query(pending):
        await world.graph.decide_confirm(world.project_id, row["id"], "approved")


@pytest.mark.req("L3-02", "DD-01", "L3-05", "DD-03", "L3-40")
async def test_a_run_with_every_kind_of_fate_is_clean_before_during_and_after(world: World) -> None:
    plan_id = await world.draft(*everything())
    await clean(world)
    await world.graph.propose_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    await clean(world)
    async with world.running(tools()):
        await approve_all(world)
        await clean(world)
        assert await world.finished(plan_id) == ["failed"]
    checked = await clean(world)
    assert checked["nodes"] > 30 and checked["events"] == await world.head_seq() and checked["projects"] == 1


@pytest.mark.req("L3-41")
async def test_the_deltas_of_all_events_add_up_to_the_nodes_and_edges_there_are(world: World) -> None:
    plan_id = await world.approved(*chain(5), step("boom", name="boom"))
    extra = (await world.graph.add_step(world.project_id, plan_id, step("late", "s4"))).ids["step"]
    ids = {k: s["id"] for k, s in (await world.steps(plan_id)).items()}
    await world.graph.add_dependency(world.project_id, extra, ids["s3"])
    await world.graph.remove_dependency(world.project_id, extra, ids["s4"])
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running(tools()):
        await world.finished(plan_id)
    deleted = await world.draft(step("x"), step("y", "x"))
    await world.graph.delete(world.project_id, "Plan", deleted)
    (sums,) = await world.query(
        "MATCH (e:Event {project_id: $project_id}) RETURN sum(e.node_delta) AS nodes, sum(e.edge_delta) AS edges"
    )
    (real,) = await world.query(
        "MATCH (n:PsgNode {project_id: $project_id}) RETURN sum(CASE WHEN n:Tombstone THEN 0 ELSE 1 END) AS nodes, "
        "sum(COUNT { (n)-->() }) AS edges"
    )
    assert sums == real
    await clean(world)


@pytest.mark.req("L3-02", "DD-01")
async def test_the_fold_of_the_whole_log_is_the_graph(world: World) -> None:
    await world.run(*chain(4), step("boom", name="boom"), tools=tools())
    state = fold(await world.events())
    stored = await world.query(
        "MATCH (n:PsgNode {project_id: $project_id})-[x]->(m) RETURN n.id AS id, type(x) AS kind, m.id AS target"
    )
    assert state.edges == {(r["id"], r["kind"], r["target"]) for r in stored} and len(stored) == len(state.edges)
    kinds = {kind for _, kind, _ in state.edges}
    assert kinds >= {"IN_PROJECT", "IN_CONTEXT", "IN_PLAN", "DEPENDS_ON", "TRACES", "IN_TRACE", "RECORDS"}
    statuses = await world.query("MATCH (n:PsgNode:Step {project_id: $project_id}) RETURN n.id AS id, n.status AS s")
    assert {r["id"]: r["s"] for r in statuses} == {
        i: e.props["status"] for i, e in state.entities.items() if e.label == "Step"
    }


async def test_pause_resume_cancel_and_delete_leave_nothing_behind(world: World) -> None:
    async with world.running(tools()):
        plan_id = await world.started(*everything())
        await world.step_is(plan_id, "ok", "completed")
        await world.graph.pause_plan(world.project_id, plan_id)
        await clean(world)
        await world.graph.resume_plan(world.project_id, plan_id)
        await approve_all(world)
        await world.graph.cancel_plan(world.project_id, plan_id)
        await clean(world)
    await world.graph.delete(world.project_id, "Plan", plan_id)
    await clean(world)


async def test_a_fan_out_that_is_told_in_chunks_is_right_between_them(world: World) -> None:
    """The root is finished behind the log's back in a plan that was not started, so that nobody else advances it."""
    plan_id = await world.approved(step("root"), *[step(f"t{i}", "root") for i in range(6)], step("end", "t0", "t5"))
    await world.damage(
        "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan}) "
        "MATCH (s:Step {project_id: $project_id, plan: $plan, key: 'root'}) REMOVE s:Ready "
        "SET s:Unlocking, s:Completed, s.unlock_after = -1, s.status = 'completed', p.steps_open = p.steps_open - 1",
        plan=plan_id,
    )  # fmt: skip
    while "Unlocking" in (steps := await world.steps(plan_id))["root"]["labels"]:
        report = await verify(world.db, world.project_id)
        assert {(v.kind, v.node_id) for v in report.violations} == {("state_vs_log", steps["root"]["id"])}
        await world.db.write(psg_cypher.statement("unlock_chunk"), project_id=world.project_id, limit=2)
    report = await verify(world.db, world.project_id)
    assert {(v.kind, v.node_id) for v in report.violations} == {("state_vs_log", steps["root"]["id"])}
    assert all(steps[f"t{i}"]["waits"] == 0 and "Ready" in steps[f"t{i}"]["labels"] for i in range(6))


def document(world: World, status: str, *steps: tuple[str, list[int]]) -> dict[str, Any]:
    """A protocol plan whose steps have these statuses and depend on steps by index."""
    ids = [str(uuid.uuid4()) for _ in steps]
    return {
        "meta": META, "plan_id": str(uuid.uuid4()), "context_id": world.context_id, "title": "t", "objective": "o",
        "status": status,
        "steps": [
            {"step_id": ids[i], "description": f"step {i}", "status": s, "agent_role": "agent",
             "dependencies": [ids[d] for d in on]}
            for i, (s, on) in enumerate(steps)
        ],
    }  # fmt: skip


@pytest.mark.parametrize("status", ["draft", "proposed", "approved", "in_progress", "completed", "failed", "cancelled"])
async def test_an_imported_plan_is_clean_whatever_its_state(world: World, status: str) -> None:
    steps = [("completed", []), ("failed", []), ("skipped", []), ("pending", []), ("blocked", []), ("pending", [0]),
             ("pending", [1]), ("pending", [2, 0]), ("pending", [3]), ("pending", [1, 3])]  # fmt: skip
    await world.graph.create_document(world.project_id, "plan", document(world, status, *steps))
    await clean(world)


async def test_audits_at_the_same_time_as_runs_and_edits_report_no_race(world: World) -> None:
    """Many short commits beside the audit: what it reads torn it judges again under the lock."""
    audits = 0
    async with world.running(tools()):
        plans = [await world.started(*everything()[:11], *chain(30)) for _ in range(4)]
        over = anyio.Event()

        async def audit() -> None:
            nonlocal audits
            while not over.is_set():
                await clean(world)
                audits += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(audit)
            for i in range(30):
                extra = await world.graph.create_plan(world.project_id, world.context_id, _small(i))
                await world.graph.delete(world.project_id, "Plan", extra.ids["plan"])
            assert await world.finished(*plans) == ["failed"] * 4
            over.set()
    assert audits > 1


def _small(i: int) -> Any:
    return plan(step("a"), step("b", "a"), title=f"small {i}")


@pytest.mark.req("DD-03")
@pytest.mark.parametrize("seed", range(6))
async def test_random_commands_leave_the_graph_clean(world: World, seed: int) -> None:
    """Commands drawn at random, sensible or refused; an orchestrator runs what they start."""
    draw = random.Random(seed)
    done: dict[str, int] = {}
    plans: list[str] = [await world.draft(step("a"), step("b", "a"), step("c", condition="true"))]
    async with world.running(tools()):
        for _ in range(40):
            name, command = draw.choice(list(COMMANDS.items()))
            try:
                await command(world, plans, draw)
                done[name] = done.get(name, 0) + 1
            except PsgError as refused:
                assert refused.category != "system_error", refused
        await clean(world)
    assert await clean(world) and len(done) > 6


WORK: list[dict[str, Any]] = [
    {}, {"name": "boom"}, {"name": "flaky", "retries": 2}, {"name": "flaky"},
    {"type": "wait", "params": {"duration_ms": 20}}, {"type": "confirm", "params": {"reason": "?"}},
]  # fmt: skip


async def _create(world: World, plans: list[str], draw: random.Random) -> None:
    n = draw.randint(1, 8)
    steps = [
        step(f"s{i}", *draw.sample([f"s{j}" for j in range(i)], min(i, draw.randint(0, 3))),
             condition=draw.choice([None, None, "1 > 2", "1 < 2"]), **draw.choice(WORK))
        for i in range(n)
    ]  # fmt: skip
    plans.append(await world.draft(*steps))


async def _forward(world: World, plans: list[str], draw: random.Random) -> None:
    plan_id = draw.choice(plans)
    verb = {
        "draft": "propose_plan", "proposed": draw.choice(["approve_plan", "approve_plan", "revise_plan"]),
        "approved": "start_plan", "in_progress": draw.choice(["pause_plan", "resume_plan", "cancel_plan"]),
    }  # fmt: skip
    name = verb.get(await world.plan_status(plan_id), "start_plan")
    await getattr(world.graph, name)(world.project_id, plan_id)


async def _some_step(world: World, plans: list[str], draw: random.Random) -> tuple[str, list[dict[str, Any]]]:
    plan_id = draw.choice(plans)
    steps = list((await world.steps(plan_id)).values())
    return plan_id, draw.sample(steps, min(2, len(steps)))


async def _add_step(world: World, plans: list[str], draw: random.Random) -> None:
    plan_id, on = await _some_step(world, plans, draw)
    await world.graph.add_step(world.project_id, plan_id, step(f"x{draw.randint(0, 99)}", *[s["key"] for s in on]))


async def _link(world: World, plans: list[str], draw: random.Random) -> None:
    _, found = await _some_step(world, plans, draw)
    await world.graph.add_dependency(world.project_id, found[0]["id"], found[-1]["id"])


async def _unlink(world: World, plans: list[str], draw: random.Random) -> None:
    rows = await world.query(
        "MATCH (s:Step {project_id: $project_id})-[:DEPENDS_ON]->(d) WHERE s.status = 'pending' "
        "RETURN s.id AS s, d.id AS d ORDER BY s, d"
    )
    if rows:
        row = draw.choice(rows)
        await world.graph.remove_dependency(world.project_id, row["s"], row["d"])


async def _delete(world: World, plans: list[str], draw: random.Random) -> None:
    plan_id, found = await _some_step(world, plans, draw)
    confirms = await world.query("MATCH (c:Confirm {project_id: $project_id}) RETURN c.id AS id ORDER BY c.id")
    choices = [("Plan", plan_id), ("Step", found[0]["id"]), *[("Confirm", row["id"]) for row in confirms[:1]]]
    label, node_id = draw.choice(choices)
    await world.graph.delete(world.project_id, label, node_id)


async def _import(world: World, plans: list[str], draw: random.Random) -> None:
    statuses = ["pending", "pending", "completed", "failed", "skipped", "in_progress"]
    steps = [(draw.choice(statuses), draw.sample(range(i), min(i, draw.randint(0, 2)))) for i in range(5)]
    status = draw.choice(["draft", "approved", "in_progress", "completed"])
    made = await world.graph.create_document(world.project_id, "plan", document(world, status, *steps))
    plans.append(made.ids["plan"])


async def _decide(world: World, plans: list[str], draw: random.Random) -> None:
    rows = await world.query("MATCH (c:Confirm {project_id: $project_id}) RETURN c.id AS id ORDER BY c.id")
    if rows:
        status = draw.choice(["approved", "approved", "rejected", "cancelled"])
        await world.graph.decide_confirm(world.project_id, draw.choice(rows)["id"], status)


async def _update(world: World, plans: list[str], draw: random.Random) -> None:
    changes = {"title": f"t{draw.random()}", "tags": draw.choice([None, ["x"], ["y", "z"]]), "summary": "s" * 5_000}
    await world.graph.update_document(world.project_id, "context", world.context_id, changes)


COMMANDS: dict[str, Any] = {
    "create": _create, "forward": _forward, "onward": _forward, "again": _forward, "add_step": _add_step,
    "link": _link, "unlink": _unlink, "delete": _delete, "import": _import, "update": _update,
    "decide": _decide,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(n for n in psg_cypher.statements() if n.startswith("audit_")))
async def test_no_statement_of_the_audit_scans(world: World, name: str) -> None:
    text = psg_cypher.statement(name).text
    explained = await world.db.explain(statement(text, psg_cypher.statement(name).mode))
    bad = {"AllNodesScan", "NodeByLabelScan", "CartesianProduct", "VarLengthExpand(All)", "Sort", "Top"}
    scans = explained.names & bad
    hidden = [o["details"] for o in explained.operators if "NestedPlan" in o["details"] or "COLLECT {" in o["details"]]
    assert (scans, hidden) == (set(), [])


async def test_the_audit_folds_names_and_descriptions_of_any_length(db: Database) -> None:
    name, description = f"{uuid.uuid4()} ".ljust(1_000, "n"), "\N{SNOWMAN}\n" * 50_000
    made = await Graph(db).create_project(name, description, actor="t")
    asked = statement("MATCH (p:Project {project_id: $id}) RETURN p.name AS name, p.description AS description")
    row = await db.read(asked, id=made.project_id)
    assert row == [{"name": name, "description": description}]
    assert (await verify(db, made.project_id)).violations == []
