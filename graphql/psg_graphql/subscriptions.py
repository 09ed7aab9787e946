"""The live side of reading: one loop that always reads the database behind a cursor, woken up when the log grows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated

import anyio
import strawberry

from psg.errors import CursorExpired as CursorExpiredError
from psg.model.lifecycle import TERMINAL_PLAN
from psg.read.events import LogPage
from psg_graphql.access import RECHECK_S, still_allowed
from psg_graphql.alert_subscription import CLOSING, AlertSubscription
from psg_graphql.connections import MAX_FIRST, After, log_position
from psg_graphql.failures import failure_fields
from psg_graphql.global_id import GlobalId, global_id, parse_global_id, parse_in, project_of
from psg_graphql.request_context import Info, RequestContext
from psg_graphql.roots import subscription
from psg_graphql.scalars import EventFamily, PlanStatus
from psg_graphql.types.event import (
    Closing,
    CursorExpired,
    EventBatch,
    EventsItem,
    Heartbeat,
    PlanProgress,
    ProgressItem,
    counts_from,
    event_from,
)
from psg_graphql.types.step import step_from

BATCH = 500


@strawberry.type(description="Live reading; resume with the last cursor as `after`.")
class Subscription(AlertSubscription):
    @subscription("Events behind `after` (absent: from the beginning), then new ones as they come.")
    async def events(
        self,
        info: Info,
        project_id: Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")],
        after: After = None,
        families: list[EventFamily] | None = None,
        plan_id: strawberry.ID | None = None,
    ) -> AsyncGenerator[EventsItem, None]:
        inside = project_of(project_id)
        plan = None if plan_id is None else parse_in(inside, plan_id, "planId", "Plan")
        wanted = None if families is None else [family.value for family in families]
        start = log_position(after or info.context.last_event_id)
        try:
            async for page in follow(info.context, inside, start, wanted, plan):
                if not isinstance(page, LogPage):
                    yield page
                elif page.events:
                    yield EventBatch(events=[event_from(row) for row in page.events], cursor=str(page.cursor))
        except CursorExpiredError as error:
            yield CursorExpired(**failure_fields(error), cursor=error.details["earliest"])

    @subscription("Where a plan stands, now and whenever it changes, until it is finished.")
    async def plan_progress(
        self, info: Info, plan_id: strawberry.ID, after: After = None
    ) -> AsyncGenerator[ProgressItem, None]:
        plan = parse_global_id(plan_id, "planId", "Plan")
        try:
            async for item in _progress(info.context, plan, after or info.context.last_event_id):
                yield item
        except CursorExpiredError as error:
            yield CursorExpired(**failure_fields(error), cursor=error.details["earliest"])


async def follow(
    context: RequestContext, project_id: str, after: int, families: Sequence[str] | None, plan_id: str | None
) -> AsyncGenerator[LogPage | Heartbeat | Closing, None]:
    """Yield the pages of a log behind ``after`` without end; heartbeats while there is nothing new.

    A slow consumer holds nothing up: the next page is read when it asks for it.
    """
    beat = context.settings.heartbeat_s
    with context.live.subscribed(project_id, context.actor.who):
        heard = anyio.current_time()
        while not context.live.closing:
            page = await _page(context, project_id, after, families, plan_id)
            after = page.cursor
            if page.events:
                yield page
                heard = anyio.current_time()
            left = heard + beat - anyio.current_time()
            if left <= 0 or (not page.more and not await _more(context, project_id, after, left)):
                yield Heartbeat(cursor=str(after))
                heard = anyio.current_time()
        yield Closing(cursor=str(after), reason=CLOSING)


async def _more(context: RequestContext, project_id: str, after: int, timeout_s: float) -> bool:
    """Wait as the live log does; meanwhile it is asked once a second whether who listens still may."""
    until = anyio.current_time() + timeout_s
    while (left := until - anyio.current_time()) > 0:
        more = await context.live.wait(project_id, after, min(left, RECHECK_S) if context.changeable else left)
        await still_allowed(context, "event", project_id)
        if more:
            return True
    return False


async def _progress(
    context: RequestContext, plan: GlobalId, cursor: str | None
) -> AsyncGenerator[PlanProgress | Heartbeat | Closing, None]:
    """Progress of one plan: its state now, and the steps that changed behind the cursor; ends with the plan."""
    head = await context.live.read(lambda: context.log.head(plan.project_id))
    after = log_position(cursor) if cursor else head.seq
    await _page(context, plan.project_id, after, None, plan.node_id)  # refuses an expired cursor first
    item = await _told(context, plan, {}, after)
    if not item.finished:
        yield item
        async for page in follow(context, plan.project_id, after, None, plan.node_id):
            if not isinstance(page, LogPage):
                yield page
                continue
            item = await _told(context, plan, _changed(page), page.cursor)
            if item.finished:
                break
            after = page.cursor
            yield item
            await anyio.sleep(context.settings.progress_interval_s)  # what changes meanwhile is told together
        else:
            return
    yield await _last(context, plan, after)


async def _last(context: RequestContext, plan: GlobalId, after: int) -> PlanProgress:
    """The end of a finished plan: all that changed behind the cursor, also what was recorded since it was read."""
    changed: dict[str, None] = {}
    while True:
        page = await _page(context, plan.project_id, after, None, plan.node_id)
        changed |= _changed(page)
        after = page.cursor if len(changed) <= MAX_FIRST else page.head
        if after >= page.head:
            return await _told(context, plan, changed, after)


def _changed(page: LogPage) -> dict[str, None]:
    """The ids of the steps that a page tells of, each once, in order."""
    return dict.fromkeys(row["entity"] for row in page.events if row["entity_type"] == "Step")


async def _page(
    context: RequestContext, project_id: str, after: int, families: Sequence[str] | None, plan_id: str | None
) -> LogPage:
    return await context.live.read(
        lambda: context.log.page(project_id, after, BATCH, families=families, plan_id=plan_id)
    )


async def _told(context: RequestContext, plan: GlobalId, changed: dict[str, None], cursor: int) -> PlanProgress:
    return await context.live.read(lambda: _state(context, plan, changed, cursor))


async def _state(context: RequestContext, plan: GlobalId, changed: dict[str, None], cursor: int) -> PlanProgress:
    shown = list(changed)[:MAX_FIRST]
    row = await context.reader.one("Plan", plan.project_id, plan.node_id)
    steps = await context.reader.by_ids("Step", [(plan.project_id, step) for step in shown]) if shown else []
    counts = await context.reader.step_counts(plan.project_id, plan.node_id)
    return PlanProgress(
        plan_id=strawberry.ID(global_id("Plan", plan.project_id, plan.node_id)),
        status=PlanStatus(row["status"]), paused=bool(row.get("paused")), counts=counts_from(counts),
        changed_steps=[step_from(step) for step in steps if step is not None],
        truncated=len(changed) > len(shown), cursor=str(cursor),
        finished=row["status"] in TERMINAL_PLAN and not row["closing"],
    )  # fmt: skip
