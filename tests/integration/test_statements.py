"""Every statement EXPLAINed, on an empty and on a large store: index seeks only, nothing that grows with the store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from conftest import TEST_SETTINGS, FreshNeo4j

import psg_cypher
from psg.model.entities import ENTITIES
from psg.model.references import REFERENCES
from psg_cypher import Statement, parse_statements
from psg_neo4j import Database
from psg_neo4j.migrations import migrate
from psg_neo4j.plans import QueryPlan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

FORBIDDEN = {
    "AllNodesScan", "NodeByLabelScan", "UnionNodeByLabelsScan", "IntersectionNodeByLabelsScan",
    "PartitionedAllNodesScan", "DirectedAllRelationshipsScan", "UndirectedAllRelationshipsScan",
    "DirectedRelationshipTypeScan", "UndirectedRelationshipTypeScan", "NodeIndexScan", "VarLengthExpand(All)",
}  # fmt: skip
# What may scan, and why.
ALLOWED = {
    # A handful of nodes, without an index of ours: the chain of another tool's format.
    "migration_list": {"NodeByLabelScan"},
    "migration_record": {"NodeByLabelScan"},
    # All lists of what is live now, by an index that holds nothing else.
    "frontier_wakeups": {"NodeIndexScan"},
    "closing_plans": {"NodeIndexScan"},
    "coordinating_plans": {"NodeIndexScan"},
    "turn_projects": {"NodeIndexScan"},
    "sessions_over": {"NodeIndexScan"},
    # All projects, by an index that holds nothing else.
    "project_count": {"NodeIndexScan"},
    "audit_headless": {"NodeIndexScan"},
    # A restore that was told to replace everything removes everything.
    "restore_remove": {"AllNodesScan"},
}
# A cartesian product is harmless between rows that unique seeks or arguments give.
SINGLE = {
    "NodeUniqueIndexSeek", "NodeUniqueIndexSeek(Locking)", "MultiNodeIndexSeek", "Argument", "SingleRow",
    "NodeIndexSeek", "AssertingMultiNodeIndexSeek", "NodeCountFromCountStore", "RelationshipCountFromCountStore",
}  # fmt: skip
ADMINISTRATION = {"server_databases"}
UNKNOWN_NAMES = {"01N50", "01N51", "01N52"}

# What a node of ours may have besides what its document and its log hold (DESIGN §4-§6).
OPERATIONAL = (
    "id", "project_id", "revision", "sys_created_ms", "sys_updated_ms", "payload", "_lock", "seq", "clock",
    "earliest_seq", "at", "plan", "trace", "dialog", "collab", "network", "log_seq", "steps_total", "steps_open",
    "steps_failed", "steps_next", "loading", "trace_id", "started_ms", "finished_ms", "served_at", "paused_ms",
    "close_after", "waits", "rank", "gated", "owner", "due_at", "parked", "failures", "resumed", "takeovers",
    "sched_order", "unlock_after",
    "lease_until", "lease_ms", "ended_ms", "ended", "capabilities", "roles", "host", "pid", "capacity", "event_id",
    "family", "type", "op", "entity", "entity_type", "command_id", "command_hash", "answer", "correlation_id",
    "changes", "update_kind", "node_delta", "edge_delta", "version", "description", "checksum", "source",
    "repeatable", "by", "in", "connectedAs", "restores", "restored_ms", "snapshot_before_start", "reason", "actor",
    "hash", "text", "input_schema", "output_schema", "enabled", "registered_ms", "changed_ms", "policy", "budget",
    "kill_switch", "ready_ms", "parent_step", "expires_at", "key", "output",
    "tokens", "cost", "calls", "wall_ms", "step", "fence", "subplan_error",
    "spent_tokens", "spent_cost", "spent_calls", "spent_wall_ms",
    "kill_changes", "retain_days", "retain_plans", "pruned", "pruned_ms", "state", "base", "built", "digest",
    "turn_id", "turn_number", "turn_participant", "turn_session", "turn_agent", "turn_told", "turn_hash",
    "coordinated_by", "before_ms", "keep_last", "hub_modules", "target", "target_module", "sent_by",
    "workflow_timeout_ms", "workflow_limit", "workflow_correlation", "facts", "done_ms",
    "from_status", "to_status", "sha256", "details", "keys",
    "claimed_by", "claimed_until", "stale_ms",
    "component", "since_ms", "open", "resolved_ms", "rule",
    "turn", "offered_to", "turn_worker", "turn_lease", "turn_lease_ms", "turn_beat", "turn_until", "turn_queue",
    "turn_total", "turn_lost", "turn_offered", "turn_answer", "turn_attempt_ms", "turn_heartbeat_ms",
    "module_type", "stop_ms", "pool", "pools", "allocation", "amount", "asked_ms", "limit",
    "role", "note", "projects", "made_with", "created_ms", "created_by", "expires_ms", "revoked_ms", "revoked_by",
    "granted_ms", "granted_by", "made", "act", "outcome", "token_id", "request_id", "count", "last_ms",
)  # fmt: skip
PROPERTIES = sorted({*OPERATIONAL, *(name for entity in ENTITIES.values() for name in entity.logged)})
LABELS = [
    *ENTITIES, "PsgNode", "Tombstone", "ProjectHead", "Event", "Session", "Lock", "Ready", "Undecided", "Timer",
    "Unlocking", "Runnable", "Closing", "Coordinating", "__Neo4jMigration", "Snapshot", "Content",
    "Stopping", "Reacting", "Reservation", "Effect", "Expiring", "Workflow",
    "HubMessage",
    "Checkpoint", "CheckpointEntity", "AuditFact", "Encryption", "Capability",
    "HealthRecord", "AlertRule", "Alert", "Undelivered", "Offered",
    "ModuleInstance", "ResourcePool", "Allocation", "ApiToken", "Grant", "AuditRecord",
]  # fmt: skip
TYPES = sorted({*(reference.relationship for reference in REFERENCES), "MIGRATED_TO"})

FILL = {
    item.name: item
    for item in parse_statements(
        """
