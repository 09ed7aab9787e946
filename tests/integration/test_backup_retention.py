"""A backup that is being made while retention cuts the log of the project it reads."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from world import World, registry, statement, step

from psg.backup import BackupIncomplete, backup, check, taking
from psg.backup.archive import records
from psg.backup.salvage import salvage
from psg.errors import EventLogGap
from psg.retention import Policy, retain

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(180)]


async def say(text: str) -> dict[str, str]:
    return {"said": text}


@pytest.fixture
async def world(db: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project with a finished plan, whose log is read in small pages; a backup is of this project alone."""
    made = await World.create(db)

    async def ours(_: Any) -> AsyncIterator[str]:
        yield made.project_id

    monkeypatch.setattr(taking, "_projects", ours)
    monkeypatch.setattr(taking, "EVENT_PAGE", 4)
    await made.run(*(step(f"s{n}", name="say", params={"text": "x"}) for n in range(3)), tools=registry(say=say))
    return made


async def cut(world: World) -> None:
    await retain(world.graph, world.project_id, Policy(keep_last=0))


async def change(world: World, text: str) -> None:
    await world.db.write(statement(text, "write"), project_id=world.project_id)


def before(
    monkeypatch: pytest.MonkeyPatch, method: str, call: int, act: Callable[[], Awaitable[None]], *about: str
) -> None:
    """Let something happen before the nth call of a method of the reader of projects."""
    real, calls = getattr(taking._Project, method), 0

    async def hooked(self: Any, *arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += not about or arguments[0] in about
        if calls == call:
            calls += 1
            await act()
        return await real(self, *arguments, **more)

    monkeypatch.setattr(taking._Project, method, hooked)


MOMENTS = {
    "between two pages of events": ("_read", 3, "backup_events"),
    "between the last page and the lock": ("_locked", 3),
}


@pytest.mark.parametrize(("method", "call", "about"), [(*m[:2], m[2:]) for m in MOMENTS.values()], ids=list(MOMENTS))
async def test_a_log_that_is_cut_meanwhile_is_read_anew(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, call: int, about: tuple[str, ...]
) -> None:
    before(monkeypatch, method, call, lambda: cut(world), *about)
    target = io.BytesIO()
    made = await backup(world.db, target, section_bytes=1)
    assert made.violations == [] and check(target).counts == made.counts
    events = [one["props"]["seq"] for one in records(target) if one["kind"] == "event"]
    (head,) = [one["props"] for one in records(target) if one["kind"] == "head"]
    assert events == list(range(head["earliest_seq"], head["seq"] + 1)) and head["earliest_seq"] > 1


async def unfinished(world: World, monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """A backup that broke off in the middle of the log."""

    async def broken() -> None:
        raise OSError("no room")

    target = io.BytesIO()
    with monkeypatch.context() as patched:
        before(patched, "_read", 3, broken, "backup_events")
        with pytest.raises(OSError, match="no room"):
            await backup(world.db, target, section_bytes=1)
    return target


async def test_an_unfinished_log_whose_beginning_was_cut_is_begun_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, told = await unfinished(world, monkeypatch), list[str]()
    found = salvage(target)
    assert found is not None and (found.open_first, found.open_seq) == (1, 8)
    await change(world, "MATCH (h:ProjectHead {id: $project_id}) SET h.earliest_seq = 5")
    made = await backup(world.db, target, resume=True, told=told.append)
    assert not made.resumed and "were removed by retention in between; it begins anew" in told[0]
    await change(world, "MATCH (h:ProjectHead {id: $project_id}) REMOVE h.earliest_seq")


async def test_a_log_that_is_cut_while_it_is_gone_on_with_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = await unfinished(world, monkeypatch)
    before(monkeypatch, "_read", 2, lambda: cut(world), "backup_events")
    with pytest.raises(BackupIncomplete, match="were removed by retention while it was read: make the backup again"):
        await backup(world.db, target, resume=True, section_bytes=1)
    made = await backup(world.db, target, resume=True)
    assert made.violations == [] and not made.resumed


async def test_a_hole_that_retention_did_not_make_is_still_told(world: World) -> None:
    await change(world, "MATCH (e:Event {project_id: $project_id, seq: 6}) SET e.seq = -6")
    with pytest.raises(EventLogGap, match="has a hole behind event 4; run `psg verify`"):
        await backup(world.db, io.BytesIO())
    await change(world, "MATCH (e:Event {project_id: $project_id, seq: -6}) SET e.seq = 6")
