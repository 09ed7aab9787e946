"""``${stage.field}`` and ``${input.name}`` in the values of a workflow, and the templates they become (CORE-12, C-22).

=============================  ==================================
``${fetch.count}``             ``{{fetch.output.count}}``
``${fetch}``                   ``{{fetch.output}}``
``${fetch.output}``            its field ``output``, where it has one; else all of its output
``${input.user.name}``         ``{{params.input.user.name}}``
``$${x}``                      the text ``${x}``
=============================  ==================================

A value that is exactly one reference keeps its type; inside text values are put in. Everything else is literal text:
braces of the platform's own templates mean nothing in a workflow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

INPUT = "input"
_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}?")
_SEGMENT = re.compile(r"""\.([A-Za-z0-9_\-]+)|\[(\d+)\]|\["([^"\\]*)"\]|\['([^'\\]*)'\]""")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BRACES = re.compile(r"\{+")
_MAX_DEPTH = 50

Path = tuple[str | int, ...]


class ReferenceUnresolved(ValueError):
    """A reference that names nothing; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One ``${…}``: the stage it reads (``None``: the workflow's inputs) and the way to the value from there."""

    text: str
    stage: str | None
    path: Path


@dataclass(slots=True)
class Stages:
    """What references of a workflow can name: stages with their step keys and declared outputs, and the inputs.

    ``inputs`` are the values given, ``None`` while they are not known. ``seen`` collects what was read.
    """

    keys: Mapping[str, str]
    outputs: Mapping[str, tuple[str, ...] | None]
    inputs: Mapping[str, Any] | None = None
    seen: set[str] = field(default_factory=set)

    def expression(self, text: str) -> str:
        """The platform's expression for what stands between ``${`` and ``}``; raises ReferenceUnresolved."""
        reference = self.read(text)
        if reference.stage is None:
            return "params.input" + _written(reference.path)
        self.seen.add(reference.stage)
        base = f"{self.keys[reference.stage]}.output"
        declared = self.outputs[reference.stage]
        if reference.path[:1] == ("output",) and (declared is None or "output" not in declared):
            rest = _written(reference.path[1:])
            whole = f'(type({base}) == map && "output" in {base})'
            return f'{whole} ? {base}["output"]{rest} : {base}{rest}'
        return base + _written(reference.path)

    def read(self, text: str) -> Reference:
        """Take a reference apart and check it against what there is."""
        root, path = self._root(text.strip())
        if root is None:
            self._check_input(text, path)
            return Reference(text, None, path)
        declared = self.outputs[root]
        if declared and path and path[0] not in declared and path[0] != "output":
            known = ", ".join(declared)
            raise ReferenceUnresolved(f"`${{{text}}}`: stage `{root}` has no output `{path[0]}` (it declares {known})")
        return Reference(text, root, path)

    def _root(self, text: str) -> tuple[str | None, Path]:
        """The stage with the longest id that the text begins with; ids may hold dots."""
        for name in sorted((*self.keys, INPUT), key=len, reverse=True):
            if text == name or (text.startswith(name) and text[len(name)] in ".["):
                path = _path(text, text[len(name) :])
                return (None if name == INPUT and INPUT not in self.keys else name), path
        root = re.split(r"[.\[]", text, maxsplit=1)[0]
        known = ", ".join([*self.keys][:20])
        raise ReferenceUnresolved(
            f"`${{{text}}}` is unresolved: there is no stage `{root[:100]}` (stages are {known}; the workflow's inputs "
            "are `input`)"
        )

    def _check_input(self, text: str, path: Path) -> None:
        value: Any = self.inputs
        if value is None:
            return
        for part in path:
            indexed = isinstance(value, list) and isinstance(part, int) and part < len(value)
            if not indexed and not (isinstance(value, Mapping) and part in value):
                given = ", ".join(map(str, value)) if isinstance(value, Mapping) and value else "nothing"
                raise ReferenceUnresolved(f"`${{{text}}}` is unresolved: there is no input `{part}` (given: {given})")
            value = value[part]


def _path(text: str, rest: str) -> Path:
    parts: list[str | int] = []
    position = 0
    while position < len(rest):
        match = _SEGMENT.match(rest, position)
        if match is None:
            read = text[: len(text) - len(rest) + position]
            raise ReferenceUnresolved(f"`${{{text}}}` cannot be read behind `{read}`")
        name, index, *quoted = match.groups()
        parts.append(int(index) if index is not None else next(n for n in (name, *quoted) if n is not None))
        position = match.end()
    return tuple(parts)


def _written(path: Path) -> str:
    written = []
    for part in path:
        if isinstance(part, int):
            written.append(f"[{part}]")
        elif _NAME.fullmatch(part):
            written.append(f".{part}")
        else:
            written.append(f"['{part}']" if '"' in part else f'["{part}"]')
    return "".join(written)


def translate(value: Any, stages: Stages, problem: Callable[[str], None], depth: int = 0) -> Any:
    """Return ``value`` with each ``${…}`` as a template of the platform, and all other text as literal text.

    ``problem`` is told of every reference that names nothing; its text stays then.
    """
    if depth > _MAX_DEPTH:
        problem(f"it is nested more than {_MAX_DEPTH} levels deep")
        return None
    if isinstance(value, str):
        return _text(value, stages, problem)
    if isinstance(value, Mapping):
        for key in value:
            if "${" in key or "{{" in key:
                problem(f"the name {key[:100]!r} holds a reference; only values may")
        return {key: translate(item, stages, problem, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [translate(item, stages, problem, depth + 1) for item in value]
    return value


def _text(text: str, stages: Stages, problem: Callable[[str], None]) -> str:
    parts = []
    for piece, reference in pieces(text):
        if reference is None:
            parts.append(_BRACES.sub(lambda braces: "{{" + json.dumps(braces[0]) + "}}", piece))
            continue
        try:
            parts.append("{{" + stages.expression(reference) + "}}")
        except ReferenceUnresolved as error:
            problem(str(error))
    return "".join(parts)


def pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """The text as literal pieces and references: (piece, what stands in the braces or ``None``)."""
    position = 0
    for match in _REFERENCE.finditer(text):
        escaped = match[0].startswith("$$")
        if match.start() > position:
            yield text[position : match.start()], None
        if escaped:
            yield match[0][1:], None
        else:
            yield match[0], match[1] if match[0].endswith("}") else f"{match[1]} (not closed by a brace)"
        position = match.end()
    if position < len(text):
        yield text[position:], None


def literal(text: str) -> str:
    """Return plain text as a template of the platform that gives exactly it."""
    return _BRACES.sub(lambda braces: "{{" + json.dumps(braces[0]) + "}}", text)
