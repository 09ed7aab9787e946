"""Conditions of stages as CEL of the platform (CORE-11)."""

from __future__ import annotations

import json
from collections.abc import Callable

from psg_runtime.core_orchestrator.definition import ExecutionCondition
from psg_runtime.core_orchestrator.references import ReferenceUnresolved, Stages, pieces


def condition_text(
    condition: ExecutionCondition, stages: Stages, problem: Callable[[str], None]
) -> str | None:
    """The condition as CEL, ``None`` when a reference in it names nothing, which ``problem`` is told."""
    try:
        if condition.expression is not None:
            return "".join(
                piece if reference is None else "{{" + stages.expression(reference) + "}}"
                for piece, reference in pieces(condition.expression)
            )
        return _compared(condition, stages)
    except ReferenceUnresolved as error:
        problem(f"condition: {error}")
        return None


def _compared(condition: ExecutionCondition, stages: Stages) -> str:
    assert condition.field is not None
    text = condition.field.strip()
    left = stages.expression(text[2:-1] if text.startswith("${") and text.endswith("}") else text)
    if condition.operator in ("exists", "not exists"):
        there = f"has({left})"
        return there if condition.operator == "exists" else f"!{there}"
    right = json.dumps(condition.value)
    return f"{right} in ({left})" if condition.operator == "contains" else f"({left}) {condition.operator} {right}"
