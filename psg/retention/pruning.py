"""Making stubs of finished plans: nodes and the checkpoint's account of them change in the same commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from psg.audit.checkpoint import stored, written
from psg.retention.building import ProjectStore, Row
from psg.retention.stubs import stub_of
from psg.retention.survey import ENDED, final
from psg_neo4j import faults

BATCH = 200
FIRST = -(2**62)


async def prune_plan(store: ProjectStore, plan_id: str, cut: int) -> bool:
    """Make stubs of a plan, its steps and the segments of its traces; returns whether it was still final at ``cut``.

    Whoever restores or needs the plan meanwhile is found out behind the head's lock, before each batch.
    """
    async for label, rows in _nodes(store, plan_id):
        if not await _strip(store, plan_id, cut, label, rows):
            return False
        faults.at("retention_stripped", plan_id)
    return await _noted(store, plan_id, cut)


async def _nodes(store: ProjectStore, plan_id: str) -> AsyncIterator[tuple[str, list[Row]]]:
    """The nodes of a plan that have something to take away, in batches of one type."""
    for trace in await store.read("retention_traces", plan_id=plan_id):
        async for rows in _pages(store, "retention_segments", trace_id=trace["id"]):
            yield "TraceSegment", rows
    async for rows in _pages(store, "retention_steps", plan_id=plan_id):
        yield "Step", rows
    yield "Plan", await store.read("retention_plan", plan_id=plan_id)


async def _pages(store: ProjectStore, name: str, **params: Any) -> AsyncIterator[list[Row]]:
    after = FIRST
    while rows := await store.read(name, **params, after=after, limit=BATCH):
        yield rows
        after = rows[-1]["place"]


async def _strip(store: ProjectStore, plan_id: str, cut: int, label: str, rows: Sequence[Row]) -> bool:
    """One batch; what is stripped was final at the cut, so its values cannot change between reading and writing."""
    stubs = {row["id"]: stub for row in rows if (stub := stub_of(label, row["props"])) is not None}
    if not stubs:
        return True

    async def work(run: Callable[..., Any]) -> bool:
        if not await _still_final(run, plan_id, cut):
            return False
        (clock,) = await run("retention_now")
        known, kept = await stored(run, sorted(stubs), cut)
        records: list[Row] = []
        for row in kept:
            entity = known[row["entity"]]
            for name, left in stubs[row["entity"]].items():
                if name != "pruned":
                    entity.props.pop(name, None)
                    if left is not None:
                        entity.props[name] = left
            records.append(
                {
                    "id": row["id"], "entity": row["entity"], "seq": int(row["id"].rpartition(":")[2]),
                    "entity_type": entity.label, "state": written(entity), "at": row["at"],
                }
            )  # fmt: skip
        changed = [{"id": node_id, "props": stubs[node_id]} for node_id in sorted(known)]
        await run("retention_strip", batch={"rows": changed, "now": clock["now"]})
        await run("checkpoint_store", batch={"rows": records})
        return True

    return bool(await store.locked(work))


async def _noted(store: ProjectStore, plan_id: str, cut: int) -> bool:
    async def work(run: Callable[..., Any]) -> bool:
        if not await _still_final(run, plan_id, cut):
            return False
        (clock,) = await run("retention_now")
        await run("retention_plan_pruned", plan_id=plan_id, now=clock["now"])
        return True

    return bool(await store.locked(work))


async def _still_final(run: Callable[..., Any], plan_id: str, cut: int) -> bool:
    rows = await run("retention_needed", batch={"ids": [plan_id], "ended": ENDED, "seq": cut})
    return bool(rows) and final(rows[0])
