"""What policies cost: steps with retries, clocks and a hook against the same steps without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench_progress import Progress
from bench_rows import Row, grows_at_most
from bench_run import CAPACITY, run_platform
from bench_store import Shape, Store

from psg.plan.policy import PolicySpec
from psg_runtime.hooks import HookChain, PolicyHook

SHAPE = Shape(1, 20, 100, 3)
QUICK = Shape(1, 4, 10, 2)
ROUNDS = 5
POLICY = PolicySpec.model_validate(
    {
        "retry": {"max_retries": 3, "base_ms": 100, "non_retryable": ["validation_failed"]},
        "timeout": {"queue_ms": 600_000, "attempt_ms": 60_000, "total_ms": 600_000},
    }
)


async def policies_cost(store: Store, progress: Progress, quick: bool) -> Row:
    """One plan of 20 layers of 100 steps, with a policy and a hook that allows everything, and without both."""
    shape, rounds = (QUICK, 1) if quick else (SHAPE, ROUNDS)
    costs: dict[bool, list[float]] = {True: [], False: []}
    with progress.phase("policies_cost", 2 * (rounds + 1) * shape.steps) as advance:
        for turn in range(rounds + 1):
            for governed in (True, False) if turn % 2 else (False, True):
                load = await store.load(shape, policy=POLICY if governed else None)
                rate = await run_platform(store, load, CAPACITY, _hooks() if governed else HookChain())
                advance(shape.steps)
                if turn > 0:
                    costs[governed].append(1_000 / rate)
    return grows_at_most("policies_cost", "ms/step", costs[True], costs[False], 1.5, steps=shape.steps)


def _hooks() -> HookChain:
    async def allow(step: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
        return {"allow": True}

    return HookChain([PolicyHook(name="allow", pre_execution=allow)])
