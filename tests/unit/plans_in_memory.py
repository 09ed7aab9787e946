"""Plans and registries for tests of the in-memory executor."""

from __future__ import annotations

from typing import Any

from psg_runtime import CapabilityRegistry, ExecutionResult, Executor

QUICK = {"retry_base_ms": 0}


def registry(**calls: Any) -> CapabilityRegistry:
    made = CapabilityRegistry()

    async def noop(**params: Any) -> Any:
        return params or None

    for name, call in {"noop": noop, **calls}.items():
        made.register(name=name, type="tool", call=call)
    return made


def step(key: str, *dependencies: str, **fields: Any) -> dict[str, Any]:
    return {"id": key, "type": "tool", "name": "noop", "dependencies": list(dependencies), **fields}


def plan(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": "p", "goalId": "g", "steps": list(steps), **fields}


async def run(
    *steps: dict[str, Any], calls: dict[str, Any] | None = None, context: Any = None, **options: Any
) -> ExecutionResult:
    executor = Executor(registry(**(calls or {})), None, {**QUICK, **options})
    return await executor.execute(plan(*steps), context)


def statuses(result: ExecutionResult) -> dict[str, str]:
    return {one.step_id: one.status for one in result.steps}
