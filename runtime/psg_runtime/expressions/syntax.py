"""Reads the references out of an expression and rewrites our notation to plain CEL.

What authors write and what CEL sees:

=============================  =====================================
``fetch.output.count``         ``steps["fetch"].output.count``
``build-docs.output``          ``steps["build-docs"].output``
``{{x.output.y}} === "z"``     ``(steps["x"].output.y) == "z"``
``steps.a.output.in``          ``steps["a"].output["in"]``
=============================  =====================================

A minus between a step key and a name needs spaces (``a - b.output.n``), because keys may hold dashes.
``{{secrets.NAME}}`` is no CEL: it stands alone in its placeholder and only names what an adapter will put there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from psg.errors import ExpressionInvalid

MAX_EXPRESSION_CHARS = 10_000
NAMESPACES = frozenset({"params", "item", "index"})
RESERVED_KEYS = frozenset({*NAMESPACES, "steps", "secrets"})

_CEL_LITERALS = frozenset({"true", "false", "null", "in"})
# CEL refuses these as field names after a dot; plans hold JSON whose keys may well be called so.
_CEL_RESERVED = frozenset({"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for"})
_CEL_RESERVED |= {"function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void"}
_CEL_RESERVED |= {"while"}
_IDENT = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_STRING = re.compile(
    r"""[bB]?[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')"""
    r"""|[bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.DOTALL,
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+[uU]?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[uU]?", re.ASCII)
_STEP_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*?(?=\.(?:output|status)\b)", re.ASCII)
_STEP_INDEX = re.compile(r"""\[\s*(?:"([^"\\\n]*)"|'([^'\\\n]*)')\s*\]""")
_STEP_FIELD = re.compile(r"\s*\.\s*(?:output|status)\b", re.ASCII)
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,", re.ASCII)
_PARAM_NAME = re.compile(r"\.([A-Za-z_]\w*)\b(?!\s*\()", re.ASCII)
_SEGMENT = r"""\.[A-Za-z_]\w*|\[\d+\]|\["[^"\\]*"\]|\['[^'\\]*'\]"""
_SEGMENTS = re.compile(_SEGMENT, re.ASCII)
_STEP_PATH = re.compile(
    r"(?:steps\.)?([A-Za-z_](?:(?!\.(?:output|status)\b)[A-Za-z0-9_.\-])*)"
    r"\.(?:(status)|(output)((?:" + _SEGMENT + r")*))",
    re.ASCII,
)
_SECRET = re.compile(
    r"""secrets(?:\.([A-Za-z_]\w{0,127})|\[(?:"([A-Za-z_][\w.\-]{0,127})"|'([A-Za-z_][\w.\-]{0,127})')\])""", re.ASCII
)
# No reserved word: a step may be called so, and then `.output` or `.status` follows.
_OUTER = re.compile(r"outer(?=\.(?:item|index|outer)\b)", re.ASCII)
_NAMESPACE_PATH = re.compile(r"(params|item|index|" + _OUTER.pattern + r")((?:" + _SEGMENT + r")*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Syntax:
    """One expression after reading: plain CEL, and what it refers to."""

    cel: str
    steps: frozenset[str]
    namespaces: frozenset[str]
    param_names: frozenset[str]
    path: tuple[str | int, ...] | None
    secret: str | None = None


def read_expression(text: str) -> Syntax:
    """Translate one expression to CEL; raises ExpressionInvalid for what our notation does not allow."""
    if len(text) > MAX_EXPRESSION_CHARS:
        raise ExpressionInvalid(
            f"The expression has {len(text)} characters; the limit is {MAX_EXPRESSION_CHARS}.",
            expression=text[:80],
        )
    if match := _SECRET.fullmatch(text.strip()):
        nothing: frozenset[str] = frozenset()
        return Syntax("null", nothing, frozenset({"secrets"}), nothing, None, match[1] or match[2] or match[3])
    reader = _Reader(text)
    reader.run()
    return Syntax(
        cel="".join(reader.out),
        steps=frozenset(reader.steps),
        namespaces=frozenset(reader.namespaces),
        param_names=frozenset(reader.param_names),
        path=_plain_path(text.strip()),
    )


def shortened(text: str, limit: int = 200) -> str:
    """An expression as error messages show it."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def placeholder_end(text: str, start: int) -> int:
    """Position of the ``}}`` that closes the placeholder opened before ``start``; -1 when there is none."""
    depth, position = 0, start
    while position < len(text):
        if string := _STRING.match(text, position):
            position = string.end()
            continue
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            if depth == 0:
                return position if text.startswith("}}", position) else -1
            depth -= 1
        position += 1
    return -1


def _plain_path(text: str) -> tuple[str | int, ...] | None:
    """``a.output.b[0]`` as a path, so that plain references keep their exact JSON value without CEL."""
    if match := _NAMESPACE_PATH.fullmatch(text):
        return (match[1], *_segments(match[2]))
    match = _STEP_PATH.fullmatch(text)
    if match is None or match[1].split(".", 1)[0] in RESERVED_KEYS:
        return None
    return ("steps", match[1], match[2] or match[3], *_segments(match[4] or ""))


def _segments(text: str) -> list[str | int]:
    parts: list[str | int] = []
    for part in _SEGMENTS.findall(text):
        if part[0] == ".":
            parts.append(part[1:])
        else:
            parts.append(int(part[1:-1]) if part[1].isdigit() else part[2:-2])
    return parts


@dataclass(slots=True)
class _Reader:
    """One pass over the text; ``out`` collects the CEL."""

    text: str
    position: int = 0
    out: list[str] = field(default_factory=list)
    steps: set[str] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)
    param_names: set[str] = field(default_factory=set)
    bound: frozenset[str] = frozenset()
    open_braces: list[str] = field(default_factory=list)

    def run(self) -> None:
        self.bound = frozenset(_MACRO_VARIABLE.findall(self.text))
        while self.position < len(self.text):
            self._token()
        if "{{" in self.open_braces:
            raise self._invalid("`{{` is not closed by `}}`")

    def _token(self) -> None:
        text, at = self.text, self.position
        if string := _STRING.match(text, at):
            self._string(string[0])
        elif text.startswith("//", at):
            end = text.find("\n", at)
            self.position = len(text) if end < 0 else end
        elif number := _NUMBER.match(text, at):
            self._copy(number[0])
        elif word := _IDENT.match(text, at):
            self._root(word[0])
        elif text[at] == ".":
            self._selector()
        elif text.startswith(("===", "!=="), at):
            self.out.append(text[at : at + 2])
            self.position += 3
        elif text[at] in "{}":
            self._brace()
        else:
            self._copy(text[at])

    def _copy(self, token: str, as_cel: str | None = None) -> None:
        self.out.append(token if as_cel is None else as_cel)
        self.position += len(token)

    def _string(self, literal: str) -> None:
        if re.search(r"\{\{.*\}\}", literal, re.DOTALL):
            raise self._invalid(f"{literal} is plain text: write the placeholder without quotes")
        self._copy(literal)

    def _brace(self) -> None:
        here = self.text[self.position]
        if self.text.startswith("{{", self.position):
            self.open_braces.append("{{")
            self._copy("{{", "(")
        elif here == "{":
            self.open_braces.append("{")
            self._copy("{")
        elif self.open_braces and self.open_braces[-1] == "{{":
            if not self.text.startswith("}}", self.position):
                raise self._invalid("`{{` is closed by a single `}`")
            self.open_braces.pop()
            self._copy("}}", ")")
        else:
            if self.open_braces:
                self.open_braces.pop()
            self._copy("}")

    def _selector(self) -> None:
        word = _IDENT.match(self.text, self.position + 1)
        if word is None:
            self._copy(".")
        elif word[0] in _CEL_RESERVED:
            self._copy("." + word[0], f'["{word[0]}"]')
        else:
            self._copy("." + word[0])

    def _root(self, word: str) -> None:
        """A name that does not follow a dot: a macro's variable, a namespace, a step key or a function."""
        after = self.text[self.position + len(word) : self.position + len(word) + 1]
        if word in self.bound or word in _CEL_LITERALS or _STRING.match(self.text, self.position):
            self._copy(word)
        elif word == "steps" and after != "-":
            self._steps_member()
        elif word == "secrets" and after in {".", "["}:
            raise self._invalid(
                "a secret is named, not calculated with: write {{secrets.NAME}} as a placeholder of its own"
            )
        elif (word in NAMESPACES and after != "-") or _OUTER.match(self.text, self.position):
            self._namespace(word)
        elif key := _STEP_KEY.match(self.text, self.position):
            self._step(key[0], key[0])
        else:
            self._copy(word)

    def _namespace(self, word: str) -> None:
        self.namespaces.add(word)
        self._copy(word)
        if word == "params" and (name := _PARAM_NAME.match(self.text, self.position)):
            self.param_names.add(name[1])

    def _steps_member(self) -> None:
        start = self.position + len("steps")
        if self.text.startswith(".", start) and (key := _STEP_KEY.match(self.text, start + 1)):
            self._step(key[0], f"steps.{key[0]}")
            return
        index = _STEP_INDEX.match(self.text, start)
        if index is None or not _STEP_FIELD.match(self.text, index.end()):
            raise self._invalid("write `steps.KEY.output…` or `steps.KEY.status`: a step has nothing else")
        self._step(index[1] if index[1] is not None else index[2], "steps" + index[0])

    def _step(self, key: str, written: str) -> None:
        self.steps.add(key)
        self._copy(written, f'steps["{key}"]')

    def _invalid(self, reason: str) -> ExpressionInvalid:
        return ExpressionInvalid(
            f"Expression `{shortened(self.text)}`: {reason}.",
            expression=self.text,
            reason=reason,
            column=self.position + 1,
        )
