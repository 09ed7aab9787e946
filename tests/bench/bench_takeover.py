"""A worker that is killed: how long until its steps run elsewhere."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from anyio.streams.text import TextReceiveStream
from bench_progress import Progress
from bench_rows import Row, at_most
from bench_store import Store

from psg.plan.spec import PlanSpec, StepSpec

PROGRAM = Path(__file__).parents[1] / "programs" / "orchestrator_process.py"
LEASE_MS = 2_000
STEPS = 10  # not more than one process has places for tools
ROUNDS = 5
LONGER_THAN_A_ROUND_S = 120


async def takeover_s(store: Store, progress: Progress, quick: bool) -> Row:
    """Kill -9 the busier of two orchestrators that run ten steps between them, until all run in the other one."""
    times: list[float] = []
    rounds = 1 if quick else ROUNDS
    with progress.phase("takeover_s", rounds) as advance:
        for _ in range(rounds):
            times.append(await _one(store))
            advance(1)
    return at_most("takeover_s", "s", max(times), LEASE_MS / 1_000 + 1, rounds=times, lease_s=LEASE_MS / 1_000)


async def _one(store: Store) -> float:
    project_id, context_id = await store.project()
    with tempfile.TemporaryDirectory(prefix="psg-bench-") as folder:
        marks = Path(folder) / "marks"
        marks.touch()
        params = {"seconds": LONGER_THAN_A_ROUND_S, "effects": str(marks)}
        steps = [StepSpec(key=f"s{i}", name="slow", params=params) for i in range(STEPS)]
        spec = PlanSpec(title="bench", objective="to be measured", steps=steps)
        plan_id = (await store.graph.create_plan(project_id, context_id, spec)).ids["plan"]
        await store.graph.propose_plan(project_id, plan_id)
        await store.graph.approve_plan(project_id, plan_id)
        async with _orchestrator(store, project_id) as one, _orchestrator(store, project_id) as other:
            await store.graph.start_plan(project_id, plan_id)
            await _until(marks, lambda begun: len(begun) == STEPS)
            begun = _begun(marks)
            victim = max(one, other, key=lambda process: sum(pid == process.pid for _, pid in begun))
            lost = {key for key, pid in begun if pid == victim.pid}
            victim.kill()
            killed = time.perf_counter()
            await _until(marks, lambda begun: lost <= {key for key, pid in begun if pid != victim.pid})
            took = time.perf_counter() - killed
        await store.graph.cancel_plan(project_id, plan_id)
    assert lost, "the one that was killed ran nothing"
    return took


@asynccontextmanager
async def _orchestrator(store: Store, project_id: str) -> AsyncIterator[anyio.abc.Process]:
    server = store.server
    env = {
        **os.environ, "PSG_TEST_URI": server.uri, "PSG_TEST_USER": server.user, "PSG_TEST_PASSWORD": server.password,
        "PSG_LEASE_MS": str(LEASE_MS), "PSG_CAPACITY": str(STEPS), "PSG_STEAL_AFTER_MS": "0",
        "PSG_PROJECTS": json.dumps([project_id]),
    }  # fmt: skip
    process = await anyio.open_process([sys.executable, str(PROGRAM)], env=env, stderr=None)
    try:
        assert process.stdout is not None
        async for line in TextReceiveStream(process.stdout):
            assert line.startswith("ready"), line
            break
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()


def _begun(marks: Path) -> list[tuple[str, int]]:
    """Idempotency key and process of every beginning so far."""
    lines = marks.read_text(encoding="ascii").splitlines(keepends=True)
    return [(line.split()[0], int(line.split()[2])) for line in lines if line.endswith("\n")]


async def _until(marks: Path, enough: Any) -> None:
    with anyio.fail_after(60):
        while not enough(_begun(marks)):  # noqa: ASYNC110 - a file of another process
            await anyio.sleep(0.01)
