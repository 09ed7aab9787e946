"""The workflow engine: definitions become plans of the graph, which any orchestrator runs (CORE-03 to CORE-06)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psg_cypher
from psg import tracing, workflows
from psg.commands.reactions import NothingLeft
from psg.errors import CommandReused, DuplicateId, NotFound, Refused, ValidationFailed
from psg.graph import Graph
from psg.model.ids import check_id, derived_id, new_id
from psg.write.command import Answer, Command
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.core_orchestrator.compiling import compile_workflow, invocations
from psg_runtime.core_orchestrator.definition import WorkflowDefinition
from psg_runtime.core_orchestrator.errors import ExecutionNotFound
from psg_runtime.core_orchestrator.ports import ModuleCatalog
from psg_runtime.core_orchestrator.result import StageResult, WorkflowStatus, run_status, stages_of, status_of
from psg_runtime.core_orchestrator.settings import CoreOrchestratorConfig
from psg_runtime.launch import check_capabilities, create_plan
from psg_runtime.orchestrator.clocks import elapsed_ms
from psg_runtime.orchestrator.time_limits import read_pauses

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
ACTOR = "core-orchestrator"
PAGE_MAX = 1_000
RUN_STATUSES = ("pending", "running", "paused", "completed", "failed", "cancelled")
_STORED = {"pending": "draft", "running": "in_progress", "paused": "in_progress"}


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution that was asked for: its id, what ties its work together, whether it began or waits for its turn.

    ``answer`` is that of the command that let it in.
    """

    id: str
    correlation_id: str
    workflow_id: str
    began: bool
    answer: Answer = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """Executions of a project: how many run, how many wait (up to 100), whether the next may begin."""

    running: int
    waiting: int
    may_begin: bool


