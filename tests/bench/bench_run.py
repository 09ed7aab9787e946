"""Running plans: ``chain``, ``wide``, ``chains_512`` against the limit, and the growth of the cost of a step."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
from bench_progress import Progress
from bench_rows import Row, at_least, grows_at_most
from bench_store import Load, Shape, Store
from limit_run import run_limit

import psg_cypher
from psg_runtime.ael import AdapterLayer, CapabilityRegistry
from psg_runtime.hooks import HookChain
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings

# (shape, shape of --quick, rounds, target)
CHAIN = (Shape(1, 500), Shape(1, 60), 7, 0.8)
WIDE = (Shape(1, 100, 1_000, 3), Shape(1, 4, 50, 3), 2, 0.7)
CHAINS = (Shape(512, 20), Shape(16, 4), 3, 0.7)
GROWTH = (Shape(1, 10, 100, 3), Shape(1, 1_000, 100, 3))
QUICK_GROWTH = (Shape(1, 2, 20, 3), Shape(1, 10, 20, 3))
CAPACITY = 100
COUNTS = psg_cypher.Statement(
    name="bench_counts", mode="read", cardinality="one", description="What a run left.", file="tests/bench",
    text="""MATCH (h:ProjectHead {id: $project_id})
    RETURN h.seq AS seq, COUNT { MATCH (e:Event {project_id: $project_id}) WHERE e.seq > 0 } AS events,
      COUNT { MATCH (s:TraceSegment {project_id: $project_id}) WHERE s.trace IS NOT NULL AND s.log_seq > 0 }
        AS segments,
      COUNT { MATCH (p:Plan {project_id: $project_id}) WHERE p.status = 'completed' } AS completed""",
)  # fmt: skip


async def chain(store: Store, progress: Progress, quick: bool) -> Row:
    """One plan of 500 steps, each after the other: the time of a round trip."""
    return await _measured("chain", store, progress, *CHAIN, quick, CAPACITY)


async def wide(store: Store, progress: Progress, quick: bool) -> Row:
    """One plan of 100 layers of 1,000 steps with three dependencies each: 100,000 steps, 100 at a time."""
    return await _measured("wide", store, progress, *WIDE, quick, CAPACITY)


async def chains_512(store: Store, progress: Progress, quick: bool) -> Row:
    """512 plans of one project, each a chain, all at the same time."""
    return await _measured("chains_512", store, progress, *CHAINS, quick, 512)


async def _measured(
    name: str, store: Store, progress: Progress, full: Shape, small: Shape, rounds: int, target: float, quick: bool,
    capacity: int,
) -> Row:  # fmt: skip
    shape = small if quick else full
    rounds = 1 if quick else rounds
    ours: list[float] = []
    limit: list[float] = []
    with progress.phase(name, 2 * (rounds + 1) * shape.steps) as advance:
        for turn in range(rounds + 1):
            # A B, then B A: neither side always has the warmer server.
            sides = [(ours, run_platform), (limit, run_limit)]
            for figures, run in sides if turn % 2 else reversed(sides):
                load = await store.load(warm_up(shape) if turn == 0 else shape)
                rate = await run(store, load, capacity)
                await _check(store, load)
                advance(shape.steps)
                if turn > 0:
                    figures.append(rate)
    return at_least(name, "steps/s", ours, limit, target, steps=shape.steps, capacity=capacity)


def warm_up(shape: Shape) -> Shape:
    """The same plans with fewer layers, for the round that is not counted."""
    return Shape(shape.plans, max(2, min(shape.layers, 20_000 // (shape.plans * shape.width))), shape.width, shape.fan)


async def _check(store: Store, load: Load) -> None:
    """Neither side may be quick by leaving something out: all plans done, a segment a step, no gap in the log."""
    found = await store.db.read_one(COUNTS, project_id=load.project_id)
    assert found is not None
    assert found["completed"] == len(load.plans), found
    assert found["segments"] == load.steps, found
    assert found["seq"] == found["events"] > 4 * load.steps, found


async def run_platform(store: Store, load: Load, capacity: int, hooks: HookChain | None = None) -> float:
    """Run the plans of ``load`` by an orchestrator in this process; steps per second from the first step on."""
    count = 0
    first = last = 0.0
    ended = anyio.Event()

    async def noop() -> None:
        nonlocal count, first
        if count == 0:
            first = time.perf_counter()
        count += 1
        if count == load.steps:
            ended.set()

    registry = CapabilityRegistry()
    registry.register(name="noop", type="tool", call=noop)
    for plan_id in load.plans:
        await store.graph.start_plan(load.project_id, plan_id)
    settings = OrchestratorSettings(capacity=capacity, lease_ms=60_000)
    orchestrator = Orchestrator(store.graph, AdapterLayer(registry), settings, hooks=hooks)
    async with anyio.create_task_group() as tasks:
        await tasks.start(orchestrator.run)
        await ended.wait()
        await _until_completed(store, load)
        last = time.perf_counter()
        orchestrator.stop()
    return load.steps / (last - first)


async def _until_completed(store: Store, load: Load) -> None:
    """Every step has run; what remains is the commit of the last ones."""
    text = psg_cypher.statement("plan_state")
    for plan_id in load.plans:
        while True:
            state = await store.db.read_one(text, project_id=load.project_id, plan_id=plan_id)
            assert state is not None
            if state["status"] != "in_progress":
                break
            await anyio.sleep(0.001)


async def step_cost_growth(store: Store, progress: Progress, quick: bool) -> Row:
    """What a step costs in a plan of 100,000 steps and in one of 1,000, layers of 100 in both."""
    small, large = QUICK_GROWTH if quick else GROWTH
    rounds = 1 if quick else 10
    costs: dict[Shape, list[float]] = {small: [], large: []}

    async def measure(shape: Shape, times: int, advance: Callable[[int], object]) -> None:
        for _ in range(times):
            rate = await run_platform(store, await store.load(shape), CAPACITY)
            costs[shape].append(1_000 / rate)
            advance(shape.steps)

    with progress.phase("step_cost_growth", 3 * rounds * small.steps + large.steps) as advance:
        await measure(small, rounds, advance)
        costs[small].clear()
        await measure(small, rounds, advance)
        await measure(large, 1, advance)
        await measure(small, rounds, advance)
    sizes = {"steps": large.steps, "limit_steps": small.steps}
    return grows_at_most("step_cost_growth", "ms/step", costs[large], costs[small], 1.2, **sizes)
