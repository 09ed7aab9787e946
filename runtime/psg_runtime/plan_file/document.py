"""Reads YAML as JSON data and remembers where every value stands.

Scalars follow the core schema of YAML 1.2, so ``no``, ``on`` and ``12:30`` are text. Duplicate keys, tags,
merge keys, self-references and documents that unfold to too much are refused with file, line and column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from psg.errors import PlanFileInvalid

MAX_FILE_BYTES = 5 * 1024 * 1024
_MAX_DEPTH = 64
_MAX_ALIASED_NODES = 50_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}
_MAX_INTEGER_DIGITS = 1000

Location = tuple[str | int, ...]
Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one file, with line and column (from 1) of every key and value."""

    source: str
    data: Any
    positions: dict[Location, Position] = field(repr=False)

    def position(self, location: Location) -> Position:
        """Where the value at ``location`` stands, or the nearest value around it."""
        for length in range(len(location), -1, -1):
            if found := self.positions.get(location[:length]):
                return found
        return (1, 1)

    def invalid(self, location: Location, message: str, **details: Any) -> PlanFileInvalid:
        """The error that says what is wrong with the value at ``location``."""
        line, column = self.position(location)
        path = ".".join(str(part) for part in location)
        return _invalid(self.source, line, column, message, path=path, **details)


def read_document(text: str | bytes, source: str) -> Document:
    """Parse one YAML document; raises PlanFileInvalid with file, line and column.

    ``source`` is the name of the file in error messages. At most 5 MiB, 64 levels and 50,000 aliased values.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAX_FILE_BYTES:
        raise _invalid(source, 1, 1, f"the file has {len(raw)} bytes; the limit is {MAX_FILE_BYTES}")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _invalid(source, line, 1, "the file is not UTF-8 text") from error
    builder = _Builder(source, yaml.parse(content, Loader=_LOADER))
    try:
        return Document(source, builder.document(), builder.positions)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _invalid(source, line, column, f"not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        line = content.count("\n", 0, getattr(error, "position", 0)) + 1
        raise _invalid(source, line, 1, f"not YAML: {getattr(error, 'reason', error)}") from error


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    nodes: int
    height: int


class _Builder:
    """Builds data straight from parser events: no constructors, so nothing in a file can make an object."""

    def __init__(self, source: str, events: Iterator[Any]) -> None:
        self.positions: dict[Location, Position] = {}
        self._source = source
        self._events = events
        self._anchors: dict[str, _Anchored | None] = {}
        self._aliased = 0

    def document(self) -> Any:
        next(self._events)  # stream start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise _invalid(self._source, 1, 1, "the file is empty")
        value = self._node(next(self._events), ()).value
        next(self._events)  # document end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._refuse(event, "a plan file holds one document")
        return value

    def _node(self, event: Any, at: Location) -> _Anchored:
        self.positions.setdefault(at, (event.start_mark.line + 1, event.start_mark.column + 1))
        if len(at) > _MAX_DEPTH:
            raise self._refuse(event, f"nested more than {_MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, at)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if event.tag is not None and event.tag not in _PLAIN_TAGS:
            raise self._refuse(event, f"tag {event.tag} is not allowed; a plan file is plain data")
        if isinstance(event, yaml.ScalarEvent):
            node = _Anchored(self._scalar(event), 1, 1)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(at)
        else:
            node = self._mapping(at)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, at: Location) -> _Anchored:
        node = self._anchors.get(event.anchor)
        if node is None:
            known = "refers to itself" if event.anchor in self._anchors else "is not defined before it is used"
            raise self._refuse(event, f"anchor &{event.anchor} {known}")
        self._aliased += node.nodes
        if self._aliased > _MAX_ALIASED_NODES or len(at) + node.height > _MAX_DEPTH:
            raise self._refuse(event, f"aliases unfold to more than {_MAX_ALIASED_NODES} values or too deep")
        return node

    def _sequence(self, at: Location) -> _Anchored:
        items: list[Any] = []
        nodes, height = 1, 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node = self._node(event, (*at, len(items)))
            items.append(node.value)
            nodes, height = nodes + node.nodes, max(height, node.height + 1)
        return _Anchored(items, nodes, height)

    def _mapping(self, at: Location) -> _Anchored:
        entries: dict[str, Any] = {}
        nodes, height = 1, 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in entries:
                first = self.positions[(*at, key)]
                raise self._refuse(event, f"key `{key}` stands here again; the first one is in line {first[0]}")
            self.positions[(*at, key)] = (event.start_mark.line + 1, event.start_mark.column + 1)
            node = self._node(next(self._events), (*at, key))
            entries[key] = node.value
            nodes, height = nodes + node.nodes + 1, max(height, node.height + 1)
        return _Anchored(entries, nodes, height)

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refuse(event, "a key must be text")
        if event.value == "<<" and event.implicit[0]:
            raise self._refuse(event, "merge keys (<<) are not supported")
        return str(event.value)

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if event.tag is not None or not event.implicit[0]:
            return text
        try:
            return _plain(text)
        except ValueError as error:
            raise self._refuse(event, str(error)) from error

    def _refuse(self, event: Any, message: str) -> PlanFileInvalid:
        return _invalid(self._source, event.start_mark.line + 1, event.start_mark.column + 1, message)


def _plain(text: str) -> Any:
    """A scalar without quotes, by the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if len(text) > _MAX_INTEGER_DIGITS and (_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text)):
        raise ValueError(f"a number of {len(text)} digits; put it in quotes")
    if _INTEGER.fullmatch(text):
        return int(text)
    if _PREFIXED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a number JSON has")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text} is too large for a number")
        return number
    return text


def _invalid(source: str, line: int, column: int, message: str, **details: Any) -> PlanFileInvalid:
    where = f"{source}, line {line}, column {column}"
    return PlanFileInvalid(f"{where}: {message}.", file=source, line=line, column=column, reason=message, **details)
