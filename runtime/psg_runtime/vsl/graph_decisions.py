"""What writing a node or a value comes to: the platform's own commands, so that every rule holds (L3-15)."""

from __future__ import annotations

from functools import partial
from typing import Any

from psg import approvals
from psg.commands import lifecycle, nodes
from psg.commands.documents import decided_inside, store_document
from psg.commands.inside import node_inside
from psg.commands.plan_load import PlanLoad
from psg.commands.plans import store_plan_document
from psg.errors import ImmutableHistory, NotEditable, ValidationFailed
from psg.graph import Graph
from psg.model.codec import opened
from psg.model.entities import ENTITIES
from psg.model.ids import derived_id
from psg.model.lifecycle import TABLES, check_transition
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked
from psg_runtime.vsl.graph_commit import Operation, living
from psg_runtime.vsl.graph_view import BESIDE, MODULE_OF
from psg_runtime.vsl.port import Node

_TEXT_LIMIT = 200


def create(label: str, node_id: str, data: Node) -> Operation:
    """Return the operation that stores a document that is not there yet."""
    same_id(label, node_id, data)
    module = MODULE_OF.get(label)
    if module is None:
        raise NotEditable(f"a {label} is part of another node; write it with that, or by its own commands")
    beside = {k: data[k] for k in BESIDE.get(label, ()) if k in data}
    if beside:
        raise NotEditable(f"{', '.join(beside)}: set once the {module} is there", fields=list(beside))
    return Operation(f"create_{module}", data, partial(_create, module, data))


async def _create(module: str, data: Node, locked: Locked, command: Command) -> Change | PlanLoad:
    if module == "plan":
        return store_plan_document(data, command)
    inside = decided_inside(module, data, command)
    return await inside(locked) if inside is not None else store_document(locked.project_id, module, data, command)


def update(graph: Graph, project_id: str, label: str, node_id: str, changed: Node) -> list[Operation]:
    """Return the operations that give a node the values of ``changed``; ``None`` removes a field.

    A status goes by its transition table and command, fields by the document's schema. Raises ``ImmutableHistory`` for
    recorded history, ``NotEditable`` or ``ValidationFailed`` for what commands of their own change.
    """
    rest = dict(changed)
    found: list[Operation] = []
    if not rest:
        return found
    if label in ("TraceSegment", "Trace", "Decision", "Message"):
        raise ImmutableHistory(f"a {label} is recorded history; {', '.join(rest)} cannot be changed", entity_type=label)
    if "status" in rest:
        found.append(_status(graph, project_id, label, node_id, rest.pop("status")))
    if label == "Plan" and "priority" in rest:
        found.insert(0, _priority(node_id, rest.pop("priority")))
    if rest:
        if label not in nodes.EDITABLE:
            raise NotEditable(
                f"{', '.join(rest)}: not changed by writing a {label}; its own commands do that", fields=list(rest)
            )
        found.insert(0, Operation("update", [node_id, rest], partial(_fields, MODULE_OF[label], node_id, rest)))
    return found


async def _fields(module: str, node_id: str, fields: Node, locked: Locked, command: Command) -> Change:
    return await nodes.update_document(locked, module, node_id, fields, None, command)


def _priority(plan_id: str, priority: Any) -> Operation:
    if priority is not None and (not isinstance(priority, str) or len(priority) > _TEXT_LIMIT):
        raise ValidationFailed(f"priority: a text of up to {_TEXT_LIMIT} characters", field="priority")
    return Operation("plan_priority", [plan_id, priority], partial(_set_priority, plan_id, priority))


async def _set_priority(plan_id: str, priority: str | None, locked: Locked, command: Command) -> Change | None:
    plan = await node_inside(locked, "Plan", plan_id, None)
    if plan.get("priority") == priority:
        return None
    change = Change(command)
    before, after = {"priority": plan.get("priority")}, {"priority": priority}
    change.set("Plan", plan_id, before, after, kind="plan_priority_set", plan=plan_id)
    return change


