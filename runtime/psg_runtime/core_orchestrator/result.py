"""What came of a workflow and of each of its stages (CORE-06, CORE-16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from psg.model.codec import loads, timestamp
from psg.workflows.ending import TIMEOUT
from psg_runtime.contracts.model import ContractModel
from psg_runtime.core_orchestrator.compiling import GOAL

RunStatus = Literal["pending", "running", "paused", "completed", "failed", "cancelled"]
StageStatus = Literal["pending", "running", "completed", "failed", "skipped"]
OVER = frozenset(("completed", "failed", "cancelled"))
_PLAN: Mapping[str, RunStatus] = {
    "draft": "pending", "proposed": "pending", "approved": "pending", "in_progress": "running",
    "completed": "completed", "failed": "failed", "cancelled": "cancelled",
}  # fmt: skip
_STEP: Mapping[str, StageStatus] = {
    "pending": "pending", "blocked": "pending", "in_progress": "running", "completed": "completed",
    "failed": "failed", "skipped": "skipped",
}  # fmt: skip


class StageResult(ContractModel):
    """What came of one stage; ``duration`` is milliseconds over all attempts, ``reason`` why it was skipped.

    ``error`` is {code, message, category, retryable, details}.
    """

    stage_id: str
    status: StageStatus
    output: Any = None
    error: dict[str, Any] | None = None
    reason: str | None = None
    attempts: int = 0
    duration: int | None = None
    started_at: str | None = None
    completed_at: str | None = None


class WorkflowResult(ContractModel):
    """What came of a workflow that is completed; ``duration`` is milliseconds from its start to its end.

    ``outputs`` are those of the completed stages, ``stage_results`` every stage's, both by stage id in their order.
    """

    execution_id: str
    workflow_id: str
    correlation_id: str
    status: RunStatus
    outputs: dict[str, Any]
    duration: int
    stage_results: dict[str, StageResult]


class WorkflowStatus(ContractModel):
    """How an execution stands. ``pending``: it waits for its turn. ``duration`` is milliseconds until now, or its end.

    ``error`` says why one that failed did; ``code`` is ``workflow_timeout`` when its time was over.
    """

    execution_id: str
    workflow_id: str
    workflow_name: str
    correlation_id: str
    status: RunStatus
    timeout: int
    stages_total: int
    stages_done: int
    created_at: str
    started_at: str | None = None
    completed_at: str | None = None
    duration: int | None = None
    error: dict[str, Any] | None = None
    stages: dict[str, StageResult] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in OVER


def run_status(state: Mapping[str, Any]) -> RunStatus:
    """How a run stands, from a row of ``workflow_states``."""
    status = _PLAN[state["status"]]
    return "paused" if status == "running" and state["paused"] else status


def status_of(
    state: Mapping[str, Any], now: int, stages: Sequence[StageResult] | None, *, every: bool = True
) -> WorkflowStatus:
    """The status of a run from its row; with ``stages`` also why it failed, and with ``every`` what each came to."""
    workflow = (loads(state["params"]) or {}).get("workflow") or {}
    status = run_status(state)
    started, finished = state["started_ms"], state["finished_ms"]
    return WorkflowStatus(
        execution_id=state["id"], workflow_id=(state["goal_id"] or GOAL).removeprefix(GOAL),
        workflow_name=state["title"], correlation_id=workflow.get("correlation_id", ""), status=status,
        timeout=state["workflow_timeout_ms"] or 0, stages_total=state["steps_total"] or 0,
        stages_done=(state["steps_total"] or 0) - (state["steps_open"] or 0),
        created_at=timestamp(state["sys_created_ms"]), started_at=_at(started), completed_at=_at(finished),
        duration=None if started is None else (finished or now) - started,
        error=failure(stages) if status == "failed" and stages is not None else None,
        stages={s.stage_id: s for s in stages} if stages is not None and every else None,
    )  # fmt: skip


def stages_of(state: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[StageResult]:
    """The results of a run's stages in the order of its definition, from rows of ``workflow_steps``."""
    workflow = (loads(state["params"]) or {}).get("workflow") or {}
    ids = {key: stage for stage, key in (workflow.get("keys") or {}).items()}
    found = {}
    for row in rows:
        step = row["step"]
        started, finished = step["started_ms"], step["finished_ms"]
        name = ids.get(step["key"], step["key"])
        found[name] = StageResult(
            stage_id=name, status=_STEP[step["status"]], output=loads(step["output"]), error=loads(step["error"]),
            reason=step["skip_reason"], attempts=step["attempt"] or 0,
            duration=None if started is None or finished is None else finished - started, started_at=_at(started),
            completed_at=_at(finished),
        )  # fmt: skip
    given = [stage for stage in workflow.get("keys") or {} if stage in found]
    return [found[name] for name in dict.fromkeys([*given, *found])]


def failure(stages: Sequence[StageResult]) -> dict[str, Any]:
    """Why a run failed: its time was over, or the first stage that failed."""
    for stage in stages:
        if stage.reason == TIMEOUT or (stage.error or {}).get("code") == TIMEOUT:
            said = {"code": TIMEOUT, "category": "workflow_error", "message": "its time was over"}
            return {**said, "stage": stage.stage_id}
    for stage in stages:
        if stage.error is not None:
            return {**stage.error, "stage": stage.stage_id}
    return {"code": "workflow_failed", "category": "workflow_error", "message": "it failed"}


def _at(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else timestamp(moment_ms)
