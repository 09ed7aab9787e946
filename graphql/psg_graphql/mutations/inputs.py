"""Inputs of the mutations; ``commandId`` makes a repeat harmless, ``expectedRevision`` refuses a stale one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from psg_graphql.scalars import (
    ConfirmStatus,
    ContextStatus,
    DecisionStatus,
    JoinMode,
    Module,
    OnFailure,
    StepType,
    Timestamp,
)

CommandId = Annotated[
    UUID | None,
    strawberry.field(description="Unique id of this command; repeated with the same content it has one effect."),
]
ExpectedRevision = Annotated[
    int | None, strawberry.field(description="Refuse the command when the node has another revision by now.")
]
ProjectRef = Annotated[strawberry.ID, strawberry.field(description="Global id or UUID of the project.")]
NodeUuid = Annotated[str | None, strawberry.field(description="UUID v4 for the new node; made when absent.")]


@strawberry.input
class CreateProjectInput:
    name: str
    description: str | None = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class CreateContextInput:
    project_id: ProjectRef
    title: str
    status: Annotated[ContextStatus | None, strawberry.field(description="Absent: active.")] = None
    summary: str | None = None
    domain: Annotated[str, strawberry.field(description="root.domain of the protocol document.")] = "general"
    environment: Annotated[str, strawberry.field(description="root.environment of the protocol document.")] = "local"
    tags: list[str] | None = None
    language: str | None = None
    owner_role: str | None = None
    constraints: JSON | None = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class UpdateContextInput:
    id: strawberry.ID
    changes: Annotated[
        JSON, strawberry.field(description="Protocol fields with new values; null removes one. Not status, not ids.")
    ]
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class TransitionContextInput:
    id: strawberry.ID
    status: ContextStatus
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class CreateRoleInput:
    project_id: ProjectRef
    name: str
    description: str | None = None
    capabilities: list[str] | None = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class UpdateRoleInput:
    id: strawberry.ID
    changes: Annotated[JSON, strawberry.field(description="Protocol fields with new values; null removes one.")]
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class StepInput:
    key: Annotated[str, strawberry.field(description="Name of the step, unique in its plan.")]
    type: Annotated[StepType | None, strawberry.field(description="Absent: tool.")] = None
    name: Annotated[str | None, strawberry.field(description="Tool, agent or model that carries it out.")] = None
    description: str = ""
    params: JSON | None = None
    dependencies: Annotated[list[str] | None, strawberry.field(description="Keys of steps of the same plan.")] = None
    timeout_ms: int | None = None
    retries: Annotated[int | None, strawberry.field(description="Absent: as the policy has it.")] = None
    agent_role: str | None = None
    order_index: int | None = None
    urgency: Annotated[int, strawberry.field(description="0 to 1000, lower is more urgent.")] = 100
    condition: Annotated[str | None, strawberry.field(description="CEL; false skips the step.")] = None
    join: Annotated[JoinMode | None, strawberry.field(description="Absent: not_skipped.")] = None
    policy: Annotated[JSON | None, strawberry.field(description="Retry, timeout, idempotency, recovery.")] = None
    approval: Annotated[JSON | None, strawberry.field(description="Who has to approve before it runs.")] = None
    budget: Annotated[JSON | None, strawberry.field(description="Limits: tokens, cost, calls, wall_ms.")] = None
    compensation: Annotated[JSON | None, strawberry.field(description="What undoes it once completed.")] = None


@strawberry.input
class CreatePlanInput:
    context_id: strawberry.ID
    title: str
    objective: str
    steps: list[StepInput]
    params: JSON | None = None
    goal_id: str | None = None
    estimated_duration_ms: int | None = None
    estimated_cost: float | None = None
    policy: Annotated[JSON | None, strawberry.field(description="Holds for steps that say nothing else.")] = None
    approval: Annotated[JSON | None, strawberry.field(description="Who has to approve before it starts.")] = None
    budget: Annotated[JSON | None, strawberry.field(description="Limits: tokens, cost, calls, wall_ms.")] = None
    on_failure: Annotated[OnFailure | None, strawberry.field(description="Absent: continue.")] = None
    success_criteria: Annotated[list[str] | None, strawberry.field(description="CEL, judged at the end.")] = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class PlanCommandInput:
    id: strawberry.ID
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class ApprovePlanInput:
    id: strawberry.ID
    role: Annotated[str, strawberry.field(description="Role in which the actor approves.")] = "approver"
    reason: str | None = None
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class AddStepInput:
    plan_id: strawberry.ID
    step: StepInput
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class DependencyInput:
    step_id: Annotated[strawberry.ID, strawberry.field(description="The step that waits.")]
    depends_on: Annotated[strawberry.ID, strawberry.field(description="The step it waits for.")]
    command_id: CommandId = None


@strawberry.input
class CreateTraceInput:
    context_id: strawberry.ID
    plan_id: strawberry.ID | None = None
    status: Annotated[str, strawberry.field(description="Status of the trace.")] = "pending"
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    segments: Annotated[JSON | None, strawberry.field(description="Segments as protocol documents.")] = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class CreateConfirmInput:
    target_id: Annotated[strawberry.ID, strawberry.field(description="Global id of what is to be confirmed.")]
    requested_by_role: str
    reason: str | None = None
    status: Annotated[ConfirmStatus | None, strawberry.field(description="Absent: pending.")] = None
    requested_at: Timestamp | None = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class DecideConfirmInput:
    id: strawberry.ID
    status: DecisionStatus
    role: Annotated[str, strawberry.field(description="Role in which the actor decides.")] = "approver"
    reason: str | None = None
    command_id: CommandId = None


@strawberry.input
class DeleteNodeInput:
    id: strawberry.ID
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class DocumentInput:
    module: Module
    document: Annotated[JSON, strawberry.field(description="Protocol 1.0.0 document.")]


@strawberry.input
class ImportDocumentsInput:
    project_id: ProjectRef
    documents: Annotated[
        list[DocumentInput], strawberry.field(description="In any order; stored in the order of their references.")
    ]
    command_id: Annotated[
        UUID | None,
        strawberry.field(description="Not needed: a repeat is recognised by each document's content."),
    ] = None
