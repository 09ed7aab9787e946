"""A mapping whose keys can be read as attributes, in snake_case and in the specification's camelCase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel, to_snake


class Record(dict[str, Any]):
    """What hooks, replay entries and their readers are given: ``step["name"]``, ``step.name``, ``entry.data.stepId``.

    A key that is not there is looked for in the other spelling. Only keys that no method of ``dict`` is named after
    can be read as attributes.
    """

    def __missing__(self, key: str) -> Any:
        other = other_spelling(self, key)
        if other is None:
            raise KeyError(key)
        return super().__getitem__(other)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(str, self)) or "nothing"
            raise AttributeError(f"there is no `{name}` (there is {known})") from None

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key in either spelling."""
        try:
            return self[key]
        except KeyError:
            return default


def other_spelling(mapping: Mapping[str, Any], key: object) -> str | None:
    """The key under which a mapping holds ``key`` in another spelling, None when it does not."""
    if isinstance(key, str):
        for other in (to_camel(key), to_snake(key)):
            if other != key and dict.__contains__(mapping, other):
                return other
    return None


def record(value: Any) -> Any:
    """A copy of a JSON-like value in which every mapping is a ``Record``; nothing is shared with the original."""
    if isinstance(value, Mapping):
        return Record({key: record(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return [record(item) for item in value]
    return value
