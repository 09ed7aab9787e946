"""The limit of single mutations: a bare coalescing loop around the driver that stores contexts and nothing else.

As correct as the platform's (one lock, a verdict per row after it, command ids, answers to repeats, gap-free log, one
commit) and with the same event and ``changes`` record; it checks no document and knows one kind of command.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from typing import Any, LiteralString

import anyio
import orjson
from bench_store import META, Store

_STORE: LiteralString = """CYPHER replan=skip
MATCH (h:ProjectHead {id: $project}) SET h._lock = true
WITH h, datetime.realtime().epochMillis AS now
MATCH (p:PsgNode:Project {project_id: $project, id: $project})
UNWIND $batch.rows AS r
CALL (h, now, p, r) {
  OPTIONAL MATCH (c:Event {project_id: $project, command_id: r.command})
  OPTIONAL MATCH (n:PsgNode {project_id: $project, id: r.id})
  WITH h, now, p, r, c, h.seq AS base, CASE
    WHEN c IS NOT NULL THEN CASE WHEN c.command_hash = r.hash THEN 'replay' ELSE 'reused' END
    WHEN n IS NOT NULL THEN 'exists'
    ELSE 'ok' END AS verdict
  FOREACH (_ IN CASE WHEN verdict = 'ok' THEN [1] ELSE [] END |
    CREATE (:PsgNode:Context {project_id: $project, id: r.id, revision: 1, title: 'bench', status: 'active',
      payload: r.payload, sys_created_ms: now, sys_updated_ms: now})-[:IN_PROJECT]->(p)
    CREATE (:Event {project_id: $project, seq: base + 1, event_id: randomUUID(), family: 'graph_update',
      type: 'context_created', op: 'create', entity_type: 'Context', entity: r.id, at: now, actor: 'bench', revision: 1,
      command_id: r.command, command_hash: r.hash, answer: r.answer, changes: r.changes, update_kind: 'node_add',
      node_delta: 1, edge_delta: 1})
    SET h.seq = base + 1, h.clock = now)
  RETURN verdict, CASE WHEN verdict = 'ok' THEN base + 1 ELSE c.seq END AS seq,
    CASE WHEN verdict = 'ok' THEN r.answer ELSE c.answer END AS answer
}
RETURN verdict, seq, answer
"""
MOST_ROWS = 500


async def mutate_limit(store: Store, project_id: str, clients: int, each: int) -> float:
    """Have ``clients`` store ``each`` contexts one after the other; mutations per second."""
    queue: list[tuple[dict[str, Any], anyio.Event, list[Any]]] = []
    arrived = anyio.Event()

    async def client() -> None:
        nonlocal arrived
        for _ in range(each):
            answered, answer = anyio.Event(), []
            queue.append((_row(project_id), answered, answer))
            arrived.set()
            await answered.wait()
            assert answer[0][0] == "ok"
            orjson.loads(answer[0][2])

    async def writer() -> None:
        nonlocal arrived
        async with store.session() as session:
            while True:
                await arrived.wait()
                arrived = anyio.Event()
                while queue:
                    batch, queue[:] = queue[:MOST_ROWS], queue[MOST_ROWS:]
                    sent = {"rows": [row for row, _, _ in batch]}
                    result = await session.run(_STORE, project=project_id, batch=sent)
                    answers = [record.values() async for record in result]
                    for (_, answered, answer), found in zip(batch, answers, strict=True):
                        answer.append(found)
                        answered.set()

    return await timed(clients, each, client, writer)


async def timed(
    clients: int, each: int, client: Callable[[], Any], beside: Callable[[], Any] | None = None
) -> float:
    """Run ``client`` as often at once as ``clients`` says, with ``beside`` as long as that takes; calls per second."""
    async with anyio.create_task_group() as tasks:
        if beside is not None:
            tasks.start_soon(beside)
        started = time.perf_counter()
        async with anyio.create_task_group() as callers:
            for _ in range(clients):
                callers.start_soon(client)
        elapsed = time.perf_counter() - started
        tasks.cancel_scope.cancel()
    return clients * each / elapsed


def _row(project_id: str) -> dict[str, Any]:
    context_id, command = str(uuid.uuid4()), str(uuid.uuid4())
    payload = orjson.dumps({"meta": META, "root": {"domain": "bench", "environment": "bench"}}).decode()
    asked = orjson.dumps(["create_context", context_id, "bench", "active", payload])
    after = {"title": "bench", "status": "active", "payload": payload}
    changes = {"op": "create", "after": after, "links": [["IN_PROJECT", project_id]]}
    return {
        "id": context_id, "command": command, "hash": hashlib.sha256(asked).hexdigest(), "payload": payload,
        "changes": orjson.dumps(changes).decode(), "answer": orjson.dumps({"context": context_id}).decode(),
    }  # fmt: skip
