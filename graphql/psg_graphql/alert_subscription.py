"""Live alerts: those that changed behind a cursor, whichever process changed them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated

import anyio
import strawberry

from psg_graphql.access import RECHECK_S, judge_again
from psg_graphql.connections import After, log_position
from psg_graphql.monitoring_queries import open_scope
from psg_graphql.request_context import Info
from psg_graphql.roots import subscription
from psg_graphql.types.event import Closing, Heartbeat
from psg_graphql.types.monitoring import AlertBatch, AlertsItem, alert_from
from psg_neo4j.database import Database
from psg_runtime.monitoring.alerts import Alert, alert_changes, alert_head

BATCH = 100
POLL_S = 0.25
CLOSING = "the server is shutting down; connect again and resume with the cursor"
PLACE = "alerts"
"""What alert subscribers are counted under beside those of projects."""


class AlertHead:
    """The number of the last change of any alert, read once in a while for all subscribers of a server."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seq = 0
        self._read_at = float("-inf")
        self._one = anyio.Lock()

    async def seq(self, max_age_s: float = POLL_S) -> int:
        """The number, at most ``max_age_s`` seconds old."""
        async with self._one:
            if anyio.current_time() - self._read_at >= max_age_s:
                self._seq = await alert_head(self._db)
                self._read_at = anyio.current_time()
            return self._seq


def _head_of(info: Info) -> AlertHead:
    app = info.context.request.scope.get("app") if info.context.request is not None else None
    found = getattr(getattr(app, "state", None), "alert_head", None)
    return found if found is not None else AlertHead(info.context.graph.db)


@strawberry.type
class AlertSubscription:
    @subscription("Alerts that change behind `after` (absent: from now on), each as it is then.")
    async def alerts(
        self,
        info: Info,
        project_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Global id or UUID of a project; absent: all.")
        ] = None,
        after: After = None,
    ) -> AsyncGenerator[AlertsItem, None]:
        context, asked = info.context, {"project_id": project_id}
        open_scope(info, project_id)  # refuses what is no project first
        db, live, head = context.graph.db, context.live, _head_of(info)
        with live.subscribed(PLACE, context.actor.who):
            given = after or context.last_event_id
            cursor = log_position(given) if given else await live.read(lambda: head.seq(0))
            heard = anyio.current_time()
            while not live.closing:
                found: list[Alert] = []
                await judge_again(context, "Subscription.alerts", asked, RECHECK_S)
                last = await live.read(head.seq)
                if last > cursor:
                    await judge_again(context, "Subscription.alerts", asked)  # what is open now, before it is read
                    scanned = partial(alert_changes, db, open_scope(info, project_id), cursor, BATCH, head=last)
                    found, cursor = await live.read(scanned)
                if found:
                    heard = anyio.current_time()
                    yield AlertBatch(alerts=[alert_from(alert) for alert in found], cursor=str(cursor))
                elif anyio.current_time() - heard >= context.settings.heartbeat_s:
                    heard = anyio.current_time()
                    yield Heartbeat(cursor=str(cursor))
                if cursor >= last:
                    await live.wait(PLACE, 0, POLL_S)
            yield Closing(cursor=str(cursor), reason=CLOSING)
