"""Results of the mutations: what was changed and where in the log, or why nothing was."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.scalars import Long, Module
from psg_graphql.types.confirm import Confirm
from psg_graphql.types.context import Context
from psg_graphql.types.plan import Plan
from psg_graphql.types.project import Project
from psg_graphql.types.role import Role
from psg_graphql.types.step import Step
from psg_graphql.types.trace import Trace


@strawberry.interface(description="A command that had its effect.")
class Effect:
    command_id: str
    seq: Long = strawberry.field(description="Number of the command's first event in the project's log.")
    replayed: bool = strawberry.field(description="The same command had this effect before; nothing was done now.")


@strawberry.type
class ProjectPayload(Effect):
    project: Project


@strawberry.type
class ContextPayload(Effect):
    context: Context


@strawberry.type
class RolePayload(Effect):
    role: Role


@strawberry.type
class PlanPayload(Effect):
    plan: Plan


@strawberry.type
class CreatePlanPayload(Effect):
    plan: Plan
    step_ids: JSON = strawberry.field(description="Global ids of the steps by key.")


@strawberry.type
class StepPayload(Effect):
    step: Step


@strawberry.type
class TracePayload(Effect):
    trace: Trace


@strawberry.type
class ConfirmPayload(Effect):
    confirm: Confirm


@strawberry.type
class DeletePayload(Effect):
    id: strawberry.ID


@strawberry.type(description="One document that was stored.")
class ImportedDocument:
    id: strawberry.ID
    module: Module
    replayed: bool


@strawberry.type
class ImportPayload:
    documents: list[ImportedDocument]


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

ProjectResult = Annotated[ProjectPayload | _Failures, strawberry.union("ProjectResult")]
ContextResult = Annotated[ContextPayload | _Failures, strawberry.union("ContextResult")]
RoleResult = Annotated[RolePayload | _Failures, strawberry.union("RoleResult")]
PlanResult = Annotated[PlanPayload | _Failures, strawberry.union("PlanResult")]
CreatePlanResult = Annotated[CreatePlanPayload | _Failures, strawberry.union("CreatePlanResult")]
StepResult = Annotated[StepPayload | _Failures, strawberry.union("StepResult")]
TraceResult = Annotated[TracePayload | _Failures, strawberry.union("TraceResult")]
ConfirmResult = Annotated[ConfirmPayload | _Failures, strawberry.union("ConfirmResult")]
DeleteResult = Annotated[DeletePayload | _Failures, strawberry.union("DeleteResult")]
ImportResult = Annotated[ImportPayload | _Failures, strawberry.union("ImportResult")]
