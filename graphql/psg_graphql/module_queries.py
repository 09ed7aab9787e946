"""Reading dialogs, collabs, extensions, cores, networks and roles."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import parse_global_id, parse_in, project_of
from psg_graphql.module_enums import CollabStatus, CoreStatus, DialogStatus, ExtensionStatus, NetworkStatus
from psg_graphql.pages import module_page
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.collab import Collab
from psg_graphql.types.core import Core
from psg_graphql.types.dialog import Dialog
from psg_graphql.types.extension import Extension
from psg_graphql.types.network import Network
from psg_graphql.types.role import Role

ProjectIdArgument = Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")]


@strawberry.type
class ModuleQueries:
    @query("One role.")
    async def role(self, info: Info, id: strawberry.ID) -> Role | None:
        return await _one(info, "Role", id)

    @query("One dialog with its messages.")
    async def dialog(self, info: Info, id: strawberry.ID) -> Dialog | None:
        return await _one(info, "Dialog", id)

    @query("Dialogs of a project, or of one of its contexts.")
    async def dialogs(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        context_id: strawberry.ID | None = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: DialogStatus | None = None,
    ) -> Connection[Dialog]:
        return await _page(info, "Dialog", project_id, context_id, first, after, status)

    @query("One collab with its participants.")
    async def collab(self, info: Info, id: strawberry.ID) -> Collab | None:
        return await _one(info, "Collab", id)

    @query("Collabs of a project, or of one of its contexts.")
    async def collabs(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        context_id: strawberry.ID | None = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: CollabStatus | None = None,
    ) -> Connection[Collab]:
        return await _page(info, "Collab", project_id, context_id, first, after, status)

    @query("One extension.")
    async def extension(self, info: Info, id: strawberry.ID) -> Extension | None:
        return await _one(info, "Extension", id)

    @query("Extensions of a project, or of one of its contexts.")
    async def extensions(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        context_id: strawberry.ID | None = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: ExtensionStatus | None = None,
    ) -> Connection[Extension]:
        return await _page(info, "Extension", project_id, context_id, first, after, status)

    @query("One network with its nodes.")
    async def network(self, info: Info, id: strawberry.ID) -> Network | None:
        return await _one(info, "Network", id)

    @query("Networks of a project, or of one of its contexts.")
    async def networks(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        context_id: strawberry.ID | None = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: NetworkStatus | None = None,
    ) -> Connection[Network]:
        return await _page(info, "Network", project_id, context_id, first, after, status)

    @query("One core with its modules.")
    async def core(self, info: Info, id: strawberry.ID) -> Core | None:
        return await _one(info, "Core", id)

    @query("Cores of a project.")
    async def cores(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: CoreStatus | None = None,
    ) -> Connection[Core]:
        return await _page(info, "Core", project_id, None, first, after, status)


async def _one(info: Info, label: str, id: str) -> Any:
    parse_global_id(id, "id", label)
    return await info.context.nodes.load(id)


async def _page(
    info: Info, label: str, project: str, context: str | None, first: int, after: str | None, status: Any
) -> Connection[Any]:
    inside = project_of(project)
    context_id = None if context is None else parse_in(inside, context, "contextId", "Context")
    return await module_page(info, label, inside, first, after, status, context_id)
