"""What an operation asks of a field further down, so that one read can bring it along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, IntValueNode, VariableNode

from psg_graphql.connections import DEFAULT_FIRST, MAX_FIRST

SHORT_STEP = frozenset((
    "__typename", "attempt", "capability", "changedAt", "deleted", "dependencies", "dependencyIds", "finishedAt", "id",
    "key", "parked", "planId", "position", "projectId", "ready", "recordedAt", "revision", "skipReason", "startedAt",
    "status", "type", "urgency", "uuid", "waitsFor",
))  # fmt: skip
"""Fields of a step that the short rows of ``plan_with_steps`` can tell."""


@dataclass(frozen=True, slots=True)
class StepsAhead:
    """That a plan's first page of ``first`` steps is asked for; ``short`` when short rows will do."""

    first: int
    short: bool


def steps_ahead(raw_info: Any) -> StepsAhead | None:
    """Return what a plan's field asks of its steps, ``None`` where that is not just one plain first page."""
    asked = [f for node in raw_info.field_nodes for f in _fields(node, raw_info.fragments) if f.name.value == "steps"]
    if len(asked) != 1:
        return None
    first: Any = DEFAULT_FIRST
    for argument in asked[0].arguments or ():
        if argument.name.value != "first":
            return None
        if isinstance(argument.value, VariableNode):
            first = raw_info.variable_values.get(argument.value.name.value, DEFAULT_FIRST)
        elif isinstance(argument.value, IntValueNode):
            first = int(argument.value.value)
    if not isinstance(first, int) or not 1 <= first <= MAX_FIRST:
        return None  # the field itself says what is wrong
    return StepsAhead(first, all(_short(f, raw_info.fragments) for f in _fields(asked[0], raw_info.fragments)))


def _short(page_field: FieldNode, fragments: Any) -> bool:
    """Whether a field of a page of steps asks for fields of ``SHORT_STEP`` only."""
    nodes = {"nodes": [page_field], "edges": [f for f in _fields(page_field, fragments) if f.name.value == "node"]}
    return all(_told(node, fragments) for node in nodes.get(page_field.name.value, ()))


def _told(step: FieldNode, fragments: Any) -> bool:
    return all(
        field.name.value in SHORT_STEP and _told(field, fragments)
        for field in _fields(step, fragments)
    )  # fmt: skip


def _fields(node: Any, fragments: Any) -> Iterator[FieldNode]:
    """The fields of a selection, those in fragments too; whatever a directive or a type leaves out."""
    for selection in node.selection_set.selections if node.selection_set else ():
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, FragmentSpreadNode):
            yield from _fields(fragments[selection.name.value], fragments)
        else:
            yield from _fields(selection, fragments)
