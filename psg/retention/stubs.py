"""What stays of a finished plan's nodes: who, when, status and hashes; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from psg.model.codec import dumps, loads

Props = Mapping[str, Any]

TAKEN: Mapping[str, tuple[str, ...]] = {
    "Plan": ("params",),
    "Step": ("params", "output", "error", "payload", "compensation"),
    "TraceSegment": ("payload",),
}
"""Properties that are taken away as they are, by node type; of a segment's payload the facts stay."""
FACTS = frozenset(
    (
        "step_id", "key", "attempt", "duration_ms", "executor", "capability", "model", "provider", "agent_role", "cost",
        "currency", "tokens", "usage", "budget", "calls", "confirm_id", "decision_id", "approved_by", "snapshot", "to",
        "before", "restored", "reused_from", "compensates",
    )
)  # fmt: skip
"""Attributes of a trace segment that tell who did what and what it cost."""
FACT_CHARS = 500
ERROR_FACTS = ("code", "category")


def stub_of(label: str, props: Props) -> dict[str, Any] | None:
    """Return the properties to set (``None``: remove) so that a node becomes its stub; ``None`` when it is one.

    ``pruned`` of the result holds size and SHA-256 of each text that goes, as it was stored.
    """
    changed: dict[str, Any] = {}
    hashes: dict[str, Any] = loads(props.get("pruned")) or {}
    for name in TAKEN[label]:
        text = props.get(name)
        if text is None:
            continue
        left = _left(text) if (label, name) == ("TraceSegment", "payload") else None
        if left == text:
            continue
        raw = text.encode()
        hashes[name] = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
        changed[name] = left
    return {**changed, "pruned": dumps(hashes)} if changed else None


def _left(text: str) -> str | None:
    """The payload of a segment with nothing but facts, the text itself when it had nothing else."""
    attributes = (loads(text) or {}).get("attributes")
    if not isinstance(attributes, dict):
        return None
    kept = {name: value for name, value in attributes.items() if name in FACTS and _short(value)}
    error = attributes.get("error")
    if isinstance(error, dict):
        kept["error"] = {name: error[name] for name in ERROR_FACTS if isinstance(error.get(name), str)}
    return text if kept == attributes and set(loads(text)) == {"attributes"} else dumps({"attributes": kept})


def _short(value: Any) -> bool:
    """Whether a value can be a fact: numbers and short texts, flat or named once (tokens by kind)."""
    if isinstance(value, dict):
        return all(not isinstance(v, dict | list) and _short(v) for v in value.values())
    return not isinstance(value, list) and len(str(value)) <= FACT_CHARS
