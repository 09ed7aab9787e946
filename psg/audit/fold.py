"""The state that an event log tells of: pure, so that as-of, audit and restore agree on it (DESIGN §5, EVIDENCE D)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from psg.model.codec import for_log, loads
from psg.model.lifecycle import TABLES

Edge = tuple[str, str, str]
"""Id of the node it starts from, relationship type, id of the target."""
STAGED = ("Plan", "Step")


@dataclass(slots=True)
class FoldedEntity:
    """One entity as its events tell of it.

    ``props`` are the logged properties, long texts as their content hash; ``links`` its outgoing relationships in the
    order they were made; ``nodes`` and ``edges`` the sums of the deltas that its events announced; ``faults`` what its
    events say that cannot follow from the events before, as (kind, message).
    """

    label: str
    props: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False
    links: dict[tuple[str, str], None] = field(default_factory=dict)
    revision: int | None = None
    nodes: int = 0
    edges: int = 0
    created: bool = False
    faults: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """What a log comes to: entities by id."""

    entities: dict[str, FoldedEntity] = field(default_factory=dict)

    @property
    def edges(self) -> set[Edge]:
        """All relationships."""
        return {(node, kind, target) for node, e in self.entities.items() for kind, target in e.links}


def fold(events: Iterable[Mapping[str, Any]]) -> State:
    """Return the state after ``events``, which come in the order of ``seq``; those of some entities alone will do.

    An event needs seq, op, entity, entity_type and changes (JSON text or decoded); family, revision, node_delta and
    edge_delta where it has them. It never raises for what a log says: contradictions become ``faults``.
    """
    state = State()
    for event in events:
        entity = state.entities.get(event["entity"])
        if entity is None:
            entity = state.entities[event["entity"]] = FoldedEntity(event["entity_type"])
        _apply(entity, event)
    return state


def logged_value(value: Any) -> Any:
    """Return how a stored property value appears in the log."""
    return for_log(value) if isinstance(value, str) else value


def _apply(entity: FoldedEntity, event: Mapping[str, Any]) -> None:
    changes = event["changes"]
    changes = (loads(changes) if isinstance(changes, str) else changes) or {}
    op, seq = event["op"], event["seq"]
    entity.nodes += event.get("node_delta") or 0
    entity.edges += event.get("edge_delta") or 0
    if op == "note":
        return
    if event.get("revision") is not None:
        entity.revision = event["revision"]
    if op == "create":
        _create(entity, changes, seq)
        return
    if not entity.created or entity.deleted:
        state = "deleted" if entity.deleted else "not created yet"
        entity.faults.append(("log_chain", f"event {seq} ({op}) is about a {entity.label} that is {state} by the log"))
    if op == "set":
        _set(entity, event, changes)
    elif op == "tombstone":
        entity.deleted = True
    elif op in ("link", "unlink"):
        _edge(entity, op, (changes["type"], changes["to"]), seq)
    else:
        entity.faults.append(("log_chain", f"event {seq} has the unknown op {op!r}"))


def _create(entity: FoldedEntity, changes: Mapping[str, Any], seq: int) -> None:
    if entity.created:
        entity.faults.append(("log_chain", f"event {seq} creates it a second time"))
    entity.created = True
    entity.props |= changes.get("after") or {}
    entity.links |= dict.fromkeys((kind, target) for kind, target in changes.get("links") or ())


def _set(entity: FoldedEntity, event: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    before, after = changes.get("before") or {}, changes.get("after") or {}
    for name, value in before.items():
        if entity.props.get(name) != value:
            said, was = _short(value), _short(entity.props.get(name))
            entity.faults.append(
                ("log_chain", f"event {event['seq']} says that {name} was {said}; by the events before it was {was}")
            )
    if "status" in after:
        _transition(entity, event, after["status"])
    for name, value in after.items():
        if value is None:
            entity.props.pop(name, None)
        else:
            entity.props[name] = value


def _transition(entity: FoldedEntity, event: Mapping[str, Any], target: Any) -> None:
    """A status changes by the table only; that of a Plan or Step only with its stage event (L3-40)."""
    current = entity.props.get("status")
    if target not in TABLES.get(entity.label, {}).get(str(current), ()):
        message = f"event {event['seq']} takes its status from {current} to {target}, which the table does not have"
        entity.faults.append(("transition", message))
    if entity.label in STAGED and event.get("family", "pipeline_stage") != "pipeline_stage":
        message = f"event {event['seq']} changes its status without being a pipeline_stage event"
        entity.faults.append(("transition", message))


def _edge(entity: FoldedEntity, op: str, link: tuple[str, str], seq: int) -> None:
    if (link in entity.links) == (op == "link"):
        has = "has already" if op == "link" else "does not have"
        message = f"event {seq} ({op}) is about {link[0]} to {link[1]}, which it {has} by the log"
        entity.faults.append(("log_chain", message))
    if op == "link":
        entity.links[link] = None
    else:
        entity.links.pop(link, None)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
