"""Plans and registries for tests of the in-memory executor."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from psg_runtime import CapabilityRegistry, ExecutionResult, Executor

QUICK = {"retry_base_ms": 1}


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


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    size = draw(st.integers(1, 7))
    made = []
    for i in range(size):
        before = draw(st.lists(st.integers(0, i - 1), unique=True, max_size=3)) if i else []
        fields: dict[str, Any] = {"name": draw(st.sampled_from(["noop", "noop", "broken"]))}
        if draw(st.booleans()):
            fields["condition"] = draw(st.sampled_from(["true", "false"]))
        fields["join"] = draw(st.sampled_from(["not_skipped", "all", "any", "settled"]))
        made.append(step(f"s{i}", *(f"s{d}" for d in before), **fields))
    return draw(st.permutations(made))


async def broken() -> None:
    raise OSError("broken")
