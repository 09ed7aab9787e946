"""Building a checkpoint: the log folded up to a number, entity by entity, and then the log made to begin there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psg_cypher
from psg.audit.checkpoint import entity_id, number, stored, written
from psg.audit.fold import FoldedEntity, fold
from psg.errors import EventLogGap
from psg.graph import Graph
from psg.model.ids import derived_id
from psg.retention.errors import RetentionRefused
from psg.retention.facts import digest
from psg.retention.policy import FAMILY
from psg.retention.survey import Forecast
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked
from psg_neo4j import faults
from psg_neo4j.database import Database, Transaction

EVENT_PAGE = 1_000
LOCK_SECONDS = 30.0

Row = dict[str, Any]
Progress = Callable[[str, int, int], object]


class ProjectStore:
    """Named statements of one project, without and behind the head's lock."""

    def __init__(self, db: Database, project_id: str) -> None:
        self.db = db
        self.project_id = project_id

    async def read(self, name: str, **params: Any) -> list[Row]:
        """Run a reading statement."""
        return await self.db.read(psg_cypher.statement(name), project_id=self.project_id, **params)

    async def write(self, name: str, **params: Any) -> list[Row]:
        """Run a writing statement that does no harm when it is repeated."""
        return await self.db.write(psg_cypher.statement(name), project_id=self.project_id, **params)

    async def locked(self, work: Callable[[Callable[..., Any]], Any]) -> Any:
        """Run ``work`` with reads and writes that stand behind the head's lock, in one commit."""

        async def inside(transaction: Transaction) -> Any:
            async def run(name: str, **params: Any) -> list[Row]:
                return await transaction.run(psg_cypher.statement(name), project_id=self.project_id, **params)

            await run("audit_lock")
            return await work(run)

        return await self.db.in_transaction(inside, timeout=LOCK_SECONDS)


async def last_checkpoint(store: ProjectStore) -> Row | None:
    """Return the latest checkpoint of a project."""
    rows = await store.read("checkpoint_last")
    return rows[0]["checkpoint"] if rows else None


async def begin(store: ProjectStore, forecast: Forecast, actor: str) -> Row:
    """Begin the checkpoint that a forecast asks for; the log up to there is in every index then."""

    async def work(run: Callable[..., Any]) -> Row:
        (clock,) = await run("retention_now")
        (row,) = await run(
            "checkpoint_begin", id=number(forecast.cut), seq=forecast.cut, base=forecast.base, now=clock["now"],
            before_ms=forecast.policy.before_ms(clock["now"]), keep_last=forecast.policy.keep_last, actor=actor,
        )  # fmt: skip
        return row["checkpoint"]

    return await store.locked(work)


async def build(store: ProjectStore, checkpoint: Mapping[str, Any], progress: Progress) -> None:
    """Fold the log page by page into what each entity is at the checkpoint; goes on where an earlier attempt ended.

    Raises ``EventLogGap``, and ``RetentionRefused`` when an event contradicts those before it: a damaged log is
    evidence, and stays.
    """
    seq, base = checkpoint["seq"], checkpoint["base"]
    built, running = checkpoint["built"], checkpoint["digest"]
    while built < seq:
        try:
            events, entities = await _page(store, built, seq)
        except (EventLogGap, RetentionRefused):
            await _still_building(store, checkpoint["id"], built)
            raise
        for event in events:
            running = digest(running, event)
        reached = events[-1]["seq"]
        await _keep(store, checkpoint["id"], seq, built, reached, running, entities)
        faults.at("retention_built", reached)
        built = reached
        progress("events folded", built - base, seq - base)


async def _page(store: ProjectStore, built: int, seq: int) -> tuple[list[Row], list[Row]]:
    """The next events behind ``built``, and what their entities are after them."""
    rows = await store.read("checkpoint_events", after=built, upto=seq, limit=EVENT_PAGE)
    events = [row["event"] for row in rows]
    if [e["seq"] for e in events] != list(range(built + 1, built + 1 + len(events))) or not events:
        raise EventLogGap(
            f"the log of project {store.project_id} has a hole behind event {built}; run `psg verify`",
            project_id=store.project_id, after=built,
        )  # fmt: skip
    return events, await _folded(store, events, seq)


async def _still_building(store: ProjectStore, checkpoint_id: str, built: int) -> None:
    """A log that another one cuts just now only looks damaged: say who was first, not that it contradicts itself."""
    last = await last_checkpoint(store)
    if last is None or (last["id"], last["state"], last["built"]) != (checkpoint_id, "building", built):
        raise _somebody_else(store.project_id)


def _somebody_else(project_id: str) -> RetentionRefused:
    return RetentionRefused(
        f"somebody else is cutting the log of project {project_id} just now; try again when that is over", retry=True
    )


async def _folded(store: ProjectStore, events: Sequence[Row], seq: int) -> list[Row]:
    """The entities of a page of events as rows of ``checkpoint_store``."""
    changing = [event for event in events if event["op"] != "note"]
    last = {event["entity"]: event["at"] for event in changing}
    known, _ = await stored(store.read, sorted(last), seq)
    state = fold(changing, known)
    for entity, folded in state.entities.items():
        for kind, message in folded.faults:
            raise RetentionRefused(
                f"{folded.label} {entity}: {message}; a log that contradicts itself is not cut: run `psg verify`",
                kind=kind, id=entity,
            )  # fmt: skip
    return [_row(entity, folded, seq, last[entity]) for entity, folded in state.entities.items()]


def _row(entity: str, folded: FoldedEntity, seq: int, at: int) -> Row:
    return {
        "id": entity_id(entity, seq), "entity": entity, "seq": seq, "entity_type": folded.label,
        "state": written(folded), "at": at,
    }  # fmt: skip


async def _keep(
    store: ProjectStore, checkpoint_id: str, seq: int, built: int, reached: int, running: str, rows: list[Row]
) -> None:
    async def work(run: Callable[..., Any]) -> None:
        done = await run("checkpoint_built", id=checkpoint_id, **{"from": built}, upto=reached, digest=running)
        if not done:
            raise _somebody_else(store.project_id)
        if rows:
            await run("checkpoint_store", batch={"rows": rows})

    await store.locked(work)


async def enforce(graph: Graph, store: ProjectStore, forecast_counts: Mapping[str, int], checkpoint: Row) -> None:
    """Let the log begin behind the checkpoint, recorded as an event; from then on nothing before it counts."""
    seq, project_id = checkpoint["seq"], store.project_id
    # The id follows from the cut: whoever finishes it, it is recorded once.
    command_id = derived_id("retention", project_id, str(seq))
    command = Command("retention", [seq], checkpoint["actor"], command_id)

    async def decide(locked: Locked) -> Change:
        done = await locked.read("checkpoint_enforce", id=checkpoint["id"])
        if not done:
            raise RetentionRefused(f"the checkpoint at {seq} is not complete, or in force already", retry=True)
        (row,) = await locked.read("checkpoint_last")
        kept = row["checkpoint"]
        details = {
            "begins_behind": seq, "began_behind": checkpoint["base"], "digest": kept["digest"],
            "before_ms": kept.get("before_ms"), "keep_last": kept.get("keep_last"),
        }  # fmt: skip
        change = Change(command)
        change.note(FAMILY, "retention_applied", "Project", project_id, details | dict(forecast_counts))
        return change

    await graph.locked(project_id, command, decide)
    faults.at("retention_enforced", seq)
