"""One page of a list, from its arguments to its connection: read one row more than asked for, by key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psg_cypher
from psg.commands.parts import PART_NAMES
from psg.errors import ValidationFailed
from psg.read.nodes import FIRST_ID, FIRST_POSITION, FIRST_SEGMENT, Row
from psg_graphql.connections import Connection, connection, key_of, page_size
from psg_graphql.global_id import GlobalId, global_id
from psg_graphql.lookahead import steps_ahead
from psg_graphql.policy import accessible
from psg_graphql.request_context import Info

_LATEST_MS = 1 << 53


def introduce(steps: Sequence[Any]) -> None:
    """Let the steps of one page know each other: neighbours are not read again."""
    beside = {step.stored["id"]: step for step in steps}
    for step in steps:
        step.beside = beside


def _value(status: Any) -> str | None:
    return None if status is None else status.value


def _makers() -> Any:
    from psg_graphql.types import MAKERS

    return MAKERS


def _id_page(info: Info, rows: Sequence[Row], label: str, first: int, after: str | None, count: str, **by: Any) -> Any:
    reader = info.context.reader
    return connection(rows, first, after, "id", _makers()[label], lambda: reader.count(count, **by))


async def project_page(info: Info, first: int, after: str | None, name: str | None) -> Connection[Any]:
    """Return projects by name, of those that are open to who asks."""
    among, key, limit = accessible(info.context.actor), str(key_of(after, FIRST_ID)), page_size(first) + 1
    if among is not None:
        ids, db = sorted(among), info.context.graph.db
        page = psg_cypher.statement("projects_among")
        rows = [r["node"] for r in await db.read(page, batch={"ids": ids}, after=key, limit=limit, name=name)]

        async def count_among() -> int:
            row = await db.read_one(psg_cypher.statement("projects_among_count"), batch={"ids": ids}, name=name)
            return 0 if row is None else int(row["count"])

        return connection(rows, first, after, "name", _makers()["Project"], count_among)
    rows = await info.context.reader.projects(key, limit, name)
    count: Callable[[], Any] = lambda: info.context.reader.count("project_count", name=name)  # noqa: E731
    return connection(rows, first, after, "name", _makers()["Project"], count)


async def context_page(info: Info, project_id: str, first: int, after: str | None, status: Any) -> Connection[Any]:
    """Return contexts of a project."""
    key, limit = str(key_of(after, FIRST_ID)), page_size(first) + 1
    rows = await info.context.reader.contexts(project_id, key, limit, _value(status))
    return _id_page(info, rows, "Context", first, after, "context_count", project_id=project_id, status=_value(status))


async def plan_page(
    info: Info, project_id: str, first: int, after: str | None, status: Any, latest_first: bool, context_id: str | None
) -> Connection[Any]:
    """Return plans of a project, or of one of its contexts."""
    reader, limit, wanted = info.context.reader, page_size(first) + 1, _value(status)
    if latest_first:
        key, rows = "latest", await reader.latest_plans(project_id, _made_before(after), limit, wanted, context_id)
    else:
        key, rows = "id", await reader.plans(project_id, str(key_of(after, FIRST_ID)), limit, wanted, context_id)
    name, by = "plan_count", {"project_id": project_id, "status": wanted}
    if context_id is not None:
        name, by = "plan_count_of_context", {**by, "context_id": context_id}
    return connection(rows, first, after, key, _makers()["Plan"], lambda: reader.count(name, **by))


def _made_before(after: str | None) -> tuple[int, str]:
    """When and what the last plan of the page before was."""
    start: list[str | int] = [_LATEST_MS, ""]
    match key_of(after, start):
        case [int(ms), str(plan_id)] if abs(ms) <= _LATEST_MS:
            return ms, plan_id
    raise ValidationFailed("after: no cursor of the latest plans; take one from pageInfo.endCursor", field="after")


async def step_page(
    info: Info, project_id: str, plan_id: str, first: int, after: str | None, status: Any
) -> Connection[Any]:
    """Return steps of a plan by position."""
    key, limit = int(key_of(after, FIRST_POSITION)), page_size(first) + 1
    rows = await info.context.reader.steps(project_id, plan_id, key, limit, _value(status))
    return steps_read(info, project_id, plan_id, rows, first, after, status)


def steps_read(
    info: Info, project_id: str, plan_id: str, rows: Sequence[Row], first: int, after: str | None = None,
    status: Any = None,
) -> Connection[Any]:  # fmt: skip
    """Return the page of step rows that were read; its steps know each other."""
    reader = info.context.reader

    async def count() -> int:
        return await reader.count("step_count", project_id=project_id, plan_id=plan_id, status=_value(status))

    page = connection(rows, first, after, "position", _makers()["Step"], count)
    introduce(page.nodes)
    return page


async def plan_and_steps(info: Info, plan: GlobalId) -> Any:
    """Return a plan; the first page of its steps is read with it where it is asked for."""
    ahead = steps_ahead(info._raw_info)
    if ahead is None or not info.context.nodes.open(plan.project_id):
        return await info.context.nodes.load(global_id(plan.label, plan.project_id, plan.node_id))
    row, steps = await info.context.reader.plan_with_steps(plan.project_id, plan.node_id, ahead.first + 1, ahead.short)
    found = None if row is None else _makers()["Plan"]({**row, "ahead": (ahead.first, steps)})
    info.context.nodes.keep(plan, found)
    return found


async def frontier_steps(info: Info, project_id: str, plan_id: str, first: int) -> list[Any]:
    """Return the steps that can be claimed now, in scheduling order."""
    rows = await info.context.reader.frontier(project_id, plan_id, page_size(first))
    steps = [_makers()["Step"](row) for row in rows]
    introduce(steps)
    return steps


async def trace_page(
    info: Info, project_id: str, first: int, after: str | None, status: Any, plan_id: str | None
) -> Connection[Any]:
    """Return traces of a project, or of one plan."""
    key, limit = str(key_of(after, FIRST_ID)), page_size(first) + 1
    rows = await info.context.reader.traces(project_id, key, limit, _value(status), plan_id)
    by: dict[str, Any] = {"project_id": project_id, "status": _value(status)}
    if plan_id is not None:
        return _id_page(info, rows, "Trace", first, after, "trace_count_of_plan", **by, plan_id=plan_id)
    return _id_page(info, rows, "Trace", first, after, "trace_count", **by)


async def segment_page(info: Info, project_id: str, trace_id: str, first: int, after: str | None) -> Connection[Any]:
    """Return segments of a trace in the order they were recorded."""
    key, limit = int(key_of(after, FIRST_SEGMENT)), page_size(first) + 1
    reader = info.context.reader
    rows = await reader.segments(project_id, trace_id, key, limit)

    async def count() -> int:
        return await reader.count("segment_count", project_id=project_id, trace_id=trace_id)

    return connection(rows, first, after, "log_seq", _makers()["TraceSegment"], count)


async def confirm_page(info: Info, project_id: str, first: int, after: str | None, status: Any) -> Connection[Any]:
    """Return confirms of a project with their decisions."""
    key, limit = str(key_of(after, FIRST_ID)), page_size(first) + 1
    rows = await info.context.reader.confirms(project_id, key, limit, _value(status))
    return _id_page(info, rows, "Confirm", first, after, "confirm_count", project_id=project_id, status=_value(status))


async def role_page(info: Info, project_id: str, first: int, after: str | None) -> Connection[Any]:
    """Return roles of a project."""
    key, limit = str(key_of(after, FIRST_ID)), page_size(first) + 1
    rows = await info.context.reader.roles(project_id, key, limit)
    return _id_page(info, rows, "Role", first, after, "role_count", project_id=project_id)


async def module_page(
    info: Info, label: str, project_id: str, first: int, after: str | None, status: Any, context_id: str | None = None
) -> Connection[Any]:
    """Return dialogs, collabs, extensions, cores or networks of a project, or of one of its contexts."""
    name, key, limit = label.lower(), str(key_of(after, FIRST_ID)), page_size(first) + 1
    rows = await info.context.reader.documents(name, project_id, key, limit, _value(status), context_id)
    by: dict[str, Any] = {"project_id": project_id, "status": _value(status)}
    if context_id is not None:
        return _id_page(info, rows, label, first, after, f"{name}_count_of_context", **by, context_id=context_id)
    return _id_page(info, rows, label, first, after, f"{name}_count", **by)


async def part_page(info: Info, label: str, owner: GlobalId, first: int, after: str | None) -> Connection[Any]:
    """Return messages, participants or nodes of one document by position."""
    name, key, limit = PART_NAMES[label], int(key_of(after, FIRST_POSITION)), page_size(first) + 1
    reader = info.context.reader
    rows = await reader.parts(name, owner.project_id, owner.node_id, key, limit)

    async def count() -> int:
        return await reader.count(f"{name}_count", project_id=owner.project_id, owner_id=owner.node_id)

    return connection(rows, first, after, "position", _makers()[label], count)
