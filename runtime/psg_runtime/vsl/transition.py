"""A change of a plan's status in one transaction with what depends on it, on any transactional store (DD-17, DD-18)."""

from __future__ import annotations

from datetime import UTC, datetime

from psg.errors import NotFound
from psg.model.codec import timestamp
from psg.model.ids import new_id
from psg.model.lifecycle import TERMINAL_PLAN, check_transition
from psg_runtime.vsl.port import Node, TransactionHandle, ValueStore


async def atomic_plan_transition(vsl: ValueStore, plan_id: str, status: str) -> Node:
    """Take a plan to ``status`` and return it as it is then; on any error nothing is written, and the error goes on.

    Steps: check the transition table, write the plan, update its Trace, commit. The Neo4j store keeps the Trace with
    the plan by itself; elsewhere the Trace named by ``trace_id`` gains an event and, at the plan's end, its own end
    (C-07: no ``plan_status``). Raises ``NotFound``, ``InvalidTransition`` and what the store raises.
    """
    async with vsl.transaction() as tx:
        plan = await vsl.read_node("Plan", plan_id, tx)
        if plan is None:
            raise NotFound(f"id: plan {plan_id} does not exist", id=plan_id, entity_type="Plan")
        check_transition("Plan", plan["status"], status)
        await vsl.write_node("Plan", plan_id, {**plan, "status": status}, tx)
        if not vsl.keeps_dependents:
            await _update_trace(vsl, plan, status, tx)
    changed = await vsl.read_node("Plan", plan_id)
    assert changed is not None
    return changed


async def _update_trace(vsl: ValueStore, plan: Node, status: str, tx: TransactionHandle) -> None:
    trace_id = plan.get("trace_id")
    if not trace_id:
        return
    trace = await vsl.read_node("Trace", trace_id, tx)
    if trace is None:
        return
    now = timestamp(int(datetime.now(UTC).timestamp() * 1000))
    event = {
        "event_id": new_id(), "event_type": "plan.status.changed", "source": "runtime.vsl", "timestamp": now,
        "data": {"plan_id": plan["plan_id"], "from": plan["status"], "to": status},
    }  # fmt: skip
    changed = {**trace, "events": [*trace.get("events", []), event]}
    if status in TERMINAL_PLAN and trace.get("status") in ("pending", "running"):
        changed |= {"status": status, "finished_at": now}
    await vsl.write_node("Trace", trace_id, changed, tx)
