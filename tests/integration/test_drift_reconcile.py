"""The four ways to reconcile: each does what it says, and what changed meanwhile is never overwritten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from drift_world import DriftWorld
from world import World

from psg import drift as graph_side
from psg.drift import ChangedMeanwhile, Found, Strategy
from psg.errors import NotFound, Refused, StaleRevision, ValidationFailed
from psg_neo4j import Database
from psg_runtime.drift import DriftMonitor, reconciling
from psg_runtime.drift.sides import Files

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

BASE = "first\n\n\n\nmiddle\n\n\n\nlast\n"


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    made.write("a.txt", BASE)
    await made.monitor.scan()
    yield made
    await made.verified()


async def content(drift: DriftWorld, name: str = "a.txt") -> str | None:
    kept = (await drift.known(name)).content()
    return None if kept is None else kept.decode()


async def decide(drift: DriftWorld, status: str, name: str = "a.txt") -> str:
    confirm = (await drift.known(name)).confirm
    assert confirm is not None
    await drift.world.graph.decide_confirm(drift.world.project_id, confirm, status)
    return confirm


async def confirm_status(drift: DriftWorld, confirm: str) -> str:
    rows = await drift.world.query(
        "MATCH (c:PsgNode:Confirm {project_id: $project_id, id: $id}) RETURN c.status AS status", id=confirm
    )
    return str(rows[0]["status"])


@pytest.mark.req("L3-52")
async def test_psg_wins_overwrites_the_file_and_keeps_what_it_overwrote(drift: DriftWorld) -> None:
    await drift.set(modified="psg_wins", added="psg_wins")
    long = "changed outside " * 400
    drift.write("a.txt", long).chmod(0o755)
    drift.write("b.txt", "unwanted\n")
    report = await drift.monitor.scan()
    assert report.results == {"written": 2}
    assert drift.read("a.txt") == BASE and not (drift.path / "b.txt").exists()
    assert await content(drift) == BASE
    assert (drift.path / "a.txt").stat().st_mode & 0o777 == 0o755
    told = [e["changes"] for e in await drift.world.events(type="drift_detected")]
    over = {e["event"]["payload"]["uri"]: e.get("overwritten") for e in told if "overwritten" in e}
    assert over[drift.uri("b.txt")] == '{"text":"unwanted\\n"}'
    kept = await drift.world.query(
        "MATCH (k:Content {project_id: $project_id, hash: $hash}) RETURN k.text AS text",
        hash=over[drift.uri("a.txt")]["$sha256"],
    )
    assert long in kept[0]["text"]
    assert (await drift.monitor.scan()).drifted == 0


@pytest.mark.req("L3-53")
async def test_fs_wins_updates_the_graph_also_by_what_is_gone(drift: DriftWorld) -> None:
    await drift.set(deleted="fs_wins")
    drift.write("b.txt", "new\n")
    (drift.path / "a.txt").unlink()
    report = await drift.monitor.scan()
    assert report.results == {"taken": 2} and (report.added, report.deleted) == (1, 1)
    assert await content(drift) is None and await content(drift, "b.txt") == "new\n"
    assert not (drift.path / "a.txt").exists()
    # Nothing is lost: it comes back under the same node.
    before = await drift.known("a.txt")
    drift.write("a.txt", "again\n")
    await drift.monitor.scan()
    after = await drift.known("a.txt")
    assert (after.id, after.content()) == (before.id, b"again\n")


@pytest.mark.req("L3-54")
@pytest.mark.parametrize(
    ("status", "file", "graph"),
    [("approved", "outside\n", "outside\n"), ("rejected", BASE, BASE), ("cancelled", "outside\n", BASE)],
)
async def test_manual_asks_and_neither_side_changes_until_it_is_decided_once(
    drift: DriftWorld, status: str, file: str, graph: str
) -> None:
    await drift.set(modified="manual")
    drift.write("a.txt", "outside\n")
    report = await drift.monitor.scan()
    (outcome,) = report.outcomes
    assert (outcome.result, outcome.strategy) == ("conflict", "manual") and outcome.confirm is not None
    for _ in range(2):
        assert (await drift.monitor.scan()).results == {}
    assert (drift.read("a.txt"), await content(drift)) == ("outside\n", BASE)
    known = await drift.known("a.txt")
    assert (known.state, known.confirm) == ("conflict", outcome.confirm)
    assert len(await drift.detected()) == 2  # when it was taken in, and now

    await decide(drift, status)
    await drift.monitor.scan()
    assert (drift.read("a.txt"), await content(drift)) == (file, graph)
    seq = await drift.world.head_seq()
    assert (await drift.monitor.scan()).results == {}
    assert await drift.world.head_seq() == seq  # applied once
    assert (await drift.known("a.txt")).state == ("drifted" if status == "cancelled" else "synced")


@pytest.mark.req("L3-54")
async def test_a_decision_about_a_file_that_changed_since_is_asked_anew(drift: DriftWorld) -> None:
    await drift.set(modified="manual")
    drift.write("a.txt", "seen\n")
    await drift.monitor.scan()
    confirm = await decide(drift, "rejected")
    drift.write("a.txt", "not seen\n")
    assert (await drift.monitor.scan()).results == {"conflict": 1}
    assert drift.read("a.txt") == "not seen\n"
    known = await drift.known("a.txt")
    assert known.confirm != confirm

    # Once more, while it is still open: the request about what is no more is closed.
    drift.write("a.txt", BASE)
    assert (await drift.monitor.scan()).results == {"agreed": 1}
    assert known.confirm is not None and await confirm_status(drift, known.confirm) == "cancelled"


@pytest.mark.req("L3-55")
async def test_a_merge_keeps_the_changes_of_both_sides(drift: DriftWorld) -> None:
    await drift.expect("a.txt", BASE.replace("first", "graph"))
    drift.write("a.txt", BASE.replace("last", "file"))
    report = await drift.monitor.scan()
    assert [(o.result, o.strategy) for o in report.outcomes] == [("merged", "merge")]
    both = BASE.replace("first", "graph").replace("last", "file")
    assert (drift.read("a.txt"), await content(drift)) == (both, both)
    assert (await drift.known("a.txt")).base() == both.encode()


@pytest.mark.req("L3-55")
async def test_an_overlap_is_a_conflict_and_nothing_is_overwritten(drift: DriftWorld) -> None:
    ours, theirs = BASE.replace("middle", "graph"), BASE.replace("middle", "file")
    await drift.expect("a.txt", ours)
    drift.write("a.txt", theirs)
    (outcome,) = (await drift.monitor.scan()).outcomes
    assert outcome.result == "conflict" and outcome.reason == "both sides changed the same lines"
    assert (drift.read("a.txt"), await content(drift)) == (theirs, ours)
    assert (await drift.known("a.txt")).base() == BASE.encode()
    drift.write("a.txt", ours)  # somebody solves it by hand
    assert (await drift.monitor.scan()).results == {"agreed": 1}


@pytest.mark.req("L3-55")
async def test_binary_files_that_both_sides_changed_are_for_a_person(drift: DriftWorld) -> None:
    drift.write("b.bin", b"\0\1\2")
    await drift.monitor.scan()
    project = drift.world.project_id
    await graph_side.expect(drift.world.graph, project, drift.uri("b.bin"), b"\0\1\3\xff")
    drift.write("b.bin", b"\0\1\4")
    (outcome,) = (await drift.monitor.scan()).outcomes
    assert outcome.result == "conflict" and outcome.reason is not None and "binary" in outcome.reason
    assert (drift.path / "b.bin").read_bytes() == b"\0\1\4"
    await decide(drift, "rejected", "b.bin")
    await drift.monitor.scan()
    assert (drift.path / "b.bin").read_bytes() == b"\0\1\3\xff"


async def test_a_change_of_the_graph_is_carried_out_and_is_no_drift(drift: DriftWorld) -> None:
    await drift.expect("a.txt", "planned\n")
    await drift.expect("deep/er/new.txt", "made\n")
    assert (await drift.known("a.txt")).state == "ahead"
    detected = len(await drift.detected())
    assert (await drift.monitor.scan()).results == {"written": 2}
    assert drift.read("a.txt") == "planned\n" and drift.read("deep/er/new.txt") == "made\n"
    assert len(await drift.detected()) == detected
    await drift.expect("a.txt", None)
    await drift.monitor.scan()
    assert not (drift.path / "a.txt").exists()


@pytest.mark.parametrize("strategy", ["fs_wins", "psg_wins"])
async def test_somebody_resolves_a_conflict_by_hand(drift: DriftWorld, strategy: Strategy) -> None:
    await drift.expect("a.txt", "graph\n")
    drift.write("a.txt", "file\n")
    await drift.monitor.scan()
    confirm = (await drift.known("a.txt")).confirm
    outcome = await drift.monitor.resolve(drift.uri("a.txt"), strategy)
    wanted = "file\n" if strategy == "fs_wins" else "graph\n"
    assert outcome.result == ("taken" if strategy == "fs_wins" else "written")
    assert (drift.read("a.txt"), await content(drift)) == (wanted, wanted)
    assert confirm is not None and await confirm_status(drift, confirm) == "cancelled"
    with pytest.raises(NotFound):
        await drift.monitor.resolve(drift.uri("none.txt"), strategy)
    with pytest.raises(ValidationFailed, match="strategy"):
        await drift.monitor.resolve(drift.uri("a.txt"), "mine")  # type: ignore[arg-type]


async def test_what_is_too_large_to_keep_is_neither_restored_nor_overwritten(drift: DriftWorld) -> None:
    await drift.set(content_bytes=10)
    drift.write("big.txt", "x" * 100)
    await drift.monitor.scan()
    known = await drift.known("big.txt")
    assert known.hash is not None and known.content() is None and known.size == 100

    (drift.path / "big.txt").unlink()
    (outcome,) = (await drift.monitor.scan()).outcomes
    assert (outcome.drift, outcome.result, outcome.reason) == ("deleted", "flagged", "content_not_kept")
    assert (await drift.monitor.scan()).results == {}  # told once
    with pytest.raises(Refused, match="content_not_kept"):
        await drift.monitor.resolve(drift.uri("big.txt"), "psg_wins")
    await drift.monitor.resolve(drift.uri("big.txt"), "fs_wins")
    assert (await drift.known("big.txt")).hash is None

    await drift.set(content_bytes=10, added="psg_wins")
    drift.write("other.txt", "y" * 100)
    (outcome,) = (await drift.monitor.scan()).outcomes
    assert (outcome.result, outcome.reason) == ("flagged", "too_large_to_keep")
    assert (drift.path / "other.txt").exists()


async def test_a_file_that_changes_while_it_is_decided_is_not_overwritten(
    drift: DriftWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drift.set(modified="psg_wins")
    drift.write("a.txt", "seen\n")
    put = Files.put

    async def slowly(self: Files, uri: str, *rest: Any) -> Found:
        drift.write("a.txt", "saved just now\n")
        return await put(self, uri, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Files, "put", slowly)
        (outcome,) = (await drift.monitor.scan()).outcomes
    assert (outcome.result, outcome.reason) == ("flagged", ChangedMeanwhile.code)
    assert drift.read("a.txt") == "saved just now\n"
    assert (await drift.monitor.scan()).results == {"written": 1}
    assert drift.read("a.txt") == BASE


async def test_same_content_with_a_new_time_is_no_drift(drift: DriftWorld) -> None:
    import os

    os.utime(drift.path / "a.txt", (1_600_000_000, 1_600_000_000))
    report = await drift.monitor.scan()
    assert report.drifted == 0 and report.results == {"agreed": 1}
    assert (await drift.known("a.txt")).mtime_ms == 1_600_000_000_000
    assert len(await drift.detected()) == 1  # only when it was taken in
    seq = await drift.world.head_seq()
    await drift.monitor.scan()
    assert await drift.world.head_seq() == seq


async def test_the_graphs_side_refuses_what_is_wrong(drift: DriftWorld) -> None:
    graph, project = drift.world.graph, drift.world.project_id
    uri = drift.uri("a.txt")
    with pytest.raises(StaleRevision):
        await graph_side.expect(graph, project, uri, b"x", expected_revision=99)
    for wrong in ("a.txt", "file:tree/../x", "file:tree//x", "http://x/y", "file:tree/", "git:tree/main"):
        with pytest.raises(ValidationFailed):
            await graph_side.expect(graph, project, wrong, b"x")
    with pytest.raises(ValidationFailed, match="directory"):
        await graph_side.expect(graph, project, "dir:tree", b"x")
    with pytest.raises(NotFound):
        await graph_side.expect(graph, project, "file:other/x", b"x")
    with pytest.raises(ValidationFailed, match="bytes"):
        await graph_side.expect(graph, project, uri, b"x" * 300_000)
    for settings in ({"added": "mine"}, {"intervalMs": 1}, {"what": 1}, {"content_bytes": 10**9}, {"include": [""]}):
        with pytest.raises(ValidationFailed, match="settings"):
            await graph_side.track(graph, project, "tree", settings)
    assert await content(drift) == BASE


async def test_what_is_forgotten_can_be_tracked_again(drift: DriftWorld) -> None:
    graph, project = drift.world.graph, drift.world.project_id
    first = await drift.known("a.txt")
    await graph_side.untrack(graph, project, "dir:tree")
    assert await graph_side.page(graph.db, project) == []
    with pytest.raises(NotFound):
        await drift.monitor.scan()
    await drift.set()
    assert (await drift.monitor.scan()).added == 1
    assert (await drift.known("a.txt")).id != first.id
    await graph.delete(project, "Resource", (await drift.known("a.txt")).id)  # by the general door
    assert (await drift.monitor.scan()).added == 1
    assert drift.read("a.txt") == BASE


async def test_other_monitors_keep_away_from_what_one_is_writing(drift: DriftWorld) -> None:
    await drift.set(modified="psg_wins")
    drift.write("a.txt", "outside\n")
    other: DriftMonitor = drift.another()
    put, seen = Files.put, []

    async def meanwhile(self: Files, uri: str, *rest: Any) -> Found:
        seen.append((await other.check(uri)).result)
        return await put(self, uri, *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Files, "put", meanwhile)
        (outcome,) = (await drift.monitor.scan()).outcomes
    assert outcome.result == "written" and seen == ["late"]
    assert drift.read("a.txt") == BASE


async def test_what_the_graph_expects_anew_while_a_file_is_being_written_is_not_lost(drift: DriftWorld) -> None:
    """Between the claim and the write, and between the write and its record."""
    await drift.expect("a.txt", "planned\n")
    claimed = drift.uri("a.txt")

    async def expected_anew(text: str) -> None:
        await drift.expect("a.txt", text)

    for point, text in (("resources_by_uri", "anew\n"), ("put", "once more\n")):
        with pytest.MonkeyPatch.context() as patched:
            if point == "put":
                real_put = Files.put

                async def put(self: Files, uri: str, *rest: Any, real: Any = real_put, text: str = text) -> Found:
                    found = await real(self, uri, *rest)
                    await expected_anew(text)
                    return found  # type: ignore[no-any-return]

                patched.setattr(Files, "put", put)
            else:
                real_read = reconciling.resources_by_uri

                async def read(*given: Any, real: Any = real_read, text: str = text) -> Any:
                    await expected_anew(text)
                    return await real(*given)

                patched.setattr(reconciling, "resources_by_uri", read)
            (outcome,) = (await drift.monitor.scan()).outcomes
        assert (outcome.uri, outcome.result) == (claimed, "late")
        assert await content(drift) == text
    await drift.monitor.resolve(claimed, "psg_wins")
    assert drift.read("a.txt") == await content(drift) == "once more\n"


async def test_somebody_who_resolves_what_cannot_be_read_is_told(drift: DriftWorld) -> None:
    (drift.path / "a.txt").unlink()
    (drift.path / "a.txt").mkdir()
    for _ in range(2):
        with pytest.raises(Refused, match="not_a_file"):
            await drift.monitor.resolve(drift.uri("a.txt"), "psg_wins")
    assert (drift.path / "a.txt").is_dir()
