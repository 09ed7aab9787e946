"""Mutations of workflows: have one executed, pause, go on, cancel."""

from __future__ import annotations

import re
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg.errors import ValidationFailed
from psg.model.codec import dumps
from psg.model.ids import derived_id
from psg.write.command import Answer
from psg_graphql.access import check_plan
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import project_of
from psg_graphql.mutations.answers import command, effect
from psg_graphql.mutations.inputs import CommandId, ProjectRef
from psg_graphql.mutations.results import Effect
from psg_graphql.policy import Action, Actor, authorize, check_role
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.workflow import WorkflowExecution, execution_from
from psg_graphql.workflow_queries import engine_of
from psg_runtime.core_orchestrator import WorkflowDefinition, catalog_everywhere
from psg_runtime.modules.operation_names import snake


@strawberry.input
class ExecuteWorkflowInput:
    project_id: ProjectRef
    definition: Annotated[JSON, strawberry.field(description="The WorkflowDefinition: id, name, version, stages, …")]
    inputs: Annotated[JSON | None, strawberry.field(description="What `${input.name}` reads, by name.")] = None
    command_id: CommandId = None


@strawberry.input
class WorkflowInput:
    project_id: ProjectRef
    execution_id: str
    command_id: CommandId = None


@strawberry.type
class WorkflowPayload(Effect):
    execution: WorkflowExecution


WorkflowResult = Annotated[
    WorkflowPayload | NotFound | Conflict | ValidationError | Forbidden | Refused, strawberry.union("WorkflowResult")
]


@strawberry.type
class WorkflowMutations:
    @mutation("Begin a workflow, or let it wait for its turn. Refused, naming every mistake, before anything is run.")
    async def execute_workflow(self, info: Info, input: ExecuteWorkflowInput) -> WorkflowResult:
        inputs: object = {} if input.inputs is None else input.inputs
        if not isinstance(inputs, dict):
            raise ValidationFailed("inputs: an object is expected", field="inputs")
        project_id = project_of(input.project_id)
        definition = WorkflowDefinition.of(input.definition)
        judge_stages(info.context.actor, project_id, definition)
        check_plan(info.context.actor, project_id, dumps([input.definition, inputs]))
        asked, engine = command(info, input.command_id), engine_of(info, project_id)
        execution = await engine.start_execution(
            definition, inputs, execution_id=derived_id("execution", asked["command_id"]),
            catalog=await catalog_everywhere(info.context.graph, project_id), actor=asked["actor"],
        )  # fmt: skip
        return await _payload(info, project_id, execution.id, execution.answer)

    @mutation("Let no further stage of an execution start; those that run finish.")
    async def pause_workflow(self, info: Info, input: WorkflowInput) -> WorkflowResult:
        return await _steered(info, input, "pause")

    @mutation("Go on with a paused execution; no completed stage runs again.")
    async def resume_workflow(self, info: Info, input: WorkflowInput) -> WorkflowResult:
        return await _steered(info, input, "resume")

    @mutation("End an execution; no further stage starts.")
    async def cancel_workflow(self, info: Info, input: WorkflowInput) -> WorkflowResult:
        return await _steered(info, input, "cancel")


def stage_action(module: str, operation: str) -> Action:
    """Return what it takes to have a module do an operation.

    The confirm module decides in the names that it is given; to execute a plan approves it on the way.
    """
    words = set(re.split(r"[._]", snake(operation)))
    if module == "confirm":
        return "administer"
    if words & {"approve", "execute"}:
        return "approve"
    return "delete" if "delete" in words else "operate"


def judge_stages(principal: Actor, project_id: str, definition: WorkflowDefinition) -> None:
    """Let a workflow reach no further than who has it executed, neither by stages nor by what undoes them.

    Who is restricted approves in roles that the definition says in full: what a reference will read is not known yet.
    Raises ``Forbidden``.
    """
    for stage in definition.stages:
        for call in (stage, stage.compensation):
            if call is None:
                continue
            action = stage_action(call.module_type, call.operation)
            authorize(principal, action, call.module_type, project_id)
            if action == "approve":
                for role in (value for key, value in call.inputs.items() if snake(key) == "role"):
                    if isinstance(role, str) and "$" not in role:
                        check_role(principal, project_id, role)
                    else:
                        authorize(principal, "administer", call.module_type, project_id)


async def _steered(info: Info, input: WorkflowInput, how: str) -> Any:
    project_id = project_of(input.project_id)
    engine = engine_of(info, project_id)
    answer = await getattr(engine, how)(input.execution_id, **command(info, input.command_id))
    return await _payload(info, project_id, input.execution_id, answer)


async def _payload(info: Info, project_id: str, execution_id: str, answer: Answer) -> WorkflowPayload:
    status = await engine_of(info, project_id).status(execution_id)
    return WorkflowPayload(execution=execution_from(project_id, status), **effect(answer))
