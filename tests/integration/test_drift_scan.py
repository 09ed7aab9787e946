"""Active detection: what differs between a directory and the graph is found by its hash and reconciled by its class."""

from __future__ import annotations

import os
import resource as limits
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from drift_world import ROOT, DriftWorld
from world import World

from psg import drift as graph_side
from psg.drift import RootMissing
from psg.errors import NotFound
from psg_neo4j import Database
from psg_runtime.drift import DriftMonitor, scanning

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    yield made
    await made.verified()


@pytest.mark.req("L3-48", "L3-51", "DD-59", "DD-60")
async def test_each_class_is_found_and_reconciled_by_its_default(drift: DriftWorld) -> None:
    drift.write("src/a.py", "one\n")
    drift.write("src/b.py", "two\n")
    first = await drift.monitor.scan()
    assert (first.seen, first.added, first.drifted) == (2, 2, 2)
    assert (await drift.known("src/a.py")).content() == b"one\n"

    drift.write("src/a.py", "changed\n")
    (drift.path / "src/b.py").unlink()
    drift.write("new.txt", "three\n")
    report = await drift.monitor.scan()
    assert (report.added, report.modified, report.deleted) == (1, 1, 1)
    assert {(o.drift, o.strategy, o.result) for o in report.outcomes} == {
        ("added", "fs_wins", "taken"), ("modified", "fs_wins", "taken"), ("deleted", "psg_wins", "written")
    }  # fmt: skip
    assert drift.read("src/b.py") == "two\n"
    assert (await drift.known("src/a.py")).content() == b"changed\n"
    assert (await drift.monitor.scan()).drifted == 0


@pytest.mark.req("L3-51", "L3-48")
async def test_every_difference_is_told_as_a_drift_event_then_as_a_change_of_the_graph(drift: DriftWorld) -> None:
    drift.write("a.txt", "one\n")
    await drift.monitor.scan()
    at = await drift.world.head_seq()
    drift.write("a.txt", "two\n")
    await drift.monitor.scan()
    told = [e for e in await drift.world.events() if e["seq"] > at and e["entity_type"] == "Resource"]
    assert [(e["family"], e["type"]) for e in told][:2] == [
        ("external_integration", "drift_detected"), ("graph_update", "resource_updated")
    ]  # fmt: skip
    payload = told[0]["changes"]["event"]["payload"]
    assert payload["path"] == "a.txt" and payload["drift"] == "modified" and payload["strategy"] == "fs_wins"
    assert payload["expected_hash"] != payload["found_hash"]


async def test_odd_names_links_and_other_things(drift: DriftWorld, tmp_path: Path) -> None:
    drift.write("gr\u00fc\u00df dich%41.txt", "x")
    raw = os.path.join(os.fsencode(drift.path), b"latin-\xff\n.txt")
    with open(raw, "wb") as file:  # noqa: ASYNC230
        file.write(b"y")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("s")
    (drift.path / "link").symlink_to(tmp_path / "outside")
    (drift.path / "loop").symlink_to(drift.path)
    os.mkfifo(drift.path / "pipe")
    drift.write(".git/config", "[core]")
    drift.write(".env", "TOKEN=1")
    report = await drift.monitor.scan()
    assert (report.seen, report.added, report.skipped) == (2, 2, 3)
    names = [t.expected.uri for t in await graph_side.page(drift.world.db, drift.world.project_id, after="file:")]
    assert names == ["file:tree/gr%C3%BC%C3%9F%20dich%2541.txt", "file:tree/latin-%FF%0A.txt"]
    os.unlink(raw)
    assert (await drift.monitor.scan()).results == {"written": 1}
    with open(raw, "rb") as file:  # noqa: ASYNC230
        assert file.read() == b"y"


