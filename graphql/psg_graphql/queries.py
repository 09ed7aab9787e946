"""The root of all reading."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from psg.errors import CursorExpired as CursorExpiredError
from psg.errors import ValidationFailed
from psg_graphql.account_queries import AccountQueries
from psg_graphql.approval_queries import ApprovalQueries
from psg_graphql.capability_queries import CapabilityQueries
from psg_graphql.connections import DEFAULT_FIRST, MAX_FIRST, After, Connection, First, log_position, page_size
from psg_graphql.documents import ExportedDocument, export_one, export_page
from psg_graphql.failures import failure_fields
from psg_graphql.global_id import parse_global_id, parse_in, project_of
from psg_graphql.health import health_now
from psg_graphql.module_queries import ModuleQueries
from psg_graphql.monitoring_queries import MonitoringQueries
from psg_graphql.pages import (
    confirm_page,
    context_page,
    frontier_steps,
    plan_and_steps,
    plan_page,
    project_page,
    role_page,
    step_page,
    trace_page,
)
from psg_graphql.past import past_plan
from psg_graphql.platform_queries import PlatformQueries
from psg_graphql.policy_queries import PolicyQueries
from psg_graphql.question_queries import QuestionQueries
from psg_graphql.request_context import Info
from psg_graphql.resource_queries import ResourceQueries
from psg_graphql.roots import query
from psg_graphql.scalars import (
    ConfirmStatus,
    ContextStatus,
    EventFamily,
    Long,
    PlanStatus,
    StepStatus,
    TraceStatus,
)
from psg_graphql.session_queries import SessionQueries
from psg_graphql.snapshot_queries import SnapshotQueries
from psg_graphql.types.confirm import Confirm
from psg_graphql.types.context import Context
from psg_graphql.types.event import CursorExpired, EventPage, EventsResult, event_from
from psg_graphql.types.health import Health
from psg_graphql.types.node import Node
from psg_graphql.types.plan import Plan
from psg_graphql.types.project import Project, project_from
from psg_graphql.types.role import Role
from psg_graphql.types.step import Step
from psg_graphql.types.trace import Trace
from psg_graphql.value_queries import ValueQueries
from psg_graphql.workflow_queries import WorkflowQueries

AsOf = Annotated[
    Long | None,
    strawberry.argument(description="Number of the project's log: the plan and its steps as they were then."),
]
ProjectIdArgument = Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")]


@strawberry.type(description="Reading.")
class Query(
    ApprovalQueries, CapabilityQueries, ModuleQueries, SnapshotQueries, PolicyQueries, ResourceQueries,
    QuestionQueries, SessionQueries, MonitoringQueries, PlatformQueries, WorkflowQueries, ValueQueries, AccountQueries,
):  # fmt: skip
    @query("The node of a global id; null when there is none.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return await info.context.nodes.load(id)

    @query("The nodes of up to 100 global ids, in their order; null where there is none.")
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        if len(ids) > MAX_FIRST:
            raise ValidationFailed(f"ids: {len(ids)} are more than {MAX_FIRST}", field="ids")
        return await info.context.nodes.load_many([parse_global_id(i, "ids") for i in ids])

    @query("One project by global id or UUID.")
    async def project(self, info: Info, id: strawberry.ID) -> Project | None:
        project_id = project_of(id, "id")
        (found,) = await info.context.reader.by_ids("Project", [(project_id, project_id)])
        return None if found is None else project_from(found)

    @query("Projects by name; with `name` the one of exactly that name.")
    async def projects(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None, name: str | None = None
    ) -> Connection[Project]:
        return await project_page(info, first, after, name)

    @query("Contexts of a project.")
    async def contexts(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: ContextStatus | None = None,
    ) -> Connection[Context]:
        return await context_page(info, project_of(project_id), first, after, status)

    @query("One plan.")
    async def plan(self, info: Info, id: strawberry.ID, as_of: AsOf = None) -> Plan | None:
        plan = parse_global_id(id, "id", "Plan")
        if as_of is not None:
            return await past_plan(info, plan, int(as_of))
        return await plan_and_steps(info, plan)

    @query("Plans of a project, or of one of its contexts.")
    async def plans(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        context_id: strawberry.ID | None = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: PlanStatus | None = None,
        latest_first: bool = False,
    ) -> Connection[Plan]:
        inside = project_of(project_id)
        context = None if context_id is None else parse_in(inside, context_id, "contextId", "Context")
        return await plan_page(info, inside, first, after, status, latest_first, context)

    @query("One step.")
    async def step(self, info: Info, id: strawberry.ID) -> Step | None:
        parse_global_id(id, "id", "Step")
        return await info.context.nodes.load(id)

    @query("Steps of a plan, in the order of the plan.")
    async def steps(
        self,
        info: Info,
        plan_id: strawberry.ID,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: StepStatus | None = None,
    ) -> Connection[Step]:
        plan = parse_global_id(plan_id, "planId", "Plan")
        return await step_page(info, plan.project_id, plan.node_id, first, after, status)

    @query("One trace with its segments.")
    async def trace(self, info: Info, id: strawberry.ID) -> Trace | None:
        parse_global_id(id, "id", "Trace")
        return await info.context.nodes.load(id)

    @query("Traces of a project, or of one plan.")
    async def traces(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        plan_id: strawberry.ID | None = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: TraceStatus | None = None,
    ) -> Connection[Trace]:
        inside = project_of(project_id)
        plan = None if plan_id is None else parse_in(inside, plan_id, "planId", "Plan")
        return await trace_page(info, inside, first, after, status, plan)

    @query("One confirm with its decisions.")
    async def confirm(self, info: Info, id: strawberry.ID) -> Confirm | None:
        parse_global_id(id, "id", "Confirm")
        return await info.context.nodes.load(id)

    @query("Confirms of a project with their decisions; `status: pending` are those that wait for somebody.")
    async def confirms(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: ConfirmStatus | None = None,
    ) -> Connection[Confirm]:
        return await confirm_page(info, project_of(project_id), first, after, status)

    @query("Roles of a project.")
    async def roles(
        self, info: Info, project_id: ProjectIdArgument, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Role]:
        return await role_page(info, project_of(project_id), first, after)

    @query("Steps of a running plan that can be claimed now, in scheduling order.")
    async def frontier(self, info: Info, plan_id: strawberry.ID, first: First = DEFAULT_FIRST) -> list[Step]:
        plan = parse_global_id(plan_id, "planId", "Plan")
        return await frontier_steps(info, plan.project_id, plan.node_id, first)

    @query("One page of a project's log behind `after`; filters leave events out, the cursor moves over them.")
    async def events(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        after: After = None,
        first: First = MAX_FIRST,
        families: list[EventFamily] | None = None,
        plan_id: strawberry.ID | None = None,
    ) -> EventsResult:
        inside = project_of(project_id)
        plan = None if plan_id is None else parse_in(inside, plan_id, "planId", "Plan")
        wanted = None if families is None else [family.value for family in families]
        try:
            page = await info.context.log.page(
                inside, log_position(after), page_size(first), families=wanted, plan_id=plan
            )
        except CursorExpiredError as error:
            return CursorExpired(**failure_fields(error), cursor=error.details["earliest"])
        return EventPage(
            events=[event_from(row) for row in page.events],
            cursor=str(page.cursor),
            head=str(page.head),
            has_next_page=page.more,
        )

    @query("A node of any module as its protocol document.")
    async def export_document(self, info: Info, id: strawberry.ID) -> JSON:
        return JSON(await export_one(info, id))

    @query("All protocol documents of a project, a page at a time, what is referred to before what refers.")
    async def export_documents(
        self, info: Info, project_id: ProjectIdArgument, first: First = MAX_FIRST, after: After = None
    ) -> Connection[ExportedDocument]:
        return await export_page(info, project_of(project_id), first, after)

    @query("Health of this server and its database.")
    async def health(self, info: Info) -> Health:
        return await health_now(info.context.graph.db)
