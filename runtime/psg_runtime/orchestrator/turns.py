"""Steps that a worker outside does: offered in the graph, taken under a lease, their answers brought back (0072)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psg_cypher
from psg.model.codec import dumps, loads, sealed
from psg.write.change import Change
from psg.write.writer import Locked
from psg_neo4j.database import Database
from psg_runtime.orchestrator.policy import StepPolicy

NOT_TAKEN: Mapping[str, Any] = {
    "turn_worker": None, "turn_lease": None, "turn_lease_ms": None, "turn_beat": None, "turn_until": None,
    "turn_answer": None,
}  # fmt: skip
"""What a worker who holds a turn leaves on its step, gone."""


def turn_limits(claim: Mapping[str, Any], policy: StepPolicy, left: int | None) -> dict[str, int | None]:
    """Return the clocks of a turn in milliseconds: when it must be taken at the latest, how long it may take.

    ``left`` is what is left of the total time of the step.
    """
    ready = claim["ready_ms"]
    return {
        "queue": None if policy.queue_ms is None or ready is None else ready + policy.queue_ms, "left": left,
        "attempt_ms": policy.attempt_ms, "heartbeat_ms": policy.heartbeat_ms,
    }  # fmt: skip


def offer(change: Change, locked: Locked, claim: Mapping[str, Any], turn: Mapping[str, Any]) -> None:
    """Park a step as offered: whoever works as ``turn["offered_to"]`` may take it."""
    limits = turn.get("limits") or {}
    total = None if limits.get("left") is None else locked.now_ms + limits["left"]
    due = min((at for at in (limits.get("queue"), total) if at is not None), default=None)
    offered = {
        **NOT_TAKEN, "owner": None, "parked": "turn", "due_at": due, "offered_to": turn["offered_to"],
        "turn": sealed(dumps(turn["action"])), "turn_lost": turn.get("lost", 0), "turn_offered": locked.now_ms,
        "turn_queue": limits.get("queue"), "turn_total": total, "turn_attempt_ms": limits.get("attempt_ms"),
        "turn_heartbeat_ms": limits.get("heartbeat_ms"),
    }  # fmt: skip
    change.adjust(claim["id"], offered, add=["Offered", "Timer"] if due is not None else ["Offered"])
    note = {"parked": "turn", "due_at": due, "offered_to": turn["offered_to"], "executor_kind": "external"}
    change.note("runtime_execution", "step_parked", "Step", claim["id"], note, plan=claim["plan"])


async def turn_outcome(db: Database, project_id: str, step_id: str) -> dict[str, Any]:
    """Return why a turn came back to the engine.

    ``answer``: what its worker gave (``output`` or ``error``). Otherwise ``why``: ``unclaimed`` (nobody took it in
    time), ``overdue`` (it took too long), ``silent`` (no sign of life), ``lost`` (the lease ran out) or ``returned``;
    with the ``worker``, and how many were ``lost`` with it.
    """
    row = await db.read_one(psg_cypher.statement("turn_state"), project_id=project_id, step_id=step_id)
    assert row is not None
    facts = {"worker": row["worker"], "lost": row["lost"] or 0, "attempt_ms": row["attempt_ms"],
             "heartbeat_ms": row["heartbeat_ms"]}  # fmt: skip
    if row["answer"] is not None:
        return {**facts, "answer": loads(row["answer"])}
    return {**facts, "why": _why(row)}


def _why(row: Mapping[str, Any]) -> str:
    now = row["now"]
    if row["worker"] is None:
        return "unclaimed" if row["queue"] is not None and row["queue"] <= now else "returned"
    if row["until"] is not None and row["until"] <= now:
        return "overdue"
    if row["heartbeat_ms"] is not None and row["beat"] + row["heartbeat_ms"] <= now:
        return "silent"
    return "lost" if row["lease"] is not None and row["lease"] <= now else "returned"
