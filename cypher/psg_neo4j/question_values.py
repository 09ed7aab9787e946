"""Values of Neo4j as JSON: what JSON has no form for becomes an object with ``$type``."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

from neo4j import graph, spatial, time

MASK = "***"
LARGEST = 2**53
"""Beyond this JSON numbers of browsers are not exact."""
_PRIVATE_PROPERTIES = {"ApiToken": ("hash",)}


def json_value(value: Any) -> Any:
    """Return ``value`` as JSON.

    Text, booleans, lists and maps as themselves, whole numbers up to 2^53 and finite floats as numbers. With
    ``$type``: Integer, Float, Bytes, Date, Time, LocalTime, DateTime, LocalDateTime (``value`` in ISO 8601), Duration,
    Point, Node, Relationship, Path.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST else _typed("Integer", value=str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else _typed("Float", value=_not_finite(value))
    for kind, make in _MAKERS.items():
        if isinstance(value, kind):
            return make(value)
    return _typed(type(value).__name__, value=str(value))


def _typed(name: str, **facts: Any) -> dict[str, Any]:
    return {"$type": name, **facts}


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _map(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json_value(inner) for key, inner in value.items()}


def _list(value: Any) -> list[Any]:
    return [json_value(inner) for inner in value]


def _node(node: graph.Node) -> dict[str, Any]:
    found = dict(node.items())
    for label in node.labels:
        for name in _PRIVATE_PROPERTIES.get(label, ()):
            if name in found:
                found[name] = MASK
    return _typed("Node", id=node.element_id, labels=sorted(node.labels), properties=_map(found))


def _relationship(found: graph.Relationship) -> dict[str, Any]:
    ends = {
        name: None if node is None else node.element_id
        for name, node in (("start", found.start_node), ("end", found.end_node))
    }
    return _typed("Relationship", id=found.element_id, type=found.type, **ends, properties=_map(dict(found.items())))


def _path(path: graph.Path) -> dict[str, Any]:
    return _typed("Path", nodes=_list(path.nodes), relationships=[_relationship(r) for r in path.relationships])


def _date_time(value: time.DateTime) -> dict[str, Any]:
    return _typed("LocalDateTime" if value.tzinfo is None else "DateTime", value=value.iso_format())


def _time(value: time.Time) -> dict[str, Any]:
    return _typed("LocalTime" if value.tzinfo is None else "Time", value=value.iso_format())


def _duration(value: time.Duration) -> dict[str, Any]:
    months, days, seconds, nanoseconds = value
    parts = {"months": months, "days": days, "seconds": seconds, "nanoseconds": nanoseconds}
    return _typed("Duration", value=value.iso_format(), **parts)


_MAKERS: dict[type, Callable[[Any], Any]] = {
    graph.Node: _node,
    graph.Path: _path,
    graph.Relationship: _relationship,
    time.DateTime: _date_time,
    time.Date: lambda value: _typed("Date", value=value.iso_format()),
    time.Time: _time,
    time.Duration: _duration,
    spatial.Point: lambda value: _typed("Point", srid=value.srid, coordinates=list(value)),
    bytes: lambda value: _typed("Bytes", base64=base64.b64encode(value).decode()),
    bytearray: lambda value: _typed("Bytes", base64=base64.b64encode(value).decode()),
    Mapping: _map,
    list: _list,
    tuple: _list,
}
