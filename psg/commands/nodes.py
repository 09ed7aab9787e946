"""Changing and deleting nodes: document fields, statuses by their table, tombstones with RESTRICT (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.commands.lifecycle import CLOSE_BATCH, plan_inside
from psg.errors import ImmutableHistory, NotEditable, NotFound, Refused, StaleRevision, ValidationFailed
from psg.model.documents import put_together, take_apart
from psg.model.entities import ENTITIES, MODULES
from psg.model.lifecycle import TABLES, TERMINAL_STEP, check_transition
from psg.model.protocol import check_document
from psg.model.references import REFERENCES
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

HISTORY = ("TraceSegment", "Trace", "Decision")
EDITABLE = ("Context", "Role")


async def node_inside(
    locked: Locked, label: str, node_id: str, expected_revision: int | None
) -> Mapping[str, Any]:
    """Read a living node of a type inside the lock; raises ``NotFound`` or ``StaleRevision``."""
    found = await locked.read_one("node_state", node_id=node_id, known=list(ENTITIES))
    if found is None or found["deleted"] or found["label"] != label:
        raise NotFound(f"id: {label.lower()} {node_id} does not exist in this project", id=node_id, entity_type=label)
    node = found["node"]
    if expected_revision is not None and node["revision"] != expected_revision:
        raise StaleRevision(
            f"{label} {node_id} is at revision {node['revision']}, not {expected_revision}; read it again",
            id=node_id, current=node["revision"], expected=expected_revision,
        )  # fmt: skip
    return node


async def update_document(
    locked: Locked,
    module: str,
    node_id: str,
    fields: Mapping[str, Any],
    expected_revision: int | None,
    command: Command,
) -> Change:
    """Decide new values of fields of a context or role; ``None`` removes one. The status goes by its own command."""
    label = MODULES[module]
    if label not in EDITABLE:
        raise NotEditable(f"a {module} is changed by its own commands, not by setting fields", entity_type=label)
    node = await node_inside(locked, label, node_id, expected_revision)
    before = put_together(label, node, {}, {})
    fixed = [f for f in fields if f == "status" or f.endswith("_id")]
    if fixed:
        raise ValidationFailed(f"{', '.join(fixed)}: identity and status cannot be set like a field", fields=fixed)
    after = {k: v for k, v in (before | dict(fields)).items() if v is not None}
    taken = take_apart(label, check_document(module, after))
    change = Change(command)
    names = [*ENTITIES[label].scalars, "payload"]
    changed = {k: taken.props.get(k) for k in names if taken.props.get(k) != node.get(k)}
    old = {k: node.get(k) for k in changed}
    change.set(label, node_id, old, changed, kind=f"{module}_updated")
    change.answer = {module: node_id}
    return change


async def transition_node(
    locked: Locked, label: str, node_id: str, status: str, expected_revision: int | None, command: Command
) -> Change:
    """Decide a change of status of a context by its transition table.

    Other types have commands of their own; what their table does not have is told first, as for every caller (DD-10).
    """
    if label not in TABLES:
        raise NotEditable(f"a {label} has no status that changes", entity_type=label)
    node = await node_inside(locked, label, node_id, expected_revision)
    check_transition(label, node["status"], status)
    if label not in EDITABLE:
        raise NotEditable(f"the status of a {label} changes by its own commands only", entity_type=label)
    change = Change(command)
    change.transition(label, node_id, node["status"], status)
    change.answer = {label.lower(): node_id}
    return change


async def delete_node(
    locked: Locked, label: str, node_id: str, expected_revision: int | None, command: Command
) -> Change:
    """Decide a soft delete; refused while something alive needs the node, and always for recorded history."""
    if label in HISTORY:
        raise ImmutableHistory(f"a {label} is recorded history and cannot be deleted", entity_type=label)
    if label == "Project":
        raise Refused("a project cannot be deleted; its plans and contexts can", entity_type=label)
    node = await node_inside(locked, label, node_id, expected_revision)
    change = Change(command)
    plan_id = None
    if label == "Plan":
        plan_id = node_id
        _delete_plan(change, node)
    if label == "Step":
        plan_id = node["plan"]
        await _delete_step(change, locked, node)
    if label == "Confirm":
        await _refuse_gate(locked, node_id)
    needing = [{"type": r.relationship, "label": r.label} for r in REFERENCES if label in r.targets and r.restrict]
    change.require(node_id, [label], "id", unneeded=needing)
    change.tombstone(label, node_id, plan=plan_id)
    change.answer = {"node": node_id, "label": label}
    return change


def _delete_plan(change: Change, plan: Mapping[str, Any]) -> None:
    if plan["status"] == "in_progress":
        raise Refused(f"plan {plan['id']} is in progress; cancel it before deleting it", id=plan["id"])
    change.adjust(plan["id"], {"close_after": -1}, add=["Closing"])


async def _delete_step(change: Change, locked: Locked, step: Mapping[str, Any]) -> None:
    plan = await plan_inside(locked, step["plan"])
    if plan["status"] not in ("draft", "proposed"):
        raise NotEditable(
            f"step {step['id']} cannot be deleted: its plan is {plan['status']}; cancel the plan or leave the step out "
            "by a condition",
            id=step["id"],
        )  # fmt: skip
    if plan["steps_total"] <= 1:
        raise Refused("the last step of a plan cannot be deleted; delete the plan", id=step["id"])
    counts = {
        "steps_total": plan["steps_total"] - 1,
        "steps_open": plan["steps_open"] - (step["status"] not in TERMINAL_STEP),
        "steps_failed": plan["steps_failed"] - (step["status"] == "failed"),
    }
    change.adjust(step["plan"], counts)


async def _refuse_gate(locked: Locked, confirm_id: str) -> None:
    confirm = await locked.read_one("confirm_state", confirm_id=confirm_id)
    if confirm is not None and confirm["step_id"] is not None:
        raise Refused(
            f"step {confirm['step_id']} is decided by confirm {confirm_id}; decide it instead of deleting it",
            id=confirm_id, step_id=confirm["step_id"],
        )  # fmt: skip


async def delete_parts(locked: Locked, plan_id: str, after: int, command: Command) -> Change:
    """Decide the next batch of a deleted plan: its steps go with it. The answer's ``after`` is ``None`` at the end."""
    rows = await locked.read("plan_live_parts", plan_id=plan_id, after=after, limit=CLOSE_BATCH)
    change = Change(command)
    for row in rows:
        change.tombstone("Step", row["id"], plan=plan_id)
    if rows:
        change.adjust(plan_id, {"close_after": rows[-1]["position"]})
    else:
        change.adjust(plan_id, {"close_after": None}, remove=["Closing"])
        change.note("graph_update", "plan_closed", "Plan", plan_id, {}, plan=plan_id)
    change.answer = {"after": rows[-1]["position"] if rows else None}
    return change
