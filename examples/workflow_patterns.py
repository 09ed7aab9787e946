"""The two documented workflows, ``python examples/workflow_patterns.py`` where `psg up` runs or ran.

The first makes a context and a plan in it and executes that. The second decides a request: of three who want to approve
a release two may, and the request needs two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import yaml

from psg.graph import Graph
from psg.plan.policy import ApprovalSpec
from psg.plan.spec import PlanSpec, StepSpec
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime import CoreOrchestrator, WorkflowResult

HERE = Path(__file__).parent
META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}


def definition(name: str) -> Any:
    """A workflow of this folder."""
    return yaml.safe_load((HERE / f"workflow-{name}.yaml").read_text())


async def request(core: CoreOrchestrator, graph: Graph, project_id: str) -> str:
    """Make roles, and a plan that asks for two approvals; returns the id of the request."""
    for role, capabilities in (("release-manager", ["release:approve"]), ("security", ["release:*"]), ("intern", [])):
        await core.execute_workflow(
            {
                "id": "make-role", "name": "Make a role", "version": "1.0.0", "executionMode": "sequential",
                "stages": [
                    {
                        "id": "role", "name": role, "moduleType": "role", "operation": "createRole",
                        "inputs": {"name": "${input.name}", "capabilities": "${input.capabilities}"},
                    }
                ],
            },
            {"name": role, "capabilities": capabilities},
        )  # fmt: skip
    made = await core.execute_workflow(definition("context-plan-execute"))
    spec = PlanSpec(
        title="Release 1.0", objective="Ship it", steps=[StepSpec(key="ship", type="wait", params={"duration_ms": 0})],
        approval=ApprovalSpec(quorum=2, roles=("release-manager", "security", "intern")),
    )  # fmt: skip
    context_id = made.outputs["create-context"]["contextId"]
    plan = (await graph.create_plan(project_id, context_id, spec)).ids["plan"]
    confirm: str = (await graph.propose_plan(project_id, plan)).ids["confirm"]
    return confirm


async def run(graph: Graph, project_id: str) -> tuple[WorkflowResult, WorkflowResult]:
    """Run both workflows and return their results."""
    async with CoreOrchestrator(graph, project_id, {"logLevel": "error"}) as core:
        executed = await core.execute_workflow(definition("context-plan-execute"))
        approvers = ["release-manager", "intern", "security", "stranger"]
        inputs = {"requestId": await request(core, graph, project_id), "approvers": approvers, "resource": "release"}
        return executed, await core.execute_workflow(definition("multi-party-approval"), inputs)


async def main() -> None:
    """Run them in a project of their own."""
    async with open_store(load_settings()) as store:
        await migrate(store.db)
        graph = Graph(store.db)
        executed, approved = await run(graph, await graph.ensure_project("workflow-patterns"))
    print("executed:", executed.outputs["execute-plan"]["status"])
    decided = approved.outputs["process-approval"]
    told = ", ".join(decision["approver"] for decision in decided["decisions"])
    print(f"approved: {decided['approved']}, by {told}")


if __name__ == "__main__":
    anyio.run(main)
