"""Each kind of violation, planted behind the platform's back in a project that is clean, is named by the audit."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from world import META, World, step

from psg.audit import KINDS, verify
from psg.audit.facts import Facts
from psg.audit.frontier import check_plan
from psg.errors import InvalidId, NotFound
from psg_neo4j import Database
from psg_neo4j.migrations import migrate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

PLAN = "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan}) "
STEP = "MATCH (s:Step {project_id: $project_id, plan: $plan, key: $key}) "
EDGE = STEP + "MATCH (s)-[e:DEPENDS_ON]->(d) "
TRACE = "MATCH (t:PsgNode:Trace {project_id: $project_id})-[:TRACES]->(p {id: $plan}) "
SEGMENT = TRACE + "MATCH (g:TraceSegment)-[i:IN_TRACE]->(t) WITH t, g, i ORDER BY g.log_seq DESC LIMIT 1 "
LAST_OF = "MATCH (e:Event {project_id: $project_id, entity: $plan}) WITH e ORDER BY e.seq DESC LIMIT 1 "


async def kinds(world: World) -> set[str]:
    """The kinds that an audit of the project names."""
    report = await verify(world.db, world.project_id)
    assert all(v.kind in KINDS and v.project_id == world.project_id and v.message for v in report.violations)
    return {v.kind for v in report.violations}


# (what is planted, key of the step, Cypher, kinds). The plans are approved, not started: no orchestrator of another
# test can get hold of them. Steps: a; b and c (gated) after a; d after b and c.
PLANNED: list[tuple[str, str, str, set[str]]] = [
    ("a required reference is gone", "a", PLAN + "MATCH (p)-[r:IN_CONTEXT]->() DELETE r",
     {"dangling_reference", "state_vs_log"}),
    ("a reference to a wrong type", "a", PLAN + "MATCH (p)-[r:IN_CONTEXT]->() DELETE r WITH p "
     + STEP + "CREATE (p)-[:IN_CONTEXT]->(s)", {"dangling_reference", "state_vs_log"}),
    ("a confirm whose target is not of its type", "a",
     "MATCH (c:Confirm {project_id: $project_id}) SET c.target_type = 'context'",
     {"dangling_reference", "state_vs_log"}),
    ("a duplicate reference", "b", EDGE + "CREATE (s)-[:DEPENDS_ON {at: 0}]->(d)",
     {"duplicate_reference", "waits"}),
    ("a part without owner", "b", STEP + "MATCH (s)-[r:IN_PLAN]->() DELETE r", {"owner_missing", "state_vs_log"}),
    ("a deleted context under a living plan", "a", "MATCH (c:Context {project_id: $project_id}) SET c:Tombstone",
     {"dangling_reference", "state_vs_log"}),
    ("a node of two types", "a", STEP + "SET s:Role", {"type"}),
    ("a status that no protocol has", "a", PLAN + "SET p.status = 'sleeping'", {"status", "state_vs_log"}),
    ("equal ranks along an edge", "b", EDGE + "SET s.rank = d.rank", {"rank"}),
    ("no rank", "b", STEP + "REMOVE s.rank", {"rank"}),
    ("a count of dependencies too high", "a", STEP + "SET s.waits = 1", {"waits"}),
    ("a count of dependencies too low", "d", STEP + "SET s.waits = 0", {"waits"}),
    ("a claimable step that is not offered", "a", STEP + "REMOVE s:Ready", {"ready"}),
    ("a waiting step that is offered", "b", STEP + "SET s:Ready", {"ready"}),
    ("a waiting step to be decided", "b", STEP + "SET s:Undecided", {"ready"}),
    ("an offered step that waits for a decision, too", "a", STEP + "SET s:Undecided", {"ready"}),
    ("a timer that never rings", "a", STEP + "REMOVE s:Ready SET s:Timer", {"ready"}),
    ("a ready step that no index shows", "a", STEP + "REMOVE s.sched_order", {"ready"}),
    ("a running plan that nobody is offered", "a", PLAN + "SET p:InProgress, p.status = 'in_progress'",
     {"runnable", "state_vs_log"}),
    ("a colour of another status", "a", STEP + "SET s:Failed", {"status"}),
    ("an offered plan that no index shows", "a", PLAN + "REMOVE p.served_at SET p:Runnable", {"runnable"}),
    ("a wrong number of steps", "a", PLAN + "SET p.steps_total = 5", {"counters"}),
    ("a wrong number of open steps", "a", PLAN + "SET p.steps_open = 3", {"counters"}),
    ("a wrong number of failed steps", "a", PLAN + "SET p.steps_failed = 1", {"counters"}),
    ("a pending step with an owner", "a", STEP + "SET s.owner = 'nobody'", {"lease"}),
    ("the plan's id on the step is another", "a", STEP + "SET s.plan = 'other'",
     {"owner_field", "counters", "dangling_reference"}),
    ("a changed property", "a", STEP + "SET s.description = 'changed'", {"state_vs_log"}),
    ("a changed payload", "a", "MATCH (c:Context {project_id: $project_id}) SET c.payload = '{}'", {"state_vs_log"}),
    ("another revision", "a", STEP + "SET s.revision = 9", {"state_vs_log"}),
    ("dependencies in another order", "d", EDGE + "SET e.at = 1 - e.at", {"state_vs_log"}),
    ("dependencies without order", "d", EDGE + "REMOVE e.at", {"state_vs_log"}),
    ("a node that the log does not know", "a", PLAN + "MATCH (p)-[:IN_CONTEXT]->()-[:IN_PROJECT]->(j) "
     "CREATE (:PsgNode:Role {project_id: $project_id, id: 'r', name: 'x'})-[:IN_PROJECT]->(j)", {"state_vs_log"}),
    ("a node that is gone", "a", "MATCH (d:Decision {project_id: $project_id}) DETACH DELETE d", {"state_vs_log"}),
    ("a status the table does not allow", "a",
     LAST_OF + "SET e.changes = replace(e.changes, 'approved', 'completed')", {"transition", "state_vs_log"}),
    ("an event that contradicts the one before", "a",
     LAST_OF + "SET e.changes = replace(e.changes, '\"before\":{', '\"before\":{\"title\":\"x\",')", {"log_chain"}),
    ("a status change that is no stage event", "a", LAST_OF + "SET e.family = 'graph_update'", {"transition"}),
    ("deltas that do not add up", "a",
     "MATCH (e:Event {project_id: $project_id, entity: $plan, op: 'create'}) SET e.edge_delta = 0", {"deltas"}),
    ("a head behind the log", "a", "MATCH (h:ProjectHead {id: $project_id}) SET h.seq = h.seq - 1", {"head"}),
    ("a head before the log", "a", "MATCH (h:ProjectHead {id: $project_id}) SET h.seq = h.seq + 2",
     {"head", "event_gap"}),
    ("times of the log that go back", "a", LAST_OF + "SET e.at = 1", {"event_order"}),
]  # fmt: skip


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def planned(world: World) -> str:
    return await world.approved(step("a"), step("b", "a"), step("c", "a", condition="true"), step("d", "b", "c"))


async def test_what_the_others_damage_is_clean_before(world: World) -> None:
    await planned(world)
    await world.run(step("a"), step("b", "a"))
    assert await kinds(world) == set()


@pytest.mark.req("L3-05", "DD-03")
@pytest.mark.parametrize(("key", "damage", "expected"), [pytest.param(*x[1:], id=x[0]) for x in PLANNED])
async def test_what_is_planted_in_a_plan_is_named(world: World, key: str, damage: str, expected: set[str]) -> None:
    plan_id = await planned(world)
    await world.damage(damage, plan=plan_id, key=key)
    assert await kinds(world) == expected


FINISHED: list[tuple[str, str, set[str]]] = [
    ("a finished step that is offered", STEP + "SET s:Ready", {"ready"}),
    ("a finished step with an owner", STEP + "SET s.owner = 'nobody'", {"lease"}),
    ("an open step in a finished plan", STEP + "REMOVE s:Completed SET s.status = 'pending'",
     {"closing", "counters", "state_vs_log"}),
    ("a finished plan that was not finished", PLAN + "REMOVE p:Completed SET p:InProgress, p.status = 'in_progress'",
     {"stuck", "state_vs_log"}),
    ("times of a trace that go back", SEGMENT + "SET g.finished_at = '2001-01-01T00:00:00Z'",
     {"trace_order", "state_vs_log"}),
    ("a segment without place", SEGMENT + "REMOVE g.log_seq", {"trace_order"}),
    ("a segment of another trace", SEGMENT + "SET g.trace = 'other'", {"owner_field"}),
    ("a segment without trace", SEGMENT + "DELETE i", {"owner_missing", "state_vs_log"}),
    ("a changed segment", SEGMENT + "SET g.payload = '{}'", {"state_vs_log"}),
    ("a deleted plan with living steps", PLAN + "SET p:Tombstone", {"closing", "state_vs_log"}),
]  # fmt: skip


@pytest.mark.req("L3-05", "DD-03", "DD-05")
@pytest.mark.parametrize(("damage", "expected"), [pytest.param(*x[1:], id=x[0]) for x in FINISHED])
async def test_what_is_planted_in_a_finished_run_is_named(world: World, damage: str, expected: set[str]) -> None:
    plan_id = await world.run(step("a"), step("b", "a"))
    await world.damage(damage, plan=plan_id, key="b")
    assert await kinds(world) == expected


RUNS = STEP + "REMOVE s:Ready SET s:InProgress, s.status = 'in_progress' "
IN_PROGRESS: list[tuple[str, str, set[str]]] = [
    ("run by a session that does not exist", "SET s.owner = 'nobody'", {"lease", "state_vs_log"}),
    ("run by nobody", "", {"lease", "state_vs_log"}),
    ("run and offered at once", "SET s.owner = $session, s:Ready", {"ready", "state_vs_log"}),
    ("run and to be decided", "SET s:Undecided", {"ready", "state_vs_log"}),
    ("run by a living session", "SET s.owner = $session", {"state_vs_log"}),
    ("waiting for a confirmation", "SET s.parked = 'confirm'", {"state_vs_log"}),
]


@pytest.mark.parametrize(("damage", "expected"), [pytest.param(*x[1:], id=x[0]) for x in IN_PROGRESS])
async def test_what_is_planted_in_a_running_step_is_named(world: World, damage: str, expected: set[str]) -> None:
    """That it runs at all is planted, too, so the log knows nothing of it. A session without lease is nobody's prey."""
    plan_id = await planned(world)
    session = f"played-{plan_id}"
    await world.damage("CREATE (:Session {id: $session})", session=session)
    await world.damage(RUNS + damage, plan=plan_id, key="a", session=session)
    try:
        assert await kinds(world) == expected
    finally:
        await world.damage("MATCH (s:Session {id: $session}) DELETE s", session=session)


