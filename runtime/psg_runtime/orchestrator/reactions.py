"""What any orchestrator does about plans that fail or end: stop them, judge them, undo them, go on, tell the parent."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import structlog
from anyio.abc import TaskGroup

import psg_cypher
from psg.commands import reactions
from psg.commands.lifecycle import run_name
from psg.errors import PsgError
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import new_id
from psg.write.command import Command
from psg_runtime.ael import failure_of
from psg_runtime.orchestrator.compensation import compensate
from psg_runtime.orchestrator.criteria import judge
from psg_runtime.orchestrator.replanning import Replanner, WithoutFailedStep, replan

log = structlog.get_logger(__name__)

REST = 20
REST_MAX_S = 1.0


class Reactions:
    """Each method is safe to be called by any number of processes at once, and to be broken off anywhere.

    What goes wrong with one plan is logged and holds up no other.
    """

    def __init__(
        self, graph: Graph, *, replanner: Replanner | None = None, replans_approved: bool = False
    ) -> None:
        self._graph = graph
        self._db = graph.db
        self._replanner = replanner or WithoutFailedStep()
        self._replans_approved = replans_approved
        self._rest: dict[str, float] = {}
        self._busy: set[str] = set()

    def begin(self, project_id: str, why: Collection[object], tasks: TaskGroup) -> None:
        """Look after a project's plans that stop (``stopping``) and that are over (``reacting``), beside other work."""
        if project_id not in self._busy and not {"stopping", "reacting"}.isdisjoint(why):
            self._busy.add(project_id)
            tasks.start_soon(self._work, project_id, why, name=f"reactions {project_id}")

    async def _work(self, project_id: str, why: Collection[object]) -> None:
        try:
            if "stopping" in why:
                await self.stop(project_id)
            if "reacting" in why:
                await self.react(project_id)
        except PsgError as error:
            log.warning("reactions_interrupted", project=project_id, code=error.code, error=str(error))
        finally:
            self._busy.discard(project_id)

    async def stop(self, project_id: str) -> None:
        """Bring the plans of a project that stop to their end, as far as nobody runs their steps."""
        rows = await self._db.read(psg_cypher.statement("stopping_plans"), project_id=project_id)
        for plan_id in self._rested(row["id"] for row in rows):
            try:
                await self._stop(project_id, plan_id)
            except Exception as error:
                self._failed(plan_id, error)

    async def _stop(self, project_id: str, plan_id: str) -> None:
        started = time.monotonic()
        after: int | None = -1
        while after is not None:
            # Every batch is judged by what it finds: whoever comes twice or breaks off changes nothing twice.
            command = Command("stop_steps", [plan_id, after], "system", f"stop:{plan_id}:{new_id()}")
            try:
                answer = await self._graph.locked(
                    project_id, command, _bound(reactions.stop_steps, plan_id, after, command)
                )
            except reactions.NothingLeft:
                # What is left is being run. Looking again never takes more than a fraction of the time.
                took = time.monotonic() - started
                self._rest[plan_id] = time.monotonic() + min(REST * took, REST_MAX_S)
                return
            after = answer.ids["after"]

    async def react(self, project_id: str) -> None:
        """Carry out what the ends of a project's plans ask for."""
        rows = await self._db.read(psg_cypher.statement("reacting_plans"), project_id=project_id)
        for plan_id in self._rested(row["id"] for row in rows):
            try:
                plan = await self._db.read_one(
                    psg_cypher.statement("reaction_plan"), project_id=project_id, plan_id=plan_id
                )
                if plan is not None and plan["reacting"]:
                    await self._react(project_id, plan)
            except Exception as error:
                self._failed(plan_id, error)

    def _rested(self, plans: Iterable[str]) -> list[str]:
        """Those that may be looked at now: not the ones that were in vain a moment ago."""
        now = time.monotonic()
        self._rest = {plan: until for plan, until in self._rest.items() if until > now}
        return [plan for plan in plans if plan not in self._rest]

    def _failed(self, plan_id: str, error: Exception) -> None:
        log.warning("plan_not_reacted", plan=plan_id, error_type=type(error).__name__, error=str(error))
        self._rest[plan_id] = time.monotonic() + REST_MAX_S

    async def _react(self, project_id: str, plan: Mapping[str, Any]) -> None:
        """Each consequence is a command of its own that can be repeated; the last takes the plan off the list."""
        criteria = None
        if plan["success_criteria"] and plan["criteria"] is None and plan["status"] in ("completed", "failed"):
            criteria = await judge(self._db, project_id, plan["id"], plan["success_criteria"], loads(plan["params"]))
        consequences = await self._consequences(project_id, plan)
        if criteria is not None:
            consequences["goal_met"] = plan["status"] == "completed" and all(c["met"] for c in criteria)
        run = run_name(plan["id"], plan["restores"])
        command = Command("settle_plan", [plan["id"]], "system", f"settle:{run}")
        try:
            await self._graph.locked(
                project_id, command, _bound(reactions.settle_plan, plan["id"], criteria, consequences, command)
            )
        except reactions.NothingLeft:
            return

    async def _consequences(self, project_id: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Undo or go on where the author said so; what cannot be done is told, and holds up nothing else."""
        wanted = plan["on_failure"] if plan["status"] == "failed" else None
        try:
            if wanted == "compensate":
                undoing = await compensate(self._graph, project_id, plan["id"])
                return {"compensation": undoing.ids["plan"] if undoing else None}
            if wanted == "replan":
                made = await replan(
                    self._graph, project_id, plan["id"], self._replanner, approved=self._replans_approved
                )
                return {"replan": made}
        except Exception as error:
            if isinstance(error, PsgError) and error.retryable:
                raise
            log.warning("consequence_failed", plan=plan["id"], wanted=wanted, error=str(error))
            return {"wanted": wanted, "error": failure_of(error)}
        return {}


def _bound(decide: Any, *arguments: Any) -> Any:
    async def bound(locked: Any) -> Any:
        return await decide(locked, *arguments)

    return bound
