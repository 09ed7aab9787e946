"""Mutations of plans: with all steps in one call, through their life, and while they run."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import strawberry
from strawberry.scalars import JSON

from psg.plan.spec import PlanSpec
from psg.write.command import Answer
from psg_graphql.access import check_plan
from psg_graphql.global_id import GlobalId, global_id, parse_global_id, parse_in
from psg_graphql.mutations import inputs, results
from psg_graphql.mutations.answers import checked, command, effect, given, step_spec, stored
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_runtime import launch


@strawberry.type
class PlanMutations:
    @mutation("Create a plan with all its steps, as a draft.")
    async def create_plan(self, info: Info, input: inputs.CreatePlanInput) -> results.CreatePlanResult:
        context = parse_global_id(input.context_id, "contextId", "Context")
        values = given(
            title=input.title, objective=input.objective, goal_id=input.goal_id, params=input.params,
            estimated_duration_ms=input.estimated_duration_ms, estimated_cost=input.estimated_cost,
            policy=input.policy, approval=input.approval, budget=input.budget,
            on_failure=None if input.on_failure is None else input.on_failure.value,
            success_criteria=input.success_criteria,
        )  # fmt: skip
        spec = checked(PlanSpec, values | {"steps": [step_spec(step) for step in input.steps]}, "plan")
        check_plan(info.context.actor, context.project_id, spec.model_dump_json())
        answer = await launch.create_plan(
            info.context.graph, context.project_id, context.node_id, spec, plan_id=input.uuid,
            **command(info, input.command_id),
        )  # fmt: skip
        plan = await stored(info, "Plan", answer, answer.ids["plan"])
        ids = {key: global_id("Step", context.project_id, i) for key, i in answer.ids["steps"].items()}
        return results.CreatePlanPayload(plan=plan, step_ids=JSON(ids), **effect(answer))

    @mutation("draft → proposed.")
    async def propose_plan(self, info: Info, input: inputs.PlanCommandInput) -> results.PlanResult:
        return await _command(info, input, info.context.graph.propose_plan)

    @mutation("proposed → draft.")
    async def revise_plan(self, info: Info, input: inputs.PlanCommandInput) -> results.PlanResult:
        return await _command(info, input, info.context.graph.revise_plan)

    @mutation("proposed → approved, recorded as a confirm with a decision.")
    async def approve_plan(self, info: Info, input: inputs.ApprovePlanInput) -> results.PlanResult:
        plan = parse_global_id(input.id, "id", "Plan")
        request = command(info, input.command_id, input.expected_revision)
        approve = info.context.graph.approve_plan
        return await _answer(
            info, plan, approve(plan.project_id, plan.node_id, role=input.role, reason=input.reason, **request)
        )

    @mutation("approved → in_progress, when somebody offers every capability of the plan.")
    async def start_plan(self, info: Info, input: inputs.PlanCommandInput) -> results.PlanResult:
        plan = parse_global_id(input.id, "id", "Plan")
        request = command(info, input.command_id, input.expected_revision)
        graph, registry = info.context.graph, info.context.registry
        return await _answer(
            info, plan, launch.start_plan(graph, registry, plan.project_id, plan.node_id, **request)
        )

    @mutation("Claim no further step of a running plan.")
    async def pause_plan(self, info: Info, input: inputs.PlanCommandInput) -> results.PlanResult:
        return await _command(info, input, info.context.graph.pause_plan)

    @mutation("Go on with a paused plan.")
    async def resume_plan(self, info: Info, input: inputs.PlanCommandInput) -> results.PlanResult:
        return await _command(info, input, info.context.graph.resume_plan)

    @mutation("in_progress → cancelled; its open steps are closed.")
    async def cancel_plan(self, info: Info, input: inputs.PlanCommandInput) -> results.PlanResult:
        return await _command(info, input, info.context.graph.cancel_plan)

    @mutation("Add a step to a plan that is not finished.")
    async def add_step(self, info: Info, input: inputs.AddStepInput) -> results.StepResult:
        plan = parse_global_id(input.plan_id, "planId", "Plan")
        step = step_spec(input.step)
        check_plan(info.context.actor, plan.project_id, step.model_dump_json())
        answer = await launch.add_step(
            info.context.graph, plan.project_id, plan.node_id, step,
            **command(info, input.command_id, input.expected_revision),
        )  # fmt: skip
        return results.StepPayload(step=await stored(info, "Step", answer, answer.ids["step"]), **effect(answer))

    @mutation("Make a pending step wait for another one of its plan; a cycle is refused with its path.")
    async def add_dependency(self, info: Info, input: inputs.DependencyInput) -> results.StepResult:
        return await _dependency(info, input, info.context.graph.add_dependency)

    @mutation("Take a dependency of a pending step away.")
    async def remove_dependency(self, info: Info, input: inputs.DependencyInput) -> results.StepResult:
        return await _dependency(info, input, info.context.graph.remove_dependency)


async def _command(info: Info, input: inputs.PlanCommandInput, method: Any) -> results.PlanPayload:
    plan = parse_global_id(input.id, "id", "Plan")
    request = command(info, input.command_id, input.expected_revision)
    return await _answer(info, plan, method(plan.project_id, plan.node_id, **request))


async def _answer(info: Info, plan: GlobalId, asked: Awaitable[Answer]) -> results.PlanPayload:
    answer = await asked
    return results.PlanPayload(plan=await stored(info, "Plan", answer, plan.node_id), **effect(answer))


async def _dependency(info: Info, input: inputs.DependencyInput, method: Any) -> results.StepPayload:
    step = parse_global_id(input.step_id, "stepId", "Step")
    other = parse_in(step.project_id, input.depends_on, "dependsOn", "Step")
    answer = await method(step.project_id, step.node_id, other, **command(info, input.command_id))
    return results.StepPayload(step=await stored(info, "Step", answer, step.node_id), **effect(answer))
