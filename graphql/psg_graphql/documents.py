"""Protocol documents in and out, as the graph stores them."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.scalars import JSON

import psg_cypher
from psg.documents import export_document, import_documents
from psg.documents.exporting import EXPORT_ORDER
from psg.model.entities import MODULES
from psg.read.nodes import FIRST_ID
from psg_graphql.connections import Connection, Edge, PageInfo, cursor_of, key_of, page_size
from psg_graphql.global_id import global_id, parse_global_id
from psg_graphql.request_context import Info
from psg_graphql.scalars import Module

_ORDER = EXPORT_ORDER


@strawberry.type(description="A protocol 1.0.0 document.")
class ExportedDocument:
    id: strawberry.ID
    module: Module
    document: JSON


async def export_one(info: Info, text: str) -> dict[str, Any]:
    """Return the protocol document of a global id; raises ``InvalidId`` or ``NotFound``."""
    target = parse_global_id(text, "id", *MODULES.values())
    return await export_document(
        info.context.graph.db, target.project_id, target.label.lower(), target.node_id
    )


async def export_page(info: Info, project_id: str, first: int, after: str | None) -> Connection[ExportedDocument]:
    """Return one page of the documents of a project; the cursor is module and id."""
    limit = page_size(first)
    start, _, last = str(key_of(after, f"{_ORDER[0]}:{FIRST_ID}")).partition(":")
    found: list[tuple[str, str]] = []
    for module in _ORDER[_ORDER.index(start) if start in _ORDER else 0 :]:
        ids = await _ids(info, module, project_id, last if module == start else FIRST_ID, limit + 1 - len(found))
        found += [(module, node_id) for node_id in ids]
        if len(found) > limit:
            break
    edges = [
        Edge(cursor=cursor_of(f"{module}:{node_id}"), node=await _exported(info, project_id, module, node_id))
        for module, node_id in found[:limit]
    ]
    page = PageInfo(
        has_next_page=len(found) > limit, has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None, end_cursor=edges[-1].cursor if edges else None,
    )  # fmt: skip

    async def count() -> int:
        return await info.context.reader.count("document_count", project_id=project_id)

    return Connection(edges=edges, nodes=[edge.node for edge in edges], page_info=page, count=count)


async def _ids(info: Info, module: str, project_id: str, after: str, limit: int) -> list[str]:
    statement = psg_cypher.statement(f"document_{module}s")
    rows = await info.context.graph.db.read(statement, project_id=project_id, after=after, limit=limit)
    return [row["node"]["id"] for row in rows]


async def _exported(info: Info, project_id: str, module: str, node_id: str) -> ExportedDocument:
    document = JSON(await export_document(info.context.graph.db, project_id, module, node_id))
    return ExportedDocument(
        id=strawberry.ID(global_id(MODULES[module], project_id, node_id)), module=Module(module), document=document
    )


async def import_all(
    info: Info, project_id: str, documents: list[tuple[str, Any]]
) -> list[tuple[str, str, bool]]:
    """Store documents; returns global id, module and whether it was a repeat, in the order stored.

    Raises the refusal of the first bad document; what was stored before it stays, and the same call goes on behind it.
    """
    answers = await import_documents(info.context.graph, project_id, documents, actor=info.context.actor.name)
    stored = [(module, node_id, answer) for answer in answers for module, node_id in answer.ids.items()]
    return [(global_id(MODULES[m], project_id, i), m, answer.replayed) for m, i, answer in stored if m in MODULES]
