"""What is wrong with a value, in the words of somebody who writes plan files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from psg.errors import PlanFileInvalid

TOLD = 10
"""How many mistakes are told at once: looking for what a word may have meant takes time, and a file may have many."""
_SHAPES = {
    "tuple_type": "must be a list", "list_type": "must be a list", "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
}  # fmt: skip


def refuse(problems: Iterable[PlanFileInvalid]) -> None:
    """Raise the problems there are as one: a line for each, the details of the first, those of the rest as `others`."""
    found = list(islice(problems, TOLD + 1))
    if len(found) < 2:
        for problem in found:
            raise problem
        return
    lines = [problem.message for problem in found[:TOLD]]
    if len(found) > TOLD:
        lines.append(f"These are the first {TOLD}; there are more.")
    others = [problem.details for problem in found[1:TOLD]]
    raise PlanFileInvalid("\n".join(lines), **{**found[0].details, "others": others}) from found[0]


def told(error: ValidationError, model: type[BaseModel]) -> tuple[tuple[str | int, ...], str, int]:
    """Return where the first problem is, what it is, and how many there are."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    first = problems[0]
    kind, place = first["type"], first["loc"]
    if kind == "extra_forbidden":
        message = f"unknown key: {choices(str(place[-1]), _known(model, place[:-1]))}"
    else:
        message = _SHAPES.get(kind) or first["msg"].removeprefix("Value error, ")
    more = len(problems) - 1
    return place, message + (f" (and {more} more)" if more else ""), len(problems)


def choices(word: str, known: Collection[str]) -> str:
    """Return the names that ``word`` may have meant, or all there are."""
    near = get_close_matches(word, sorted(known), n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(f'`{n}`' for n in near)}?"
    return f"known are {', '.join(sorted(known))}"


def _known(model: type[BaseModel], place: Sequence[Any]) -> Collection[str]:
    """The keys of the part of ``model`` that lies at ``place``."""
    for part in place:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            break
        model = inner
    return model.model_fields.keys()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