async def test_steps_of_a_session_that_is_over_are_named_once_somebody_should_have_taken_them(world: World) -> None:
    plan_id = await planned(world)
    names = {"gone": f"gone-{plan_id}", "watch": f"watch-{plan_id}"}
    await world.damage(RUNS + "SET s.owner = $gone", plan=plan_id, key="a", **names)
    await world.damage(
        "WITH datetime.realtime().epochMillis AS now CREATE (:Session {id: $gone, ended_ms: now - 120000}) "
        "CREATE (:Session {id: $watch, started_ms: now - 120000, lease_until: now + 10000})", **names,
    )  # fmt: skip
    try:
        assert await kinds(world) == {"lease", "state_vs_log"}
        await world.damage("MATCH (s:Session {id: $gone}) SET s.ended_ms = s.ended_ms + 110000", **names)
        assert await kinds(world) == {"state_vs_log"}
    finally:
        await world.damage("MATCH (s:Session) WHERE s.id IN [$gone, $watch] DELETE s", **names)


def plan_facts(*labels: str, **props: Any) -> Facts:
    """A plan with one ready step, as if it had been read: what orchestrators at work would repair at once."""
    shown = {"status": "in_progress", "sched_urgency": 1, "served_at": 1, "steps_total": 1, "steps_open": 1}
    row = {"id": "p", "labels": ["PsgNode", "Plan", *labels], "props": {**shown, "steps_failed": 0, **props},
           "links": [], "events": [], "session": None}  # fmt: skip
    steps = {"total": 1, "open": 1, "failed": 0, "ready": True, "undecided": False}
    return Facts("x", row, now=1, watched_since=None, steps=steps)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (plan_facts("Runnable"), []),
        (plan_facts(), ["runnable"]),
        (plan_facts(paused=True), []),
        (plan_facts("Runnable", paused=True), ["runnable"]),
        (plan_facts("Runnable", status="approved"), ["runnable"]),
        (plan_facts("Runnable", "Tombstone"), ["runnable"]),
        (plan_facts("Closing", status="approved"), ["closing"]),
        (plan_facts("Closing", status="cancelled", finished_ms=1), []),
        (plan_facts(status="cancelled", finished_ms=1), ["closing"]),
        (plan_facts(status="cancelled"), []),
    ],
)
def test_a_plan_is_offered_and_closed_exactly_when_it_should_be(facts: Facts, expected: list[str]) -> None:
    assert [kind for kind, _ in check_plan(facts)] == expected