// name: project :write :none
CREATE (:ProjectHead {id: $p, seq: 0, clock: 0})
CREATE (:PsgNode:Project {project_id: $p, id: $p, name: $p, revision: 1, sys_created_ms: 0, sys_updated_ms: 0})
CREATE (:PsgNode:Context {project_id: $p, id: $p + 'c', status: 'active', revision: 1})
// name: plans :write :none
UNWIND range(1, $plans) AS i
MATCH (c:PsgNode:Context {project_id: $p, id: $p + 'c'})
CREATE (n:PsgNode:Plan {project_id: $p, id: $p + i, status: 'in_progress', sched_urgency: 100, served_at: i,
  paused: false, revision: 1, sys_created_ms: i})
CREATE (t:PsgNode:Trace {project_id: $p, id: $p + 't' + i, status: 'running', revision: 1})
CREATE (q:PsgNode:Confirm {project_id: $p, id: $p + 'q' + i, status: 'pending', revision: 1})
CREATE (d:PsgNode:Decision {project_id: $p, id: $p + 'd' + i, status: 'approved', position: 0, revision: 1})
CREATE (n)-[:IN_CONTEXT]->(c), (t)-[:TRACES]->(n), (t)-[:IN_CONTEXT]->(c), (q)-[:CONFIRMS]->(n), (d)-[:DECIDES]->(q)
FOREACH (_ IN CASE WHEN i % 10 = 0 THEN [1] ELSE [] END | SET n:Runnable)
// name: steps :write :none
UNWIND range($from, $to) AS i
MATCH (n:PsgNode:Plan {project_id: $p, id: $p + (1 + i % $plans)})
MATCH (t:PsgNode:Trace {project_id: $p, id: $p + 't' + (1 + i % $plans)})
CREATE (s:PsgNode:Step {project_id: $p, id: $p + 's' + i, plan: n.id, key: 's' + i, position: i, status: 'pending',
  sched_order: i, sched_urgency: 100, rank: i, waits: 0, gated: false, revision: 1, fence: 0, attempt: 0})
