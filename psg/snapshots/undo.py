"""What nodes were before a stretch of the log: pure, from its events alone (EVIDENCE D)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psg.model.codec import loads

Link = tuple[str, str]
"""Relationship type and id of the target."""


@dataclass(slots=True)
class Past:
    """One entity before the stretch, as far as the stretch changed it.

    ``created`` tells that it did not exist; ``props`` are the values of the properties that changed, as the log has
    them (``None``: absent); ``deleted`` is set when that changed; ``links`` tells of each relationship that changed
    whether it was there, ``places`` where in its list (``None``: the log does not say); ``linked`` and ``placed``
    tell the same of after the stretch.
    """

    label: str
    plan: str | None
    created: bool = False
    loaded: bool = False
    deleted: bool | None = None
    props: dict[str, Any] = field(default_factory=dict)
    links: dict[Link, bool] = field(default_factory=dict)
    places: dict[Link, int | None] = field(default_factory=dict)
    linked: dict[Link, bool] = field(default_factory=dict)
    placed: dict[Link, int | None] = field(default_factory=dict)


def undo(events: Iterable[Sequence[Any]]) -> dict[str, Past]:
    """Return what the ``events`` of a stretch, in their order, have to be undone to, by entity.

    An event is (seq, op, entity type, entity, plan, type, changes). Only the first change of each thing counts: what
    it says was before is what was before the stretch.
    """
    found: dict[str, Past] = {}
    for _, op, label, entity, plan, kind, text in events:
        past = found.get(entity)
        if past is None:
            past = found[entity] = Past(label, plan)
            past.created = op == "create"
        if past.created:
            continue
        changes = loads(text) if isinstance(text, str) else text
        past.loaded = past.loaded or kind == "plan_loaded"
        if op in ("set", "restore"):
            _properties(past, changes)
        elif op == "tombstone":
            _once(past, False)
        elif op in ("link", "unlink"):
            _link(past, op == "link", (changes["type"], changes["to"]), changes.get("at"))
    return found


def _once(past: Past, deleted: bool) -> None:
    if past.deleted is None:
        past.deleted = deleted


def _properties(past: Past, changes: Mapping[str, Any]) -> None:
    if "deleted" in changes:
        _once(past, changes["deleted"]["before"])
    before = changes.get("before") or {}
    for name, value in (changes.get("after") or {}).items():
        if name in past.props:
            continue
        if name in before:
            past.props[name] = before[name]
        else:  # what is set for the first time is not told; the first release raised a cancelled step's fence so, too
            past.props[name] = value - 1 if name == "fence" else None


def _link(past: Past, made: bool, link: Link, at: int | None) -> None:
    if link not in past.links:
        past.links[link] = not made
        past.places[link] = at
    past.linked[link] = made
    past.placed[link] = at
