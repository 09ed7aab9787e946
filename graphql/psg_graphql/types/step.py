"""Step in the API: one action of a plan, with what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from strawberry.scalars import JSON

import psg_cypher
from psg.model.codec import loads
from psg_graphql.execution import of_row
from psg_graphql.global_id import GlobalId, global_id
from psg_graphql.request_context import Info
from psg_graphql.scalars import JoinMode, StepStatus, StepType, Timestamp
from psg_graphql.types.node import Node, Row, member, moment, node_readers, reference

if TYPE_CHECKING:
    from psg_graphql.types.plan import Plan

_Plan = Annotated["Plan", strawberry.lazy("psg_graphql.types.plan")]


@strawberry.type(description="A step: one action of a plan.")
class Step(Node):
    key: str = strawberry.field(description="Name of the step in its plan's document; used in templates.")
    type: StepType
    capability: str | None = strawberry.field(description="Tool, agent or model that carries the step out.")
    description: str
    status: StepStatus
    ready: bool = strawberry.field(description="Whether nothing but its turn keeps it from being claimed.")
    agent_role: str | None
    order_index: int | None
    position: int
    condition: str | None
    timeout_ms: int | None
    retries: int
    urgency: int
    attempt: int
    waits_for: int = strawberry.field(description="Dependencies that are not finished.")
    parked: str | None = strawberry.field(description="Why a running step rests: timer, confirm, plan or turn.")
    due_at: Timestamp | None
    skip_reason: str | None
    started_at: Timestamp | None
    finished_at: Timestamp | None
    plan_id: strawberry.ID
    stored: strawberry.Private[Row]
    beside: strawberry.Private[Mapping[str, Step] | None] = None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            read = _READ.get(name)
            if read is None:
                raise AttributeError(name)
            value = self.__dict__[name] = read(self.stored)
            return value

    @strawberry.field
    def params(self) -> JSON | None:
        return loads(self.stored.get("params"))

    @strawberry.field(description="What it waits for of its dependencies.")
    def join(self) -> JoinMode:
        return JoinMode(self.stored.get("join") or "not_skipped")

    @strawberry.field(description="What the author said about retries, timeouts and idempotency of this step.")
    def policy(self) -> JSON | None:
        return loads(self.stored.get("policy"))

    @strawberry.field(description="Who has to approve before it runs.")
    def approval(self) -> JSON | None:
        return loads(self.stored.get("approval"))

    @strawberry.field(description="Limits: tokens, cost, calls, wall_ms.")
    def budget(self) -> JSON | None:
        return loads(self.stored.get("budget"))

    @strawberry.field(description="What undoes it once completed.")
    def compensation(self) -> JSON | None:
        return loads(self.stored.get("compensation"))

    @strawberry.field
    def output(self) -> JSON | None:
        return loads(self.stored.get("output"))

    @strawberry.field
    def error(self) -> JSON | None:
        return loads(self.stored.get("error"))

    @strawberry.field(description="Global ids of the steps this one waits for, in the order given.")
    def dependency_ids(self) -> list[strawberry.ID]:
        project_id = self.stored["project_id"]
        return [strawberry.ID(global_id("Step", project_id, d)) for d in self.stored["dependencies"]]

    # Steps of the same page are there already: only others cost a read, and then one for all.
    @strawberry.field(description="The steps this one waits for, in the order given.")
    @of_row
    def dependencies(self, info: Info) -> list[Step]:
        past = self.stored.get("past")
        if past is not None:
            return cast("list[Step]", past.dependencies(self.stored))
        found = [(self.beside or {}).get(d) for d in self.stored["dependencies"]]
        if None not in found:
            return cast("list[Step]", found)
        return info.context.nodes.load_steps(self.stored["project_id"], self.stored["dependencies"])  # type: ignore[return-value]

    @strawberry.field(description="The sub-plans that a step of type plan began, the latest first: one per attempt.")
    async def sub_plans(self, info: Info) -> list[_Plan]:
        if self.stored["type"] != "plan" or self.stored.get("past") is not None:
            return []
        project_id, step_id = self.stored["project_id"], self.stored["id"]
        statement = psg_cypher.statement("subplans_of_step")
        rows = await info.context.graph.db.read(statement, project_id=project_id, step_id=step_id)
        return await info.context.nodes.load_many([GlobalId("Plan", project_id, row["id"]) for row in rows])

    @strawberry.field
    async def plan(self, info: Info) -> _Plan | None:
        past = self.stored.get("past")
        return past.whole() if past is not None else await info.context.nodes.load(self.plan_id)


_READ: Mapping[str, Callable[[Row], Any]] = {
    **node_readers("Step"),
    "key": lambda row: row["key"],
    "type": lambda row: member(StepType, row["type"]),
    "capability": lambda row: row.get("capability"),
    "description": lambda row: row["description"],
    "status": lambda row: member(StepStatus, row["status"]),
    "ready": lambda row: row["ready"],
    "agent_role": lambda row: row.get("agent_role"),
    "order_index": lambda row: row.get("order_index"),
    "position": lambda row: row["position"],
    "condition": lambda row: row.get("condition"),
    "timeout_ms": lambda row: row.get("timeout_ms"),
    "retries": lambda row: row.get("retries") or 0,
    "urgency": lambda row: row.get("sched_urgency") or 0,
    "attempt": lambda row: row.get("attempt") or 0,
    "waits_for": lambda row: row.get("waits") or 0,
    "parked": lambda row: row.get("parked"),
    "due_at": lambda row: moment(row.get("due_at")),
    "skip_reason": lambda row: row.get("skip_reason"),
    "started_at": lambda row: moment(row.get("started_ms")),
    "finished_at": lambda row: moment(row.get("finished_ms")),
    "plan_id": lambda row: reference("Plan", row, "plan"),
}


def step_from(row: Row) -> Step:
    """Return the step of a stored row; its fields are told when they are asked for, as a page has many of both."""
    step = Step.__new__(Step)
    step.stored = row
    return step
