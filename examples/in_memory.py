"""The specification's own interfaces, without any database: ``python examples/in_memory.py``.

A planner makes a plan of a goal, an executor runs it and asks a policy hook before each step, a replay tells what
happened, and the bounded core denies what a kill switch forbids (docs/orchestrator-contracts.md).
"""

from __future__ import annotations

from typing import Any

import anyio

from psg_runtime import CapabilityRegistry, Executor, FinalDecision, Planner, PlanReplay, execute

SEARCH = {
    "name": "search",
    "keywords": ["find"],
    "steps": [
        {"id": "find", "type": "tool", "name": "web.search", "params": {"query": "{{params.topic}}"}},
        {"id": "post", "type": "tool", "name": "web.post", "params": {"text": "{{find.output.found}}"},
         "dependencies": ["find"]},
    ],
}  # fmt: skip
GOAL = {"id": "g1", "description": "find it", "success_criteria": [], "context": {"topic": "graphs"}}


async def search(query: str) -> dict[str, str]:
    """Find."""
    return {"found": f"all about {query}"}


async def post(text: str) -> str:
    """Tell the world."""
    return f"posted: {text}"


def only_editors_post(step: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """A policy hook: everybody may search."""
    if step["name"] != "web.post" or context.get("role") == "editor":
        return {"allow": True}
    return {"allow": False, "reason": "only editors post"}


async def main() -> dict[str, str]:
    """Run it as an editor and as a guest, and once with everything switched off."""
    registry = CapabilityRegistry()
    registry.register(name="web.search", type="tool", call=search)
    registry.register(name="web.post", type="tool", call=post)
    plan = await Planner([SEARCH], registry=registry).plan(GOAL)
    replay = PlanReplay()
    hooks = [{"name": "editors", "preExecution": only_editors_post}]
    executor = Executor(registry, replay, {"policyHooks": hooks, "logLevel": "error"})
    came = {}
    for role in ("editor", "guest"):
        result = await executor.execute(plan, {"role": role})
        for step in result.steps:
            print(f"{role:7} {step.step_id:5} {step.status:10} {step.output or step.error}")
        came[role] = result.status
    print(f"{len(replay.entries(plan.id))} entries to play back")
    report = await execute(FinalDecision("send", allowed=True), {"kill_switch": True}, None, search)
    print(f"switched off: {report.status}, {report.reason}")
    return {**came, "switched off": str(report.status)}


if __name__ == "__main__":
    anyio.run(main)
