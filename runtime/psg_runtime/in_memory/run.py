"""One execution of a plan in memory: what is decided, by the same functions as on the graph, and in which order."""

from __future__ import annotations

import heapq
import time
from collections import deque
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup

from psg.commands.reactions import STOPPED
from psg.errors import ControlSignal
from psg.plan.steps import place_of
from psg_runtime.contracts import ExecutionResult, OrchestratorPlan, StepResult
from psg_runtime.contracts.moments import now
from psg_runtime.hooks import HookChain
from psg_runtime.in_memory.attempt import StepRun
from psg_runtime.in_memory.options import ExecutorOptions
from psg_runtime.in_memory.outcome import execution_result
from psg_runtime.in_memory.scope import Scope
from psg_runtime.orchestrator.criteria import judged
from psg_runtime.orchestrator.decide import Skip, decide_undecided
from psg_runtime.orchestrator.policy import Policies
from psg_runtime.orchestrator.settings import OrchestratorSettings
from psg_runtime.replay.memory import PlanReplay

TERMINAL = frozenset(("completed", "failed", "skipped"))


class Run:
    """The state of one execution; only its own event loop touches it."""

    def __init__(
        self,
        plan: OrchestratorPlan,
        context: dict[str, Any],
        ael: Any,
        hooks: HookChain,
        options: ExecutorOptions,
        replay: PlanReplay | None,
        log: Any,
    ) -> None:
        self.plan = plan
        self.context = context
        self.ael = ael
        self.hooks = hooks
        self.options = options
        self.log = log.bind(plan=plan.id)
        self.scope = Scope(plan)
        self.policies = Policies(
            OrchestratorSettings.model_construct(
                retry_base_ms=options.retry_base_ms, retry_max_ms=options.retry_max_ms
            )
        )
        self._replay = replay
        self._results: dict[str, StepResult] = {}
        self._place = {step.id: _order(step, i) for i, step in enumerate(plan.steps)}
        self._dependents: dict[str, list[str]] = {step.id: [] for step in plan.steps}
        for step in plan.steps:
            for dependency in step.dependencies:
                self._dependents[dependency].append(step.id)
        self._look = deque(step.id for step in plan.steps)
        self._ready: list[tuple[tuple[int, int, int], str]] = []
        self._queued: set[str] = set()
        self._running: dict[str, anyio.CancelScope] = {}
        self._work: dict[str, StepRun] = {}
        self._changed = anyio.Event()
        self._cancelled = False
        self._stops = plan.extension("on_failure") == "stop"
        self._stopping = False
        self._signal: ControlSignal | None = None

    def cancel(self) -> None:
        """Stop what runs and start nothing more."""
        self._cancelled = True
        for scope in self._running.values():
            scope.cancel()
        self._changed.set()

    async def execute(self) -> ExecutionResult:
        """Run to the end; the recorded history always has an end, also when the caller is cancelled."""
        started, begun = now(), time.monotonic()
        if self._replay is not None and not self._replay.knows(self.plan.id):
            self.record("plan_created", self.plan.to_dict())
        self.record(
            "execution_started",
            {"planId": self.plan.id, "steps": len(self.plan.steps), "parallel": self.options.parallel_execution},
        )
        self.log.info("execution_started", steps=len(self.plan.steps))
        try:
            async with anyio.create_task_group() as tasks:
                await self._advance(tasks)
        except BaseException:
            self._cancelled = True
            self._end_execution(started, begun)
            raise
        if self._signal is not None:
            self._cancelled = True
            self._end_execution(started, begun)
            raise self._signal
        return self._end_execution(started, begun)

    def record(self, event: str, data: dict[str, Any]) -> None:
        """Record an entry of the history, where one is kept."""
        if self._replay is not None:
            self._replay.record(self.plan.id, event, data)

    async def _advance(self, tasks: TaskGroup) -> None:
        width = self.options.max_parallel if self.options.parallel_execution else 1
        while not self._cancelled:
            self._changed = anyio.Event()
            self._decide()
            while self._ready and len(self._running) < width and not (self._cancelled or self._stopping):
                _, step_id = heapq.heappop(self._ready)
                self._running[step_id] = anyio.CancelScope()
                tasks.start_soon(self._run, step_id, name=f"step {step_id}")
            if not self._running:
                return
            await self._changed.wait()

    def _decide(self) -> None:
        """Look at every step of which a dependency ended: it is skipped, or ready, or waits on."""
        while self._look and not self._cancelled:
            step_id = self._look.popleft()
            if step_id in self._results or step_id in self._queued:
                continue
            step = self.scope.steps[step_id]
            waited = [self._results.get(d) for d in step.dependencies]
            statuses = ["pending" if r is None else r.status for r in waited]
            waits = sum(status not in TERMINAL for status in statuses)
            join = step.extension("join")
            open_now, _ = place_of(join, False, waits, statuses)
            if not open_now:
                continue
            if self._stopping:
                continue
            dependencies = [
                {"status": status, "reason": None if result is None else result.reason}
                for status, result in zip(statuses, waited, strict=True)
            ]
            explain = getattr(self.ael, "unavailable_reason", None)
            unavailable = explain(step.type, step.name or None) if explain else None
            holds = None if self.scope.condition(step) is None else partial(self.scope.condition_holds, step)
            decision = decide_undecided(dependencies, unavailable, holds, join)
            self.log.debug("step_decided", step=step_id, decision=type(decision).__name__.lower())
            if isinstance(decision, Skip):
                self._end(StepResult(step_id=step_id, status="skipped", reason=decision.reason))
            else:
                self._queued.add(step_id)
                heapq.heappush(self._ready, (self._place[step_id], step_id))

    async def _run(self, step_id: str) -> None:
        result: StepResult | None = None
        work = self._work[step_id] = StepRun(self, self.scope.steps[step_id])
        try:
            with self._running[step_id]:
                if not self._cancelled:
                    result = await work.run()
        except ControlSignal as signal:
            self._signal = signal
            self.cancel()
        finally:
            del self._running[step_id]
            self._changed.set()
        self._end(result or work.cancelled())

    def _end(self, result: StepResult) -> None:
        self._results[result.step_id] = result
        self.scope.ended(result)
        self._look.extend(self._dependents[result.step_id])
        if result.status == "skipped":
            self.log.info("step_skipped", step=result.step_id, reason=result.reason)
            return
        self._stopping = self._stopping or (self._stops and result.status == "failed")
        event = f"step_{result.status}"
        self.record(event, result.to_dict())
        self.log.info(event, step=result.step_id, duration_ms=result.duration, code=result.error_code)

    def _end_execution(self, started: str, begun: float) -> ExecutionResult:
        for step in self.plan.steps:
            if step.id not in self._results:
                work = self._work.get(step.id)
                reason = STOPPED[0] if self._stopping and not self._cancelled else "cancelled"
                skipped = StepResult(step_id=step.id, status="skipped", reason=reason)
                self._end(skipped if work is None else work.cancelled())
        results = [self._results[step.id] for step in self.plan.steps]
        criteria = None if self._cancelled else self._criteria()
        duration = round((time.monotonic() - begun) * 1000, 3)
        result = execution_result(self.plan, results, self._cancelled, criteria, started, now(), duration)
        event = "execution_completed" if result.status == "completed" else "execution_failed"
        self.record(event, result.to_dict())
        self.log.info(event, status=result.status, duration_ms=duration, error=result.error)
        return result

    def _criteria(self) -> list[dict[str, Any]] | None:
        """What became of each of the plan's success criteria (CEL), None when it has none."""
        texts = self.plan.extension("success_criteria")
        return [judged(text, self.scope.values()) for text in texts] if texts else None


def _order(step: Any, position: int) -> tuple[int, int, int]:
    order, urgency = step.extension("order_index"), step.extension("urgency", 100)
    return (urgency, position if order is None else order, position)
