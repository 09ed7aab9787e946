"""The reference table: field → relationship type → allowed targets; it drives writes, reads and audit (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One reference field of a node type.

    ``field`` is the protocol's name (or ours where the protocol nests the part in its owner), ``relationship`` the
    stored type, ``targets`` the node types it may point to, ``many`` whether the field is a list, ``owner`` whether the
    node is part of the target and goes with it, ``required`` whether every such node has it, ``restrict`` whether the
    target cannot be deleted while this reference to it is alive, ``exported`` whether the protocol has the field.
    """

    label: str
    field: str
    relationship: str
    targets: tuple[str, ...]
    many: bool = False
    owner: bool = False
    required: bool = True
    restrict: bool = False
    exported: bool = True


CONFIRM_TARGETS: Mapping[str, tuple[str, ...]] = {
    "context": ("Context",),
    "plan": ("Plan",),
    "trace": ("Trace",),
    "extension": ("Extension",),
    "other": (
        "Context", "Plan", "Step", "Trace", "Confirm", "Role", "Dialog", "Collab", "Extension", "Core", "Network",
        "Resource",
    ),
}  # fmt: skip

REFERENCES: tuple[Reference, ...] = (
    Reference("Context", "project_id", "IN_PROJECT", ("Project",), exported=False),
    Reference("Role", "project_id", "IN_PROJECT", ("Project",), exported=False),
    Reference("Plan", "context_id", "IN_CONTEXT", ("Context",), restrict=True),
    Reference("Plan", "derived_from", "DERIVED_FROM", ("Plan",), required=False, exported=False),
    Reference("Plan", "parent_step", "SUBPLAN_OF", ("Step",), required=False, exported=False),
    Reference("Step", "plan_id", "IN_PLAN", ("Plan",), owner=True),
    Reference("Step", "dependencies", "DEPENDS_ON", ("Step",), many=True, required=False, restrict=True),
    Reference("Trace", "context_id", "IN_CONTEXT", ("Context",)),
    Reference("Trace", "plan_id", "TRACES", ("Plan",), required=False),
    Reference("TraceSegment", "trace_id", "IN_TRACE", ("Trace",), owner=True),
    Reference("TraceSegment", "parent_segment_id", "CHILD_OF", ("TraceSegment",), required=False),
    Reference("TraceSegment", "step_id", "RECORDS", ("Step",), required=False, exported=False),
    Reference("Confirm", "target_id", "CONFIRMS", CONFIRM_TARGETS["other"]),
    Reference("Confirm", "step_id", "GATES", ("Step",), required=False, exported=False),
    Reference("Decision", "confirm_id", "DECIDES", ("Confirm",), owner=True, restrict=True),
    Reference("Dialog", "context_id", "IN_CONTEXT", ("Context",), restrict=True),
    Reference("Message", "dialog_id", "IN_DIALOG", ("Dialog",), owner=True),
    Reference("Collab", "context_id", "IN_CONTEXT", ("Context",), restrict=True),
    Reference("Participant", "collab_id", "IN_COLLAB", ("Collab",), owner=True),
    Reference("Participant", "role_id", "PLAYS_ROLE", ("Role",), required=False, restrict=True),
    Reference("Extension", "context_id", "IN_CONTEXT", ("Context",), restrict=True),
    Reference("Core", "project_id", "IN_PROJECT", ("Project",), exported=False),
    Reference("Network", "context_id", "IN_CONTEXT", ("Context",), restrict=True),
    Reference("NetworkNode", "network_id", "IN_NETWORK", ("Network",), owner=True),
    Reference("NetworkNode", "role_id", "PLAYS_ROLE", ("Role",), required=False, restrict=True),
    Reference(
        "Resource", "dependents", "AFFECTS", ("Plan", "Step"), many=True, required=False, exported=False
    ),
)

BY_FIELD: Mapping[tuple[str, str], Reference] = {(r.label, r.field): r for r in REFERENCES}
_OF: Mapping[str, tuple[Reference, ...]] = {
    label: tuple(sorted((r for r in REFERENCES if r.label == label), key=lambda r: not r.owner))
    for label in {r.label for r in REFERENCES}
}

OWNER_KEYS: Mapping[str, str] = {
    "Step": "plan",
    "TraceSegment": "trace",
    "Message": "dialog",
    "Participant": "collab",
    "NetworkNode": "network",
}
"""Parts that repeat their owner's id as a property, for ordered pages by index, and the name of that property."""


def references_of(label: str) -> tuple[Reference, ...]:
    """Return the reference fields of a node type, owner first."""
    return _OF.get(label, ())
