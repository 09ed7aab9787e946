"""Events in the API: the log of a project, page by page and live."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg.events.projection import protocol_event, statuses
from psg.model.codec import loads, opened_within, timestamp
from psg_graphql.failures import Failure
from psg_graphql.global_id import global_id
from psg_graphql.scalars import EventFamily, EventOp, Long, PlanStatus, Timestamp
from psg_graphql.types.node import Row, member
from psg_graphql.types.step import Step


@strawberry.type(description="One entry of a project's log: about one entity.")
class Event:
    cursor: str = strawberry.field(description="Pass it as `after` to go on behind this event.")
    seq: Long = strawberry.field(description="Number in the project's log, without gaps.")
    event_id: str
    family: EventFamily
    type: str
    op: EventOp
    timestamp: Timestamp
    actor: str
    command_id: str | None = strawberry.field(description="The command, on its first event.")
    correlation_id: str | None
    entity_type: str
    entity_id: strawberry.ID = strawberry.field(description="Global id of the entity.")
    plan_id: strawberry.ID | None
    revision: int | None
    stored: strawberry.Private[Row]

    @strawberry.field(description="Before and after of what changed; large values by content hash.")
    def changes(self) -> JSON | None:
        return opened_within(loads(self.stored["changes"]))

    @strawberry.field(description="Status before, when the event is a change of status.")
    def from_status(self) -> str | None:
        return statuses(self.stored)[0]

    @strawberry.field(description="Status after, when the event is a change of status.")
    def to_status(self) -> str | None:
        return statuses(self.stored)[1]

    @strawberry.field(description="The event as the protocol's schemas describe it.")
    def protocol(self) -> JSON:
        return JSON(protocol_event(self.stored))


def event_from(row: Row) -> Event:
    """Return the event of a stored row."""
    project_id, plan = row["project_id"], row.get("plan")
    return Event(
        cursor=str(row["seq"]),
        seq=row["seq"],
        event_id=row["event_id"],
        family=member(EventFamily, row["family"]),
        type=row["type"],
        op=member(EventOp, row["op"]),
        timestamp=timestamp(row["at"]),  # type: ignore[arg-type]
        actor=row["actor"],
        command_id=row.get("command_id"),
        correlation_id=row.get("correlation_id"),
        entity_type=row["entity_type"],
        entity_id=strawberry.ID(global_id(row["entity_type"], project_id, row["entity"])),
        plan_id=None if plan is None else strawberry.ID(global_id("Plan", project_id, plan)),
        revision=row.get("revision"),
        stored=row,
    )


@strawberry.type(description="One page of a project's log.")
class EventPage:
    events: list[Event]
    cursor: str = strawberry.field(description="Go on with it as `after`; also moves over filtered events.")
    head: str = strawberry.field(description="Cursor of the last event of the log when this was read.")
    has_next_page: bool


@strawberry.type(description="The events after this cursor were removed by retention.")
class CursorExpired(Failure):
    cursor: str = strawberry.field(description="The earliest cursor from which one can go on.")


@strawberry.type(description="New events, in order, without gaps or repeats.")
class EventBatch:
    events: list[Event]
    cursor: str = strawberry.field(description="Resume with it as `after`.")


@strawberry.type(description="Nothing new; the connection and the cursor are alive.")
class Heartbeat:
    cursor: str


@strawberry.type(description="The server ends this subscription; connect again and resume with the cursor.")
class Closing:
    cursor: str
    reason: str


@strawberry.type(description="How many steps of a plan are in which status.")
class StepCounts:
    total: int
    pending: int
    in_progress: int
    completed: int
    blocked: int
    skipped: int
    failed: int


@strawberry.type(description="Where a plan stands, and the steps that changed since the cursor before.")
class PlanProgress:
    plan_id: strawberry.ID
    status: PlanStatus
    paused: bool
    counts: StepCounts
    changed_steps: list[Step] = strawberry.field(description="At most 100; `truncated` says when there were more.")
    truncated: bool
    finished: bool = strawberry.field(description="The plan is finished, and so is this subscription.")
    cursor: str = strawberry.field(description="Resume with it as `after`.")


EventsResult = Annotated[EventPage | CursorExpired, strawberry.union("EventsResult")]
EventsItem = Annotated[EventBatch | Heartbeat | CursorExpired | Closing, strawberry.union("EventsItem")]
ProgressItem = Annotated[PlanProgress | Heartbeat | CursorExpired | Closing, strawberry.union("PlanProgressItem")]


def counts_from(counts: dict[str, Any]) -> StepCounts:
    """Return step counts by status, 0 where none was found."""
    names = ("pending", "in_progress", "completed", "blocked", "skipped", "failed")
    return StepCounts(total=sum(counts.values()), **{n: counts.get(n, 0) for n in names})
