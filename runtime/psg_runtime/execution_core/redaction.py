"""Takes secrets out of what is written down: logs, reports, errors, events (EXEC-21 to EXEC-24).

Fails closed: what cannot be read, goes too deep, refers to itself or is too large becomes the marker.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pathlib
import re
import uuid
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from psg_runtime.execution_core.secret_names import IDENTIFYING, Secrecy, name_text, secrecy
from psg_runtime.execution_core.secret_text import redact_text

REDACTED = "[REDACTED]"
MAX_DEPTH = 64
MAX_VALUES = 200_000
MAX_ECHOES = 256
_MIN_ECHO_CHARS = 6
_ATOMS = (bool, int, float, complex, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, uuid.UUID)
_NUMBERS = (int, float, decimal.Decimal)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_WORD = re.compile(r"-{0,2}[\w.-]{1,128}\Z")
_NAMERS = ("name", "key", "header", "field", "variable")


def redact_execution_log(log_data: Any) -> Any:
    """Return a copy of ``log_data`` without secrets; ``[REDACTED]`` stands in their place (EXEC-21).

    Values under names that mean a secret go, whatever their shape, except ``None``; so do secrets inside of strings.
    Mappings become dicts, other containers keep their kind, dataclasses become dicts, other objects their ``repr``.
    The input is left alone. Never raises.
    """
    return Redactor().value(log_data)


class Redactor:
    """Redacts with a marker, secrets known by value, and names that are known to be harmless.

    ``known``: texts that are secret wherever they stand. ``open_names``: names, in any case, that never mean a secret
    here, such as ``key`` where things are called by their key.
    """

    def __init__(self, *, marker: str = REDACTED, known: Iterable[str] = (), open_names: Iterable[str] = ()) -> None:
        self._marker = marker
        # Longest first: one secret may be a part of another.
        values = {text for text in known if text and text not in marker}
        self._known = sorted(values, key=lambda text: (-len(text), text))
        self._open = frozenset(name.casefold() for name in open_names)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        return redact_text(self.without_known(text), self._marker)

    def without_known(self, text: str) -> str:
        """Return the text without the secrets known by value."""
        for value in self._known:
            if value in text:
                text = text.replace(value, self._marker)
        return text

    def value(self, value: Any) -> Any:
        """Return a copy of any value without secrets in it; never raises."""
        return _Walk(self).value(value, 0)

    def name(self, name: Any) -> Secrecy:
        """Return what a name says about its value; a name that cannot be read is one of a secret."""
        try:
            if isinstance(name, str) and name.casefold() in self._open:
                return Secrecy.NONE
            return secrecy(name)
        except Exception:
            return Secrecy.ALWAYS

    @property
    def marker(self) -> str:
        return self._marker


class _Walk:
    """One walk through one value; it remembers where it is, and how much it has seen."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._marker = redactor.marker
        self._above: set[int] = set()
        self._seen = 0

    def value(self, value: Any, depth: int, inside: Secrecy = Secrecy.NONE, *, listed: bool = False) -> Any:
        """``inside``: what the names above say about every value below them; ``listed``: it is an item of a list."""
        self._seen += 1
        if self._seen > MAX_VALUES:
            return self._marker
        if value is None or isinstance(value, bool):
            return value
        try:
            if _is_container(value):
                return self._container(value, depth, inside, listed)
            open_number = inside is Secrecy.UNLESS_NUMBER and isinstance(value, _NUMBERS)
            return self._plain(value) if inside is Secrecy.NONE or open_number else self._marker
        except Exception:  # fail closed (EXEC-19): nothing is shown of what cannot be read
            return self._marker

    def _plain(self, value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return self._plain(value.value) if isinstance(value.value, (str, int, float)) else str(value)
        if isinstance(value, str):
            return self._redactor.text(str.__str__(value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._redactor.text(bytes(value).decode("latin-1")).encode("latin-1", "replace")
        if isinstance(value, _ATOMS):
            return value
        if isinstance(value, pathlib.PurePath):
            return self._redactor.text(str(value))
        text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else repr(value)
        return self._redactor.text(_ADDRESS.sub("", text))

    def _container(self, value: Any, depth: int, inside: Secrecy, listed: bool) -> Any:
        mark = id(value)
        if depth >= MAX_DEPTH or mark in self._above:
            return self._marker
        self._above.add(mark)
        try:
            fields = _fields(value)
            if fields is not None:
                return self._mapping(fields, depth, inside)
            if isinstance(value, AbstractSet):
                kind: Any = set if isinstance(value, set) else frozenset
                return kind(_hashable(self.value(item, depth + 1, inside)) for item in value)
            is_tuple = isinstance(value, tuple)
            items = self._items(list(value), depth, inside, pairs=is_tuple or listed)
            return tuple(items) if is_tuple else items
        finally:
            self._above.discard(mark)

    def _mapping(self, value: Mapping[Any, Any], depth: int, inside: Secrecy) -> dict[Any, Any]:
        # {"name": "password", "value": …}: the name of a secret is none, its value is.
        namer = next((name for name in _NAMERS if self._names_secret(value.get(name))), None)
        redacted: dict[Any, Any] = {}
        for key, item in value.items():
            meaning = self._redactor.name(key)
            if namer is not None and key == namer:
                meaning = Secrecy.NONE
            elif namer is not None and isinstance(key, str) and key.casefold() == "value":
                meaning = Secrecy.ALWAYS
            redacted[self._key(key, redacted)] = self._under(meaning, key, item, depth + 1, inside)
        return redacted

    def _under(self, meaning: Secrecy, key: Any, item: Any, depth: int, inside: Secrecy) -> Any:
        """The value of a name: all of it, a part of it or nothing is shown."""
        if item is None:
            return None
        if meaning is Secrecy.ALWAYS:
            return self._marker
        if meaning is Secrecy.SCALAR and isinstance(item, (Mapping, bool)):
            meaning = Secrecy.NONE
        if meaning is Secrecy.NONE:
            identifies = inside is Secrecy.CREDENTIALS and isinstance(key, str) and key.casefold() in IDENTIFYING
            meaning = Secrecy.NONE if identifies else inside
        return self._marker if meaning is Secrecy.SCALAR else self.value(item, depth, meaning)

    def _items(self, items: list[Any], depth: int, inside: Secrecy, *, pairs: bool) -> list[Any]:
        """The items of a list or tuple; behind the name of a secret (``--password``, a header) stands the secret."""
        redacted: list[Any] = []
        hide_next = False
        for item in items:
            redacted.append(
                self._marker if hide_next and item is not None else self.value(item, depth + 1, inside, listed=True)
            )
            flag = isinstance(item, str) and item.startswith("--")
            hide_next = (flag or (pairs and len(items) == 2)) and self._names_secret(item)
        return redacted

    def _names_secret(self, text: Any) -> bool:
        if not isinstance(text, str) or not _WORD.match(text):
            return False
        return self._redactor.name(text) is Secrecy.ALWAYS

    def _key(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        """A key without secrets in it; two that become the same are told apart by a number."""
        shown = self._shown_key(key)
        unique, number = shown, len(taken)
        while unique in taken:
            number += 1
            unique = f"{shown}#{number}"
        return unique

    def _shown_key(self, key: Any) -> Any:
        if key is None or isinstance(key, (bool, int, float)):
            return key
        try:
            text = name_text(key)
            shown = self._redactor.text(text)
        except Exception:
            return self._marker
        keeps = shown == text and isinstance(key, (str, bytes, tuple, frozenset, enum.Enum, uuid.UUID))
        return key if keeps else shown


def secret_values(*values: Any) -> tuple[str, ...]:
    """Return the texts that stand under names of secrets in these values, so that an echo of one can be redacted.

    Of at least six characters each, and not more than ``MAX_ECHOES``; never raises.
    """
    found: dict[str, None] = {}
    seen = 0

    def collect(value: Any, depth: int, secret: bool) -> None:
        nonlocal seen
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_VALUES or len(found) >= MAX_ECHOES:
            return
        if isinstance(value, (bytes, bytearray)):
            value = bytes(value).decode("latin-1")
        fields = _fields(value)
        if isinstance(value, str) and secret and len(value) >= _MIN_ECHO_CHARS:
            found[str.__str__(value)] = None
        elif fields is not None:
            for key, item in fields.items():
                collect(item, depth + 1, secret or secrecy(key) is Secrecy.ALWAYS)
        elif isinstance(value, (list, tuple, AbstractSet)):
            for item in value:
                collect(item, depth + 1, secret)

    for value in values:
        try:
            collect(value, 0, False)
        except Exception:  # what is unreadable here cannot be echoed either
            continue
    return tuple(found)


def _is_container(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple, AbstractSet)) or _is_dataclass(value)


def _is_dataclass(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """What has named parts, as a mapping: mappings, dataclasses, named tuples."""
    if isinstance(value, Mapping):
        return value
    if _is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    names = getattr(value, "_fields", None)
    return dict(zip(names, value, strict=True)) if isinstance(value, tuple) and isinstance(names, tuple) else None


def _hashable(value: Any) -> Any:
    """A value that can be in a set: what became a dict or a list on the way is shown as text."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
