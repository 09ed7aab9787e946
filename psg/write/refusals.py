"""Turns the verdict of a write statement into the error that tells what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psg.errors import (
    CommandReused,
    DuplicateId,
    NotFound,
    PsgError,
    ReferenceMissing,
    Refused,
    StaleRevision,
    StillReferenced,
)
from psg.model.lifecycle import TABLES, refused_transition


def refusal(
    verdict: str,
    fault: Mapping[str, Any] | None,
    guards: Sequence[Mapping[str, Any]],
    fields: Sequence[str],
    command_id: str,
) -> PsgError:
    """Return the error for ``verdict``; ``fault`` names the guard that failed and what was found instead."""
    if verdict == "reused":
        return CommandReused(
            f"command {command_id} was used before for another request; take a new command id", command_id=command_id
        )
    assert fault is not None
    guard, field = guards[fault["guard"]], fields[fault["guard"]]
    node_id, wanted = guard["id"], " or ".join(guard["labels"])
    facts = {"field": field, "id": node_id}
    if verdict == "exists":
        return DuplicateId(f"{field}: {node_id} exists already in this project", **facts)
    if verdict in ("missing", "wrong_type", "deleted"):
        return _missing(verdict, fault, field, node_id, wanted)
    if verdict == "stale":
        return StaleRevision(
            f"{wanted} {node_id} is at revision {fault['revision']}, not {guard['revision']}; read it again",
            **facts, current=fault["revision"], expected=guard["revision"],
        )  # fmt: skip
    if verdict == "needed":
        users = ", ".join(fault["needed_by"] or ())
        return StillReferenced(f"{wanted} {node_id} is still needed by {users}; delete that first", **facts)
    if verdict == "transition" and guard.get("target"):
        return refused_transition(guard["labels"][0], fault["status"], guard["target"])
    if verdict == "transition":
        allowed = " or ".join(guard["status"])
        return Refused(
            f"{field}: {wanted} {node_id} is {fault['status']}; it has to be {allowed}",
            **facts, current=fault["status"],
        )  # fmt: skip
    state = ", ".join(f"{k} = {v}" for k, v in (guard.get("holds") or {}).items())
    return Refused(f"{field}: {wanted} {node_id} does not allow this now: it needs {state}", **facts)


def _missing(verdict: str, fault: Mapping[str, Any], field: str, node_id: str, wanted: str) -> PsgError:
    found = [label for label in fault["labels"] or () if label in TABLES or label not in ("PsgNode", "Tombstone")]
    own = field in ("id",)
    reason = {
        "missing": "does not exist in this project",
        "wrong_type": f"is a {' '.join(found)}",
        "deleted": "was deleted",
    }[verdict]
    kind = NotFound if own else ReferenceMissing
    return kind(f"{field}: {node_id} {reason}; a {wanted} is expected", field=field, id=node_id, expected=wanted)
