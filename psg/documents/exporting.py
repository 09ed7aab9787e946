"""Nodes of the graph as protocol 1.0.0 documents, without what the runtime added to them (DESIGN §8)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import psg_cypher
from psg.errors import NotFound, ValidationFailed
from psg.model.documents import put_together
from psg.model.entities import ENTITIES, MODULES
from psg.model.references import references_of
from psg_neo4j.database import Database

Row = dict[str, Any]

EXPORT_ORDER = (
    "context", "role", "core", "plan", "trace", "extension", "dialog", "collab", "network", "confirm"
)  # fmt: skip
PAGE = 500

_PARTS: Mapping[str, str] = {
    "Step": "document_steps",
    "TraceSegment": "document_segments",
    "Decision": "document_decisions",
    "Message": "document_messages",
    "Participant": "document_participants",
    "NetworkNode": "document_network_nodes",
}
# Positions count from 0; segments that were imported count up to 0 from below.
_BEFORE_FIRST = -(2**53)


async def export_document(db: Database, project_id: str, module: str, node_id: str) -> dict[str, Any]:
    """Return one node as its protocol document.

    Equal to the document that was imported when nothing changed since. Raises ``NotFound``, also for a deleted node,
    and ``ValidationFailed`` for a module that is not kept.
    """
    label = MODULES.get(module)
    if label is None:
        raise ValidationFailed(f"{module!r} is no module kept here; known are {', '.join(MODULES)}", module=module)
    row = await db.read_one(psg_cypher.statement("document_node"), project_id=project_id, node_id=node_id)
    if row is None or label not in row["labels"] or "Tombstone" in row["labels"]:
        raise NotFound(f"id: {module} {node_id} does not exist in this project", id=node_id, entity_type=label)
    if row["node"].get("placeholder"):
        raise NotFound(f"id: {module} {node_id} is only named by others; its document was never imported", id=node_id)
    return await _document(db, project_id, label, row)


async def export_project(db: Database, project_id: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield (module, document) of everything alive in a project, in an order in which it can be imported.

    What refers to something deleted (the trace of a deleted plan) is left out: the set refers to nothing outside it.
    It is read page by page while others write, so it is a set of documents, not a snapshot.
    """
    left_out: set[str] = set()
    for module in EXPORT_ORDER:
        statement = psg_cypher.statement(f"document_{module}s")
        after = ""
        while rows := await db.read(statement, project_id=project_id, after=after, limit=PAGE):
            after = rows[-1]["node"]["id"]
            for row in rows:
                if any(r["deleted"] or r["id"] in left_out for r in row["references"]):
                    left_out.add(row["node"]["id"])
                else:
                    yield module, await _document(db, project_id, MODULES[module], row)


async def _document(db: Database, project_id: str, label: str, row: Row) -> dict[str, Any]:
    parts = {}
    for field, part in ENTITIES[label].parts:
        parts[field] = [d async for d in _part_documents(db, project_id, part, row["node"]["id"])]
    return put_together(label, row["node"], _references(label, row), parts)


async def _part_documents(db: Database, project_id: str, label: str, owner_id: str) -> AsyncIterator[dict[str, Any]]:
    statement = psg_cypher.statement(_PARTS[label])
    after = _BEFORE_FIRST
    while rows := await db.read(statement, project_id=project_id, owner_id=owner_id, after=after, limit=PAGE):
        after = rows[-1]["place"]
        for row in rows:
            yield put_together(label, row["node"], _references(label, row), {})


def _references(label: str, row: Row) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for reference in references_of(label):
        found[reference.field] = [r["id"] for r in row["references"] if r["type"] == reference.relationship]
    return found
