"""Nodes of the graph as the value state layer shows them: protocol documents with what C-08 keeps beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import psg_cypher
from psg.documents.exporting import export_document
from psg.errors import NotFound, ValidationFailed
from psg.model.documents import put_together
from psg.model.entities import ENTITIES, MODULES
from psg.model.references import references_of
from psg_neo4j.database import Database
from psg_runtime.vsl.json_text import matcher
from psg_runtime.vsl.port import GraphQuery, Node

Row = Mapping[str, Any]

PAGE = 200
MODULE_OF: Mapping[str, str] = {label: module for module, label in MODULES.items()}
BESIDE: Mapping[str, tuple[str, ...]] = {"Plan": ("priority", "trace_id")}
"""Properties that a node shows here though no protocol 1.0.0 document has them (C-08)."""
HIDDEN = ("Project", "Value", "Resource")
VIEWS: Mapping[str, str] = {**{f"{module}s": label for module, label in MODULES.items()}, "steps": "Step"}
"""First parts of keys that are views of nodes, such as ``plans/{id}``."""


def node_type(type: Any) -> str:
    """Return ``type`` when nodes of it can be read here; raises ``ValidationFailed``."""
    if type in ENTITIES and type not in HIDDEN:
        return type
    known = ", ".join(label for label in ENTITIES if label not in HIDDEN)
    raise ValidationFailed(f"type: {type!r} is no node type; known are {known}", field="type")


def view_of(key: str) -> tuple[str, str] | None:
    """Return type and id of the node that ``key`` is a view of, ``None`` for a key that has a value of its own."""
    first, slash, rest = key.partition("/")
    return (VIEWS[first], rest) if slash and first in VIEWS else None


def head_of(label: str, row: Row) -> Node:
    """Return a node without its parts, from a row with ``node`` and ``references``."""
    node = row["node"]
    found: dict[str, list[str]] = {}
    for reference in references_of(label):
        found[reference.field] = [r["id"] for r in row["references"] if r["type"] == reference.relationship]
    shown = put_together(label, node, found, {})
    for reference in references_of(label):
        if reference.owner and found[reference.field]:
            shown[reference.field] = found[reference.field][0]
    return shown | {name: node[name] for name in BESIDE.get(label, ()) if node.get(name) is not None}


class GraphView:
    """Reads nodes of one project."""

    def __init__(self, db: Database, project_id: str) -> None:
        self._db = db
        self._project_id = project_id

    async def head(self, label: str, node_id: str) -> tuple[Node, int] | None:
        """Return a living node without its parts, and its revision; ``None`` when there is none of this type."""
        row = await self._db.read_one(
            psg_cypher.statement("graph_node"), project_id=self._project_id, node_id=node_id
        )
        if row is None or label not in row["labels"] or "Tombstone" in row["labels"] or row["node"].get("placeholder"):
            return None
        return head_of(label, row), row["node"]["revision"]

    async def whole(self, label: str, node_id: str) -> tuple[Node, int] | None:
        """Return a living node with its parts, and the revision that it had at least; ``None`` when there is none."""
        found = await self.head(label, node_id)
        if found is None or not ENTITIES[label].parts:
            return found
        head, revision = found
        try:
            document = await export_document(self._db, self._project_id, MODULE_OF[label], node_id)
        except NotFound:  # deleted between the two reads
            return None
        return document | {k: head[k] for k in BESIDE.get(label, ()) if k in head}, revision

    async def nodes(self, query: GraphQuery) -> AsyncIterator[tuple[str, Node, int]]:
        """Yield id, node and revision of what matches; a condition on parts never does."""
        label = node_type(query["type"])
        matches, fields = matcher(query.get("where")), query.get("fields")
        id_field = ENTITIES[label].id_field
        parts = {field for field, _ in ENTITIES[label].parts}
        async for row in self._rows(label, query.get("after", "")):
            head, revision, node_id = head_of(label, row), row["node"]["revision"], row["node"]["id"]
            if not matches(head):
                continue
            if parts and (fields is None or parts & set(fields)):
                whole = await self.whole(label, node_id)
                if whole is None:
                    continue
                head, revision = whole
            if fields is not None:
                head = {id_field: node_id} | {k: head[k] for k in fields if k in head}
            yield node_id, head, revision

    async def _rows(self, label: str, after: str) -> AsyncIterator[Row]:
        """All living nodes of a type in the order of their ids, read page by page."""
        module = MODULE_OF.get(label)
        statement = psg_cypher.statement(f"document_{module}s" if module else "graph_nodes")
        more = {} if module else {"label": label}
        while True:
            page = await self._db.read(statement, project_id=self._project_id, after=after, limit=PAGE, **more)
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            after = page[-1]["node"]["id"]
