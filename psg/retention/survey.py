"""What retention would do to a project now: how far its log may go, which plans become stubs, and what holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psg_cypher
from psg.errors import NotFound
from psg.model.lifecycle import TERMINAL_PLAN, TERMINAL_STEP
from psg.retention.policy import Policy
from psg_neo4j.database import Database

PAGE = 500
HOLDS_SHOWN = 20
ENDED = sorted(TERMINAL_PLAN | TERMINAL_STEP)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that needs the log from behind ``seq`` on: a plan, and why in words."""

    seq: int
    plan_id: str
    reason: str


@dataclass(slots=True)
class Forecast:
    """What would be done, counted: the log would begin behind ``cut`` (it begins behind ``base``).

    ``plans`` become stubs, with their ``steps``; ``events`` and ``snapshots`` are removed. ``holds`` are what keeps
    more of the log than the policy asks for, the tightest first.
    """

    project_id: str
    policy: Policy
    base: int
    head: int
    cut: int
    plans: list[str] = field(default_factory=list)
    steps: int = 0
    snapshots: int = 0
    holds: list[Hold] = field(default_factory=list)

    @property
    def events(self) -> int:
        """How many events would be removed."""
        return self.cut - self.base

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.events == 0 and not self.plans

    def counts(self) -> dict[str, int]:
        """The numbers alone."""
        return {
            "events": self.events, "plans": len(self.plans), "steps": self.steps, "snapshots": self.snapshots,
        }  # fmt: skip


async def survey(db: Database, project_id: str, policy: Policy) -> Forecast:
    """Return what ``policy`` comes to now; reads only. Raises ``NotFound``."""
    return await _Survey(db, project_id, policy.required()).run()


class _Survey:
    def __init__(self, db: Database, project_id: str, policy: Policy) -> None:
        self._db = db
        self._project_id = project_id
        self._policy = policy
        self._steps: dict[str, int] = {}

    async def run(self) -> Forecast:
        heads = await self._read("log_head")
        if not heads:
            raise NotFound(f"project {self._project_id} does not exist", project_id=self._project_id)
        head, base = heads[0]["seq"], heads[0]["earliest"] - 1
        (clock,) = await self._read("retention_now")
        before_ms = self._policy.before_ms(clock["now"])
        going, kept, living = _judged([row async for row in self._plans()], before_ms, self._policy.keep_last)
        extents = await self._extents(going)
        wanted = max((e["last"] or 0 for e in extents), default=0)
        if before_ms is not None:
            wanted = await self._last_before(before_ms, base, head)
        cut = wanted = max(wanted, base)
        holds = [hold async for hold in self._holds(kept, living, wanted)]
        cut = max(base, min((hold.seq for hold in holds), default=wanted))
        holds = sorted((hold for hold in holds if hold.seq < wanted), key=lambda h: (h.seq, h.plan_id))
        forecast = Forecast(self._project_id, self._policy, base, head, cut, holds=holds[:HOLDS_SHOWN])
        forecast.plans = await prunable(self._db, self._project_id, [row["id"] for row in going], cut)
        forecast.steps = sum(self._steps[i] for i in forecast.plans)
        forecast.snapshots = len([row async for row in self._snapshots(cut)])
        return forecast

    async def _read(self, name: str, **params: Any) -> list[Row]:
        return await self._db.read(psg_cypher.statement(name), project_id=self._project_id, **params)

    async def _plans(self) -> AsyncIterator[Row]:
        after = ""
        while page := await self._read("retention_plans", after=after, limit=PAGE):
            for row in page:
                self._steps[row["id"]] = row["steps"]
                yield row
            after = page[-1]["id"]

    async def _extents(self, plans: Sequence[Row]) -> list[Row]:
        found: list[Row] = []
        for ids in pages([row["id"] for row in plans]):
            found += await self._read("retention_extent", batch={"ids": ids})
        return found

    async def _last_before(self, before_ms: int, base: int, head: int) -> int:
        """The last event from before a moment: times of the log never go back, so halving finds it."""
        low, high = base, head
        while low < high:
            middle = (low + high + 1) // 2
            (event,) = await self._read("retention_event_at", seq=middle)
            low, high = (middle, high) if event["at"] < before_ms else (low, middle - 1)
        return low

    async def _holds(self, kept: Sequence[Row], living: Sequence[Row], upto: int) -> AsyncIterator[Hold]:
        """What lives keeps its history from its creation on, and so do the plans that the policy keeps."""
        for plans, reason in ((living, "it is not finished"), (kept, "it is one of the plans to keep")):
            for extent in await self._extents(plans):
                if extent["first"] is not None:
                    yield Hold(extent["first"] - 1, extent["id"], reason)
        async for row in self._snapshots(upto):
            if row["plan"] is not None and not row["deleted"] and row["status"] not in TERMINAL_PLAN:
                yield Hold(row["seq"], row["plan"], f"its snapshot {row['id']} could not be restored")

    async def _snapshots(self, seq: int) -> AsyncIterator[Row]:
        async for row in snapshots_before(self._db, self._project_id, seq):
            yield row


def _judged(
    plans: Iterable[Row], before_ms: int | None, keep_last: int | None
) -> tuple[list[Row], list[Row], list[Row]]:
    """The plans that may go, those that are kept by number, and those that are at work."""
    plans = list(plans)
    ended = [p for p in plans if p["status"] in TERMINAL_PLAN and not p["unsettled"]]
    ended.sort(key=lambda p: (p["finished_ms"], p["id"]), reverse=True)
    # What was deleted does not count among the plans to keep.
    alive = [p for p in ended if not p["deleted"]]
    kept = alive[: keep_last or 0]
    names = {p["id"] for p in kept}
    going = [p for p in ended if p["id"] not in names and (before_ms is None or p["finished_ms"] < before_ms)]
    living = [p for p in plans if p["unsettled"] or (p["status"] == "in_progress" and not p["deleted"])]
    return [p for p in going if not p["pruned"]], kept, living


async def prunable(db: Database, project_id: str, ids: Sequence[str], cut: int) -> list[str]:
    """Return those of these plans that became final at or before ``cut`` and that nothing unfinished needs."""
    found: list[str] = []
    for some in pages(ids):
        batch = {"ids": some, "ended": ENDED, "seq": cut}
        rows = await db.read(psg_cypher.statement("retention_needed"), project_id=project_id, batch=batch)
        found += [row["id"] for row in rows if final(row)]
    return found


def final(row: Mapping[str, Any]) -> bool:
    """Whether a row of ``retention_needed`` tells of a plan that may become a stub."""
    settled = row["status"] in TERMINAL_PLAN and not row["unsettled"]
    return settled and not row["changed"] and not row["needed"]


async def snapshots_before(db: Database, project_id: str, seq: int) -> AsyncIterator[Row]:
    """Yield the snapshots that need events at or before ``seq`` beyond those that stay."""
    after = -1
    statement = psg_cypher.statement("retention_snapshots")
    while page := await db.read(statement, project_id=project_id, after=after, seq=seq, limit=PAGE):
        for row in page:
            yield row
        if len(page) < PAGE:
            return
        after = page[-1]["seq"]


def pages(ids: Sequence[str]) -> Iterator[list[str]]:
    """Cut a list into pages for one statement each."""
    for i in range(0, len(ids), PAGE):
        yield list(ids[i : i + PAGE])
