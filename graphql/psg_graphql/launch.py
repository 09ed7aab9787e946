"""Starting a plan: with the capabilities checked where this process knows them."""

from __future__ import annotations

from typing import Any

from psg.write.command import Answer
from psg_graphql.request_context import Info


async def start(info: Info, project_id: str, plan_id: str, **request: Any) -> Answer:
    """Start a plan; raises ``UnknownCapability`` when a registry is at hand that lacks one of its capabilities."""
    context = info.context
    if context.registry is None:
        return await context.graph.start_plan(project_id, plan_id, **request)
    from psg_runtime.launch import start_plan

    return await start_plan(context.graph, context.registry, project_id, plan_id, **request)
