"""What the SDK adds to a bare GraphQL call: the same operations by `psg_client` and by `httpx2` alone."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import httpx2
import orjson
from bench_api import running_api
from bench_progress import Progress
from bench_rows import Row
from bench_store import Shape, Store

from psg_client import Client, generated
from psg_graphql.global_id import global_id

STEPS = 100
CALLS = 300
WARM = 100
ROUNDS = 5
TARGET = 1.1

Call = Callable[[], Awaitable[Any]]


async def sdk_overhead(store: Store, progress: Progress, quick: bool) -> Row:
    """p50 of reading a plan, and of a page of 100 steps; calls take turns, the larger of both ratios is the row's."""
    load = await store.load(Shape(1, STEPS // 10, 10, 1))
    plan_id = global_id("Plan", load.project_id, load.plans[0])
    _, context_id = await store.project()
    async with running_api(store, context_id) as (url, _), Client(f"{url}/graphql") as client, _plain() as http:
        address = f"{url}/graphql"
        pairs: dict[str, tuple[Call, Call]] = {
            "plan": (lambda: client.plan(id=plan_id), _bare(http, address, generated._PLAN, "Plan", id=plan_id)),
            "steps": (
                lambda: client.steps(plan_id=plan_id, first=STEPS),
                _bare(http, address, generated._STEPS, "Steps", planId=plan_id, first=STEPS),
            ),
        }
        times = {}
        with progress.phase("sdk_overhead", len(pairs)):
            for name, (ours, bare) in pairs.items():
                times[name] = await _measure(ours, bare, quick)
    ratios = {name: median(ours) / median(bare) for name, (ours, bare) in times.items()}
    worst = max(ratios, key=lambda name: ratios[name])
    ours, bare = (median(rounds) for rounds in times[worst])
    details = {name: {"p50_ms": t[0], "bare_p50_ms": t[1], "ratio": ratios[name]} for name, t in times.items()}
    return Row(
        "sdk_overhead", ours, "ms", bare, ratios[worst], TARGET, ratios[worst] <= TARGET, {"calls": CALLS, **details}
    )


def _plain() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, verify=False, timeout=60.0)


def _bare(http: httpx2.AsyncClient, url: str, document: str, name: str, **variables: Any) -> Call:
    """The operation as a program without the SDK sends it: post, check the status, decode, look for errors."""

    async def call() -> Any:
        body = orjson.dumps({"query": document, "operationName": name, "variables": variables})
        response = await http.post(url, content=body, headers={"Content-Type": "application/json"})
        response.raise_for_status()
        answer = orjson.loads(response.content)
        if answer.get("errors"):
            raise RuntimeError(answer["errors"])
        return answer["data"]

    return call


async def _measure(ours: Call, bare: Call, quick: bool) -> tuple[list[float], list[float]]:
    """Medians in milliseconds, round by round; within a round the two take turns, each first as often as the other."""
    rounds: tuple[list[float], list[float]] = ([], [])
    for number in range(1 if quick else ROUNDS + 1):
        taken: tuple[list[float], list[float]] = ([], [])
        for turn in range(5 if quick else WARM if number == 0 else CALLS):
            for side in (0, 1) if turn % 2 else (1, 0):
                started = time.perf_counter()
                await (bare if side else ours)()
                taken[side].append(1_000 * (time.perf_counter() - started))
        if number or quick:
            for side in (0, 1):
                rounds[side].append(median(taken[side]))
    return rounds
