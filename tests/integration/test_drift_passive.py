"""Passive detection: events of editors and of the operating system, and the watch that combines them with scans."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from drift_world import ROOT, DriftWorld
from world import World

from psg import drift as graph_side
from psg.drift import INTERVAL_MS, DriftSettings, OutsideRoot, UnknownRoot, report_file_update
from psg.errors import ValidationFailed
from psg_neo4j import Database
from psg_runtime.bus import InMemoryEventBus
from psg_runtime.drift import DriftMonitor

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    yield made
    await made.verified()


@asynccontextmanager
async def watching(monitor: DriftMonitor, **how: bool) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda task_status: monitor.run(task_status=task_status, **how))
        try:
            yield
        finally:
            monitor.stop()


def update(drift: DriftWorld, name: str, change: str = "modified", **more: str) -> dict[str, str]:
    """The event that an editor sends, with the time that the file has."""
    path = drift.path / name
    at = path.stat().st_mtime_ns // 1_000_000 if path.exists() else 1_000
    text = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 1000:03d}Z"
    return {"file_path": f"/{name}", "change_type": change, "timestamp": text, **more}


async def kinds(drift: DriftWorld, after: int) -> list[tuple[str, str]]:
    return [(e["family"], e["type"]) for e in await drift.world.events() if e["seq"] > after]


@pytest.mark.req("L3-50", "DD-34")
async def test_an_update_with_the_time_that_the_graph_knows_is_no_drift_and_another_time_is(drift: DriftWorld) -> None:
    drift.write("src/index.ts", "one\n")
    await drift.monitor.scan()
    before = await drift.known("src/index.ts")
    graph, project_id = drift.world.graph, drift.world.project_id
    same = await report_file_update(graph, project_id, update(drift, "src/index.ts"))
    assert same.ids == {"resource": before.id, "drifted": False}
    assert (await drift.known("src/index.ts")).revision == before.revision

    other = {**update(drift, "src/index.ts"), "timestamp": "2020-01-01T00:00:00Z"}
    flagged = await report_file_update(graph, project_id, other)
    assert flagged.ids["drifted"] is True
    known = await drift.known("src/index.ts")
    assert known.state == "drifted" and known.hash == before.hash  # flagged; nothing was reconciled
    assert (await drift.detected())[-1]["source"] == "file_update"
    # Whoever has the files finds that it is the same, and says so.
    assert (await drift.monitor.scan()).results == {"agreed": 1}
    assert (await drift.known("src/index.ts")).state == "synced"


@pytest.mark.req("DD-35", "DD-34", "L3-50", "L3-53")
async def test_an_update_is_detected_then_kept_then_told_in_this_order(drift: DriftWorld) -> None:
    drift.write("a.py", "one\n")
    await drift.monitor.scan()
    at = await drift.world.head_seq()
    os.utime(drift.write("a.py", "two\n"), (1_700_000_000, 1_700_000_000))
    outcome = await drift.monitor.file_updated(update(drift, "a.py"))
    assert outcome is not None and (outcome.drift, outcome.result) == ("modified", "taken")
    told = await kinds(drift, at)
    assert told[:3] == [
        ("external_integration", "integration.file_update"), ("external_integration", "drift_detected"),
        ("graph_update", "resource_drifted"),
    ]  # fmt: skip
    assert told[3:5] == [("external_integration", "drift_detected"), ("graph_update", "resource_updated")]
    known = await drift.known("a.py")
    assert known.content() == b"two\n" and known.mtime_ms == 1_700_000_000_000
    assert await drift.monitor.file_updated(update(drift, "a.py")) is None


@pytest.mark.req("DD-34")
async def test_updates_come_over_the_bus_whoever_emits_them(drift: DriftWorld) -> None:
    drift.write("a.py", "one\n")
    drift.write("b.py", "one\n")
    await drift.monitor.scan()
    drift.write("a.py", "two\n")
    os.utime(drift.path / "a.py", (1_700_000_000, 1_700_000_000))
    event = {
        "event_id": str(uuid.uuid4()), "event_type": "integration.file_update", "event_family": "external_integration",
        "timestamp": "2026-01-01T00:00:00Z", "project_id": drift.world.project_id, "lamport_timestamp": 1,
        "payload": update(drift, "a.py"),
    }  # fmt: skip
    async with InMemoryEventBus.running() as bus:
        await drift.monitor.listen(bus)
        await bus.publish(event)
        await bus.drained()
    assert (await drift.known("a.py")).content() == b"two\n"

    # Another process, which does not have the files, reports to the graph; the one that watches hears of it.
    async with watching(drift.monitor, active=False):
        drift.write("b.py", "two\n")
        await report_file_update(drift.world.graph, drift.world.project_id, update(drift, "b.py", root=ROOT))
        await drift.world.until(lambda: is_content(drift, "b.py", b"two\n"), 20)


async def is_content(drift: DriftWorld, name: str, content: bytes | None) -> bool:
    found = await graph_side.resources_by_uri(drift.world.db, drift.world.project_id, [drift.uri(name)])
    return bool(found) and found[drift.uri(name)].content() == content


@pytest.mark.req("L3-49", "L3-50")
async def test_file_events_alone_keep_the_graph_up_to_date(drift: DriftWorld) -> None:
    drift.write("a.txt", "one\n")
    async with watching(drift.monitor, active=False):
        drift.write("a.txt", "two\n")
        drift.write("new/deep/b.txt", "three\n")
        await drift.world.until(lambda: is_content(drift, "a.txt", b"two\n"), 20)
        await drift.world.until(lambda: is_content(drift, "new/deep/b.txt", b"three\n"), 20)
        (drift.path / "a.txt").unlink()

        async def restored() -> bool:
            return (drift.path / "a.txt").exists()

        await drift.world.until(restored, 20)
        (drift.path / "new").rename(drift.path / "old")
        await drift.world.until(lambda: is_content(drift, "old/deep/b.txt", b"three\n"), 20)
    assert drift.read("a.txt") == "two\n" and drift.read("new/deep/b.txt") == "three\n"


@pytest.mark.req("L3-49", "DD-58")
async def test_scans_alone_find_what_changed_at_their_interval(drift: DriftWorld) -> None:
    assert INTERVAL_MS == DriftSettings().interval_ms == 5_000
    await drift.set(intervalMs=50)
    _, kept = await graph_side.root_settings(drift.world.graph, drift.world.project_id, ROOT)
    assert kept.interval_ms == 50
    async with watching(drift.monitor, passive=False):
        drift.write("a.txt", "one\n")
        await drift.world.until(lambda: is_content(drift, "a.txt", b"one\n"), 20)

    slow = drift.another(interval_ms=3_600_000)
    async with watching(slow, passive=False):
        assert slow.scans == 1
        drift.write("a.txt", "two\n")
        await drift.world.query("RETURN 1 AS one")
    assert slow.scans == 1 and (await drift.known("a.txt")).content() == b"one\n"


@pytest.mark.parametrize(
    ("event", "error", "word"),
    [
        ({"file_path": "../secret"}, OutsideRoot, "leaves the directory"),
        ({"file_path": "/a/../../b"}, OutsideRoot, "leaves the directory"),
        ({"file_path": "/"}, ValidationFailed, "names no file"),
        ({"file_path": "a\0b"}, ValidationFailed, "names no file"),
        ({"file_path": 7}, ValidationFailed, "file_path"),
        ({"change_type": "renamed"}, ValidationFailed, "change_type"),
        ({"timestamp": "yesterday"}, ValidationFailed, "timestamp"),
        ({"timestamp": 5}, ValidationFailed, "timestamp"),
        ({"root": "a b"}, ValidationFailed, "root"),
        ({"root": "other"}, Exception, "not tracked"),
    ],
)
async def test_a_wrong_update_is_refused_and_leaves_nothing(
    drift: DriftWorld, event: dict[str, Any], error: type[Exception], word: str
) -> None:
    good = {"file_path": "/a.txt", "change_type": "modified", "timestamp": "2026-01-01T00:00:00Z"}
    before = await drift.world.head_seq()
    with pytest.raises(error, match=word):
        await report_file_update(drift.world.graph, drift.world.project_id, good | event)
    assert await drift.world.head_seq() == before


async def test_a_monitor_of_what_is_not_tracked_says_so(drift: DriftWorld) -> None:
    stranger = DriftMonitor(drift.world.graph, drift.world.project_id, "nobody", drift.path)
    with pytest.raises(UnknownRoot, match="psg drift add nobody"):
        await stranger.scan()


async def test_camel_case_events_are_taken_too(drift: DriftWorld) -> None:
    event = {"filePath": "/x.txt", "changeType": "created", "timestamp": "2026-01-01T00:00:00Z"}
    answer = await report_file_update(drift.world.graph, drift.world.project_id, event)
    assert answer.ids["drifted"] is True
    again = await report_file_update(drift.world.graph, drift.world.project_id, event)
    assert again.ids["resource"] == answer.ids["resource"]
    gone = {"filePath": "/never.txt", "changeType": "deleted", "timestamp": "2026-01-01T00:00:00Z"}
    assert (await report_file_update(drift.world.graph, drift.world.project_id, gone)).ids == {
        "resource": None, "drifted": False
    }  # fmt: skip
