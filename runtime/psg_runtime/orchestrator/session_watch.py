"""What any orchestrator does for the sessions that are under way: tell what ended, dispatch what is next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import anyio
import structlog

import psg_cypher
from psg.errors import PsgError
from psg.graph import Graph
from psg_runtime.coordination.advance import advance_session, due

log = structlog.get_logger(__name__)

LOOK_S = 0.4


class SessionWatch:
    """Carries sessions on; any number of processes may do so at once, and be broken off anywhere.

    It looks at once when this process committed something in a project with a session, else every 0.4 seconds.
    ``projects`` are the only ones it looks after; none named: all.
    """

    def __init__(self, graph: Graph, projects: Collection[str] = ()) -> None:
        self._graph = graph
        self._projects = frozenset(projects)
        self._seen: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            heads: dict[str, int] = {}
            try:
                rows = await self._graph.db.read(psg_cypher.statement("coordinating_plans"))
                mine = [r for r in rows if not self._projects or r["project_id"] in self._projects]
                heads = {r["project_id"]: r["seq"] for r in mine}
                self._seen = {k: v for k, v in self._seen.items() if k[0] in heads}
                for row in mine:
                    await self._look(row)
            except PsgError as error:
                log.warning("sessions_not_read", code=error.code, error=str(error))
            await self._rest(heads)

    async def _look(self, row: Mapping[str, Any]) -> None:
        """Carry one session on if its project's log grew since the last look; what goes wrong holds up no other."""
        project_id, plan_id = key = row["project_id"], row["plan_id"]
        if self._seen.get(key) == row["seq"]:
            return
        try:
            state = await self._graph.db.read_one(
                psg_cypher.statement("session_due"), project_id=project_id, plan_id=plan_id
            )
            if due(state):
                await advance_session(self._graph, project_id, plan_id)
            self._seen[key] = row["seq"]
        except Exception as error:
            log.warning("session_not_advanced", plan=plan_id, error_type=type(error).__name__, error=str(error))

    async def _rest(self, heads: Mapping[str, int]) -> None:
        """Wait until the log of one of these projects grew, as far as this process knows, or for a while."""
        async with anyio.create_task_group() as tasks:

            async def grown(project_id: str, seq: int) -> None:
                if await self._graph.signals.wait(project_id, seq, LOOK_S):
                    tasks.cancel_scope.cancel()

            for project_id, seq in heads.items():
                tasks.start_soon(grown, project_id, seq)
            if not heads:
                await anyio.sleep(LOOK_S)
