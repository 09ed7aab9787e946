"""A logged event as the protocol's event schemas describe it: the one projection that every door uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.model.codec import loads, timestamp
from psg.model.entities import ENTITIES
from psg.model.lifecycle import STAGE_STATUS

OWN_FIELDS = frozenset(
    (
        "event_id", "event_type", "event_family", "timestamp", "project_id", "seq", "lamport_timestamp", "plan_id",
        "payload",
    )
)  # fmt: skip
"""What the projection says of every event; nobody who records one can say it otherwise."""
EMITTED = "event"
"""Where the ``changes`` of an event that somebody recorded (``psg.events.emit``) hold its payload and fields."""

_SOURCE_MODULE: Mapping[str, str] = {
    part: entity.label.lower() for entity in ENTITIES.values() for _, part in entity.parts
}
_EXECUTORS = frozenset(("agent", "tool", "llm", "worker", "external"))
_EXECUTION_STATUS: Mapping[str, str] = {
    "pending": "pending", "started": "running", "running": "running", "in_progress": "running",
    "completed": "completed", "failed": "failed", "cancelled": "cancelled", "skipped": "cancelled",
}  # fmt: skip


def statuses(event: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the status before and after an event, ``None`` where it does not say."""
    if event["op"] == "note":  # says something else of its own
        return None, None
    changes = loads(event["changes"]) or {}
    before, after = changes.get("before") or {}, changes.get("after") or {}
    return before.get("status"), after.get("status")


def protocol_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the log (``psg.read.events``) as its protocol event.

    ``lamport_timestamp`` is its number in the project's log, which grows by one per event (DD-36); ``stage_status``
    follows C-04. An event of ``psg.events.emit`` has the payload and fields it was recorded with.
    """
    view = {
        "event_id": event["event_id"],
        "event_type": event["type"],
        "event_family": event["family"],
        "timestamp": timestamp(event["at"]),
        "project_id": event["project_id"],
        "seq": event["seq"],
        "lamport_timestamp": event["seq"],
    }
    if event.get("plan"):
        view["plan_id"] = event["plan"]
    emitted = (loads(event["changes"]) or {}).get(EMITTED) if event["op"] == "note" else None
    if emitted is not None:
        return view | {"payload": emitted["payload"]} | emitted["fields"]
    view["payload"] = _payload(event)
    family = _FAMILIES.get(event["family"])
    return view if family is None else view | family(event)


def _payload(event: Mapping[str, Any]) -> dict[str, Any]:
    before, after = statuses(event)
    payload = {
        "resource_type": event["entity_type"], "resource_id": event["entity"], "op": event["op"],
        "from_status": before, "to_status": after, "actor": event["actor"], "revision": event.get("revision"),
        "command_id": event.get("command_id"), "correlation_id": event.get("correlation_id"),
    }  # fmt: skip
    return {k: v for k, v in payload.items() if v is not None}


def _graph_update(event: Mapping[str, Any]) -> dict[str, Any]:
    entity_type = event["entity_type"]
    return {
        "graph_id": event["project_id"],
        "update_kind": event.get("update_kind") or "node_update",
        "node_delta": event.get("node_delta") or 0,
        "edge_delta": event.get("edge_delta") or 0,
        "source_module": _SOURCE_MODULE.get(entity_type, entity_type.lower()),
    }


def _pipeline_stage(event: Mapping[str, Any]) -> dict[str, Any]:
    stage = {
        "pipeline_id": event.get("plan") or event["entity"],
        "stage_id": event["entity"],
        "stage_status": STAGE_STATUS[statuses(event)[1] or "pending"],
    }
    entity = event.get("stage") or {}
    named = {"stage_name": entity.get("name"), "stage_order": entity.get("order")}
    return stage | {k: v for k, v in named.items() if v is not None}


def _runtime_execution(event: Mapping[str, Any]) -> dict[str, Any]:
    changes = loads(event["changes"]) or {}
    kind = changes.get("executor_kind") or (event.get("stage") or {}).get("type")
    status = changes.get("status") or event["type"].rpartition("_")[2]
    view = {
        "execution_id": event["event_id"],
        "executor_kind": kind if kind in _EXECUTORS else "worker",
        "status": _EXECUTION_STATUS.get(status, "running"),
    }
    role = changes.get("executor_role")
    return view | {"executor_role": role} if isinstance(role, str) else view


_FAMILIES = {
    "graph_update": _graph_update,
    "pipeline_stage": _pipeline_stage,
    "runtime_execution": _runtime_execution,
}
