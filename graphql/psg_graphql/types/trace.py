"""Trace and its segments in the API: what was done, append-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import parse_global_id
from psg_graphql.pages import segment_page
from psg_graphql.request_context import Info
from psg_graphql.scalars import SegmentStatus, Timestamp, TraceStatus
from psg_graphql.types.node import Node, Row, member, node_fields, reference

if TYPE_CHECKING:
    from psg_graphql.types.context import Context
    from psg_graphql.types.plan import Plan
    from psg_graphql.types.step import Step

_Context = Annotated["Context", strawberry.lazy("psg_graphql.types.context")]
_Plan = Annotated["Plan", strawberry.lazy("psg_graphql.types.plan")]
_Step = Annotated["Step", strawberry.lazy("psg_graphql.types.step")]


@strawberry.type(description="One finished attempt of a step, recorded when it ended.")
class TraceSegment(Node):
    label: str
    status: SegmentStatus
    started_at: Timestamp | None
    finished_at: Timestamp | None
    attempt: int | None
    trace_id: strawberry.ID
    parent_segment_id: strawberry.ID | None
    step_id: strawberry.ID | None
    stored: strawberry.Private[str | None]

    @strawberry.field
    def attributes(self) -> JSON | None:
        return (loads(self.stored) or {}).get("attributes")

    @strawberry.field
    async def step(self, info: Info) -> _Step | None:
        return None if self.step_id is None else await info.context.nodes.load(self.step_id)


@strawberry.type(description="A trace: the recorded history of one run.")
class Trace(Node):
    status: TraceStatus
    started_at: Timestamp | None
    finished_at: Timestamp | None
    context_id: strawberry.ID
    plan_id: strawberry.ID | None
    stored: strawberry.Private[str | None]

    @strawberry.field(description="Everything else of the protocol document: meta, root_span, events, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    @strawberry.field(description="Segments in the order they were recorded.")
    async def segments(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[TraceSegment]:
        return await segment_page(info, parse_global_id(self.id).project_id, self.uuid, first, after)

    @strawberry.field
    async def context(self, info: Info) -> _Context | None:
        return await info.context.nodes.load(self.context_id)

    @strawberry.field
    async def plan(self, info: Info) -> _Plan | None:
        return None if self.plan_id is None else await info.context.nodes.load(self.plan_id)


def segment_from(row: Row) -> TraceSegment:
    """Return the segment of a stored row."""
    return TraceSegment(
        **node_fields("TraceSegment", row),
        label=row["label"],
        status=member(SegmentStatus, row["status"]),
        started_at=row.get("started_at"),
        finished_at=row.get("finished_at"),
        attempt=row.get("attempt"),
        trace_id=reference("Trace", row, "trace"),
        parent_segment_id=reference("TraceSegment", row, "parent_segment_id"),
        step_id=reference("Step", row, "step_id"),
        stored=row.get("payload"),
    )


def trace_from(row: Row) -> Trace:
    """Return the trace of a stored row."""
    return Trace(
        **node_fields("Trace", row),
        status=member(TraceStatus, row["status"]),
        started_at=row.get("started_at"),
        finished_at=row.get("finished_at"),
        context_id=reference("Context", row, "context_id"),
        plan_id=reference("Plan", row, "plan_id"),
        stored=row.get("payload"),
    )
