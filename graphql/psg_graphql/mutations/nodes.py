"""Mutations of projects, contexts, roles, traces and confirms, and deletion."""

from __future__ import annotations

from enum import Enum

import strawberry

from psg.model.codec import timestamp
from psg.model.ids import check_id, derived_id
from psg.model.references import CONFIRM_TARGETS
from psg_graphql.clock import now_ms
from psg_graphql.global_id import parse_global_id, parse_in, project_of
from psg_graphql.mutations import inputs, results
from psg_graphql.mutations.answers import META, changed_fields, command, effect, given, stored
from psg_graphql.policy import authorize
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation


@strawberry.type
class NodeMutations:
    @mutation("Create a project.")
    async def create_project(self, info: Info, input: inputs.CreateProjectInput) -> results.ProjectResult:
        answer = await info.context.graph.create_project(
            input.name, input.description, project_id=input.uuid, **command(info, input.command_id)
        )
        project = await stored(info, "Project", answer, answer.project_id)
        return results.ProjectPayload(project=project, **effect(answer))

    @mutation("Create a context.")
    async def create_context(self, info: Info, input: inputs.CreateContextInput) -> results.ContextResult:
        request = command(info, input.command_id)
        document = given(
            meta=META, context_id=input.uuid or derived_id("context", request["command_id"]),
            root={"domain": input.domain, "environment": input.environment}, title=input.title,
            status=_value(input.status, "active"), summary=input.summary, tags=input.tags, language=input.language,
            owner_role=input.owner_role, constraints=input.constraints,
        )  # fmt: skip
        answer = await info.context.graph.create_document(
            project_of(input.project_id), "context", document, **request
        )
        context = await stored(info, "Context", answer, answer.ids["context"])
        return results.ContextPayload(context=context, **effect(answer))

    @mutation("Set fields of a context.")
    async def update_context(self, info: Info, input: inputs.UpdateContextInput) -> results.ContextResult:
        target = parse_global_id(input.id, "id", "Context")
        answer = await info.context.graph.update_document(
            target.project_id, "context", target.node_id, changed_fields(input.changes),
            **command(info, input.command_id, input.expected_revision),
        )  # fmt: skip
        context = await stored(info, "Context", answer, target.node_id)
        return results.ContextPayload(context=context, **effect(answer))

    @mutation("Change the status of a context by its lifecycle.")
    async def transition_context(self, info: Info, input: inputs.TransitionContextInput) -> results.ContextResult:
        target = parse_global_id(input.id, "id", "Context")
        answer = await info.context.graph.transition(
            target.project_id, "Context", target.node_id, input.status.value,
            **command(info, input.command_id, input.expected_revision),
        )  # fmt: skip
        context = await stored(info, "Context", answer, target.node_id)
        return results.ContextPayload(context=context, **effect(answer))

    @mutation("Create a role.")
    async def create_role(self, info: Info, input: inputs.CreateRoleInput) -> results.RoleResult:
        request = command(info, input.command_id)
        document = given(
            meta=META, role_id=input.uuid or derived_id("role", request["command_id"]), name=input.name,
            description=input.description, capabilities=input.capabilities,
        )  # fmt: skip
        answer = await info.context.graph.create_document(project_of(input.project_id), "role", document, **request)
        role = await stored(info, "Role", answer, answer.ids["role"])
        return results.RolePayload(role=role, **effect(answer))

    @mutation("Set fields of a role.")
    async def update_role(self, info: Info, input: inputs.UpdateRoleInput) -> results.RoleResult:
        target = parse_global_id(input.id, "id", "Role")
        answer = await info.context.graph.update_document(
            target.project_id, "role", target.node_id, changed_fields(input.changes),
            **command(info, input.command_id, input.expected_revision),
        )  # fmt: skip
        return results.RolePayload(role=await stored(info, "Role", answer, target.node_id), **effect(answer))

    @mutation("Store a trace with its segments.")
    async def create_trace(self, info: Info, input: inputs.CreateTraceInput) -> results.TraceResult:
        context = parse_global_id(input.context_id, "contextId", "Context")
        plan = None if input.plan_id is None else parse_in(context.project_id, input.plan_id, "planId", "Plan")
        request = command(info, input.command_id)
        trace_id = input.uuid or derived_id("trace", request["command_id"])
        span = {"trace_id": trace_id, "span_id": derived_id("span", request["command_id"])}
        document = given(
            meta=META, trace_id=trace_id, context_id=context.node_id, plan_id=plan, root_span=span,
            status=input.status, started_at=input.started_at, finished_at=input.finished_at, segments=input.segments,
        )  # fmt: skip
        answer = await info.context.graph.create_document(context.project_id, "trace", document, **request)
        return results.TracePayload(trace=await stored(info, "Trace", answer, trace_id), **effect(answer))

    @mutation("Ask for a confirmation.")
    async def create_confirm(self, info: Info, input: inputs.CreateConfirmInput) -> results.ConfirmResult:
        target = parse_global_id(input.target_id, "targetId", *CONFIRM_TARGETS["other"])
        if _value(input.status, "pending") != "pending":  # one that is born decided is a decision
            authorize(info.context.actor, "approve", "confirm", target.project_id)
        kind = target.label.lower() if target.label.lower() in CONFIRM_TARGETS else "other"
        request = command(info, input.command_id)
        confirm_id = input.uuid or derived_id("confirm", request["command_id"])
        document = given(
            meta=META, confirm_id=confirm_id, target_type=kind, target_id=target.node_id,
            status=_value(input.status, "pending"), requested_by_role=input.requested_by_role, reason=input.reason,
            requested_at=input.requested_at or await _requested_at(info, target.project_id, confirm_id),
        )  # fmt: skip
        answer = await info.context.graph.create_document(target.project_id, "confirm", document, **request)
        confirm = await stored(info, "Confirm", answer, answer.ids["confirm"])
        return results.ConfirmPayload(confirm=confirm, **effect(answer))

    @mutation("Decide a confirm; a step that waits for it goes on.")
    async def decide_confirm(self, info: Info, input: inputs.DecideConfirmInput) -> results.ConfirmResult:
        target = parse_global_id(input.id, "id", "Confirm")
        answer = await info.context.graph.decide_confirm(
            target.project_id, target.node_id, input.status.value, role=input.role, reason=input.reason,
            **command(info, input.command_id),
        )  # fmt: skip
        confirm = await stored(info, "Confirm", answer, target.node_id)
        return results.ConfirmPayload(confirm=confirm, **effect(answer))

    @mutation("Delete a node: it becomes a tombstone that references still resolve to.")
    async def delete_node(self, info: Info, input: inputs.DeleteNodeInput) -> results.DeleteResult:
        target = parse_global_id(input.id, "id")
        answer = await info.context.graph.delete(
            target.project_id, target.label, target.node_id,
            **command(info, input.command_id, input.expected_revision),
        )  # fmt: skip
        return results.DeletePayload(id=input.id, **effect(answer))


async def _requested_at(info: Info, project_id: str, confirm_id: str) -> str:
    """Now, or what an earlier command of the same id took for now: a repeat has to be the same document."""
    (earlier,) = await info.context.reader.by_ids("Confirm", [(project_id, check_id(confirm_id, "uuid"))])
    return timestamp(now_ms()) if earlier is None else earlier["requested_at"]


def _value(status: Enum | None, default: str) -> str:
    return default if status is None else status.value