async def test_what_is_no_file_any_more_is_told_once_and_left_alone(drift: DriftWorld) -> None:
    drift.write("a.txt", "x")
    drift.write("dir/b.txt", "y")
    await drift.monitor.scan()
    (drift.path / "a.txt").unlink()
    (drift.path / "a.txt").symlink_to("/etc/hostname")
    (drift.path / "dir/b.txt").unlink()
    (drift.path / "dir").rmdir()
    (drift.path / "dir").symlink_to("/etc")
    report = await drift.monitor.scan()
    assert {(o.result, o.reason) for o in report.outcomes} == {
        ("flagged", "not_a_file"), ("flagged", "outside_root")
    }  # fmt: skip
    assert (await drift.monitor.scan()).results == {}
    (drift.path / "dir").unlink()
    (drift.path / "a.txt").unlink()
    drift.write("a.txt", "x")
    assert (await drift.monitor.scan()).results == {"agreed": 1, "written": 1}
    assert drift.read("dir/b.txt") == "y"


async def test_a_directory_that_cannot_be_read_or_is_away_deletes_nothing(
    drift: DriftWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    drift.write("a/one.txt", "1")
    drift.write("b/two.txt", "2")
    await drift.monitor.scan()
    real = os.open

    def refusing(path: object, *rest: object, **more: object) -> int:
        if path == b"a" and more:
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refusing)
        report = await drift.monitor.scan()
    assert (report.seen, report.deleted, report.closed) == (1, 0, ["a"])

    drift.path.rename(drift.path.with_name("moved"))
    with pytest.raises(RootMissing):
        await drift.monitor.scan()
    drift.path.with_name("moved").rename(drift.path)
    assert (await drift.monitor.scan()).results == {}


async def test_a_directory_as_a_whole_has_a_hash(drift: DriftWorld) -> None:
    drift.write("a.txt", "1")
    drift.write("b.txt", "2")
    first = (await drift.monitor.scan()).hash
    assert (await graph_side.resource(drift.world.db, drift.world.project_id, f"dir:{ROOT}")).hash == first
    drift.write("b.txt", "3")
    changed = (await drift.monitor.scan()).hash
    drift.write("b.txt", "2")
    assert changed != first == (await drift.monitor.scan()).hash


async def test_what_the_settings_leave_out_later_is_left_alone(drift: DriftWorld) -> None:
    drift.write("a.log", "1")
    await drift.monitor.scan()
    await drift.set(exclude=["*.log"])
    (drift.path / "a.log").unlink()
    report = await drift.monitor.scan()
    assert (report.seen, report.results) == (0, {})
    with pytest.raises(NotFound):
        await drift.monitor.resolve(drift.uri("b.log"), "fs_wins")


async def test_two_that_scan_at_once_do_everything_once(drift: DriftWorld) -> None:
    for number in range(60):
        drift.write(f"{number % 7}/{number}.txt", f"{number}\n")
    monitors: list[DriftMonitor] = [drift.another() for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for monitor in monitors:
            tasks.start_soon(monitor.scan)
    assert len(await drift.detected()) == 60
    await drift.set(modified="psg_wins")
    for number in range(60):
        drift.write(f"{number % 7}/{number}.txt", "outside\n")
    async with anyio.create_task_group() as tasks:
        for monitor in monitors:
            tasks.start_soon(monitor.scan)
    assert (await drift.monitor.scan()).results == {}
    assert len(await drift.detected()) == 120
    assert {(drift.path / f"{n % 7}/{n}.txt").read_text() for n in range(60)} == {f"{n}\n" for n in range(60)}


async def fill(drift: DriftWorld, count: int) -> None:
    def write() -> None:
        for number in range(count):
            drift.write(f"{number % 100}/{number}.txt", f"{number}\n")

    await anyio.to_thread.run_sync(write)


async def test_many_files_are_read_in_pages_with_progress(drift: DriftWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "PAGE", 20)
    await fill(drift, 90)
    seen: list[int] = []
    report = await drift.monitor.scan(lambda r: seen.append(r.seen))
    assert report.added == 90 and seen == [20, 40, 60, 80, 90] and len(report.outcomes) == scanning.NAMED


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_hundred_thousand_files_need_no_more_memory_than_a_thousand(drift: DriftWorld) -> None:
    await fill(drift, 1_000)
    await drift.monitor.scan()
    before = limits.getrusage(limits.RUSAGE_SELF).ru_maxrss
    await fill(drift, 100_000)
    report = await drift.monitor.scan()
    assert report.added == 99_000
    assert (await drift.monitor.scan()).results == {}
    assert limits.getrusage(limits.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
