"""What happens to plans and steps whose resources changed: they wait for a person, are made anew, or are undone.

What is due stands in the graph, with the resource; each of its parts can be repeated, and whoever finds it carries it
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

import psg_cypher
from psg.commands.lifecycle import META
from psg.derivation import rerun_plan
from psg.drift import Expected, dependent_state, living, refresh, resources_by_uri, set_due, shown
from psg.errors import InvalidTransition, PsgError, Refused
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg.model.ids import derived_id, new_id
from psg.model.lifecycle import TERMINAL_PLAN
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked
from psg_runtime.orchestrator.compensation import compensate

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]


class Consequences:
    """Carries out what is due about the dependents of tracked things of one project."""

    def __init__(self, graph: Graph, project_id: str, *, actor: str) -> None:
        self._graph = graph
        self._project_id = project_id
        self._actor = actor

    async def of(self, uris: list[str]) -> None:
        """Carry out what is due for these; what fails for now stays due."""
        for resource in (await resources_by_uri(self._graph.db, self._project_id, uris)).values():
            for dependent, due in sorted(resource.due().items()):
                try:
                    done = await self._one(resource, dependent, due)
                except PsgError as error:
                    done = not error.retryable
                    log.warning("consequence_failed", dependent=dependent, wanted=due.get("do"), code=error.code)
                if done:
                    await self._settled(resource.uri, dependent, due)

    async def _one(self, resource: Expected, dependent: str, due: Row) -> bool:
        """Do what is due about one dependent; whether that is all."""
        state = await dependent_state(self._graph.db, self._project_id, dependent)
        if state is None or state["plan"] is None:
            return True
        if due["do"] == "gate":
            return await self._gate(resource, state, due)
        if state["status"] not in (*TERMINAL_PLAN, "in_progress"):
            return True  # not begun: it will run with what is there now
        if state["status"] == "in_progress":
            await self._end(state["plan"])
        if due["do"] == "compensate":
            await compensate(self._graph, self._project_id, state["plan"], actor=self._actor)
            return True
        # A step that was never done is done anyway in what is left of the plan.
        await rerun_plan(
            self._graph, self._project_id, state["plan"], from_step=state["key"], actor=self._actor,
            command_id=derived_id("drift-rerun", resource.id, dependent, str(due["since"])),
        )  # fmt: skip
        return True

    async def _end(self, plan_id: str) -> None:
        try:
            await self._graph.cancel_plan(self._project_id, plan_id, actor=self._actor)
        except InvalidTransition:  # it ended by itself meanwhile
            return

    async def _gate(self, resource: Expected, state: Row, due: Row) -> bool:
        """Keep a plan paused until its request is decided: approved it goes on, rejected it is cancelled."""
        confirm_id = await self._asked(resource, state, due)
        row = await self._graph.db.read_one(
            psg_cypher.statement("confirm_state"), project_id=self._project_id, confirm_id=confirm_id
        )
        status = "cancelled" if row is None or row["deleted"] else row["status"]
        running = state["status"] == "in_progress"
        if state["status"] in TERMINAL_PLAN:
            return True
        if status == "pending":
            if running and not state["paused"]:
                await self._quietly(self._graph.pause_plan(self._project_id, state["plan"], actor=self._actor))
            return False
        if status == "rejected" and running:
            await self._end(state["plan"])
        elif status == "approved":
            await refresh(self._graph, self._project_id, state["id"], actor=self._actor)
            if running and state["paused"]:
                await self._quietly(self._graph.resume_plan(self._project_id, state["plan"], actor=self._actor))
        return True

    async def _asked(self, resource: Expected, state: Row, due: Row) -> str:
        """The request of a gate; the first who looks opens it."""
        confirm_id = derived_id("drift-gate", resource.id, state["id"], str(due["since"]))
        command = Command("drift_gate", [resource.id, state["id"]], self._actor, f"gate:{confirm_id}")
        user = f"{state['label'].lower()} {state['key'] or state['id']}"
        reason = f"{shown(resource.uri)} changed outside; {user} uses it"

        async def decide(locked: Locked) -> Change:
            change = Change(command)
            props = {
                "target_type": "plan", "status": "pending", "requested_by_role": "drift",
                "requested_at": locked.now, "reason": reason, "payload": dumps({"meta": META}),
            }  # fmt: skip
            change.create("Confirm", confirm_id, props, [("CONFIRMS", state["plan"], {})], plan=state["plan"])
            return change

        await self._graph.locked(self._project_id, command, decide)
        return confirm_id

    async def _quietly(self, doing: Any) -> None:
        try:
            await doing
        except Refused:  # somebody paused, resumed or ended it meanwhile
            return

    async def _settled(self, uri: str, dependent: str, due: Row) -> None:
        """Take what is done off the list, unless it became due once more."""
        command = Command("drift_settled", [uri, dependent], self._actor, new_id())

        async def decide(locked: Locked) -> Change:
            node = await living(locked, uri)
            wanted: dict[str, Any] = loads(node.get("due")) or {}
            change = Change(command)
            if wanted.get(dependent) == due:
                del wanted[dependent]
                set_due(change, node, wanted)
            else:
                change.note("graph_update", "resource_unchanged", "Resource", node["id"], {})
            return change

        await self._graph.locked(self._project_id, command, decide)