@pytest.mark.req("L3-05")
async def test_a_reference_into_another_project_is_named(world: World, db: Any) -> None:
    plan_id = await planned(world)
    other = await World.create(db)
    await world.damage(
        PLAN + "MATCH (p)-[r:IN_CONTEXT]->() MATCH (c:PsgNode {project_id: $other, id: $context}) DELETE r "
        "CREATE (p)-[:IN_CONTEXT]->(c)", plan=plan_id, other=other.project_id, context=other.context_id,
    )  # fmt: skip
    assert await kinds(world) == {"foreign_reference", "state_vs_log"}
    assert await kinds(other) == set()


async def test_a_dependency_on_a_step_of_another_plan_is_named(world: World) -> None:
    first, second = await planned(world), await planned(world)
    await world.damage(
        STEP + "MATCH (d:Step {project_id: $project_id, plan: $other, key: 'a'}) CREATE (s)-[:DEPENDS_ON {at: 7}]->(d) "
        "SET s.waits = s.waits + 1", plan=first, key="b", other=second,
    )  # fmt: skip
    assert await kinds(world) == {"dangling_reference", "state_vs_log"}


async def test_a_hole_in_the_log_is_named_with_its_place(world: World) -> None:
    plan_id = await world.draft(step("a"))
    await world.graph.delete(world.project_id, "Plan", plan_id)
    assert await kinds(world) == set()
    (note,) = await world.events(type="plan_closed")
    await world.graph.create_document(
        world.project_id, "role",
        {"meta": META, "role_id": str(uuid.uuid4()), "name": "r"},
    )  # fmt: skip
    await world.damage("MATCH (e:Event {project_id: $project_id, seq: $seq}) DELETE e", seq=note["seq"])
    report = await verify(world.db, world.project_id)
    assert [v.kind for v in report.violations] == ["event_gap"]
    assert f"between {note['seq'] - 1} and {note['seq'] + 1}" in report.violations[0].message


