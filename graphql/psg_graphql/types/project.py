"""Project in the API: the tenant, and the owner of one event log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.budgets import spending
from psg.commands.policies import project_policy
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import parse_global_id
from psg_graphql.pages import context_page, plan_page, role_page
from psg_graphql.request_context import Info
from psg_graphql.scalars import ContextStatus, PlanStatus
from psg_graphql.types.node import Node, Row, node_fields
from psg_graphql.types.spending import Spending, spending_from

if TYPE_CHECKING:
    from psg_graphql.types.context import Context
    from psg_graphql.types.plan import Plan
    from psg_graphql.types.role import Role

_Context = Annotated["Context", strawberry.lazy("psg_graphql.types.context")]
_Plan = Annotated["Plan", strawberry.lazy("psg_graphql.types.plan")]
_Role = Annotated["Role", strawberry.lazy("psg_graphql.types.role")]


@strawberry.type(description="A project: everything that belongs together, with one event log.")
class Project(Node):
    name: str
    description: str | None

    @strawberry.field(description="Cursor of the last event: pass it as `after` to hear only what is new.")
    async def cursor(self, info: Info) -> str:
        head = await info.context.log.head(parse_global_id(self.id).project_id)
        return str(head.seq)

    @strawberry.field(description="What it may spend in all, has spent, and has reserved for what runs now.")
    async def spending(self, info: Info) -> Spending | None:
        account = await spending(info.context.graph.db, self.uuid)
        return None if account is None else spending_from(account)

    @strawberry.field(description="Execution policy that holds unless a plan or step says otherwise; null: none.")
    async def policy(self, info: Info) -> JSON | None:
        said = await project_policy(info.context.graph.db, parse_global_id(self.id).project_id)
        return None if said is None else JSON(said)

    @strawberry.field
    async def contexts(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None, status: ContextStatus | None = None
    ) -> Connection[_Context]:
        return await context_page(info, self.uuid, first, after, status)

    @strawberry.field
    async def plans(
        self,
        info: Info,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: PlanStatus | None = None,
        latest_first: bool = False,
    ) -> Connection[_Plan]:
        return await plan_page(info, self.uuid, first, after, status, latest_first, None)

    @strawberry.field
    async def roles(self, info: Info, first: First = DEFAULT_FIRST, after: After = None) -> Connection[_Role]:
        return await role_page(info, self.uuid, first, after)


def project_from(row: Row) -> Project:
    """Return the project of a stored row."""
    return Project(**node_fields("Project", row), name=row["name"], description=row.get("description"))
