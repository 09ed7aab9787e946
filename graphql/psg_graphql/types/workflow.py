"""Executions of workflows in the API."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.scalars import JSON

from psg_graphql.global_id import global_id
from psg_graphql.scalars import Long, Timestamp
from psg_runtime.core_orchestrator import WorkflowStatus


@strawberry.enum(description="How an execution of a workflow stands.")
class WorkflowRunStatus(Enum):
    pending = strawberry.enum_value("pending", description="It waits for its turn.")
    running = strawberry.enum_value("running")
    paused = strawberry.enum_value("paused")
    completed = strawberry.enum_value("completed")
    failed = strawberry.enum_value("failed")
    cancelled = strawberry.enum_value("cancelled")


@strawberry.type(description="What came of one stage.")
class WorkflowStageResult:
    stage_id: str
    status: str = strawberry.field(description="pending, running, completed, failed or skipped.")
    output: JSON | None
    error: JSON | None
    reason: str | None = strawberry.field(description="Why it was skipped.")
    attempts: int
    duration: Long | None = strawberry.field(description="Milliseconds over all attempts.")


@strawberry.type(description="An execution of a workflow, which is a plan of the graph.")
class WorkflowExecution:
    execution_id: str
    plan_id: strawberry.ID = strawberry.field(description="Global id of its plan.")
    workflow_id: str
    workflow_name: str
    correlation_id: str
    status: WorkflowRunStatus
    timeout: Long = strawberry.field(description="Milliseconds that it may take.")
    duration: Long | None = strawberry.field(description="Milliseconds from its start until now, or to its end.")
    stages_total: int
    stages_done: int
    created_at: Timestamp
    started_at: Timestamp | None
    completed_at: Timestamp | None
    error: JSON | None = strawberry.field(description="Why it failed.")
    stages: list[WorkflowStageResult] | None = strawberry.field(
        description="In the order of the definition; null in lists."
    )


def execution_from(project_id: str, status: WorkflowStatus) -> WorkflowExecution:
    """Return the API's view of an execution."""
    stages = None
    if status.stages is not None:
        stages = [
            WorkflowStageResult(
                stage_id=stage.stage_id, status=stage.status, output=stage.output, error=_json(stage.error),
                reason=stage.reason, attempts=stage.attempts, duration=_long(stage.duration),
            )
            for stage in status.stages.values()
        ]  # fmt: skip
    return WorkflowExecution(
        execution_id=status.execution_id, plan_id=strawberry.ID(global_id("Plan", project_id, status.execution_id)),
        workflow_id=status.workflow_id, workflow_name=status.workflow_name, correlation_id=status.correlation_id,
        status=WorkflowRunStatus(status.status), timeout=Long(status.timeout), duration=_long(status.duration),
        stages_total=status.stages_total, stages_done=status.stages_done, created_at=Timestamp(status.created_at),
        started_at=_time(status.started_at), completed_at=_time(status.completed_at), error=_json(status.error),
        stages=stages,
    )  # fmt: skip


def _json(value: object) -> JSON | None:
    return None if value is None else JSON(value)


def _long(value: int | None) -> Long | None:
    return None if value is None else Long(value)


def _time(value: str | None) -> Timestamp | None:
    return None if value is None else Timestamp(value)
