"""Mutations of what holds for all steps of a project: its execution policy, and kill switches."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from psg.commands import policies
from psg.errors import ValidationFailed
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_in, project_of
from psg_graphql.mutations.answers import command, effect
from psg_graphql.mutations.inputs import CommandId, ProjectRef
from psg_graphql.mutations.results import Effect
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.scalars import Long
from psg_graphql.types.kill_switch import KillSwitch, kill_switch_from


@strawberry.input
class SetProjectPolicyInput:
    project_id: ProjectRef
    policy: Annotated[
        JSON | None,
        strawberry.field(description="`{retry, timeout, idempotency}` as in plan files; null: nothing is said."),
    ] = None
    command_id: CommandId = None


@strawberry.input
class SetKillSwitchInput:
    on: bool
    project_id: Annotated[strawberry.ID | None, strawberry.field(description="Absent: everywhere.")] = None
    plan_id: Annotated[strawberry.ID | None, strawberry.field(description="Of that project; absent: all.")] = None
    action_type: Annotated[
        str | None,
        strawberry.field(description="An action type, a step type or a capability; absent: every action."),
    ] = None
    reason: str | None = None
    command_id: CommandId = None


@strawberry.type
class ProjectPolicyPayload(Effect):
    policy: JSON | None


@strawberry.type
class KillSwitchPayload:
    changed: bool = strawberry.field(description="False: it was so before.")
    switches: list[KillSwitch] = strawberry.field(description="What is on in this scope now.")
    seq: Long | None = strawberry.field(description="Its event in the project's log; null: it holds everywhere.")


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

ProjectPolicyResult = Annotated[ProjectPolicyPayload | _Failures, strawberry.union("ProjectPolicyResult")]
KillSwitchResult = Annotated[KillSwitchPayload | _Failures, strawberry.union("KillSwitchResult")]


@strawberry.type
class PolicyMutations:
    @mutation("Set what holds for every step of a project unless its plan or the step says otherwise.")
    async def set_project_policy(self, info: Info, input: SetProjectPolicyInput) -> ProjectPolicyResult:
        if input.policy is not None and not isinstance(input.policy, dict):
            raise ValidationFailed("policy: an object of retry, timeout and idempotency is expected", field="policy")
        project_id, graph = project_of(input.project_id), info.context.graph
        answer = await policies.set_project_policy(graph, project_id, input.policy, **command(info, input.command_id))
        said = await policies.project_policy(graph.db, project_id)
        return ProjectPolicyPayload(policy=None if said is None else JSON(said), **effect(answer))

    @mutation("Switch a kill switch on or off. What it is about is denied before it runs, and stopped where it runs.")
    async def set_kill_switch(self, info: Info, input: SetKillSwitchInput) -> KillSwitchResult:
        project_id = None if input.project_id is None else project_of(input.project_id)
        plan_id = None
        if input.plan_id is not None:
            if project_id is None:
                raise ValidationFailed("planId: name the project of the plan too", field="planId")
            plan_id = parse_in(project_id, input.plan_id, "planId", "Plan")
        done = await policies.set_kill_switch(
            info.context.graph, input.on, project_id=project_id, plan_id=plan_id, action_type=input.action_type,
            reason=input.reason, **command(info, input.command_id),
        )  # fmt: skip
        return KillSwitchPayload(
            changed=done.changed,
            switches=[kill_switch_from(switch, project_id) for switch in done.switches],
            seq=None if done.answer is None else Long(done.answer.seq),
        )