async def test_two_steps_in_a_circle_break_the_rank_certificate(world: World) -> None:
    plan_id = await planned(world)
    await world.damage(STEP + "MATCH (d:Step {project_id: $project_id, plan: $plan, key: 'd'}) "
                       "CREATE (s)-[:DEPENDS_ON {at: 0}]->(d) SET s.waits = 1 REMOVE s:Ready",
                       plan=plan_id, key="a")  # fmt: skip
    assert await kinds(world) == {"rank", "state_vs_log"}


@pytest.mark.timeout(120)
@pytest.mark.long
async def test_a_missing_constraint_and_a_project_without_head_are_named(fresh_neo4j: Any) -> None:
    server = await fresh_neo4j()
    async with Database.connect(server.uri, server.user, server.password) as db:
        await migrate(db)
        world = await World.create(db)
        assert (await verify(db)).ok
        await world.damage("DROP CONSTRAINT event_command")
        await world.damage("DROP INDEX step_owner")
        await world.damage("MATCH (p:Project {id: $project_id}) CREATE (:Project {id: 'x', name: 'x'})")
        await world.damage("MATCH (h:ProjectHead {id: $project_id}) CREATE (:ProjectHead {id: 'y', seq: 0})")
        report = await verify(db)
    found = {(v.kind, v.node_id) for v in report.violations}
    assert found == {("schema", "event_command"), ("schema", "step_owner"), ("head", "x"), ("head", "y")}


async def test_an_unknown_project_is_told(db: Any) -> None:
    with pytest.raises(NotFound):
        await verify(db, "00000000-0000-4000-8000-000000000001")
    with pytest.raises(InvalidId):
        await verify(db, "no id")


def test_every_kind_is_planted_somewhere() -> None:
    """The kinds of the parametrised tests and of the tests below them together are all there are."""
    planted: set[str] = set().union(*(x[-1] for x in (*PLANNED, *FINISHED, *IN_PROGRESS)))
    # test_budgets_verify.py, test_sessions_verify.py, test_resources.py, test_hub_graph.py, test_drift_verify.py,
    # test_monitoring_alerts.py, test_turns_faults.py, test_accounts_graph.py
    elsewhere = {"budget", "session", "resources", "message", "drift", "alert", "turn", "account"}
    assert planted | {"foreign_reference", "schema"} | elsewhere == set(KINDS)