class WorkflowEngine:
    """Starts, steers and tells of executions of one project; whichever process began them (decision 0068).

    It runs nothing itself: a stage is a step of a plan, and the orchestrators of the platform run those.
    """

    def __init__(
        self, graph: Graph, project_id: str, config: CoreOrchestratorConfig, registry: CapabilityRegistry | None = None
    ) -> None:
        self.graph = graph
        self.project_id = project_id
        self.config = config
        self._registry = registry
        self._context_id: str | None = None

    async def start_execution(
        self,
        definition: Any,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        execution_id: str | None = None,
        catalog: ModuleCatalog | None = None,
        actor: str = ACTOR,
    ) -> Execution:
        """Check, store and begin a workflow; where as many run as may, it waits for its turn.

        The same ``execution_id`` with the same workflow and inputs names one execution, however often it is asked for.
        Its stages have modules do something for ``actor``, whose rights are for the caller to judge.
        Raises ``WorkflowInvalid``, ``UnknownCapability`` when nobody runs stages, ``DuplicateId`` for an id in use.
        """
        made = WorkflowDefinition.of(definition)
        given = {} if inputs is None else inputs
        if not isinstance(given, Mapping):
            raise ValidationFailed(f"inputs: expected a mapping of names to values, not {type(given).__name__}")
        plan_id = check_id(execution_id, "execution_id") if execution_id is not None else new_id()
        correlation = correlation_id or (new_id() if execution_id is None else derived_id("correlation", plan_id))
        spec = compile_workflow(
            made, given, correlation_id=correlation, timeout_ms=self.config.default_workflow_timeout, catalog=catalog,
        )  # fmt: skip
        command_id = derived_id("workflow", plan_id)
        try:
            await create_plan(
                self.graph, self.project_id, await self._context(), spec, plan_id=plan_id, actor=actor,
                command_id=command_id, invokes=invocations(made, spec, actor).stored(),
            )  # fmt: skip
        except CommandReused:
            raise DuplicateId(f"execution_id: {plan_id} is another execution", id=plan_id) from None
        await check_capabilities(self.graph, self._registry, self.project_id, plan_id)
        limit = made.timeout or self.config.default_workflow_timeout
        command = Command(
            "enter_workflow", [plan_id], actor, derived_id("enter", plan_id), self._tied_to(correlation)
        )
        answer = await self.graph.locked(
            self.project_id, command,
            lambda locked: workflows.enter(locked, plan_id, limit, self.config.max_concurrent_workflows, command),
        )  # fmt: skip
        return Execution(plan_id, correlation, made.id, bool(answer.ids["began"]), answer)

    def _tied_to(self, correlation: str) -> str:
        """What the events of a start tell: the trace that its stages go on with where tracing is on.

        Without a span here the trace is named after the correlation id, for orchestrators elsewhere that make spans.
        """
        if not self.config.enable_distributed_tracing:
            return correlation
        return tracing.traceparent() or f"00-{correlation.replace('-', '')}-{new_id().replace('-', '')[:16]}-01"

    async def _context(self) -> str:
        """The context that the executions of the project are in, made by whoever is first."""
        if self._context_id is not None:
            return self._context_id
        context_id = derived_id("workflows", self.project_id)
        document = {
            "meta": META, "context_id": context_id, "title": "Workflows", "status": "active",
            "root": {"domain": "workflows", "environment": "runtime"},
        }  # fmt: skip
        try:
            await self.graph.create_document(
                self.project_id, "context", document, actor=ACTOR,
                command_id=derived_id("workflows-context", self.project_id),
            )  # fmt: skip
        except (DuplicateId, CommandReused):
            pass  # a retention policy may have forgotten the command that made it
        self._context_id = context_id
        return context_id

    # Steering

    async def pause(self, execution_id: str, **request: Any) -> Answer:
        """Let no further stage start; those that run finish. Raises ``ExecutionNotFound``, ``Refused``."""
        await self._state(execution_id)
        return await self.graph.pause_plan(self.project_id, execution_id, **{"actor": ACTOR, **request})

    async def resume(self, execution_id: str, **request: Any) -> Answer:
        """Go on where it was paused; no completed stage runs again. Raises ``ExecutionNotFound``, ``Refused``."""
        await self._state(execution_id)
        return await self.graph.resume_plan(self.project_id, execution_id, **{"actor": ACTOR, **request})

    async def cancel(self, execution_id: str, **request: Any) -> Answer:
        """End it: no stage starts, what runs is stopped. Raises ``ExecutionNotFound``, ``InvalidTransition``."""
        state, _ = await self._state(execution_id)
        asked = {"actor": ACTOR, "command_id": new_id(), **request}
        if state["status"] == "draft":
            # Of the two commands at most one is carried out: the first gives up where its turn came meanwhile.
            waiting = Command("cancel_waiting", [execution_id], asked["actor"], derived_id("w", asked["command_id"]))
            try:
                answer = await self.graph.locked(
                    self.project_id, waiting, lambda locked: workflows.cancel_waiting(locked, execution_id, waiting)
                )
            except workflows.NotWaiting:
                pass
            else:
                await self.graph.close_plan(self.project_id, execution_id)
                return answer
        return await self.graph.cancel_plan(self.project_id, execution_id, **asked)

    # Telling

    async def status(self, execution_id: str, *, stages: bool = True) -> WorkflowStatus:
        """How an execution stands now; raises ``ExecutionNotFound``."""
        state, now = await self._state(execution_id)
        rows = await self._stages(state) if stages or run_status(state) == "failed" else None
        return status_of(state, now, rows, every=stages)

    async def page(self, *, status: str | None = None, limit: int = 100) -> list[WorkflowStatus]:
        """Executions of the project, the latest first, all or those of one status; at most 1000."""
        if status is not None and status not in RUN_STATUSES:
            raise ValidationFailed(f"status: {status[:50]!r} is none of {', '.join(RUN_STATUSES)}", status=status[:50])
        if not 1 <= limit <= PAGE_MAX:
            raise ValidationFailed(f"limit: {limit} is not from 1 to {PAGE_MAX}", limit=limit)
        wanted = dict.fromkeys(_STORED.get(s, s) for s in ([status] if status else RUN_STATUSES))
        found = []
        for stored in wanted:
            rows = await self.graph.db.read(
                psg_cypher.statement("workflow_page"), project_id=self.project_id, status=stored, before=2**62,
                limit=limit,
            )  # fmt: skip
            found += [status_of(row["state"], row["now"], None) for row in rows]
        kept = [one for one in found if status is None or one.status == status]
        return sorted(kept, key=lambda one: one.created_at, reverse=True)[:limit]

    async def states(self, ids: Iterable[str]) -> list[tuple[dict[str, Any], int]]:
        """Rows of executions with the database's time, for whoever looks again and again; unknown ones are left out."""
        rows = await self.graph.db.read(
            psg_cypher.statement("workflow_progress"), project_id=self.project_id, batch={"ids": list(ids)}
        )
        return [(row["state"], row["now"]) for row in rows if row["state"]["known"]]

    async def _state(self, execution_id: str) -> tuple[dict[str, Any], int]:
        rows = []
        if isinstance(execution_id, str):
            rows = await self.graph.db.read(
                psg_cypher.statement("workflow_states"), project_id=self.project_id, batch={"ids": [execution_id]}
            )
        if not rows or not rows[0]["state"]["known"]:
            message = f"execution_id: there is no execution {str(execution_id)[:100]!r} in this project"
            raise ExecutionNotFound(message, execution_id=str(execution_id)[:100])
        return rows[0]["state"], rows[0]["now"]

    async def _stages(self, state: Mapping[str, Any]) -> list[StageResult]:
        rows = await self.graph.db.read(
            psg_cypher.statement("workflow_steps"), project_id=self.project_id, plan_id=state["id"]
        )
        return stages_of(state, rows)

    # Keeping

    async def begin_next(self) -> bool:
        """Let the execution begin that waits longest, if there is a place; returns whether more may begin."""
        command = Command("begin_workflow", [new_id()], ACTOR)
        try:
            answer = await self.graph.locked(
                self.project_id, command, lambda locked: workflows.begin_next(locked, command)
            )
        except workflows.NothingToBegin:
            return False
        return bool(answer.ids["more"])

    async def turn(self) -> Turn:
        """How many executions of the project are under way, and whether one that waits may begin."""
        row = await self.graph.db.read_one(psg_cypher.statement("workflow_turn"), project_id=self.project_id)
        assert row is not None
        return Turn(row["running"], len(row["waiting"]), workflows.may_begin(row))

    async def fail_overdue(self) -> list[str]:
        """End the executions whose time is over, pauses taken off; returns their ids."""
        rows = await self.graph.db.read(psg_cypher.statement("workflow_overdue"), project_id=self.project_id)
        ended = [await self.fail_if_overdue(row["id"], row["started_ms"], row["timeout_ms"]) for row in rows]
        return [row["id"] for row, gone in zip(rows, ended, strict=True) if gone]

    async def fail_if_overdue(self, execution_id: str, started_ms: int, timeout_ms: int) -> bool:
        """End an execution whose time is over; returns whether it was ended now."""
        now, pauses = await read_pauses(self.graph.db, self.project_id, execution_id)
        if elapsed_ms(started_ms, now, pauses) < timeout_ms:
            return False
        message = f"the workflow was not over within {timeout_ms} ms"
        command = Command("fail_workflow", [execution_id], ACTOR)
        try:
            await self.graph.locked(
                self.project_id, command,
                lambda locked: workflows.fail_overdue(locked, execution_id, message, command),
            )  # fmt: skip
        except (NothingLeft, NotFound):
            return False
        return True

    async def forget_old(self) -> int:
        """Delete the finished executions beyond those that are kept; returns how many."""
        rows = await self.graph.db.read(
            psg_cypher.statement("workflow_history"), project_id=self.project_id,
            keep=self.config.workflow_history_retention,
        )  # fmt: skip
        gone = 0
        for row in rows:
            try:
                await self._forget(row["id"])
                gone += 1
            except (NotFound, Refused, CommandReused):
                continue  # another process was faster, or something alive still needs it
        return gone

    async def _forget(self, execution_id: str) -> None:
        command = Command("forget_workflow", [execution_id], ACTOR, derived_id("forget", execution_id))
        await self.graph.locked(
            self.project_id, command, lambda locked: workflows.forget(locked, execution_id, command)
        )
        await self.graph.close_plan(self.project_id, execution_id, deleted=True)
