"""Defaults of JSON Schemas: put in before a value is checked (ORCH-12)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

_MAX_DEPTH = 64
_NOTHING = frozenset[int]()


class Defaults:
    """Fills the ``default``s of ``properties`` in, at every depth.

    Followed are ``properties``, ``additionalProperties``, ``items``, ``prefixItems``, ``allOf`` and references within
    the schema; alternatives (``anyOf``, ``oneOf``, ``if``) give no defaults, since which of them holds is not known
    yet. ``resolve`` gives what a reference means.
    """

    def __init__(self, schema: dict[str, Any], resolve: Callable[[Any], Any]) -> None:
        self._schema = schema
        self._resolve = resolve
        self._any = _mentions_default(schema)

    def fill(self, value: Any) -> Any:
        """The value with its defaults; the given one stays as it is."""
        return self._fill(self._schema, value, _NOTHING, _NOTHING, 0) if self._any else value

    def _fill(self, schema: Any, value: Any, inserted: frozenset[int], here: frozenset[int], depth: int) -> Any:
        """``inserted`` are schemas whose default we are in, ``here`` those already applied to this very value."""
        if not isinstance(schema, dict) or depth > _MAX_DEPTH or id(schema) in here:
            return value
        here |= {id(schema)}
        if "$ref" in schema:
            value = self._fill(self._resolve(schema["$ref"]), value, inserted, here, depth)
        for part in _list(schema.get("allOf")):
            value = self._fill(part, value, inserted, here, depth)
        if isinstance(value, dict):
            return self._object(schema, value, inserted, depth)
        if isinstance(value, list):
            return self._array(schema, value, inserted, depth)
        return value

    def _object(self, schema: dict[str, Any], value: dict[str, Any], inserted: frozenset[int], depth: int) -> Any:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        rest = schema.get("additionalProperties")
        filled = {
            name: self._fill(properties.get(name, rest), item, inserted, _NOTHING, depth + 1)
            for name, item in value.items()
        }
        for name, part in properties.items():
            if name in filled or not isinstance(part, dict) or "default" not in part or id(part) in inserted:
                continue
            default = deepcopy(part["default"])
            filled[name] = self._fill(part, default, inserted | {id(part)}, _NOTHING, depth + 1)
        return filled

    def _array(self, schema: dict[str, Any], value: list[Any], inserted: frozenset[int], depth: int) -> Any:
        items = schema.get("items")
        first = _list(schema.get("prefixItems")) or _list(items)
        rest = items if isinstance(items, dict) else None
        return [
            self._fill(first[at] if at < len(first) else rest, item, inserted, _NOTHING, depth + 1)
            for at, item in enumerate(value)
        ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mentions_default(value: Any) -> bool:
    if isinstance(value, dict):
        return "default" in value or any(_mentions_default(item) for item in value.values())
    return isinstance(value, list) and any(_mentions_default(item) for item in value)
