"""What a decision reads first: the node that it is about, inside the lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.errors import NotFound, StaleRevision
from psg.model.entities import ENTITIES
from psg.write.writer import Locked


async def node_inside(
    locked: Locked, label: str, node_id: str, expected_revision: int | None
) -> Mapping[str, Any]:
    """Read a living node of a type inside the lock; raises ``NotFound`` or ``StaleRevision``."""
    found = await locked.read_one("node_state", node_id=node_id, known=list(ENTITIES))
    if found is None or found["deleted"] or found["label"] != label:
        raise NotFound(f"id: {label.lower()} {node_id} does not exist in this project", id=node_id, entity_type=label)
    node = found["node"]
    if expected_revision is not None and node["revision"] != expected_revision:
        raise StaleRevision(
            f"{label} {node_id} is at revision {node['revision']}, not {expected_revision}; read it again",
            id=node_id, current=node["revision"], expected=expected_revision,
        )  # fmt: skip
    return node
