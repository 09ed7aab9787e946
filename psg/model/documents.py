"""A protocol document taken apart into a node with its references, and put together again, equal to what came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psg.model.codec import dumps, loads
from psg.model.entities import ENTITIES
from psg.model.ids import UUID4, derived_id
from psg.model.references import BY_FIELD, Reference, references_of


@dataclass(frozen=True, slots=True)
class Taken:
    """One document taken apart: the node's own properties, its references by field, and its owned parts by field."""

    label: str
    node_id: str
    props: dict[str, Any]
    references: dict[str, list[str]]
    parts: dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What ``take_apart`` asks of a node type, once for all of its documents: a plan has a hundred thousand steps."""

    id_field: str
    scalars: tuple[str, ...]
    references: tuple[Reference, ...]
    parts: tuple[str, ...]
    known: frozenset[str]


def _shape(label: str) -> _Shape:
    entity = ENTITIES[label]
    references = tuple(r for r in references_of(label) if r.exported and not r.owner)
    parts = tuple(field for field, _ in entity.parts)
    known = frozenset((entity.id_field, *entity.scalars, *(r.field for r in references), *parts))
    return _Shape(entity.id_field, entity.scalars, references, parts, known)


_SHAPES: Mapping[str, _Shape] = {label: _shape(label) for label in ENTITIES}


def take_apart(label: str, document: Mapping[str, Any], node_id: str | None = None) -> Taken:
    """Return the properties, references and parts of a valid document; ``node_id`` is for a part without one.

    Empty reference and part lists are remembered in the payload, so that an absent list stays absent and an empty one
    stays empty (strict round trip). A reference that is no UUID (the schema allows it for ``role_id``) is a name: it
    is kept as it is, and leads to the node of the id that ``named_id`` derives from it.
    """
    shape = _SHAPES[label]
    props = {k: document[k] for k in shape.scalars if k in document}
    references: dict[str, list[str]] = {}
    parts: dict[str, list[dict[str, Any]]] = {}
    rest: dict[str, Any] = {}
    for reference in shape.references:
        field = reference.field
        if field not in document:
            continue
        value = document[field]
        references[field] = list(value) if reference.many else [value]
        if reference.many and not value:
            rest[field] = []
        elif not reference.many and not UUID4.fullmatch(value):
            references[field] = [named_id(reference.targets[0], value)]
            rest[field] = value
    for field in shape.parts:
        if field in document:
            parts[field] = list(document[field])
            if not parts[field]:
                rest[field] = []
    if not document.keys() <= shape.known:
        rest |= {k: v for k, v in document.items() if k not in shape.known}
    if rest:
        props["payload"] = dumps(rest)
    return Taken(label, node_id or document[shape.id_field], props, references, parts)


def named_id(label: str, name: str) -> str:
    """Return the id under which a node is kept that documents call by a name instead of an id."""
    return derived_id("named", label, name)


def part_id(owner_id: str, label: str, position: int) -> str:
    """Return the id of a part that the protocol gives none: it follows from its owner and place."""
    return derived_id("part", label, owner_id, str(position))


def parts_of(taken: Taken) -> list[Taken]:
    """Return the parts of a document taken apart, in their order."""
    found = []
    for field, label in ENTITIES[taken.label].parts:
        for position, part in enumerate(taken.parts.get(field, ())):
            own = None if ENTITIES[label].own_id else part_id(taken.node_id, label, position)
            found.append(take_apart(label, part, own))
    return found


def needed_ids(label: str, document: Mapping[str, Any]) -> set[str]:
    """Return the ids outside a valid document that it or its parts refer to: what has to be stored before it."""
    taken = take_apart(label, document)
    inside = parts_of(taken)
    wanted = {i for t in (taken, *inside) for targets in t.references.values() for i in targets}
    return wanted - {t.node_id for t in inside}


def put_together(
    label: str,
    node: Mapping[str, Any],
    references: Mapping[str, Sequence[str]],
    parts: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return the protocol document of a stored node; what the runtime added is left out (DESIGN §8)."""
    entity = ENTITIES[label]
    document: dict[str, Any] = {entity.id_field: node["id"]} if entity.own_id else {}
    document |= {k: node[k] for k in entity.scalars if node.get(k) is not None}
    document |= loads(node.get("payload")) or {}
    for field, targets in references.items():
        reference = BY_FIELD[(label, field)]
        if targets and reference.exported and not reference.owner and (reference.many or field not in document):
            document[field] = list(targets) if reference.many else targets[0]
    for field, found in parts.items():
        if found:
            document[field] = found
    return document
