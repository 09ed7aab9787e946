"""The events of a session: the document's, of family ``external_integration``, and those of the MAP profile (C-10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from psg.model.codec import digest, storable
from psg.model.ids import new_id
from psg_runtime.contracts.moments import now
from psg_runtime.coordination.model import Participant, TurnStep

FAMILY = "external_integration"
STARTED = "map_session_started"
ASSIGNED = "map_roles_assigned"
DISPATCHED = "map_turn_dispatched"
COMPLETED = "map_turn_completed"
FAILED = "map_turn_failed"
ENDED = "map_session_completed"
_PROFILE: Mapping[str, str] = {
    STARTED: "MAPSessionStarted",
    ASSIGNED: "MAPRolesAssigned",
    DISPATCHED: "MAPTurnDispatched",
    COMPLETED: "MAPTurnCompleted",
    ENDED: "MAPSessionCompleted",
}


def turn_fields(session_id: str, turn_id: str, participant_id: str, step_id: str) -> dict[str, Any]:
    """Return the fields that every event of a turn has besides its payload (DD-51)."""
    return {"session_id": session_id, "turn_id": turn_id, "participant_id": participant_id, "step_id": step_id}


def turn_payload(number: int, participant: Participant, step: TurnStep, **more: Any) -> dict[str, Any]:
    """Return the payload of an event of a turn: its number, whose it is by which role, and what came of it."""
    said = {
        "turn_number": number, "role_id": participant.role_id, "role": participant.role, "step_key": step.key, **more
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def session_event(event_type: str, fields: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event that stands for itself, outside the log of a project."""
    return {
        "event_id": new_id(), "event_type": event_type, "event_family": FAMILY, "timestamp": now(), **fields,
        "payload": dict(payload),
    }  # fmt: skip


def output_hash(output: Any) -> str | None:
    """Return a hash that is equal for equal outputs; ``None`` for what is no JSON."""
    return digest(output) if storable(output) else None


def profile_events(events: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the MAP profile's event for each event of a session, as its schema has it (nothing else beside).

    What the profile does not know (a turn that failed) is left out.
    """
    for event in events:
        name = _PROFILE.get(str(event.get("event_type")))
        if name is None or event.get("event_family") != FAMILY or "session_id" not in event:
            continue
        told = dict(event.get("payload") or {})
        if "turn_id" in event:
            told |= {"token_id": event["turn_id"]}
            told |= {name: event[name] for name in ("participant_id", "step_id") if name in event}
        role = told.get("role_id")
        yield {
            "event_id": new_id(), "event_type": name, "timestamp": event["timestamp"],
            "session_id": event["session_id"], "payload": told,
            **({"target_roles": [role]} if isinstance(role, str) else {}),
        }  # fmt: skip
