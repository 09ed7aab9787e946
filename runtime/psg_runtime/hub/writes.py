"""What the hub writes: each row with the event that tells of it, in one commit (statement ``hub_apply``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psg.events.projection import EMITTED
from psg.messages import COMPLETED, EXPIRED, FAILED, PENDING, answering_command, sending_command
from psg.model.codec import dumps, loads, sealed
from psg.model.ids import derived_id, new_id
from psg.write.change import Change
from psg.write.command import Command
from psg_runtime.hub.message import InterModuleMessage, MessageResult

STATEMENT = "hub_apply"
_STATUS = {COMPLETED: "completed", FAILED: "failed", EXPIRED: "cancelled"}


@dataclass(frozen=True, slots=True)
class HubWrite:
    """One row of ``hub_apply``: who asks, what is done, and the event of it."""

    command: Command
    event: tuple[str, str, Mapping[str, Any], Mapping[str, Any]]
    """Family, type, payload and fields."""
    fields_of_row: Mapping[str, Any]
    guards: Sequence[Mapping[str, Any]] = ()
    fields: Sequence[str] = ()
    weight: int = 2

    def row(self, project_id: str) -> dict[str, Any]:
        """The parameter row."""
        family, kind, payload, fields = self.event
        change = Change(self.command)
        change.note(family, kind, "Project", project_id, {EMITTED: {"payload": dict(payload), "fields": dict(fields)}})
        whole = change.row(project_id)
        return {**{k: whole[k] for k in ("command_id", "command_hash", "answer", "events")}, **self.fields_of_row}


def module_write(op: str, module: str) -> HubWrite:
    """Note that a module takes messages (``announce``), or takes none any more (``withdraw``)."""
    command = Command(f"hub_{op}", module, actor=module)
    kind = "module_announced" if op == "announce" else "module_withdrawn"
    return HubWrite(command, ("external_integration", kind, {"module": module}, {}), {"op": op, "module": module})


def send_write(message: InterModuleMessage, timeout_ms: int | None, limit: int, sent_by: str) -> HubWrite:
    """Accept a message; the same one again is the same command, whoever sends it. ``sent_by`` marks this sending."""
    command = Command(
        "route_message", message.content, actor=message.source_module,
        command_id=sending_command(message.id), correlation_id=message.correlation_id,
    )  # fmt: skip
    props = {
        "source_module": message.source_module, "target_module": message.target_module,
        "operation": message.operation, "correlation_id": message.correlation_id, "priority": message.priority.value,
        "timestamp": message.timestamp.isoformat(), "timeout_ms": timeout_ms, "sent_by": sent_by,
        "payload": sealed(dumps(message.payload)),
    }  # fmt: skip
    row = {
        "op": "send", "id": message.id, "source": message.source_module, "target": message.target_module,
        "rank": message.priority.rank, "limit": limit, "timeout_ms": timeout_ms, "props": props,
    }  # fmt: skip
    return HubWrite(command, _event("message_sent", message, PENDING), row)


def finish_write(message: InterModuleMessage, fence: int, result: MessageResult) -> HubWrite:
    """Take the answer of the one who holds a message."""
    payload: dict[str, Any] = {"deliveries": result.deliveries, "duration_ms": round(result.duration_ms)}
    if result.error is not None:
        payload |= {"error": {k: result.error.get(k) for k in ("code", "category")}}
    output = None if result.output is None else sealed(dumps(result.output))
    error = None if result.error is None else sealed(dumps(result.error))
    return _over(message, fence, result.status, payload, output=output, error=error)


def expire_write(
    message: InterModuleMessage, *, fence: int | None = None, overdue: bool = False, sent_by: str | None = None
) -> HubWrite:
    """End a message that nobody answered in time: one whose time is over (``overdue``), or that was ``sent_by`` us."""
    return _over(message, fence, EXPIRED, {}, overdue=overdue, sent_by=sent_by)


def _over(
    message: InterModuleMessage, fence: int | None, status: str, payload: Mapping[str, Any], **row: Any
) -> HubWrite:
    command_id = new_id() if fence is None else answering_command(message.id, fence, status)
    command = Command(
        "finish_message", [message.id, fence, status], actor=message.target_module, command_id=command_id,
        correlation_id=message.correlation_id,
    )  # fmt: skip
    kind = "message_timed_out" if status == EXPIRED else f"message_{status}"
    made = {
        "op": "finish", "id": message.id, "fence": fence, "status": status, "overdue": False, "sent_by": None,
        "output": None, "error": None, **row,
    }  # fmt: skip
    return HubWrite(command, _event(kind, message, _STATUS[status], payload), made)


def _event(
    kind: str, message: InterModuleMessage, status: str, more: Mapping[str, Any] | None = None
) -> tuple[str, str, Mapping[str, Any], Mapping[str, Any]]:
    """The event of a message; never with its payload or output, which may be large or confidential."""
    payload = {
        "message_id": message.id, "source_module": message.source_module, "target_module": message.target_module,
        "operation": message.operation, "priority": message.priority.value, "correlation_id": message.correlation_id,
        **(more or {}),
    }  # fmt: skip
    fields = {
        "execution_id": derived_id("hub_execution", message.id), "executor_kind": "worker",
        "executor_role": message.target_module, "status": status,
    }  # fmt: skip
    return "runtime_execution", kind, payload, fields


def message_of(row: Mapping[str, Any], *, payload: bool = True) -> InterModuleMessage:
    """A stored message as it was sent, or without its payload; raises ``PayloadUnreadable`` where that is asked for."""
    return InterModuleMessage(
        id=row["id"], source_module=row["source_module"], target_module=row["target_module"],
        operation=row["operation"], payload=loads(row["payload"]) if payload else {},
        correlation_id=row["correlation_id"],
        timestamp=row["timestamp"], priority=row["priority"],
    )  # fmt: skip


def result_stored(row: Mapping[str, Any]) -> MessageResult | None:
    """The result of a stored message that is over; ``None`` when nobody answered in time."""
    if row["status"] == EXPIRED:
        return None
    return MessageResult(
        message_id=row["id"], correlation_id=row["correlation_id"], source_module=row["source_module"],
        target_module=row["target_module"], operation=row["operation"], status=row["status"],
        output=loads(row.get("output")), error=loads(row.get("error")),
        duration_ms=max(0, row["done_ms"] - row["at"]), deliveries=max(1, row["fence"]),
    )  # fmt: skip
