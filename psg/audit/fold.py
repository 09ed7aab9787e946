"""The state that an event log tells of: pure, so that as-of, audit and restore agree on it (DESIGN §5, EVIDENCE D)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from psg.model.codec import loads
from psg.model.lifecycle import TABLES

Edge = tuple[str, str, str]
"""Id of the node it starts from, relationship type, id of the target."""
STAGED = ("Plan", "Step")


@dataclass(slots=True)
class FoldedEntity:
    """One entity as its events tell of it.

    ``props`` are the logged properties, long texts as their content hash; ``links`` its outgoing relationships with
    their place in the list of their type; ``nodes`` and ``edges`` the sums of the deltas that its events announced;
    ``faults`` what its events say that cannot follow from the events before, as (kind, message); ``past`` for each
    event its seq and what it changed: the values and whether it was deleted before it. ``base`` is the number at which
    a checkpoint tells of it; what was before cannot be told (``psg.audit.checkpoint``).
    """

    label: str
    props: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False
    links: dict[tuple[str, str], int] = field(default_factory=dict)
    revision: int | None = None
    nodes: int = 0
    edges: int = 0
    created: bool = False
    faults: list[tuple[str, str]] = field(default_factory=list)
    past: list[tuple[int, dict[str, Any], bool]] = field(default_factory=list)
    base: int = 0

    def at(self, seq: int) -> tuple[dict[str, Any], bool] | None:
        """Return properties and whether it was deleted as at ``seq``; ``None`` when its events do not reach back."""
        props, deleted, reached = dict(self.props), self.deleted, False
        for when, before, was_deleted in reversed(self.past):
            if when <= seq:
                reached = True
                break
            props.update(before)
            deleted = was_deleted
        return ({k: v for k, v in props.items() if v is not None}, deleted) if reached else None


@dataclass(slots=True)
class State:
    """What a log comes to: entities by id."""

    entities: dict[str, FoldedEntity] = field(default_factory=dict)

    @property
    def edges(self) -> set[Edge]:
        """All relationships."""
        return {(node, kind, target) for node, e in self.entities.items() for kind, target in e.links}


def fold(events: Iterable[Mapping[str, Any]], begin: Mapping[str, FoldedEntity] | None = None) -> State:
    """Return the state after ``events``, which come in the order of ``seq``; those of some entities alone will do.

    ``begin`` is what there was before them; it is changed. An event needs seq, op, entity, entity_type and changes
    (JSON text or decoded); family, revision, node_delta and edge_delta where it has them. It never raises for what a
    log says: contradictions become ``faults``.
    """
    state = State(dict(begin or {}))
    for event in events:
        entity = state.entities.get(event["entity"])
        if entity is None:
            entity = state.entities[event["entity"]] = FoldedEntity(event["entity_type"])
        _apply(entity, event)
    return state


def _apply(entity: FoldedEntity, event: Mapping[str, Any]) -> None:
    op, seq = event["op"], event["seq"]
    entity.nodes += event.get("node_delta") or 0
    entity.edges += event.get("edge_delta") or 0
    if op == "note":  # may be encrypted, and tells of no state
        return
    changes = event["changes"]
    changes = (loads(changes) if isinstance(changes, str) else changes) or {}
    if event.get("revision") is not None:
        entity.revision = event["revision"]
    if op == "create":
        _create(entity, changes, seq)
        return
    revives = op == "restore" and "deleted" in changes
    if not entity.created or (entity.deleted and not revives):
        state = "deleted" if entity.deleted else "not created yet"
        entity.faults.append(("log_chain", f"event {seq} ({op}) is about a {entity.label} that is {state} by the log"))
    before, deleted = {k: entity.props.get(k) for k in changes.get("after") or ()}, entity.deleted
    if op == "set":
        _set(entity, event, changes)
    elif op == "restore":
        _restore(entity, event, changes)
    elif op == "tombstone":
        entity.deleted = True
    elif op in ("link", "unlink"):
        _edge(entity, op, (changes["type"], changes["to"]), changes.get("at"), seq)
    else:
        entity.faults.append(("log_chain", f"event {seq} has the unknown op {op!r}"))
    entity.past.append((seq, before, deleted))


def _create(entity: FoldedEntity, changes: Mapping[str, Any], seq: int) -> None:
    if entity.created:
        entity.faults.append(("log_chain", f"event {seq} creates it a second time"))
    entity.created = True
    entity.props |= changes.get("after") or {}
    entity.past.append((seq, {}, False))
    places: dict[str, int] = {}
    for kind, target in changes.get("links") or ():
        entity.links[kind, target] = places.get(kind, 0)
        places[kind] = entity.links[kind, target] + 1


def _next_place(entity: FoldedEntity, kind: str) -> int:
    return max((at for (other, _), at in entity.links.items() if other == kind), default=-1) + 1


def _set(entity: FoldedEntity, event: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    _chain(entity, event["seq"], changes)
    after = changes.get("after") or {}
    if "status" in after:
        _transition(entity, event, after["status"])
    _take(entity, after)


def _chain(entity: FoldedEntity, seq: int, changes: Mapping[str, Any]) -> None:
    told = changes.get("before") or {}
    for name in changes.get("after") or ():  # what is undone by an event that hides a value would be lost
        if name not in told and entity.props.get(name) is not None:
            entity.faults.append(
                ("log_chain", f"event {seq} does not say that {name} was {_short(entity.props[name])} before it")
            )
    for name, value in told.items():
        if entity.props.get(name) != value:
            said, was = _short(value), _short(entity.props.get(name))
            entity.faults.append(
                ("log_chain", f"event {seq} says that {name} was {said}; by the events before it was {was}")
            )


def _take(entity: FoldedEntity, after: Mapping[str, Any]) -> None:
    for name, value in after.items():
        if value is None:
            entity.props.pop(name, None)
        else:
            entity.props[name] = value


def _restore(entity: FoldedEntity, event: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Values go back to exactly those of an earlier moment, outside of the tables; only the fence goes up (C-28)."""
    seq, to, after = event["seq"], changes.get("to"), changes.get("after") or {}
    _chain(entity, seq, changes)
    if "status" in after:
        _staged(entity, event)
    then = entity.at(to) if isinstance(to, int) and to < seq else None
    cut = isinstance(to, int) and to < entity.base  # before retention cut the log: nothing to compare with
    if then is None and entity.created and not cut:
        entity.faults.append(("log_chain", f"event {seq} restores it as at {to}, when it did not exist by the log"))
    if then is not None:
        props, deleted = then
        for name in sorted(k for k in after if k != "fence" and after[k] != props.get(k)):
            kind = "transition" if name == "status" else "log_chain"
            said, was = _short(after[name]), _short(props.get(name))
            entity.faults.append((kind, f"event {seq} restores {name} as {said}; at {to} it was {was}"))
        if "deleted" in changes and deleted:
            entity.faults.append(("log_chain", f"event {seq} takes back a tombstone that it was at {to} as well"))
    if "fence" in after and after["fence"] <= (entity.props.get("fence") or 0):
        entity.faults.append(("log_chain", f"event {seq} does not raise the fence: an old claim would count again"))
    if "deleted" in changes:
        if not entity.deleted:
            entity.faults.append(("log_chain", f"event {seq} takes back a tombstone, but it is not a tombstone"))
        entity.deleted = False
    _take(entity, after)


def _transition(entity: FoldedEntity, event: Mapping[str, Any], target: Any) -> None:
    """A status changes by the table only; that of a Plan or Step only with its stage event (L3-40)."""
    current = entity.props.get("status")
    if target not in TABLES.get(entity.label, {}).get(str(current), ()):
        message = f"event {event['seq']} takes its status from {current} to {target}, which the table does not have"
        entity.faults.append(("transition", message))
    _staged(entity, event)


def _staged(entity: FoldedEntity, event: Mapping[str, Any]) -> None:
    if entity.label in STAGED and event.get("family", "pipeline_stage") != "pipeline_stage":
        message = f"event {event['seq']} changes its status without being a pipeline_stage event"
        entity.faults.append(("transition", message))


def _edge(entity: FoldedEntity, op: str, link: tuple[str, str], at: int | None, seq: int) -> None:
    if (link in entity.links) == (op == "link"):
        has = "has already" if op == "link" else "does not have"
        message = f"event {seq} ({op}) is about {link[0]} to {link[1]}, which it {has} by the log"
        entity.faults.append(("log_chain", message))
    if op == "link":
        entity.links[link] = _next_place(entity, link[0]) if at is None else at
    else:
        entity.links.pop(link, None)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
