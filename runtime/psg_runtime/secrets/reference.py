"""A text in which secrets are named and not yet known: what a template gives to an adapter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: A name as plans write it; it is also the name of a file, so it begins with no dot and holds no slash.
SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SecretReference:
    """One ``{{secrets.NAME}}`` of a plan."""

    name: str

    def __str__(self) -> str:
        return f"{{{{secrets.{self.name}}}}}"


class SecretText:
    """Text with references to secrets in it.

    Deliberately no ``str`` and no JSON: whoever stores, logs or prints it gets the placeholders as the plan has them,
    or an error, never a value. Text that came from data cannot become a reference: only a template makes one.
    """

    # No dataclass: JSON libraries write those.
    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | SecretReference, ...]) -> None:
        self.parts = parts

    @property
    def names(self) -> frozenset[str]:
        """The secrets it needs."""
        return frozenset(part.name for part in self.parts if isinstance(part, SecretReference))

    def reveal(self, values: Mapping[str, str]) -> str:
        """The text with the values in it; ``values`` has all of ``names``."""
        return "".join(part if isinstance(part, str) else values[part.name] for part in self.parts)

    def __str__(self) -> str:
        return "".join(map(str, self.parts))

    def __repr__(self) -> str:
        return f"SecretText({str(self)!r})"


def secret_texts(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], SecretText]]:
    """Every text with secrets in a JSON-like value, with its place."""
    if isinstance(value, SecretText):
        yield at, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secret_texts(item, (*at, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from secret_texts(item, (*at, index))


def revealed(value: Any, values: Mapping[str, str]) -> Any:
    """The value with every secret in its place; what holds none is not copied."""
    if isinstance(value, SecretText):
        return value.reveal(values)
    if isinstance(value, dict):
        changed = {key: revealed(item, values) for key, item in value.items()}
        return changed if any(changed[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        items = [revealed(item, values) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