CREATE (s)-[:IN_PLAN]->(n)
CREATE (g:PsgNode:TraceSegment {project_id: $p, id: $p + 'g' + i, trace: t.id, log_seq: i, status: 'completed',
  revision: 1})
CREATE (g)-[:IN_TRACE]->(t), (g)-[:RECORDS]->(s)
CREATE (:Event {project_id: $p, seq: i, entity: s.id, plan: n.id, at: 0, family: 'graph_update', op: 'create',
  type: 'step_created', entity_type: 'Step', changes: '{}'})
FOREACH (_ IN CASE WHEN i % 5 = 0 THEN [1] ELSE [] END | SET s:Ready)
FOREACH (_ IN CASE WHEN i % 50 = 1 THEN [1] ELSE [] END | SET s:Undecided)
FOREACH (_ IN CASE WHEN i % 50 = 2 THEN [1] ELSE [] END | SET s:Timer, s.due_at = i)
FOREACH (_ IN CASE WHEN i % 50 = 3 THEN [1] ELSE [] END | SET s.status = 'in_progress', s.owner = 'o' + (i % 7))
// name: edges :write :none
UNWIND range($from, $to) AS i
MATCH (a:PsgNode:Step {project_id: $p, id: $p + 's' + i})
MATCH (b:PsgNode:Step {project_id: $p, id: $p + 's' + (i - $plans)})
CREATE (a)-[:DEPENDS_ON {at: 0}]->(b)
// name: sessions :write :none
UNWIND range(1, 50) AS i CREATE (:Session {id: 's' + i, lease_until: i})
// name: vocabulary :write :none
CREATE (v) SET v = $props, v:$($labels)
FOREACH (type IN $types | CREATE (v)-[:$(type)]->(v))
DETACH DELETE v
// name: sample :write :none
CALL db.prepareForReplanning()
// name: forget_plans :write :one
CALL db.clearQueryCaches()
""",
        "fill.cypher",
    )
}


def checked() -> list[Statement]:
    return [s for name, s in sorted(psg_cypher.statements().items()) if name not in ADMINISTRATION]


def faults_of(statement: Statement, plan: QueryPlan) -> list[str]:
    """What is wrong with the plan of a statement, one line each."""
    allowed = ALLOWED.get(statement.name, set())
    found = [f"{statement.name}: {name}" for name in (plan.names & FORBIDDEN) ^ allowed]
    for at, operator in enumerate(plan.operators):
        if operator["operator"] != "CartesianProduct":
            continue
        many = [leaf for leaf in leaves(plan, at) if leaf not in SINGLE]
        found += [f"{statement.name}: CartesianProduct over {leaf}" for leaf in many]
    return found


def leaves(plan: QueryPlan, root: int) -> list[str]:
    """The operators below ``root`` that have nothing below them; an aggregate over all is one row and ends the way."""
    parents = {operator["parent"] for operator in plan.operators}
    below = {root}
    for at, operator in enumerate(plan.operators):
        one_row = operator["operator"] == "EagerAggregation" and (operator["estimated_rows"] or 0) <= 1
        if operator["parent"] in below and not one_row:
            below.add(at)
    return [plan.operators[at]["operator"] for at in sorted(below) if at not in parents]


def parameters(statement: Statement) -> dict[str, Any]:
    """No values: plans are made for any value, as in production, where statements are constant."""
    return dict.fromkeys(re.findall(r"\$(\w+)", statement.text))


@pytest.fixture
async def empty(fresh_neo4j: FreshNeo4j) -> AsyncIterator[Database]:
    server = await fresh_neo4j(settings=replace(TEST_SETTINGS, transaction_timeout=60.0))
    async with server.database() as database:
        await migrate(database)
        yield database


async def problems_of(db: Database) -> list[str]:
    """What is wrong with the plans of all statements, and names that are in no vocabulary: slips of the pen."""
    problems: list[str] = []
    for statement in checked():
        plan = await db.explain(statement, parameters(statement))
        problems += faults_of(statement, plan)
        problems += [
            f"{statement.name}: {n['description']}" for n in plan.notifications if n["gql_status"] in UNKNOWN_NAMES
        ]
    return problems


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "steps", [pytest.param(0, marks=pytest.mark.long), 10_000, pytest.param(100_000, marks=pytest.mark.long)]
)
async def test_every_statement_seeks_on_an_empty_and_on_a_large_store(empty: Database, steps: int) -> None:
    await empty.write(FILL["vocabulary"], props=dict.fromkeys(PROPERTIES, 0), labels=LABELS, types=TYPES)
    if steps:
        await fill(empty, steps)
    problems = await problems_of(empty)
    assert not problems, "\n".join(problems)


async def fill(db: Database, steps: int) -> None:
    """Make a project with plans of ``steps`` steps in all, and one node of everything else."""
    plans, chunk = 100, 2_500
    await db.write(FILL["project"], p="x")
    await db.write(FILL["sessions"])
    await db.write(FILL["plans"], p="x", plans=plans)
    for start in range(1, steps + 1, chunk):
        span = {"from": start, "to": start + chunk - 1}
        await db.write_within(120, FILL["steps"], p="x", plans=plans, **span)
        await db.write_within(120, FILL["edges"], p="x", plans=plans, **span)
    await db.write_within(60, FILL["sample"])
    await db.write(FILL["forget_plans"])



async def test_the_check_sees_what_it_looks_for(db: Database) -> None:
    bad = parse_statements(
        """
