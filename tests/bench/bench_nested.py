"""Nested reads over HTTP: a plan, its steps, their dependencies; beside @neo4j/graphql on Apollo, on one database."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import anyio
from anyio.streams.text import TextReceiveStream
from bench_api import Connection, running_api
from bench_progress import Progress
from bench_rows import Row
from bench_store import Shape, Store

from psg_graphql.global_id import global_id

_PEER = Path(__file__).with_name("peer")
_FILES = ("package.json", "package-lock.json", ".npmrc", "server.js")
SIZES = (10, 100)
READS = 150
WARM = 60
ROUNDS = 5
TARGET = 1.0

OURS = """query ($id: ID!) {
  plan(id: $id) {
    id title status
    steps(first: 100) { nodes { id key status position dependencies { id key status } } }
  }
}"""
PEERS = """query ($project: String!, $id: ID!) {
  plans(where: {project_id: {eq: $project}, id: {eq: $id}}) {
    id title status
    steps(sort: [{position: ASC}], limit: 100) { id key status position dependencies { id key status } }
  }
}"""


async def nested_read(store: Store, progress: Progress, quick: bool) -> Row:
    """p50 of the read of a plan of 10 and of 100 steps; the larger of both ratios is the row's."""
    if shutil.which("npm") is None:
        return Row("nested_read", 0.0, "ms", None, None, TARGET, False, {"not_measured": "the peer needs Node.js"})
    plans = {}
    for steps in SIZES:
        load = await store.load(Shape(1, max(1, steps // 10), 10, 3))
        plans[steps] = (load.project_id, load.plans[0])
    _, context_id = await store.project()
    async with running_api(store, context_id) as (url, _), _running_peer(store) as peer_url:
        times = await _measure(url, peer_url, plans, progress, quick)
    ratios = {steps: median(times[steps][0]) / median(times[steps][1]) for steps in SIZES}
    worst = max(SIZES, key=lambda steps: ratios[steps])
    ours, peers = times[worst]
    details = {
        f"{n}_steps": {"p50_ms": times[n][0], "peer_p50_ms": times[n][1], "ratio": ratios[n]} for n in SIZES
    }  # fmt: skip
    return Row(
        "nested_read", median(ours), "ms", median(peers), ratios[worst], TARGET, ratios[worst] <= TARGET,
        {"peer": "@neo4j/graphql 7 on Apollo", "reads": READS, **details},
    )  # fmt: skip


async def _measure(
    url: str, peer_url: str, plans: dict[int, tuple[str, str]], progress: Progress, quick: bool
) -> dict[int, tuple[list[float], list[float]]]:
    """Medians of rounds of either side, A B then B A, over one kept connection each."""
    found: dict[int, tuple[list[float], list[float]]] = {n: ([], []) for n in SIZES}
    rounds, reads = (1, 5) if quick else (ROUNDS, READS)
    async with Connection.to(url) as ours, Connection.to(peer_url, path="/") as peer:
        with progress.phase("nested_read", rounds * len(SIZES)) as advance:
            for steps, (project_id, plan_id) in plans.items():
                asked: list[tuple[Connection, str, dict[str, Any]]] = [
                    (ours, OURS, {"id": global_id("Plan", project_id, plan_id)}),
                    (peer, PEERS, {"project": project_id, "id": plan_id}),
                ]
                _same(await _read(*asked[0]), await _read(*asked[1]), steps)
                for one in asked:
                    await _p50_ms(*one, 1 if quick else WARM)
                for turn in range(rounds):
                    for side in (0, 1) if turn % 2 else (1, 0):
                        found[steps][side].append(await _p50_ms(*asked[side], reads))
                    advance(1)
    return found


def _same(ours: dict[str, Any], peers: dict[str, Any], steps: int) -> None:
    """Both sides have to tell the same, or nothing was compared."""
    sides = (ours["plan"]["steps"]["nodes"], peers["plans"][0]["steps"])
    left, right = (
        [(step["key"], step["status"], sorted(d["key"] for d in step["dependencies"])) for step in side]
        for side in sides
    )
    if left != right or len(left) != steps:
        raise RuntimeError("nested_read: the platform and its peer do not tell the same plan")


async def _read(connection: Connection, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    answer = await connection.ask(query, variables)
    if answer.get("errors"):
        raise RuntimeError(f"nested_read: {answer['errors'][0]['message']}")
    data: dict[str, Any] = answer["data"]
    return data


async def _p50_ms(connection: Connection, query: str, variables: dict[str, Any], reads: int) -> float:
    taken = []
    for _ in range(reads):
        began = time.perf_counter()
        await _read(connection, query, variables)
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


@asynccontextmanager
async def _running_peer(store: Store) -> AsyncIterator[str]:
    """Install the peer outside the tree, from its lock file, and run it over the benchmark's database."""
    with tempfile.TemporaryDirectory(prefix="psg-bench-peer-") as name:
        folder = Path(name)
        for file in _FILES:
            shutil.copy(_PEER / file, folder / file)
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        await anyio.run_process(install, cwd=folder, stderr=subprocess.DEVNULL)
        server = store.server
        given = {"PEER_URI": server.uri, "PEER_USER": server.user, "PEER_PASSWORD": server.password}
        async with await anyio.open_process(
            ["node", "server.js"], cwd=folder, env=os.environ | given | {"NODE_ENV": "production"},
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            assert process.stdout is not None and process.stdin is not None
            said = ""
            with anyio.fail_after(60):
                async for text in TextReceiveStream(process.stdout):
                    said += text
                    if "\n" in said:
                        break
            if "\n" not in said:
                raise RuntimeError("nested_read: the peer did not start")
            yield said.strip()
            await process.stdin.aclose()
            with anyio.move_on_after(5):
                await process.wait()
            if process.returncode is None:
                process.kill()