def _status(graph: Graph, project_id: str, label: str, node_id: str, status: Any) -> Operation:
    if label not in TABLES or status not in TABLES[label]:
        raise ValidationFailed(f"status: {status!r} is no status of a {label}", field="status")
    after = None
    if label == "Plan" and status == "cancelled":
        after = partial(graph.close_plan, project_id, node_id)
    return Operation("transition", [label, node_id, status], partial(_transition, label, node_id, status), after)


async def _transition(label: str, node_id: str, status: str, locked: Locked, command: Command) -> Change:
    if label == "Plan":
        plan = await node_inside(locked, "Plan", node_id, None)
        check_transition("Plan", plan["status"], status)
        if status == "proposed":
            return await approvals.propose_plan(locked, node_id, None, command)
        if status == "draft":
            return await approvals.revise_plan(locked, node_id, None, command)
        if status == "approved":
            return await approvals.approve_plan(locked, node_id, command.actor, None, None, command)
        if status == "in_progress":
            return await approvals.start_plan(locked, node_id, None, command)
        if status == "cancelled":
            return await lifecycle.cancel_plan(locked, node_id, None, command)
        raise NotEditable(f"plan {node_id} is {status} when its steps are finished, not by writing it", id=node_id)
    return await nodes.transition_node(locked, label, node_id, status, None, command)


def delete(graph: Graph, project_id: str, label: str, node_id: str) -> Operation:
    """Return the operation that makes a tombstone of a node, refused while another one needs it (C-09)."""
    after = partial(graph.close_plan, project_id, node_id, deleted=True) if label == "Plan" else None
    return Operation("delete", [label, node_id], partial(_delete, label, node_id), after)


async def _delete(label: str, node_id: str, locked: Locked, command: Command) -> Change:
    return await nodes.delete_node(locked, label, node_id, None, command)


def set_value(key: str, text: str | None) -> Operation:
    """Return the operation that gives a key the JSON ``text``, or none."""
    return Operation("set_value", [key, text], partial(_set_value, key, text))


async def _set_value(key: str, text: str | None, locked: Locked, command: Command) -> Change | None:
    rows = await locked.read("value_state", key=key)
    value = living(rows)
    change = Change(command)
    if value is None:
        if text is None:
            return None
        # The number of tombstones of this key makes the id a new one, and the same one for everybody who would make it.
        value_id = derived_id("value", locked.project_id, key, str(len(rows)))
        change.create("Value", value_id, {"key": key, "value": text})
    elif (None if value["value"] is None else opened(value["value"])) == text:
        return None
    else:
        kind = "value_deleted" if text is None else "value_set"
        change.set("Value", value["id"], {"value": value["value"]}, {"value": text}, kind=kind)
    return change


def same_id(label: str, node_id: str, data: Node) -> None:
    """Refuse a document whose own id is not the one under which it is written."""
    id_field = ENTITIES[label].id_field
    if data.get(id_field, node_id) != node_id:
        raise ValidationFailed(
            f"{id_field}: {data[id_field]} is not the id {node_id} under which it is written", field=id_field
        )


def differing(label: str, now: Node, wanted: Node) -> Node:
    """Return the fields that ``wanted`` has otherwise than ``now``, ``None`` for those that it lacks.

    What stands beside the document is left as it is when it is not given.
    """
    id_field = ENTITIES[label].id_field
    beside = BESIDE.get(label, ())
    gone = {k: None for k in now if k not in wanted and k not in beside and k != id_field}
    return gone | {k: v for k, v in wanted.items() if now.get(k) != v}


def parts_untouched(label: str, changed: Node) -> None:
    """Refuse new parts and references of a node that is there; commands of their own add them."""
    entity = ENTITIES[label]
    parts = {field for field, _ in entity.parts} | entity.reference_fields | set(BESIDE.get(label, ())) - {"priority"}
    fixed = sorted(parts & changed.keys())
    if fixed:
        raise NotEditable(
            f"{', '.join(fixed)}: parts and references of a {label} are not changed by writing it; they have commands "
            "of their own",
            fields=fixed, entity_type=label,
        )  # fmt: skip
