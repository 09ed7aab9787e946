"""A protocol document taken apart into a node with its references, and put together again, equal to what came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psg.model.codec import dumps, loads
from psg.model.entities import ENTITIES
from psg.model.references import BY_FIELD, references_of


@dataclass(frozen=True, slots=True)
class Taken:
    """One document taken apart: the node's own properties, its references by field, and its owned parts by field."""

    label: str
    node_id: str
    props: dict[str, Any]
    references: dict[str, list[str]]
    parts: dict[str, list[dict[str, Any]]]


def take_apart(label: str, document: Mapping[str, Any]) -> Taken:
    """Return the properties, references and parts of a valid document.

    Empty reference and part lists are remembered in the payload, so that an absent list stays absent and an empty one
    stays empty (strict round trip).
    """
    entity = ENTITIES[label]
    scalars = {k: document[k] for k in entity.scalars if k in document}
    references: dict[str, list[str]] = {}
    parts: dict[str, list[dict[str, Any]]] = {}
    known = {entity.id_field, *scalars}
    rest: dict[str, Any] = {}
    for reference in references_of(label):
        if reference.exported and not reference.owner and reference.field in document:
            value = document[reference.field]
            references[reference.field] = list(value) if reference.many else [value]
            known.add(reference.field)
            if reference.many and not value:
                rest[reference.field] = []
    for field, _ in entity.parts:
        if field in document:
            parts[field] = list(document[field])
            known.add(field)
            if not parts[field]:
                rest[field] = []
    rest |= {k: v for k, v in document.items() if k not in known}
    props = scalars | ({"payload": dumps(rest)} if rest else {})
    return Taken(label, document[entity.id_field], props, references, parts)


def put_together(
    label: str,
    node: Mapping[str, Any],
    references: Mapping[str, Sequence[str]],
    parts: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return the protocol document of a stored node; what the runtime added is left out (DESIGN §8)."""
    entity = ENTITIES[label]
    document: dict[str, Any] = {entity.id_field: node["id"]}
    document |= {k: node[k] for k in entity.scalars if node.get(k) is not None}
    document |= loads(node.get("payload")) or {}
    for field, targets in references.items():
        reference = BY_FIELD[(label, field)]
        if targets and reference.exported and not reference.owner:
            document[field] = list(targets) if reference.many else targets[0]
    for field, found in parts.items():
        if found:
            document[field] = found
    return document
