"""Recording events of any family in the project's one log: validated, by its one clock (L3-43, DD-36 … DD-38)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psg_cypher
from psg.errors import Refused, ValidationFailed
from psg.events.causality import EXECUTION_STARTED, check_execution_start
from psg.events.models import check_event
from psg.events.projection import EMITTED, OWN_FIELDS
from psg.graph import Graph
from psg.model.codec import dumps, storable, timestamp
from psg.model.ids import check_id, new_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_neo4j.database import Database

RECORDED_BY_THE_PLATFORM = frozenset(("graph_update", "pipeline_stage"))
EVENT_BYTES = 65_536
TYPE_CHARS = 200


async def emit(
    graph: Graph,
    project_id: str,
    family: str,
    event_type: str,
    payload: Mapping[str, Any] | None = None,
    *,
    fields: Mapping[str, Any] | None = None,
    plan_id: str | None = None,
    actor: str = "system",
    command_id: str | None = None,
    correlation_id: str | None = None,
) -> Answer:
    """Record an event about a project, or about its plan ``plan_id``; it changes nothing of the graph. ids: ``event``.

    ``fields`` are those of the family (``execution_id``, ``executor_kind``, ``status`` … of ``runtime_execution``) and
    any others beside the payload. ``graph_update`` and ``pipeline_stage`` are refused: the platform records them with
    the change they tell of, so that their number is exact (L3-40, L3-41). Raises ``ValidationFailed``,
    ``ReferenceMissing`` for a plan that is not there, and ``CausalityViolation`` for a ``plan_execution_started`` of a
    plan whose creation did not come before; what is refused is recorded nowhere.
    """
    given = dict(payload or {}), dict(fields or {})
    _check(project_id, family, event_type, *given)
    if plan_id is not None:
        check_id(plan_id, "plan_id")
    request = [family, event_type, *given, plan_id]
    command = Command("emit_event", request, actor, command_id or new_id(), correlation_id)
    if event_type != EXECUTION_STARTED:
        return await graph.writer(project_id).submit(_change(command, project_id))
    if plan_id is None:
        raise ValidationFailed(f"plan_id: {EXECUTION_STARTED} names the plan that is executed")

    async def decide(inside: Locked) -> Change:
        created = _creation(await inside.read_one("plan_creation", plan_id=plan_id))
        check_execution_start(created, inside.head_seq + 1)
        return _change(command, project_id)

    return await graph.locked(project_id, command, decide)


async def plan_creation(db: Database, project_id: str, plan_id: str) -> int | None:
    """Return the Lamport timestamp of a plan's creation, ``None`` when the log does not tell of one."""
    statement = psg_cypher.statement("plan_creation")
    return _creation(await db.read_one(statement, project_id=project_id, plan_id=plan_id))


def _creation(row: Mapping[str, Any] | None) -> int | None:
    if row is None:
        return None
    if row["created"] is None and row["known"] and row["earliest"] > 1:
        return row["earliest"] - 1  # it was created before the log, as it was kept, begins
    return row["created"]


def _check(
    project_id: str, family: str, event_type: str, payload: dict[str, Any], fields: dict[str, Any]
) -> None:
    if family in RECORDED_BY_THE_PLATFORM:
        raise Refused(
            f"event_family: {family} events are recorded by the platform with the change they tell of, never by hand",
            family=family,
        )
    own = sorted(OWN_FIELDS & fields.keys())
    if own:
        raise ValidationFailed(f"fields: {', '.join(own)}: the log itself says this of every event", fields=own)
    check_event(
        {
            "event_id": new_id(), "event_type": event_type, "event_family": family, "timestamp": timestamp(0),
            "project_id": project_id, "payload": payload, **fields,
        }
    )  # fmt: skip
    if len(event_type) > TYPE_CHARS:
        raise ValidationFailed(f"event_type: {len(event_type)} characters; {TYPE_CHARS} are allowed")
    if not storable([event_type, payload, fields]):
        raise ValidationFailed("Invalid event: not JSON that can be kept: no NaN, no integers beyond 64 bits, UTF-8")
    size = len(dumps([payload, fields]).encode())
    if size > EVENT_BYTES:
        raise ValidationFailed(
            f"payload: {size} bytes; an event has up to {EVENT_BYTES}: store the rest elsewhere and refer to it",
            size=size, limit=EVENT_BYTES,
        )  # fmt: skip


def _change(command: Command, project_id: str) -> Change:
    family, event_type, payload, fields, plan_id = command.payload
    change = Change(command)
    if plan_id is None:
        change.require(project_id, ["Project"], "project_id")
    else:
        change.require(plan_id, ["Plan"], "plan_id")
    label, entity = ("Project", project_id) if plan_id is None else ("Plan", plan_id)
    change.note(family, event_type, label, entity, {EMITTED: {"payload": payload, "fields": fields}}, plan=plan_id)
    change.answer = {"event": change.events[0]["event_id"]}
    return change
