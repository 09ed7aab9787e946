"""What any orchestrator does for all: timers, large fan-outs, steps of lost sessions, plans that are closing."""

from __future__ import annotations

import structlog

import psg_cypher
from psg.graph import Graph

log = structlog.get_logger(__name__)

TIMER_BATCH = 1_000
UNLOCK_BATCH = 5_000
TAKEOVER_BATCH = 1_000


class Recovery:
    """Each method is safe to be called by any number of processes at once: every statement judges after the lock."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._db = graph.db

    async def release_timers(self, project_id: str) -> None:
        """Make the due timers of a project's running plans claimable."""
        released = TIMER_BATCH
        while released == TIMER_BATCH:
            rows = await self._db.write(
                psg_cypher.statement("timers_release"), project_id=project_id, limit=TIMER_BATCH
            )
            released = rows[0]["released"] if rows else 0

    async def unlock(self, project_id: str) -> None:
        """Tell the next part of a very large fan-out that its step is done."""
        await self._db.write(
            psg_cypher.statement("unlock_chunk"), idempotent=False, project_id=project_id, limit=UNLOCK_BATCH
        )

    async def take_over(self, own_session: str) -> None:
        """Free the steps of sessions whose lease ran out or that ended, and forget those that own nothing.

        Never ``own_session``: a lease that ran out while the database was away is renewed, not given up.
        """
        for row in await self._db.read(psg_cypher.statement("sessions_over")):
            session_id, now = row["id"], row["now"]
            if session_id == own_session:
                continue
            if row["ended_ms"] is None:
                ended = await self._db.write(
                    psg_cypher.statement("session_end"), session_id=session_id, expired_only=True
                )
                if not ended:
                    continue
                log.warning("session_expired", session=session_id)
            await self._free(session_id)
            # A claim that read the session before it ended may still commit: look again until a lease has passed.
            if row["ended_ms"] is not None and now - row["ended_ms"] > 2 * row["lease_ms"]:
                await self._db.write(psg_cypher.statement("session_forget"), session_id=session_id)

    async def _free(self, session_id: str) -> None:
        projects = await self._db.read(psg_cypher.statement("session_projects"), session_id=session_id)
        for row in projects:
            freed = TAKEOVER_BATCH
            while freed == TAKEOVER_BATCH:
                rows = await self._db.write(
                    psg_cypher.statement("session_takeover"), session_id=session_id,
                    project_id=row["project_id"], limit=TAKEOVER_BATCH,
                )  # fmt: skip
                freed = rows[0]["freed"] if rows else 0
            log.info("steps_freed", session=session_id, project=row["project_id"])

    async def close_plans(self) -> None:
        """Go on with closing plans whose canceller (or deleter) did not get to the end."""
        for row in await self._db.read(psg_cypher.statement("closing_plans")):
            await self._graph.close_plan(row["project_id"], row["plan_id"], deleted=row["deleted"])
