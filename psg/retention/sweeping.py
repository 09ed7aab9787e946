"""Removing what a checkpoint made superfluous: events, snapshots, overwritten texts, earlier accounts of entities."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from psg.audit.checkpoint import number
from psg.model.codec import HASH_KEY
from psg.retention.building import Progress, ProjectStore
from psg.retention.facts import fact_of
from psg.retention.survey import snapshots_before
from psg_neo4j import faults

EVENT_PAGE = 1_000
PAGE = 500
MARKER = f'"{HASH_KEY}"'
_HASH = re.compile(re.escape(MARKER) + r':"([0-9a-f]{64})"')


async def sweep(store: ProjectStore, checkpoint: Mapping[str, Any], progress: Progress) -> dict[str, int]:
    """Remove everything that only the log before ``checkpoint`` needed; goes on where an earlier attempt ended."""
    seq = checkpoint["seq"]
    removed = {
        "events": await _events(store, checkpoint, progress), "snapshots": await _snapshots(store, seq),
        "texts": await _texts(store, seq, progress), "superseded": await _superseded(store, seq),
    }  # fmt: skip
    await store.write("checkpoint_done", id=checkpoint["id"])
    return removed


async def _events(store: ProjectStore, checkpoint: Mapping[str, Any], progress: Progress) -> int:
    """Oldest first, each batch with its facts in one commit: no fact is lost, wherever it is interrupted."""
    seq, base, removed = checkpoint["seq"], checkpoint["base"], 0
    while rows := await store.read("checkpoint_events", after=0, upto=seq, limit=EVENT_PAGE):
        events = [row["event"] for row in rows]
        batch = {"facts": [fact for event in events if (fact := fact_of(event))], "seqs": [e["seq"] for e in events]}
        await store.write("retention_sweep", batch=batch)
        removed += len(events)
        faults.at("retention_swept", events[-1]["seq"])
        progress("events removed", max(0, events[-1]["seq"] - base), seq - base)
    return removed


async def _snapshots(store: ProjectStore, seq: int) -> int:
    ids = [row["id"] async for row in snapshots_before(store.db, store.project_id, seq)]
    for i in range(0, len(ids), PAGE):
        await store.write("retention_snapshots_drop", batch={"ids": ids[i : i + PAGE]})
    return len(ids)


async def _texts(store: ProjectStore, seq: int, progress: Progress) -> int:
    """Overwritten texts that no event behind ``seq`` has; judged behind the lock, with the latest events."""
    wanted: set[str] = set()
    reached = await _hashes(store.read, seq, wanted)
    after, removed = "", 0

    async def drop(run: Callable[..., Any]) -> tuple[int, int]:
        upto = await _hashes(run, reached, wanted)
        rows = await run("retention_contents_drop", batch={"hashes": [h for h in page if h not in wanted]})
        return upto, sum(row["removed"] for row in rows)

    while page := [row["hash"] for row in await store.read("retention_contents", after=after, limit=PAGE)]:
        after = page[-1]
        if any(one not in wanted for one in page):
            reached, gone = await store.locked(drop)
            removed += gone
            progress("texts removed", removed, removed)
    return removed


async def _hashes(read: Callable[..., Any], after: int, into: set[str]) -> int:
    """Add the hashes that the events behind ``after`` have; returns the number of the last of them."""
    while True:
        rows = await read("retention_hashes", after=after, marker=MARKER, limit=EVENT_PAGE)
        for row in rows:
            if row["changes"] is not None:
                into.update(_HASH.findall(row["changes"]))
        if not rows:
            return after
        after = rows[-1]["seq"]


async def _superseded(store: ProjectStore, seq: int) -> int:
    return await _drop_entities(store, seq, lambda row: bool(row["old"]))


async def _drop_entities(store: ProjectStore, upto: int, gone: Callable[[Mapping[str, Any]], bool]) -> int:
    after, removed = "", 0
    while page := await store.read("checkpoint_superseded", after=after, upto=number(upto), limit=PAGE):
        after = page[-1]["id"]
        ids = [row["id"] for row in page if gone(row)]
        if ids:
            await store.write("checkpoint_drop", batch={"ids": ids})
            removed += len(ids)
    return removed


async def discard(store: ProjectStore, checkpoint: Mapping[str, Any]) -> None:
    """Give up a checkpoint that is not in force, with all that was built for it."""

    async def work(run: Callable[..., Any]) -> bool:
        return bool(await run("checkpoint_discard", id=checkpoint["id"]))

    if await store.locked(work):
        await _drop_entities(store, 0, lambda row: row["seq"] > checkpoint["base"])
        await store.write("checkpoint_forget", id=checkpoint["id"])