// name: scan :read :many
MATCH (n:Step) WHERE n.description = $p RETURN n
// name: all :read :many
MATCH (n) WHERE n.id = $p RETURN n
// name: product :read :many
MATCH (a:Step), (b:Plan) WHERE a.project_id = $p AND b.project_id = $p RETURN a, b
// name: walk :read :many
MATCH (a:PsgNode {project_id: $p, id: $p}) MATCH path = (a)-[:DEPENDS_ON*]->(b) RETURN path
// name: twice :read :many
MATCH (a:Step {id: $p}) MATCH (b:Plan {id: $p}) RETURN a, b
// name: fine :read :many
MATCH (a:PsgNode {project_id: $p, id: $p}) MATCH (b:PsgNode {project_id: $p, id: $q}) RETURN a, b
""",
        "bad.cypher",
    )
    seen = {s.name: faults_of(s, await db.explain(s, parameters(s))) for s in bad}
    assert [name for name, faults in seen.items() if not faults] == ["fine"]


def test_statements_are_constant_and_give_labels_beside_the_unique_one() -> None:
    """`(s:Step {id: …})` scans where the constraint is on `:PsgNode` (DESIGN §3)."""
    types = "|".join(ENTITIES)
    for statement in checked():
        slips = re.findall(rf"\(\w*:(?:{types}) {{[^}}]*\bid:", statement.text)
        assert slips == [], statement.name


def test_statements_that_are_never_planned_anew_name_their_indexes() -> None:
    """The first plan stays: it was seen to scan the traces when few were there at that moment (a hundredfold cost)."""
    pinned = [s for s in checked() if "replan=skip" in s.text]
    assert {s.name for s in pinned} >= {"frontier_advance", "command_apply"}
    for statement in pinned:
        text = statement.text + " "
        starts = list(re.finditer(r"MATCH \((\w+):\w+[^)]*\)", text))
        assert len(starts) > 5, statement.name
        bare = [m[0] for m in starts if not re.match(rf"\s+USING INDEX SEEK {m[1]}:", text[m.end() :])]
        assert bare == [], statement.name
