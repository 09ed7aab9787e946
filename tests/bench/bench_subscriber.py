"""How long after a commit a subscriber of the API has its events: idle, and while 5,000 events a second are written."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import anyio
from bench_api import running_api
from bench_progress import Progress
from bench_rows import Row, at_most, percentile
from bench_store import Store

from psg.write.change import Change
from psg.write.command import Command
from psg_client.transport import Transport

IDLE_COMMITS = 100
IDLE_PAUSE_S = 0.05
BUSY_RATE = 5_000
BUSY_BATCH = 100
BUSY_S = 10.0
BUSY_TARGET_MS = 250.0

SUBSCRIPTION = """subscription Bench($project: ID!, $after: String) {
  events(projectId: $project, after: $after) { ... on EventBatch { cursor events { seq type } } }
}"""

Write = Callable[[int], Awaitable[int]]


async def commit_to_subscriber_p95_ms(store: Store, progress: Progress, quick: bool) -> Row:
    """Commits of one process, read over server-sent events from an API in another: it learns of them by polling."""
    project_id, context_id = await store.project()
    seconds = 0.3 if quick else BUSY_S
    with progress.phase("commit_to_subscriber_p95_ms", 1):
        async with running_api(store, context_id) as (url, _):
            reader = _Subscriber(f"{url}/graphql", project_id)
            async with anyio.create_task_group() as tasks:
                await tasks.start(reader.run)
                write = _writer(store, project_id)
                await _idle(reader, write, 5)
                await _busy(reader, write, 0.2 if quick else 2.0)
                idle = await _idle(reader, write, 5 if quick else IDLE_COMMITS)
                busy, rate = await _busy(reader, write, seconds)
                tasks.cancel_scope.cancel()
    busy_p95 = percentile(busy, 0.95)
    return at_most(
        "commit_to_subscriber_p95_ms", "ms", percentile(idle, 0.95), 50.0, busy_p95 <= BUSY_TARGET_MS,
        p50_ms=percentile(idle, 0.5), busy_p95_ms=busy_p95, busy_p50_ms=percentile(busy, 0.5),
        busy_events_per_s=rate, busy_events_per_s_wanted=BUSY_RATE, busy_target_ms=BUSY_TARGET_MS,
    )  # fmt: skip


class _Subscriber:
    """Notes when which position of the log arrived."""

    def __init__(self, url: str, project_id: str) -> None:
        self._url = url
        self._project_id = project_id
        self.arrivals: list[tuple[int, float]] = [(0, 0.0)]
        self._news = anyio.Event()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Read until cancelled; ready with the first batch."""
        variables = {"project": self._project_id, "after": None}
        async with (
            Transport(self._url) as transport,
            transport.stream(SUBSCRIPTION, "Bench", variables) as stream,
            aclosing(stream),
        ):
            async for data in stream:
                if not (events := data["events"].get("events")):
                    continue
                self.arrivals.append((int(events[-1]["seq"]), time.perf_counter()))
                self._news.set()
                if len(self.arrivals) == 2:
                    task_status.started()

    async def reached(self, seq: int) -> None:
        """Return once the log has arrived up to ``seq``."""
        while self.arrivals[-1][0] < seq:
            self._news = anyio.Event()
            await self._news.wait()

    def delays(self, commits: list[tuple[int, float]]) -> list[float]:
        """Milliseconds from each commit (last position, time) to its arrival."""
        found = []
        at = 0
        for seq, committed in commits:
            while self.arrivals[at][0] < seq:
                at += 1
            found.append(max(0.0, 1_000 * (self.arrivals[at][1] - committed)))
        return found


def _writer(store: Store, project_id: str) -> Write:
    """A writer of commands with a number of events each; it returns the position of the last one."""

    async def write(events: int) -> int:
        change = Change(Command("bench", None, "bench"))
        for number in range(events):
            change.note("runtime_execution", "bench", "Project", project_id, {"number": number})
        return (await store.graph.writer(project_id).submit(change)).seq + events - 1

    return write


async def _idle(reader: _Subscriber, write: Write, times: int) -> list[float]:
    commits = []
    for _ in range(times):
        seq = await write(1)
        commits.append((seq, time.perf_counter()))
        await reader.reached(seq)
        await anyio.sleep(IDLE_PAUSE_S)
    return reader.delays(commits)


async def _busy(reader: _Subscriber, write: Write, seconds: float) -> tuple[list[float], float]:
    """Write at a fixed rate; a writer that cannot keep it up says so in the rate that is returned."""
    commits: list[tuple[int, float]] = []
    started = time.perf_counter()
    due = started
    while (now := time.perf_counter()) < started + seconds:
        if due > now:
            await anyio.sleep(due - now)
        seq = await write(BUSY_BATCH)
        commits.append((seq, time.perf_counter()))
        due = max(due + BUSY_BATCH / BUSY_RATE, time.perf_counter() - 0.1)
    elapsed = time.perf_counter() - started
    with anyio.fail_after(60):
        await reader.reached(commits[-1][0])
    return reader.delays(commits), len(commits) * BUSY_BATCH / elapsed
