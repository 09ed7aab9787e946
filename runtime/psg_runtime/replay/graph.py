"""``GraphReplay``: the interface of ``PlanReplay`` over the log of a run on the graph."""

from __future__ import annotations

from typing import Any

import orjson

import psg_cypher
from psg.errors import ReferenceMissing
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import check_id
from psg.read.events import EventLog
from psg.snapshots import plan_as_of
from psg_runtime.ael.masking import SecretMask
from psg_runtime.contracts.record import Record, record
from psg_runtime.replay.errors import ReplayUnknown, ReplayUnreadable
from psg_runtime.replay.history import Callback, exported, replay, stats, timeline
from psg_runtime.replay.projection import Projection

PAGE = 5_000


class GraphReplay:
    """Plays back what the log of a project tells of a plan; reads only, also while the plan runs.

    Without ``project_id`` the project is found by the plan. Secrets that this process knows are masked. Every method
    raises ``ReplayUnknown`` for a plan that no log tells of.
    """

    def __init__(self, graph: Graph, project_id: str | None = None) -> None:
        self._db = graph.db
        self._log = EventLog(graph.db)
        self._project_id = project_id
        self._mask = SecretMask()

    async def entries(self, plan_id: str) -> list[Record]:
        """The entries of a plan's log in order (ORCH-21)."""
        return self._masked((await self._read(plan_id)).entries)

    async def replay(self, plan_id: str, callback: Callback) -> int:
        """Call ``callback(entry)`` for every entry in order, awaiting each; returns how many there were (ORCH-22)."""
        return await replay(await self.entries(plan_id), callback)

    async def get_timeline(self, plan_id: str) -> list[Record]:
        """Timestamp, event, duration (ms) and step of every entry, chronological (ORCH-24)."""
        return timeline(await self.entries(plan_id))

    async def get_stats(self, plan_id: str) -> Record:
        """totalDuration, averageStepDuration (ms) and eventCounts (ORCH-25)."""
        return stats(await self.entries(plan_id))

    async def history(self, plan_id: str) -> tuple[list[Record], dict[str, Any]]:
        """The entries, and what the decisions of the run were made from: for ``redecide``, as the graph has it."""
        found = await self._read(plan_id)
        return self._masked(found.entries), found.run

    async def export(self, plan_id: str) -> str:
        """The history as JSON text (ORCH-26), with what its decisions were made from."""
        return self.exported(plan_id, *await self.history(plan_id))

    def exported(self, plan_id: str, entries: list[Record], run: dict[str, Any]) -> str:
        """A ``history`` as JSON text, without secrets; a step may be called `token` and is none."""
        kept = {
            **{name: self._plain(run[name]) for name in ("plan", "project_policy", "history")},
            "steps": {key: self._plain(step) for key, step in run["steps"].items()},
        }
        return exported(plan_id, entries, kept)

    async def _read(self, plan_id: str) -> Projection:
        check_id(plan_id, "plan_id")
        try:
            return await self._project(plan_id)
        except orjson.JSONDecodeError as error:
            message = f"What is stored of plan {plan_id} is damaged: {error}. Run `psg verify`."
            raise ReplayUnreadable(message) from error

    async def _project(self, plan_id: str) -> Projection:
        project_id = self._project_id or await self._project_of(plan_id)
        head = await self._log.head(project_id)
        projection: Projection | None = None
        after = head.earliest - 1
        while after < head.seq:
            page = await self._log.page(project_id, after, PAGE, plan_id=plan_id)
            events = [event for event in page.events if event["seq"] <= head.seq]
            if events and projection is None:
                plan = await plan_as_of(self._db, project_id, plan_id, head.seq)
                projection = Projection(plan, await self._project_policy(project_id))
            if projection is not None:
                projection.read(events)
            after = page.cursor
        if projection is None:
            raise ReplayUnknown(f"The log of project {project_id} tells nothing of plan {plan_id}.", id=plan_id)
        return projection

    async def _project_policy(self, project_id: str) -> Any:
        row = await self._db.read_one(psg_cypher.statement("replay_project_policy"), project_id=project_id)
        return loads(row["policy"]) if row else None

    async def _project_of(self, plan_id: str) -> str:
        rows = await self._db.read(psg_cypher.statement("plan_projects"), plan_id=plan_id)
        if not rows:
            raise ReplayUnknown(f"No log tells of plan {plan_id}.", id=plan_id)
        if len(rows) > 1:
            projects = ", ".join(sorted(row["project_id"] for row in rows))
            raise ReferenceMissing(f"Plan {plan_id} is in several projects: {projects}. Name one.", id=plan_id)
        return str(rows[0]["project_id"])

    def _masked(self, entries: list[Record]) -> list[Record]:
        return [Record(one | {"data": record(self._plain(one["data"]))}) for one in entries]

    def _plain(self, value: Any) -> Any:
        return orjson.loads(orjson.dumps(self._mask.value(value)))
