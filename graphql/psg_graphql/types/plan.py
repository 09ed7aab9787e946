"""Plan in the API: one run of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.budgets import spending
from psg.model.codec import loads
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import global_id, parse_global_id
from psg_graphql.pages import frontier_steps, step_page, steps_read
from psg_graphql.request_context import Info
from psg_graphql.scalars import OnFailure, PlanStatus, StepStatus, Timestamp
from psg_graphql.types.node import Node, Row, member, moment, node_fields, reference
from psg_graphql.types.spending import Spending, spending_from
from psg_runtime.orchestrator.compensation import compensation_id

if TYPE_CHECKING:
    from psg_graphql.types.context import Context
    from psg_graphql.types.step import Step
    from psg_graphql.types.trace import Trace

_Context = Annotated["Context", strawberry.lazy("psg_graphql.types.context")]
_Step = Annotated["Step", strawberry.lazy("psg_graphql.types.step")]
_Trace = Annotated["Trace", strawberry.lazy("psg_graphql.types.trace")]


@strawberry.type(description="A plan: one run of steps towards an objective.")
class Plan(Node):
    title: str
    objective: str
    status: PlanStatus
    goal_id: str | None
    paused: bool = strawberry.field(description="Running steps finish, no further one is claimed.")
    loading: bool = strawberry.field(description="Steps are still being stored; the plan cannot start yet.")
    urgency: int | None = strawberry.field(description="Lower is more urgent.")
    estimated_duration_ms: int | None
    estimated_cost: float | None
    steps_total: int
    steps_open: int = strawberry.field(description="Steps that are not finished.")
    steps_failed: int
    started_at: Timestamp | None
    finished_at: Timestamp | None
    context_id: strawberry.ID
    derived_from_id: strawberry.ID | None = strawberry.field(description="The plan this one repeats or forks.")
    trace_id: strawberry.ID | None = strawberry.field(description="The trace of this run.")
    parent_step_id: strawberry.ID | None = strawberry.field(description="The step whose sub-plan this is.")
    stored: strawberry.Private[Row]

    @strawberry.field(description="Parameters, open to templates as {{params.x}}.")
    def params(self) -> JSON | None:
        return loads(self.stored.get("params"))

    @strawberry.field(description="Holds for steps that say nothing else.")
    def policy(self) -> JSON | None:
        return loads(self.stored.get("policy"))

    @strawberry.field(description="Who has to approve before it starts.")
    def approval(self) -> JSON | None:
        return loads(self.stored.get("approval"))

    @strawberry.field(description="Limits: tokens, cost, calls, wall_ms.")
    def budget(self) -> JSON | None:
        return loads(self.stored.get("budget"))

    @strawberry.field(description="What follows the failure of a step.")
    def on_failure(self) -> OnFailure:
        return OnFailure(self.stored.get("on_failure") or "continue")

    @strawberry.field(description="CEL, judged at the end.")
    def success_criteria(self) -> list[str]:
        return list(self.stored.get("success_criteria") or ())

    @strawberry.field(description="How its success criteria were judged at its end: text, met, error of each.")
    def criteria(self) -> JSON | None:
        return loads(self.stored.get("criteria"))

    @strawberry.field(description="Whether it completed and met all its criteria; null while that is not judged.")
    def goal_met(self) -> bool | None:
        judged = loads(self.stored.get("criteria"))
        return None if judged is None else self.status.value == "completed" and all(c["met"] for c in judged)

    @strawberry.field(description="Why it is derived from another plan: compensation, replan or rerun.")
    def derivation(self) -> str | None:
        return self.stored.get("derivation")

    @strawberry.field(description="The plan that undoes this one, when there is one.")
    async def compensation(self, info: Info) -> Plan | None:
        if self.stored.get("past") is not None:
            return None
        undo_id = compensation_id(self.uuid, self.stored.get("restores") or 0)
        return await info.context.nodes.load(global_id("Plan", self._project(), undo_id))

    @strawberry.field(description="Everything else of the protocol document: meta, trace, events, …")
    def payload(self) -> JSON | None:
        return loads(self.stored.get("payload"))

    @strawberry.field(description="What it may spend, has spent, and has reserved for what runs now.")
    async def spending(self, info: Info) -> Spending | None:
        account = await spending(info.context.graph.db, self._project(), self.uuid)
        return None if account is None else spending_from(account)

    @strawberry.field
    async def context(self, info: Info) -> _Context | None:
        return await info.context.nodes.load(self.context_id)

    @strawberry.field
    async def trace(self, info: Info) -> _Trace | None:
        return None if self.trace_id is None else await info.context.nodes.load(self.trace_id)

    @strawberry.field(description="Steps in the order of the plan.")
    async def steps(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None, status: StepStatus | None = None
    ) -> Connection[_Step]:
        past = self.stored.get("past")
        if past is not None:
            return past.page(first, after, status)
        ahead = self.stored.get("ahead")
        if ahead is not None and (first, after, status) == (ahead[0], None, None):
            return steps_read(info, self._project(), self.uuid, ahead[1], first)
        return await step_page(info, self._project(), self.uuid, first, after, status)

    @strawberry.field(description="Steps that can be claimed now, in scheduling order.")
    async def frontier(self, info: Info, first: First = DEFAULT_FIRST) -> list[_Step]:
        if self.stored.get("past") is not None:  # what could be claimed is of the moment and not in the log
            return []
        return await frontier_steps(info, self._project(), self.uuid, first)

    def _project(self) -> str:
        return parse_global_id(self.id).project_id


def plan_from(row: Row) -> Plan:
    """Return the plan of a stored row."""
    return Plan(
        **node_fields("Plan", row),
        title=row["title"],
        objective=row["objective"],
        status=member(PlanStatus, row["status"]),
        goal_id=row.get("goal_id"),
        paused=bool(row.get("paused")),
        loading=bool(row.get("loading")),
        urgency=row.get("sched_urgency"),
        estimated_duration_ms=row.get("estimated_duration_ms"),
        estimated_cost=row.get("estimated_cost"),
        steps_total=row.get("steps_total") or 0,
        steps_open=row.get("steps_open") or 0,
        steps_failed=row.get("steps_failed") or 0,
        started_at=moment(row.get("started_ms")),
        finished_at=moment(row.get("finished_ms")),
        context_id=reference("Context", row, "context_id"),
        derived_from_id=reference("Plan", row, "derived_from"),
        trace_id=reference("Trace", row, "trace_id"),
        parent_step_id=reference("Step", row, "parent_step"),
        stored=row,
    )
