"""The audit of one project: its log, then its nodes, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import psg_cypher
from psg.audit.budgets import check_budget, read_accounts
from psg.audit.checkpoint import beginning
from psg.audit.drift import check_resource
from psg.audit.facts import Facts, Finding
from psg.audit.frontier import check_plan, check_step
from psg.audit.history import check_log, check_segment, check_status
from psg.audit.references import check_references, check_type
from psg.audit.report import Report, Violation
from psg.audit.sessions import check_session, read_sessions
from psg.audit.turns import check_turn
from psg.model.lifecycle import TERMINAL_STEP
from psg_neo4j.database import Database, Transaction

NODE_PAGE = 250
EVENT_PAGE = 5_000
LOCKED_PAGE = 50
"""Nodes judged again in one locked transaction: writers of the project wait a few milliseconds, not longer."""

Row = dict[str, Any]
Read = Callable[..., Awaitable[list[Row]]]


def findings(facts: Facts) -> Iterator[Finding]:
    """Everything that is wrong with one node."""
    yield from check_type(facts)
    yield from check_references(facts)
    yield from check_status(facts)
    yield from check_log(facts)
    yield from check_budget(facts)
    yield from check_session(facts)
    yield from check_resource(facts)
    if facts.label == "Step":
        yield from check_step(facts)
        yield from check_turn(facts)
    elif facts.label == "Plan":
        yield from check_plan(facts)
    elif facts.label == "TraceSegment":
        yield from check_segment(facts)


class AuditProject:
    """Adds to ``report`` what is wrong in one project."""

    def __init__(
        self, db: Database, project_id: str, report: Report, progress: Callable[[Mapping[str, int]], object]
    ) -> None:
        self._db = db
        self._project_id = project_id
        self._report = report
        self._progress = progress

    async def run(self) -> None:
        """Audit the log, then every node."""
        await self._log()
        await self._nodes()

    async def _read(self, name: str, **params: Any) -> list[Row]:
        return await self._db.read(psg_cypher.statement(name), project_id=self._project_id, **params)

    def _add(self, kind: str, node_id: str, message: str) -> None:
        self._report.violations.append(Violation(kind, self._project_id, node_id, message))

    # The log

    async def _log(self) -> None:
        """Numbers without a gap up to the head, times that do not go back, nothing about nodes that are not there."""
        (head,) = await self._read("audit_head")
        after, at = head["earliest"] - 1, 0
        while after < head["seq"]:
            page = await self._read("audit_events", after=after, upto=head["seq"], limit=EVENT_PAGE)
            for event in page:
                if event["at"] is None or event["at"] < at:
                    message = f"event {event['seq']} has the time {event['at']}, the one before it {at}"
                    self._add("event_order", event["entity"] or self._project_id, message)
                at = event["at"] or at
            await self._gaps(_gaps(page, after, head["seq"], last=len(page) < EVENT_PAGE))
            await self._lost({e["entity"] for e in page if e["entity"] and not e["known"] and e["op"] != "note"})
            self._count(events=len(page))
            after = head["seq"] if len(page) < EVENT_PAGE else page[-1]["seq"]
        await self._head(head)

    async def _gaps(self, ranges: list[Row]) -> None:
        if not ranges:
            return
        found = await self._locked(lambda read: read("audit_ranges", ranges=ranges))
        (head,) = await self._read("log_head")
        for row in found:
            if row["after"] < head["earliest"] - 1:  # retention went on meanwhile
                continue
            if row["found"] < row["before"] - row["after"] - 1:
                missing = row["before"] - row["after"] - 1 - row["found"]
                message = f"{missing} event(s) are missing between {row['after']} and {row['before']}"
                self._add("event_gap", self._project_id, message)

    async def _lost(self, ids: set[str]) -> None:
        """Nodes are never removed, so one that the log speaks of is there, at least as a tombstone."""
        for chunk in _chunks(sorted(ids), LOCKED_PAGE):
            for node_id in sorted(set(chunk) - await self._present(chunk)):
                self._add("state_vs_log", node_id, "the log tells of it, but the graph does not have it")

    async def _present(self, ids: Sequence[str]) -> set[str]:
        return {row["id"] for row in await self._locked(lambda read: read("audit_nodes", ids=list(ids)))}

    async def _head(self, head: Row) -> None:
        if head["seq"] != head["last"] or not head["node"]:
            (head,) = await self._locked(lambda read: read("audit_head"))
        if head["seq"] != head["last"]:
            self._add("head", self._project_id, f"the head is at {head['seq']}, the last event is {head['last']}")
        if not head["node"]:
            self._add("head", self._project_id, "the project has a head, but no Project node")

    # The nodes

    async def _nodes(self) -> None:
        (clock,) = await self._read("audit_clock")
        after = ""
        while True:
            ids = [row["id"] for row in await self._read("audit_page", after=after, limit=NODE_PAGE)]
            facts = await self._facts(self._read, ids, clock)
            self._count(nodes=len(facts), edges=sum(len(f.row["links"]) for f in facts))
            suspects = [f.id for f in facts if next(findings(f), None) is not None]
            for chunk in _chunks(suspects, LOCKED_PAGE):
                await self._judge(chunk)
            if len(ids) < NODE_PAGE:
                return
            after = ids[-1]

    async def _judge(self, ids: Sequence[str]) -> None:
        """Read suspects again where no writer can be between two reads; what is still wrong is a violation."""

        async def again(read: Read) -> list[Facts]:
            (clock,) = await read("audit_clock")
            return await self._facts(read, ids, clock)

        for facts in await self._locked(again):
            for kind, message in findings(facts):
                self._add(kind, facts.id, message)
        self._count(rechecked=len(ids))

    async def _facts(self, read: Read, ids: Sequence[str], clock: Row) -> list[Facts]:
        log = await beginning(read, ids)
        made = [
            Facts(
                self._project_id, row, clock["now"], clock["watched_since"], log.known,
                begin=log.entities.get(row["id"]), cut=log.seq,
            )
            for row in await read("audit_nodes", ids=list(ids))
        ]  # fmt: skip
        plans = {f.id: f for f in made if f.label == "Plan"}
        if plans:
            for row in await read("audit_plans", ids=list(plans), terminal=sorted(TERMINAL_STEP)):
                plans[row["id"]].steps = row
        segments = {f.id: f for f in made if f.label == "TraceSegment"}
        if segments:
            for row in await read("audit_segments", ids=list(segments)):
                segments[row["id"]].before = row
        await read_accounts(read, made)
        await read_sessions(read, made)
        return made

    async def _locked(self, work: Callable[[Read], Awaitable[Any]]) -> Any:
        """Run ``work`` with reads that stand behind the head's lock."""

        async def locked(transaction: Transaction) -> Any:
            async def read(name: str, **params: Any) -> list[Row]:
                return await transaction.run(psg_cypher.statement(name), project_id=self._project_id, **params)

            await read("audit_lock")
            return await work(read)

        return await self._db.in_transaction(locked)

    def _count(self, **more: int) -> None:
        for name, number in more.items():
            self._report.checked[name] += number
        self._progress(self._report.checked)


def _gaps(page: Sequence[Row], after: int, upto: int, *, last: bool) -> list[Row]:
    """The ranges of numbers (both ends exclusive) that a page leaves out; ``last`` page reaches up to the head."""
    found, expected = [], after + 1
    for event in page:
        if event["seq"] > expected:
            found.append({"after": expected - 1, "before": event["seq"]})
        expected = event["seq"] + 1
    if last and expected <= upto:
        found.append({"after": expected - 1, "before": upto + 1})
    return found


def _chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for i in range(0, len(items), size):
        yield list(items[i : i + size])
