"""From nothing to the first write: how long the embedded server takes, and what it occupies when idle."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import anyio
from bench_progress import Progress
from bench_rows import Row, at_most

from psg.graph import Graph
from psg_neo4j.embedded import EmbeddedServer, install, stop
from psg_neo4j.migrations import migrate

TIMES = 3
IDLE_S = 5.0
MOST_RESIDENT_MB = 600


async def embedded_start_s(progress: Progress, quick: bool) -> Row:
    """Start in an empty folder, migrate, create a project; Neo4j itself is installed already (warm cache)."""
    await install()
    times: list[float] = []
    resident: float | None = None
    rounds = 1 if quick else TIMES
    with progress.phase("embedded_start_s", rounds) as advance, tempfile.TemporaryDirectory(prefix="psg-bench-") as at:
        for turn in range(rounds):
            home = Path(at) / str(turn)
            started = time.perf_counter()
            async with await EmbeddedServer.attach(home) as server, server.database() as db:
                await migrate(db)
                await Graph(db).create_project("bench")
                times.append(time.perf_counter() - started)
                if turn == 0:
                    await anyio.sleep(0 if quick else IDLE_S)
                    resident = _resident_mb(server.pid)
            await stop(home)
            advance(1)
    small = resident is None or resident <= MOST_RESIDENT_MB
    return at_most(
        "embedded_start_s", "s", median(times), 10.0, small, rounds=times, resident_mb=resident,
        resident_target_mb=MOST_RESIDENT_MB,
    )  # fmt: skip


def _resident_mb(pid: int) -> float | None:
    """Memory of a process in MB, where the system tells it as Linux does."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    return int(text.split("VmRSS:")[1].split()[0]) / 1024
