"""Mutation of budgets: set what a project, a plan or a step may spend."""

from __future__ import annotations

from typing import Annotated, cast

import strawberry

from psg import budgets
from psg.errors import ValidationFailed
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_global_id
from psg_graphql.mutations.answers import command, effect, given
from psg_graphql.mutations.inputs import CommandId
from psg_graphql.mutations.results import Effect
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.spending import Spending, spending_from

_SCOPES = ("Project", "Plan", "Step")


@strawberry.input(description="Limits; what is absent is not limited.")
class BudgetInput:
    tokens: float | None = None
    cost: Annotated[float | None, strawberry.field(description="Money, in the unit of the prices.")] = None
    calls: float | None = None
    wall_ms: Annotated[float | None, strawberry.field(description="Time of attempts in milliseconds.")] = None


@strawberry.input
class SetBudgetInput:
    id: Annotated[strawberry.ID, strawberry.field(description="Global id of a project, a plan or a step.")]
    budget: Annotated[BudgetInput | None, strawberry.field(description="Absent or null: no limit.")] = None
    command_id: CommandId = None


@strawberry.type
class BudgetPayload(Effect):
    spending: Spending | None = strawberry.field(description="The account of the project or the plan it is about.")


BudgetResult = Annotated[
    BudgetPayload | ValidationError | NotFound | Refused | Conflict | Forbidden, strawberry.union("BudgetResult")
]


@strawberry.type
class BudgetMutations:
    @mutation("Set the budget of a project, plan or step, also while it runs; what is spent stays.")
    async def set_budget(self, info: Info, input: SetBudgetInput) -> BudgetResult:
        node = parse_global_id(input.id, "id")
        if node.label not in _SCOPES:
            raise ValidationFailed(f"id: a {node.label} has no budget; a Project, Plan or Step has", field="id")
        limits = None
        if input.budget is not None:
            limits = given(
                tokens=input.budget.tokens, cost=input.budget.cost, calls=input.budget.calls,
                wall_ms=input.budget.wall_ms,
            )  # fmt: skip
        scope = cast("budgets.BudgetScope", node.label.lower())
        answer = await budgets.set_budget(
            info.context.graph, node.project_id, scope, node.node_id, limits, **command(info, input.command_id)
        )
        plan_id = node.node_id if scope == "plan" else None
        account = await budgets.spending(info.context.graph.db, node.project_id, plan_id)
        told = None if account is None or scope == "step" else spending_from(account)
        return BudgetPayload(spending=told, **effect(answer))
