"""The same flow on the graph: its context is a Context, its plan a Plan that the one engine runs (DD-61)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from pydantic import ValidationError

import psg_cypher
from psg.documents.exporting import export_document
from psg.errors import ActionFailed, NotFound, PlanInvalid, Refused, ValidationFailed
from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import check_id, derived_id
from psg.model.lifecycle import TERMINAL_PLAN
from psg.plan.spec import PlanSpec
from psg.read.events import EventLog
from psg.read.nodes import Reader
from psg_runtime.ael import ActionExecutionLayer
from psg_runtime.contracts import OrchestratorPlan
from psg_runtime.contracts.conversion import to_spec
from psg_runtime.launch import check_capabilities, create_plan
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings
from psg_runtime.single_agent.context import RuntimeContext
from psg_runtime.single_agent.registry import ModuleOutput, RuntimeModuleRegistry

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
PAGE = 500
POLL_S = 0.1


class PlanNotCompleted(ActionFailed):
    """The plan of the flow ended otherwise than completed."""

    code = "plan_not_completed"
    category = "workflow_error"
    retryable = False


class PlanWaitsForApproval(Refused):
    """The plan of the flow needs more approvals than the flow gives."""

    code = "plan_waits_for_approval"


class GraphModules(RuntimeModuleRegistry):
    """The modules ``context`` and ``plan`` over a project of the graph.

    ``flow["context"]`` is a protocol document, fields of one (``title`` …), or the id of a context that is there;
    ``flow["plan"]`` a protocol document, a ``PlanSpec``, an ``OrchestratorPlan``, or a mapping of either. The plan is
    proposed, approved in the name of ``actor``, started, and run to its end: by an orchestrator here when ``ael`` is
    given, else by those that run already. What is made has ids of the run: a run that was interrupted goes on, under
    its id, where it was.
    """

    def __init__(
        self,
        graph: Graph,
        project_id: str,
        ael: ActionExecutionLayer | None = None,
        *,
        settings: OrchestratorSettings | None = None,
        actor: str = "single_agent",
        role: str = "approver",
    ) -> None:
        super().__init__(context=self._context, plan=self._plan)
        self._graph = graph
        self._project_id = check_id(project_id, "project_id")
        self._ael = ael
        only_here = {"projects": (project_id,)}
        self._settings = (settings or OrchestratorSettings()).model_copy(update=only_here)
        self._actor = actor
        self._role = role
        self._log = EventLog(graph.db)

    # The context module

    async def _context(self, *, ctx: Mapping[str, Any]) -> ModuleOutput:
        given = _flow(ctx).get("context")
        if isinstance(given, str):
            document = await export_document(self._graph.db, self._project_id, "context", given)
            return ModuleOutput(document)
        run: RuntimeContext = ctx["runtime"]
        document = _context_document(given, run.run_id)
        answer = await self._graph.create_document(
            self._project_id, "context", document, **self._request(run, "context")
        )
        context_id = answer.ids["context"]
        made = await export_document(self._graph.db, self._project_id, "context", context_id)
        page = await self._log.page(self._project_id, answer.seq - 1, 50, families=["graph_update"])
        events = [protocol_event(e) for e in page.events if e["entity"] == context_id]
        return ModuleOutput(made, events)

    # The plan module

    async def _plan(self, *, ctx: Mapping[str, Any]) -> ModuleOutput:
        run: RuntimeContext = ctx["runtime"]
        given = _flow(ctx).get("plan")
        plan_id, since = await self._stored(run, given, ctx.get("context"))
        await self._started(run, plan_id)
        async with self._engine():
            status = await self._ended(plan_id)
        output = await self._told(plan_id, status)
        if status != "completed":
            failed = {k: s["error"] for k, s in output["steps"].items() if s["status"] == "failed"}
            raise PlanNotCompleted(
                f"plan {plan_id} is {status}" + (f"; failed: {', '.join(sorted(failed))}" if failed else ""),
                id=plan_id, status=status, errors=failed,
            )  # fmt: skip
        return ModuleOutput(output, [event async for event in self._events(plan_id, since)])

    async def _stored(self, run: RuntimeContext, given: Any, context: Any) -> tuple[str, int]:
        request = self._request(run, "plan")
        if isinstance(given, Mapping) and "meta" in given:
            answer = await self._graph.create_document(self._project_id, "plan", given, **request)
            return answer.ids["plan"], answer.seq - 1
        context_id = context.get("context_id") if isinstance(context, Mapping) else None
        if not isinstance(context_id, str):
            raise ValidationFailed("plan: it needs a context: load the context module too, or give flow.context")
        answer = await create_plan(self._graph, self._project_id, context_id, _spec(given), **request)
        return answer.ids["plan"], answer.seq - 1

    async def _started(self, run: RuntimeContext, plan_id: str) -> None:
        """Take the plan from where it is to its start; each command has an id of the run, so none is given twice."""
        project, graph = self._project_id, self._graph
        status = (await self._state(plan_id))["status"]
        if status == "draft":
            await graph.propose_plan(project, plan_id, **self._request(run, "propose"))
            status = "proposed"
        if status == "proposed":
            await graph.approve_plan(project, plan_id, role=self._role, **self._request(run, "approve"))
            status = (await self._state(plan_id))["status"]
        if status == "proposed":
            raise PlanWaitsForApproval(
                f"plan {plan_id} needs more approvals than this run gives; it is proposed: approve and start it",
                id=plan_id,
            )
        if status == "approved":
            await check_capabilities(graph, getattr(self._ael, "registry", None), project, plan_id)
            await graph.start_plan(project, plan_id, **self._request(run, "start"))

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[None]:
        """The engine during the block, where this process is to be one."""
        if self._ael is None:
            yield
            return
        async with anyio.create_task_group() as tasks:
            engine = Orchestrator(self._graph, self._ael, self._settings)
            await tasks.start(engine.run)
            try:
                yield
            finally:
                engine.stop()

    async def _ended(self, plan_id: str) -> str:
        signals = self._graph.signals
        while True:
            seen = signals.latest(self._project_id)
            status = (await self._state(plan_id))["status"]
            if status in TERMINAL_PLAN:
                return str(status)
            await signals.wait(self._project_id, seen, POLL_S)

    async def _told(self, plan_id: str, status: str) -> dict[str, Any]:
        reader, steps, after = Reader(self._graph.db), {}, -1
        while page := await reader.steps(self._project_id, plan_id, after, PAGE):
            for row in page:
                steps[row["key"]] = {
                    "step_id": row["id"], "status": row["status"], "output": loads(row.get("output")),
                    "error": loads(row.get("error")),
                }  # fmt: skip
            after = page[-1]["position"]
        trace_id = (await self._state(plan_id))["trace_id"]
        return {"plan_id": plan_id, "status": status, "trace_id": trace_id, "steps": steps}

    async def _events(self, plan_id: str, after: int) -> AsyncIterator[dict[str, Any]]:
        while True:
            page = await self._log.page(self._project_id, after, PAGE, plan_id=plan_id)
            for event in page.events:
                yield protocol_event(event)
            if not page.more:
                return
            after = page.cursor

    async def _state(self, plan_id: str) -> dict[str, Any]:
        statement = psg_cypher.statement("plan_state")
        row = await self._graph.db.read_one(statement, project_id=self._project_id, plan_id=plan_id)
        if row is None or row["deleted"]:
            raise NotFound(f"plan_id: plan {plan_id} was deleted while the flow ran", id=plan_id)
        return row

    def _request(self, run: RuntimeContext, what: str) -> dict[str, Any]:
        return {"actor": self._actor, "command_id": derived_id("single_agent", run.run_id, what)}


def _flow(ctx: Mapping[str, Any]) -> Mapping[str, Any]:
    flow = ctx.get("flow")
    if not isinstance(flow, Mapping):
        raise ValidationFailed("flow: expected an object with `context` and `plan`", field="flow")
    return flow


def _context_document(given: Any, run_id: str) -> dict[str, Any]:
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise ValidationFailed(
            f"flow.context: expected an id, a document or its fields, not {type(given).__name__}", field="flow.context"
        )
    made = {
        "meta": META, "context_id": derived_id("single_agent", run_id, "the context"), "title": "A single-agent run",
        "status": "active", "root": {"domain": "single_agent", "environment": "runtime"},
    }  # fmt: skip
    return {**made, **given}


def _spec(given: Any) -> PlanSpec:
    """A plan in any of its forms; raises ``PlanInvalid`` or ``ValidationFailed`` naming the field."""
    if isinstance(given, PlanSpec):
        return given
    if isinstance(given, OrchestratorPlan):
        return to_spec(given)
    if not isinstance(given, Mapping):
        raise ValidationFailed(f"flow.plan: expected a plan, not {type(given).__name__}", field="flow.plan")
    steps = given.get("steps")
    if isinstance(steps, list | tuple) and any(isinstance(s, Mapping) and "id" in s for s in steps):
        return to_spec(OrchestratorPlan.parse(given))
    try:
        return PlanSpec.model_validate(dict(given))
    except ValidationError as error:
        found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)[:10]]
        raise PlanInvalid(f"Invalid Plan: {'; '.join(found)}", problems=found) from None
