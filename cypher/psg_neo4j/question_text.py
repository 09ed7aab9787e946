"""What the text of a question may not hold, judged before the server sees it.

The plan decides whether a question only reads (:mod:`psg_neo4j.questions`). What is refused here is what a plan does
not show (parts of nested expressions are planned apart), what the server's parser does not survive (deep nesting ends
its thread and leaves the connection mute), and loops that its time limit does not reach (it is looked at between
rows, not within an expression).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from psg_neo4j.errors import Category, PsgError

MOST_CHARACTERS = 10_000
DEEPEST = 50
MOST_PARAMETER_BYTES = 256 * 1024
READING_PROCEDURES = frozenset(
    (
        "db.labels", "db.relationshiptypes", "db.propertykeys", "db.schema.visualization",
        "db.schema.nodetypeproperties", "db.schema.reltypeproperties",
    )
)  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n\r]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<quoted>`(?:[^`]|``)*`)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_OPTIONS = ("EXPLAIN", "PROFILE", "CYPHER")
_PRIVATE_LABELS = ("apitoken",)
_LONGEST_NAME = 16
"""Words that the name of a procedure may have; what is longer is no name of one that may be called."""
_INTEGERS = (-(2**63), 2**63 - 1)


class QuestionRefused(PsgError):
    """This question is not answered: it is no Cypher, or does more than read within the limits."""

    code = "question_refused"
    category: ClassVar[Category] = "validation_error"


def judge_text(text: str) -> None:
    """Raise ``QuestionRefused`` for a text that may not be sent to be planned."""
    if len(text) > MOST_CHARACTERS:
        raise QuestionRefused(f"The question has {len(text)} characters; at most {MOST_CHARACTERS} are read.")
    if "\\u" in text or "\\U" in text:
        # The server decodes them before it splits the text into words, so they could end a string.
        raise QuestionRefused("Unicode escapes are not read; write the character itself, or pass it as a parameter.")
    if any("\ud800" <= c <= "\udfff" or c == "\0" for c in text):
        raise QuestionRefused("The question holds characters that are no text.")
    words = list(_words(text))
    if not words:
        raise QuestionRefused("The question is empty; `psg ask --list` tells some that are ready.")
    if words[0].upper() in _OPTIONS:
        raise QuestionRefused(f"Leave {words[0].upper()} out: questions are planned first and run as they are.")
    _nesting(words)
    for at, word in enumerate(words):
        _judge_word(word, words[at - 1] if at else "", words[at + 1 : at + 1 + _LONGEST_NAME])


def _words(text: str) -> Iterator[str]:
    """Words, signs and quoted names; literals of text as ``''``, comments left out."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "text":
            yield "''"
        elif match.lastgroup != "blank":
            yield match.group()


def _nesting(words: list[str]) -> None:
    depth = deepest = 0
    for word in words:
        depth += (word in "([{") - (word in ")]}")
        deepest = max(deepest, depth)
    # Where a CASE ends, words alone do not tell: so many are enough anyway.
    deepest = max(deepest, sum(word.upper() == "CASE" for word in words))
    if deepest > DEEPEST:
        raise QuestionRefused(f"The question is nested {deepest} deep; at most {DEEPEST} is read.")


def _judge_word(word: str, before: str, behind: list[str]) -> None:
    upper, follows = word.upper(), behind[0].upper() if behind else ""
    if upper == "LOAD" and follows == "CSV":
        raise QuestionRefused("LOAD CSV is not allowed: questions read the graph and nothing else.")
    if upper == "CALL" and follows not in ("(", "{") and behind:
        called = _name(behind)
        if before != "." and called.lower() not in READING_PROCEDURES:
            known = ", ".join(sorted(READING_PROCEDURES))
            raise QuestionRefused(f"The procedure {called} is not allowed; these are: {known}.")
    if upper.strip("`") == "RANGE" and follows == "(" and before.upper() != "UNWIND":
        raise QuestionRefused("range() may be unwound only: a loop within an expression has no limit.")
    if word.strip("`").lower() in _PRIVATE_LABELS:
        raise QuestionRefused("API tokens are not for questions; `psg token list` tells what there is.")


def _name(words: list[str]) -> str:
    """The dotted name at the beginning of ``words``."""
    parts: list[str] = []
    for word in words:
        if not (word == "." or word[0] == "`" or word[0].isalpha() or word[0] == "_"):
            break
        if parts and word != "." and parts[-1] != ".":
            break
        parts.append(word)
    return "".join(parts)


def judge_parameters(params: Mapping[str, Any]) -> None:
    """Raise ``QuestionRefused`` for parameters that are no bounded JSON-like values under plain names."""
    left = [MOST_PARAMETER_BYTES]
    for name, value in params.items():
        if not isinstance(name, str) or not _PARAMETER.fullmatch(name):
            raise QuestionRefused(f"{str(name)[:70]!r} is no name of a parameter: letters, digits and _, up to 64.")
        _judge_value(name, value, left, 0)


def _judge_value(name: str, value: Any, left: list[int], depth: int) -> None:
    left[0] -= 8 + (len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else 0)
    if left[0] < 0 or depth > DEEPEST:
        raise QuestionRefused(f"Parameter {name}: more than {MOST_PARAMETER_BYTES} bytes, or nested too deep.")
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        raise QuestionRefused(f"Parameter {name} holds characters that are no text.")
    if isinstance(value, int) and not isinstance(value, bool) and not _INTEGERS[0] <= value <= _INTEGERS[1]:
        raise QuestionRefused(f"Parameter {name}: a whole number has at most 64 bits.")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _judge_value(name, str(key), left, depth + 1)
            _judge_value(name, inner, left, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _judge_value(name, inner, left, depth + 1)
    elif not isinstance(value, str | int | float | None):
        raise QuestionRefused(f"Parameter {name}: {type(value).__name__} is no JSON value.")
