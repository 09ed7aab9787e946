"""Whether reading the frontier stays as quick in a large plan as in a small one."""

from __future__ import annotations

import time
from typing import Any

from bench_progress import Progress
from bench_rows import Row, grows_at_most
from bench_store import Shape, Store

import psg_cypher

SMALL, LARGE = Shape(1, 10, 100), Shape(1, 10_000, 100)
QUICK_LARGE = Shape(1, 50, 100)
READS = 400
WARM = 300


async def frontier_growth(store: Store, progress: Progress, quick: bool) -> Row:
    """Reading the 100 ready steps of a plan of 1,000,000 steps and of one of 1,000."""
    large = QUICK_LARGE if quick else LARGE
    with progress.phase("frontier_growth", large.steps) as advance:
        loads = [await store.load(SMALL), await store.load(large, advance)]
        for load in loads:
            await store.graph.start_plan(load.project_id, load.plans[0])
        times: list[list[float]] = [[], []]
        for turn in range(20 if quick else WARM + READS):
            for load, measured in zip(loads, times, strict=True):
                started = time.perf_counter()
                rows = await _frontier(store, load.project_id, load.plans[0])
                elapsed = time.perf_counter() - started
                assert len(rows) == SMALL.width, f"{len(rows)} steps are ready, not {SMALL.width}"
                if turn >= (0 if quick else WARM):
                    measured.append(1_000 * elapsed)
    sizes = {"steps": large.steps, "limit_steps": SMALL.steps, "ready": SMALL.width}
    return grows_at_most("frontier_growth", "ms", times[1], times[0], 1.5, **sizes)


async def _frontier(store: Store, project_id: str, plan_id: str) -> list[dict[str, Any]]:
    statement = psg_cypher.statement("frontier")
    return await store.db.read(statement, project_id=project_id, plan_id=plan_id, limit=SMALL.width)
