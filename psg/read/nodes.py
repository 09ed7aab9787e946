"""Nodes of a project as rows: one, many by id, and ordered pages by key; all by index (DESIGN §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psg_cypher
from psg.errors import NotFound
from psg_neo4j.database import Database

Row = dict[str, Any]

# Keys sort after the empty text, positions after -1; imported segments count up to 0 from below.
FIRST_ID = ""
FIRST_POSITION = -1
FIRST_SEGMENT = -(2**53)

_BY_ID: Mapping[str, str] = {
    "Project": "projects_by_id",
    "Context": "contexts_by_id",
    "Plan": "plans_by_id",
    "Step": "steps_by_id",
    "Trace": "traces_by_id",
    "TraceSegment": "segments_by_id",
    "Confirm": "confirms_by_id",
    "Decision": "decisions_by_id",
    "Role": "roles_by_id",
    "Dialog": "dialogs_by_id",
    "Message": "messages_by_id",
    "Collab": "collabs_by_id",
    "Participant": "participants_by_id",
    "Extension": "extensions_by_id",
    "Core": "cores_by_id",
    "Network": "networks_by_id",
    "NetworkNode": "network_nodes_by_id",
    "Resource": "resources_by_id",
}


class Reader:
    """Reads of the graph's present state; rows are the stored properties with references as ``…_id``.

    Every row has ``id``, ``project_id``, ``revision``, ``deleted``, ``sys_created_ms`` and ``sys_updated_ms``. Pages
    leave tombstones out, reads by id do not. All raise errors of ``psg_neo4j.errors`` only, unless said otherwise.
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    async def by_ids(self, label: str, keys: Sequence[tuple[str, str]]) -> list[Row | None]:
        """Return the rows of (project id, id) pairs, in their order, ``None`` where there is none of type ``label``."""
        pairs = [list(key) for key in keys]
        rows = await self.db.read(psg_cypher.statement(_BY_ID[label]), batch={"keys": pairs})
        return [row["node"] for row in rows]

    async def one(self, label: str, project_id: str, node_id: str) -> Row:
        """Return one row; raises ``NotFound``."""
        (row,) = await self.by_ids(label, [(project_id, node_id)])
        if row is None:
            raise NotFound(f"id: {label.lower()} {node_id} does not exist in this project", id=node_id)
        return row

    async def projects(self, after: str, limit: int, name: str | None = None) -> list[Row]:
        """Return projects by name, behind the name ``after``; with ``name`` only that one."""
        if name is not None:
            return await self._page("project_named", name=name, after=after)
        return await self._page("project_page", after=after, limit=limit)

    async def contexts(self, project_id: str, after: str, limit: int, status: str | None = None) -> list[Row]:
        """Return contexts by id."""
        return await self._page("context_page", project_id=project_id, after=after, limit=limit, status=status)

    async def plans(
        self, project_id: str, after: str, limit: int, status: str | None = None, context_id: str | None = None
    ) -> list[Row]:
        """Return plans by id, those of one context or all."""
        if context_id is not None:
            return await self._page(
                "plan_page_of_context",
                project_id=project_id, context_id=context_id, after=after, limit=limit, status=status,
            )  # fmt: skip
        return await self._page("plan_page", project_id=project_id, after=after, limit=limit, status=status)

    async def latest_plans(
        self, project_id: str, before: tuple[int, str], limit: int, status: str | None = None,
        context_id: str | None = None,
    ) -> list[Row]:  # fmt: skip
        """Return plans, the latest first, behind one made at ``before`` (ms, id), of one context or all.

        Each row has ``latest``, what ``before`` is for the next page.
        """
        (ms, plan_id), where = before, {"project_id": project_id, "status": status}
        page = {**where, "before_ms": ms, "before_id": plan_id, "limit": limit}
        if context_id is not None:
            return await self._page("plan_page_latest_of_context", context_id=context_id, **page)
        return await self._page("plan_page_latest", **page)

    async def steps(
        self, project_id: str, plan_id: str, after: int, limit: int, status: str | None = None
    ) -> list[Row]:
        """Return the steps of a plan by position."""
        (row,) = await self.db.read(
            psg_cypher.statement("step_page"),
            project_id=project_id, plan_id=plan_id, after=after, limit=limit, status=status,
        )  # fmt: skip
        return row["nodes"]

    async def plan_with_steps(
        self, project_id: str, plan_id: str, limit: int, short: bool = False
    ) -> tuple[Row | None, list[Row]]:
        """Return a plan and its first steps by position; ``short`` steps have what tells where they stand, no texts."""
        row = await self.db.read_one(
            psg_cypher.statement("plan_with_steps"), project_id=project_id, plan_id=plan_id, limit=limit, short=short
        )
        return (None, []) if row is None else (row["node"], row["steps"])

    async def frontier(self, project_id: str, plan_id: str, limit: int) -> list[Row]:
        """Return the steps of a running plan that can be claimed now, in scheduling order; none while it is paused."""
        return await self._page("frontier", project_id=project_id, plan_id=plan_id, limit=limit)

    async def traces(
        self, project_id: str, after: str, limit: int, status: str | None = None, plan_id: str | None = None
    ) -> list[Row]:
        """Return traces by id, those of one plan or all."""
        if plan_id is not None:
            return await self._page(
                "trace_page_of_plan",
                project_id=project_id, plan_id=plan_id, after=after, limit=limit, status=status,
            )  # fmt: skip
        return await self._page("trace_page", project_id=project_id, after=after, limit=limit, status=status)

    async def segments(self, project_id: str, trace_id: str, after: int, limit: int) -> list[Row]:
        """Return the segments of a trace in the order they were recorded."""
        return await self._page("segment_page", project_id=project_id, trace_id=trace_id, after=after, limit=limit)

    async def confirms(self, project_id: str, after: str, limit: int, status: str | None = None) -> list[Row]:
        """Return confirms by id with their decisions; those of one status by the index on it."""
        if status is not None:
            return await self._page(
                "confirm_page_by_status", project_id=project_id, after=after, limit=limit, status=status
            )
        return await self._page("confirm_page", project_id=project_id, after=after, limit=limit)

    async def roles(self, project_id: str, after: str, limit: int) -> list[Row]:
        """Return roles by id."""
        return await self._page("role_page", project_id=project_id, after=after, limit=limit)

    async def documents(
        self,
        module: str,
        project_id: str,
        after: str,
        limit: int,
        status: str | None = None,
        context_id: str | None = None,
    ) -> list[Row]:
        """Return dialogs, collabs, extensions, cores or networks by id, those of one context or all."""
        by: dict[str, Any] = {"project_id": project_id, "after": after, "limit": limit, "status": status}
        if context_id is not None:
            return await self._page(f"{module}_page_of_context", **by, context_id=context_id)
        return await self._page(f"{module}_page", **by)

    async def parts(self, name: str, project_id: str, owner_id: str, after: int, limit: int) -> list[Row]:
        """Return parts of a document by position; ``name`` is message, participant or network_node."""
        return await self._page(f"{name}_page", project_id=project_id, owner_id=owner_id, after=after, limit=limit)

    async def step_counts(self, project_id: str, plan_id: str) -> dict[str, int]:
        """Return how many steps of a plan are in which status."""
        rows = await self.db.read(psg_cypher.statement("step_counts"), project_id=project_id, plan_id=plan_id)
        return {row["status"]: row["count"] for row in rows}

    async def count(self, statement: str, /, **params: Any) -> int:
        """Return what the counting ``statement`` (``plan_count``, …) finds."""
        row = await self.db.read_one(psg_cypher.statement(statement), **params)
        return 0 if row is None else row["count"]

    async def _page(self, statement: str, /, **params: Any) -> list[Row]:
        return [row["node"] for row in await self.db.read(psg_cypher.statement(statement), **params)]
