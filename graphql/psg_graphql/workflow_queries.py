"""Queries of executions of workflows."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg_graphql.connections import DEFAULT_FIRST, First, page_size
from psg_graphql.global_id import project_of
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.workflow import WorkflowExecution, WorkflowRunStatus, execution_from
from psg_runtime.core_orchestrator import CoreOrchestratorConfig, ExecutionNotFound, WorkflowEngine

_ProjectId = Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")]


def engine_of(info: Info, project_id: str) -> WorkflowEngine:
    """Return the workflow engine of a project, which runs no stages itself."""
    return WorkflowEngine(info.context.graph, project_id, CoreOrchestratorConfig(), info.context.registry)


@strawberry.type
class WorkflowQueries:
    @query("An execution of a workflow with its stages; null when there is none.")
    async def workflow(self, info: Info, project_id: _ProjectId, execution_id: str) -> WorkflowExecution | None:
        inside = project_of(project_id)
        try:
            return execution_from(inside, await engine_of(info, inside).status(execution_id))
        except ExecutionNotFound:
            return None

    @query("Executions of workflows of a project, the latest first.")
    async def workflows(
        self,
        info: Info,
        project_id: _ProjectId,
        first: First = DEFAULT_FIRST,
        status: WorkflowRunStatus | None = None,
    ) -> list[WorkflowExecution]:
        inside = project_of(project_id)
        wanted = None if status is None else status.name
        found = await engine_of(info, inside).page(status=wanted, limit=page_size(first))
        return [execution_from(inside, one) for one in found]
