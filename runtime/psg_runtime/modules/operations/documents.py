"""Operations that every module has on its documents: create, update, delete, query."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from psg.commands.lifecycle import META
from psg.errors import CommandReused, DuplicateId
from psg.model.codec import timestamp
from psg.model.entities import ENTITIES, MODULES
from psg.model.ids import check_id
from psg.read.nodes import Reader, Row
from psg_runtime.modules.operations.inputs import Request
from psg_runtime.modules.registration import MODULE_TYPES, Invocation, Operation

PAGE = 100
MOST = 1_000
Answered = Callable[[Request], Awaitable[dict[str, Any]]]


def operation(function: Answered) -> Operation:
    """Make an operation of a module of what is done with a request."""

    async def run(inputs: Mapping[str, Any], invocation: Invocation) -> dict[str, Any]:
        return await function(await Request.of(inputs, invocation))

    return run


class Documents:
    """Documents of one module in the protocol's form; answers are in the specification's spelling (``contextId``)."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.label = MODULES[module]
        self.id_field = ENTITIES[self.label].id_field
        self.id_name = to_camel(self.id_field)

    async def create(self, request: Request) -> dict[str, Any]:
        """Store a document made of the inputs, or the one given as ``document``."""
        document = self.document(request)
        node_id = document[self.id_field]
        try:
            await self.store(request, document)
        except (CommandReused, DuplicateId):
            # A repeated invocation: the id is made of its key, so what is there is what it made the first time.
            if request.invocation.idempotency_key is None or node_id != request.made_id("document"):
                raise
            document = await request.graph.export_document(request.project_id, self.module, node_id)
        return self.answer(node_id, document)

    async def store(self, request: Request, document: Mapping[str, Any]) -> None:
        """Store a document that is new."""
        await request.graph.create_document(request.project_id, self.module, document, **request.command())

    def document(self, request: Request) -> dict[str, Any]:
        """The document that the inputs come to, with what they do not say."""
        whole = request.take("document")
        if whole is not None:
            if not isinstance(whole, Mapping):
                raise request.refused("document", "a protocol document")
            request.done()
            return dict(whole)
        node_id = request.take(self.id_field, "id") or request.made_id("document")
        made = {"meta": META, self.id_field: node_id}
        if "name" in request.rest and self.module in ("context", "collab"):
            request.rest.setdefault("title", request.rest.pop("name"))
        defaults = _DEFAULTS[self.module](str(node_id), timestamp(round(time.time() * 1000)))
        fields = {k: v for k, v in request.rest.items() if v is not None}
        request.rest = {}
        return defaults | made | fields

    async def update(self, request: Request) -> dict[str, Any]:
        """Set fields (``changes``, or the inputs themselves); a ``status`` is changed by its transition table."""
        node_id = request.id(self.id_field, "id")
        revision = request.take("expected_revision")
        changes = request.fields("changes") | request.rest
        request.rest = {}
        if "name" in changes and self.module in ("context", "collab"):
            changes.setdefault("title", changes.pop("name"))
        status = changes.pop("status", None)
        if not changes and status is None:
            raise request.refused("changes", "given: there is nothing to change")
        if changes:
            await request.graph.update_document(
                request.project_id, self.module, node_id, changes, expected_revision=revision,
                **request.command("fields"),
            )  # fmt: skip
            revision = None
        if status is not None:
            await request.graph.transition(
                request.project_id, self.label, node_id, str(status), expected_revision=revision,
                **request.command("status"),
            )  # fmt: skip
        return self.answer(node_id, {"status": status} if status else {}, changed=sorted(changes))

    async def delete(self, request: Request) -> dict[str, Any]:
        """Delete a document softly; refused while something alive needs it."""
        node_id = request.id(self.id_field, "id")
        revision = request.take("expected_revision")
        request.done()
        await request.graph.delete(
            request.project_id, self.label, node_id, expected_revision=revision, **request.command()
        )
        return self.answer(node_id, {}, deleted=True)

    async def query(self, request: Request) -> dict[str, Any]:
        """One document by its id, else a page of them: ``limit``, ``after``, ``status``, ``contextId``."""
        node_id = request.take(self.id_field, "id")
        if node_id is not None:
            check_id(node_id, self.id_field)
            request.done()
            document = await request.graph.export_document(request.project_id, self.module, node_id)
            return self.answer(node_id, document) | {self.module: document}
        limit = request.number("limit", PAGE, 1, MOST)
        after, status = request.take("after", default=""), request.take("status")
        context_id = request.take("context_id")
        request.done()
        rows = await self._page(request, after, limit, status, context_id)
        listed = [self._listed(row) for row in rows]
        return {f"{self.module}s": listed, "next": rows[-1]["id"] if len(rows) == limit else None}

    async def _page(
        self, request: Request, after: str, limit: int, status: str | None, context_id: str | None
    ) -> list[Row]:
        reader, project = Reader(request.graph.db), request.project_id
        if context_id is not None and self.module in ("context", "role", "trace", "confirm"):
            raise request.refused("context_id", f"left out: {self.module} documents are not listed by context")
        if status is not None and self.module == "role":
            raise request.refused("status", "left out: roles have none")
        match self.module:
            case "context":
                return await reader.contexts(project, after, limit, status)
            case "plan":
                return await reader.plans(project, after, limit, status, context_id)
            case "trace":
                return await reader.traces(project, after, limit, status)
            case "confirm":
                return await reader.confirms(project, after, limit, status)
            case "role":
                return await reader.roles(project, after, limit)
            case _:
                return await reader.documents(self.module, project, after, limit, status, context_id)

    def _listed(self, row: Row) -> dict[str, Any]:
        names = [name for name in ENTITIES[self.label].scalars if row.get(name) is not None]
        return {self.id_name: row["id"], "revision": row["revision"]} | {to_camel(n): row[n] for n in names}

    def answer(self, node_id: str, document: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """What an operation answers: the id under its name, and what there is to say."""
        said = {to_camel(k): document[k] for k in ("name", "title", "status") if document.get(k) is not None}
        return {self.id_name: node_id, **said, **more}


def _core(core_id: str, now: str) -> dict[str, Any]:
    modules = [{"module_id": kind, "version": "1.0.0", "status": "enabled"} for kind in MODULE_TYPES]
    return {"protocol_version": "1.0.0", "status": "active", "modules": modules}


_DEFAULTS: Mapping[str, Callable[[str, str], dict[str, Any]]] = {
    "context": lambda node_id, now: {"status": "active"},
    "role": lambda node_id, now: {},
    "trace": lambda node_id, now: {"status": "pending", "root_span": {"trace_id": node_id, "span_id": node_id}},
    "confirm": lambda node_id, now: {
        "status": "pending", "target_type": "plan", "requested_by_role": "requester", "requested_at": now
    },
    "extension": lambda node_id, now: {"extension_type": "other", "version": "1.0.0", "status": "registered"},
    "dialog": lambda node_id, now: {"status": "active", "messages": []},
    "collab": lambda node_id, now: {"mode": "broadcast", "status": "draft", "created_at": now},
    "core": _core,
    "network": lambda node_id, now: {"topology_type": "other", "status": "draft"},
}  # fmt: skip
