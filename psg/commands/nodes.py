"""Changing and deleting nodes: document fields, statuses by their table, tombstones with RESTRICT (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.commands.inside import node_inside
from psg.commands.lifecycle import CLOSE_BATCH, plan_inside
from psg.commands.parts import PART_NAMES, living_parts
from psg.errors import ImmutableHistory, NotEditable, Refused, ValidationFailed
from psg.model.codec import opened
from psg.model.documents import put_together, take_apart
from psg.model.entities import ENTITIES, MODULES
from psg.model.lifecycle import TABLES, TERMINAL_STEP, check_transition
from psg.model.protocol import check_document
from psg.model.references import OWNER_KEYS, REFERENCES
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

HISTORY = ("TraceSegment", "Trace", "Decision", "Message")
EDITABLE = ("Context", "Role", "Dialog", "Collab", "Extension", "Core", "Network")


async def update_document(
    locked: Locked,
    module: str,
    node_id: str,
    fields: Mapping[str, Any],
    expected_revision: int | None,
    command: Command,
) -> Change:
    """Decide new values of a document's own fields; ``None`` removes one.

    Status, references and parts go by commands of their own; plans, traces and confirms have no other fields to set.
    """
    label = MODULES[module]
    if label not in EDITABLE:
        raise NotEditable(f"a {module} is changed by its own commands, not by setting fields", entity_type=label)
    node = await node_inside(locked, label, node_id, expected_revision)
    if node.get("placeholder"):
        raise NotEditable(f"{module} {node_id} is only named by others; import or create its document", id=node_id)
    before = put_together(label, node, {}, {})
    parts = [field for field, _ in ENTITIES[label].parts]
    kept = {*ENTITIES[label].reference_fields, *parts}
    fixed = [f for f in fields if f in {"status", ENTITIES[label].id_field, *kept}]
    if fixed:
        raise ValidationFailed(
            f"{', '.join(fixed)}: identity, status and parts cannot be set like a field", fields=fixed
        )
    after = {k: v for k, v in (before | dict(fields)).items() if v is not None}
    taken = take_apart(label, check_document(module, after, kept=kept))
    change = Change(command)
    names = [*ENTITIES[label].scalars, "payload"]
    changed = {k: taken.props.get(k) for k in names if taken.props.get(k) != _clear(node.get(k))}
    old = {k: node.get(k) for k in changed}
    change.set(label, node_id, old, changed, kind=f"{module}_updated")
    change.answer = {module: node_id}
    return change


def _clear(stored: Any) -> Any:
    return opened(stored) if isinstance(stored, str) else stored


async def transition_node(
    locked: Locked, label: str, node_id: str, status: str, expected_revision: int | None, command: Command
) -> Change:
    """Decide a change of status by the transition table of the type.

    Plans, steps, traces and confirms have commands of their own; what their table does not have is told first, as for
    every caller (DD-10).
    """
    if label not in TABLES:
        raise NotEditable(f"a {label} has no status that changes", entity_type=label)
    node = await node_inside(locked, label, node_id, expected_revision)
    check_transition(label, node["status"], status)
    if label not in (*EDITABLE, "NetworkNode"):
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
    if label == "Participant":
        await _refuse_last(locked, node)
    for _, kind in ENTITIES[label].parts:
        if kind in PART_NAMES:
            for row in await living_parts(locked, kind, node_id):
                change.tombstone(kind, row["id"])
    if label == "Resource":  # its uri can be tracked again, by another node
        change.set(label, node_id, {"uri": node["uri"]}, {"uri": None}, kind="resource_freed")
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


async def _refuse_last(locked: Locked, participant: Mapping[str, Any]) -> None:
    collab = participant[OWNER_KEYS["Participant"]]
    if len(await living_parts(locked, "Participant", collab)) <= 1:
        raise Refused(
            f"the last participant of collab {collab} cannot be deleted; delete the collab", id=participant["id"]
        )


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
