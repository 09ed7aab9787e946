"""From the results of steps to the result of a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from psg_runtime.contracts import ExecutionMetadata, ExecutionResult, OrchestratorPlan, StepResult
from psg_runtime.contracts.result import ExecutionStatus


def execution_result(
    plan: OrchestratorPlan,
    results: Sequence[StepResult],
    cancelled: bool,
    criteria: Sequence[Mapping[str, Any]] | None,
    started_at: str,
    completed_at: str,
    duration: float,
) -> ExecutionResult:
    """Return the result of a plan; ``criteria`` is what became of its success criteria, ``duration`` milliseconds."""
    failed = [result for result in results if result.status == "failed"]
    status: ExecutionStatus = "cancelled" if cancelled else "failed" if failed else "completed"
    return ExecutionResult(
        plan_id=plan.id, status=status, steps=list(results), started_at=started_at, completed_at=completed_at,
        output=_output(plan, results) if status == "completed" else None,
        error=_error(status, failed),
        criteria=None if criteria is None else [dict(one) for one in criteria],
        goal_met=None if criteria is None else status == "completed" and all(one["met"] for one in criteria),
        metadata=ExecutionMetadata(
            total_duration=duration, total_cost=_cost(results), total_steps=len(results),
            completed_steps=sum(result.status == "completed" for result in results), failed_steps=len(failed),
        ),
    )  # fmt: skip


def _error(status: str, failed: Sequence[StepResult]) -> str | None:
    if status == "completed":
        return None
    if status == "cancelled":
        return "the execution was cancelled"
    more = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
    return f"step `{failed[0].step_id}` failed: {failed[0].error}{more}"


def _output(plan: OrchestratorPlan, results: Sequence[StepResult]) -> Any:
    """The output of the only step on which none depends; of several by their ids, without those skipped."""
    needed = {dependency for step in plan.steps for dependency in step.dependencies}
    last = [result for result in results if result.step_id not in needed]
    if len(last) == 1:
        return last[0].output
    return {result.step_id: result.output for result in last if result.status == "completed"}


def _cost(results: Sequence[StepResult]) -> float | None:
    """The sum of what outputs report as ``usage.cost``, None when none does."""
    costs = []
    for result in results:
        usage = result.output.get("usage") if isinstance(result.output, dict) else None
        cost = usage.get("cost") if isinstance(usage, dict) else None
        if isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost) and cost >= 0:
            costs.append(cost)
    return sum(costs) if costs else None
