"""The event log: exact pages without holes or torn commits (EVIDENCE A6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg.errors import CursorExpired, EventLogGap, NotFound, ValidationFailed
from psg_neo4j.database import Database

Row = dict[str, Any]

WINDOW = 1_000


@dataclass(frozen=True, slots=True)
class Head:
    """Where a project's log ends (``seq`` of its last event) and begins (``earliest`` event kept)."""

    seq: int
    earliest: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events behind a cursor; ``cursor`` is where to go on, also past events that a filter left out."""

    events: list[Row]
    cursor: int
    head: int

    @property
    def more(self) -> bool:
        """Whether the log went on behind this page when it was read."""
        return self.cursor < self.head


class EventLog:
    """Reads the logs of projects: always up to exactly the head that stood at a commit's end."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def head(self, project_id: str) -> Head:
        """Return the ends of a project's log; raises ``NotFound``."""
        row = await self.db.read_one(psg_cypher.statement("log_head"), project_id=project_id)
        if row is None:
            raise NotFound(f"project {project_id} does not exist", project_id=project_id)
        return Head(row["seq"], row["earliest"])

    async def heads(self, project_ids: Sequence[str]) -> dict[str, int]:
        """Return the head of several logs at once."""
        rows = await self.db.read(psg_cypher.statement("log_heads"), batch={"project_ids": list(project_ids)})
        return {row["id"]: row["seq"] for row in rows}

    async def page(
        self,
        project_id: str,
        after: int,
        limit: int = 100,
        *,
        families: Sequence[str] | None = None,
        plan_id: str | None = None,
    ) -> LogPage:
        """Return up to ``limit`` events behind ``after`` (exclusive; 0 is the beginning), in order.

        ``families`` and ``plan_id`` leave others out; the cursor still moves over them. Raises ``NotFound`` for the
        project, ``CursorExpired`` when events behind the cursor were removed, ``ValidationFailed`` for a cursor ahead
        of the log, ``EventLogGap`` when the log has a hole.
        """
        if families is None and plan_id is None:
            return await self._window(project_id, after, limit, limit, None, None)
        first = await self._window(project_id, after, WINDOW, limit, families, plan_id)
        if plan_id is not None and not first.events and first.head - first.cursor > WINDOW:
            return await self._of_plan(project_id, first.cursor, limit, families, plan_id)
        return first

    async def _window(
        self, project_id: str, after: int, span: int, limit: int, families: Sequence[str] | None, plan_id: str | None
    ) -> LogPage:
        """The events with the numbers behind ``after`` up to ``span`` further; a hole is judged behind the lock."""
        statement = psg_cypher.statement("log_window")
        wanted = {"families": None if families is None else list(families), "plan_id": plan_id}
        for last in (False, True):
            row = await self.db.read_one(
                statement, project_id=project_id, after=after, span=span, filter=wanted
            )
            if row is None:
                raise NotFound(f"project {project_id} does not exist", project_id=project_id)
            _check_cursor(after, row["head"], row["earliest"])
            if row["seen"] == row["upto"] - after:
                return _cut(row["events"], limit, row["upto"], row["head"])
            if last:
                raise EventLogGap(
                    f"the log of project {project_id} has only {row['seen']} of the events {after + 1} to "
                    f"{row['upto']}; run `psg verify` and decide how to go on",
                    project_id=project_id, after=after, upto=row["upto"], found=row["seen"],
                )  # fmt: skip
            await self._pass_lock(project_id)
        raise AssertionError("unreachable")

    async def _of_plan(
        self, project_id: str, after: int, limit: int, families: Sequence[str] | None, plan_id: str
    ) -> LogPage:
        """Far behind: by the index on (plan, seq), up to a head that was read under the lock."""
        settled = await self._pass_lock(project_id)
        rows = await self.db.read(
            psg_cypher.statement("log_of_plan"), project_id=project_id, plan_id=plan_id, after=after, upto=settled,
            filter={"families": None if families is None else list(families)}, limit=limit + 1,
        )  # fmt: skip
        return _cut([row["event"] for row in rows], limit, settled, settled)

    async def _pass_lock(self, project_id: str) -> int:
        """Take the head's lock once and let it go: everything before it is in every index then. Returns the head."""
        (row,) = await self.db.write(psg_cypher.statement("log_settle"), project_id=project_id)
        return row["seq"]


def _check_cursor(after: int, head: int, earliest: int) -> None:
    if after > head:
        raise ValidationFailed(
            f"after: cursor {after} is ahead of the log, which ends at {head}", after=after, head=head
        )
    if after < earliest - 1:
        raise CursorExpired(
            f"the events after {after} were removed by retention; go on from cursor {earliest - 1}",
            after=after, earliest=str(earliest - 1),
        )  # fmt: skip


def _cut(events: list[Row], limit: int, upto: int, head: int) -> LogPage:
    if len(events) > limit:
        return LogPage(events[:limit], events[limit - 1]["seq"], head)
    return LogPage(events, upto, head)
