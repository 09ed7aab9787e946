"""Node types: which protocol fields are properties of their own, which are payload, and what is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psg.model.references import references_of


@dataclass(frozen=True)
class Entity:
    """One node type.

    ``id_field`` is the protocol's name of its id; ``scalars`` are protocol fields kept as searchable properties;
    ``runtime`` are properties of ours that are authoritative (in the log, never exported); ``json`` those of them that
    hold JSON text; ``parts`` maps a protocol list field to the node type of its owned parts. ``own_id`` is false for a
    part that the protocol gives no id: its id is derived from its owner and place, and never exported. Whatever else a
    document has lives in the ``payload`` property.
    """

    label: str
    id_field: str
    scalars: tuple[str, ...]
    runtime: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    own_id: bool = True

    @property
    def logged(self) -> frozenset[str]:
        """Properties that the event log must explain; everything else on the node is derived or operational."""
        return frozenset((*self.scalars, *self.runtime, "payload"))

    @property
    def reference_fields(self) -> frozenset[str]:
        """Protocol field names that are stored as relationships."""
        return frozenset(r.field for r in references_of(self.label))


ENTITIES: Mapping[str, Entity] = {
    e.label: e
    for e in (
        Entity("Project", "project_id", ("name",), ("description",)),
        Entity(
            "Context",
            "context_id",
            ("title", "summary", "status", "tags", "language", "owner_role", "created_at", "updated_at"),
        ),
        Entity(
            "Plan",
            "plan_id",
            ("title", "objective", "status"),
            (
                "goal_id", "params", "estimated_duration_ms", "estimated_cost", "paused", "sched_urgency", "priority",
                "policy", "approval", "budget", "on_failure", "success_criteria", "proposed_by", "criteria",
                "derivation", "invokes",
            ),
            json=("params", "policy", "approval", "budget", "criteria"),
            parts=(("steps", "Step"),),
        ),
        Entity(
            "Step",
            "step_id",
            ("description", "status", "agent_role", "order_index"),
            (
                "key", "type", "capability", "params", "condition", "timeout_ms", "retries", "sched_urgency",
                "position", "output", "error", "skip_reason", "attempt", "fence", "join", "policy", "approval",
                "budget", "compensation", "executed_by",
            ),
            json=("params", "output", "error", "policy", "approval", "budget", "compensation"),
        ),
        Entity(
            "Trace",
            "trace_id",
            ("status", "started_at", "finished_at"),
            parts=(("segments", "TraceSegment"),),
        ),
        Entity(
            "TraceSegment",
            "segment_id",
            ("label", "status", "started_at", "finished_at"),
            ("position", "attempt", "fence", "session_id"),
        ),
        Entity(
            "Confirm",
            "confirm_id",
            ("target_type", "status", "requested_by_role", "requested_at", "reason"),
            ("approval", "covers_hash", "expires_at", "proposed_by", "delegations", "voided", "round"),
            json=("approval", "delegations"),
            parts=(("decisions", "Decision"),),
        ),
        Entity(
            "Decision",
            "decision_id",
            ("status", "decided_by_role", "decided_at", "reason"),
            ("position", "actor"),
        ),
        Entity(
            "Role",
            "role_id",
            ("name", "description", "capabilities", "created_at", "updated_at"),
            ("placeholder",),
        ),
        Entity(
            "Dialog",
            "dialog_id",
            ("thread_id", "status", "started_at", "ended_at"),
            parts=(("messages", "Message"),),
        ),
        Entity("Message", "message_id", ("role", "content", "timestamp"), ("position",), own_id=False),
        Entity(
            "Collab",
            "collab_id",
            ("title", "purpose", "mode", "status", "created_at", "updated_at"),
            ("session_number", "session_plan", "session_state", "session_reason", "session", "session_metadata"),
            json=("session", "session_metadata"),
            parts=(("participants", "Participant"),),
        ),
        Entity(
            "Participant",
            "participant_node_id",
            ("participant_id", "kind", "display_name"),
            ("position",),
            own_id=False,
        ),
        Entity("Extension", "extension_id", ("name", "extension_type", "version", "status")),
        Entity("Core", "core_id", ("protocol_version", "status")),
        Entity(
            "Network",
            "network_id",
            ("name", "description", "topology_type", "status"),
            parts=(("nodes", "NetworkNode"),),
        ),
        Entity("NetworkNode", "node_id", ("name", "kind", "status"), ("position",)),
        Entity("Value", "value_id", (), ("key", "value"), json=("value",), own_id=False),
        Entity(
            "Resource",
            "resource_id",
            ("uri", "kind"),
            (
                "hash", "size", "mtime_ms", "mode", "base_hash", "state", "value", "found", "confirm", "settings",
                "on_drift", "due",
            ),
            json=("value", "found", "settings", "on_drift", "due"),
        ),
    )
}  # fmt: skip

MODULES: Mapping[str, str] = {
    "context": "Context",
    "plan": "Plan",
    "trace": "Trace",
    "confirm": "Confirm",
    "role": "Role",
    "dialog": "Dialog",
    "collab": "Collab",
    "extension": "Extension",
    "core": "Core",
    "network": "Network",
}
"""The protocol's modules and the node types of their documents."""
