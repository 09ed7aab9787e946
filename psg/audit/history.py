"""Checks against the log and the order of time: the folded events are the state (DESIGN §5, L3-40, L3-41, DD-05)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from psg.audit.facts import Facts, Finding
from psg.audit.fold import FoldedEntity
from psg.model.codec import logged_value, moment
from psg.model.entities import ENTITIES
from psg.model.lifecycle import STATUS_LABELS, TABLES, status_labels

STATUSES: dict[str, frozenset[str]] = {
    **{label: frozenset(table) for label, table in TABLES.items()},
    "TraceSegment": frozenset(("pending", "running", "completed", "failed", "cancelled", "skipped")),
    "Decision": frozenset(("approved", "rejected", "cancelled")),
}
STATUS_NAMES = frozenset(STATUS_LABELS.values())


def check_status(facts: Facts) -> Iterator[Finding]:
    """A status is one of the protocol's, and the label that colours it in Neo4j Browser is its own."""
    allowed, status = STATUSES.get(facts.label), facts.props.get("status")
    if allowed is not None and status not in allowed:
        yield "status", f"the status {status!r} is none of {', '.join(sorted(allowed))}"
    shown, expected = sorted(STATUS_NAMES & set(facts.labels)), status_labels(facts.label, status)
    if shown != expected:
        yield "status", f"its labels show {', '.join(shown) or 'no status'}, its status is {status!r}"


def check_log(facts: Facts) -> Iterator[Finding]:
    """The node is what the fold of its events says, and its events add up."""
    folded = facts.folded
    if folded is None or not folded.created:
        if facts.complete:
            yield "state_vs_log", f"the log does not tell of the creation of this {facts.label}"
        return
    yield from folded.faults
    if folded.label != facts.label:
        yield "state_vs_log", f"it is a {facts.label}, by the log a {folded.label}"
    if folded.deleted != facts.deleted:
        yield "state_vs_log", f"it is {_alive(facts.deleted)}, by the log {_alive(folded.deleted)}"
    if folded.revision is not None and folded.revision != facts.props.get("revision"):
        yield "state_vs_log", f"revision is {facts.props.get('revision')}, by the log {folded.revision}"
    yield from _properties(facts, folded)
    yield from _links(facts, folded)
    yield from _deltas(folded)


def _alive(deleted: bool) -> str:
    return "deleted" if deleted else "alive"


def _properties(facts: Facts, folded: FoldedEntity) -> Iterator[Finding]:
    for name in sorted(ENTITIES[facts.label].logged if facts.label else ()):
        stored, logged = logged_value(facts.props.get(name)), folded.props.get(name)
        if stored != logged:
            yield "state_vs_log", f"{name} is {_short(stored)}, by the log {_short(logged)}"


def _links(facts: Facts, folded: FoldedEntity) -> Iterator[Finding]:
    """Relationships are those of the log; a list keeps the order in which the log tells of it."""
    stored = [(link["type"], link["id"]) for link in facts.row["links"]]
    for kind, target in sorted(set(stored) - set(folded.links), key=str):
        yield "state_vs_log", f"{kind} to {target} is stored, but not in the log"
    for kind, target in sorted(set(folded.links) - set(stored), key=str):
        yield "state_vs_log", f"{kind} to {target} is in the log, but not stored"
    if facts.label == "Step" and len(stored) == len(folded.links) and not set(stored) ^ set(folded.links):
        places = [(link["at"], link["id"]) for link in facts.links("DEPENDS_ON")]
        if any(at is None for at, _ in places) or len({at for at, _ in places}) < len(places):
            yield "state_vs_log", "the dependencies have no order: `at` is missing or not unique"
        elif [i for _, i in sorted(places)] != _in_order(folded):
            yield "state_vs_log", "the dependencies are in another order than by the log"


def _in_order(folded: FoldedEntity) -> list[str]:
    return [i for _, i in sorted((at, i) for (kind, i), at in folded.links.items() if kind == "DEPENDS_ON")]


def _deltas(folded: FoldedEntity) -> Iterator[Finding]:
    nodes = int(folded.created) - int(folded.deleted)
    if (folded.nodes, folded.edges) != (nodes, len(folded.links)):
        yield (
            "deltas",
            f"its events announce {folded.nodes} nodes and {folded.edges} edges, but come to {nodes} and "
            f"{len(folded.links)}",
        )


def check_segment(facts: Facts) -> Iterator[Finding]:
    """The times of a trace's segments do not go back in the order in which they were appended (DD-05)."""
    if facts.props.get("log_seq") is None:
        yield "trace_order", "it has no log_seq, so that it has no place in its trace"
    for name in ("started_at", "finished_at"):
        mine, before = (_moment(x.get(name)) for x in (facts.props, facts.before or {}))
        if mine is not None and before is not None and mine < before:
            yield "trace_order", f"{name} {mine.isoformat()} is before that of the segment before, {before.isoformat()}"


def _moment(text: Any) -> datetime | None:
    try:
        return moment(text) if text else None
    except ValueError:
        return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
