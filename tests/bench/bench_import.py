"""A large plan as a protocol document into the graph: by the platform's import, and by a bare UNWIND of the same."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any, LiteralString

from bench_progress import Progress
from bench_rows import Row, at_least
from bench_store import META, Store

from psg.documents import import_documents

STEPS = 100_000
LAYER = 1_000
FAN = 2
ROUNDS = 3
WARM_STEPS = 20_000
LIMIT_BATCH = 5_000

# The same nodes with the same properties, labels and relationships; no log, no ids or references looked after.
_NODES: LiteralString = """
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
UNWIND $rows AS r
CREATE (s:PsgNode:Step) SET s = r.props
FOREACH (_ IN CASE WHEN r.props.waits = 0 THEN [1] ELSE [] END | SET s:Ready)
CREATE (s)-[:IN_PLAN]->(p)
"""
_EDGES: LiteralString = """
UNWIND $rows AS r
MATCH (a:PsgNode {project_id: $project_id, id: r.from})
MATCH (b:PsgNode {project_id: $project_id, id: r.to})
CREATE (a)-[:DEPENDS_ON {at: r.at}]->(b)
"""
_PLAN: LiteralString = """
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})
CREATE (:PsgNode:Plan {project_id: $project_id, id: $plan_id, title: 'bench', objective: 'to be measured',
  status: 'draft', revision: 1})-[:IN_CONTEXT]->(c)
"""


async def import_steps(store: Store, progress: Progress, quick: bool) -> Row:
    """Import a plan document of 100,000 steps that each depend on two; steps a second, against a bare UNWIND."""
    steps, rounds = (3_000, 1) if quick else (STEPS, ROUNDS)
    ours: list[float] = []
    bound: list[float] = []
    with progress.phase("import", 2 * rounds) as advance:
        if not quick:  # what a server compiles on its first 20,000 steps is not what an import costs
            await _platform(store, WARM_STEPS)
            await _limit(store, WARM_STEPS)
        for turn in range(rounds):
            sides = [(ours, _platform), (bound, _limit)]
            for figures, run in sides if turn % 2 else reversed(sides):
                figures.append(steps / await run(store, steps))
                advance(1)
    return at_least("import", "steps/s", ours, bound, 0.5, steps=steps, dependencies=FAN)


async def _platform(store: Store, steps: int) -> float:
    project_id, context_id = await store.project()
    document = plan_of(context_id, steps)
    started = time.perf_counter()
    await import_documents(store.graph, project_id, [("plan", document)], actor="bench")
    return time.perf_counter() - started


async def _limit(store: Store, steps: int) -> float:
    """Rows are made before the clock starts: nothing but the driver and the server is measured."""
    project_id, context_id = await store.project()
    document = plan_of(context_id, steps)
    nodes, edges = list(_node_rows(project_id, document)), list(_edge_rows(document))
    async with store.session() as session:
        started = time.perf_counter()
        ids = {"project_id": project_id, "context_id": context_id, "plan_id": document["plan_id"]}
        await (await session.run(_PLAN, ids)).consume()
        for batch in _batches(nodes):
            await (await session.run(_NODES, ids | {"rows": batch})).consume()
        for batch in _batches(edges):
            await (await session.run(_EDGES, ids | {"rows": batch})).consume()
        return time.perf_counter() - started


def _batches(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return (rows[at : at + LIMIT_BATCH] for at in range(0, len(rows), LIMIT_BATCH))


def plan_of(context_id: str, steps: int) -> dict[str, Any]:
    """A protocol plan in layers: each step depends on two of the layer before."""
    ids = [str(uuid.uuid4()) for _ in range(steps)]
    width = min(LAYER, steps // 3)
    made = [
        {
            "step_id": step_id, "description": f"step {at}", "status": "pending", "agent_role": "worker",
            "order_index": at,
            "dependencies": [ids[at - width - k] for k in range(FAN)] if at >= 2 * width else [],
        }
        for at, step_id in enumerate(ids)
    ]  # fmt: skip
    return {
        "meta": META, "plan_id": str(uuid.uuid4()), "context_id": context_id, "title": "bench",
        "objective": "to be measured", "status": "draft", "steps": made,
    }  # fmt: skip


def _node_rows(project_id: str, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the platform stores of each step."""
    now = time.time_ns() // 1_000_000
    for at, step in enumerate(document["steps"]):
        waits = len(step["dependencies"])
        props = {
            "project_id": project_id, "id": step["step_id"], "revision": 1, "description": step["description"],
            "status": step["status"], "agent_role": step["agent_role"], "order_index": at, "key": step["step_id"],
            "type": "agent", "retries": 0, "sched_urgency": 100, "position": at, "waits": waits, "rank": at << 10,
            "gated": False, "attempt": 0, "fence": 0, "failures": 0, "sched_order": at, "plan": document["plan_id"],
            "sys_created_ms": now, "sys_updated_ms": now,
        }  # fmt: skip
        yield {"props": props}


def _edge_rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for step in document["steps"]:
        for at, target in enumerate(step["dependencies"]):
            yield {"from": step["step_id"], "to": target, "at": at}
