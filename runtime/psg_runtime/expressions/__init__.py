"""Conditions and ``{{…}}`` templates: CEL behind one door, never ``eval`` (C-22)."""

from __future__ import annotations

from psg_runtime.expressions.engine import Condition, Expression, ExpressionEngine, default_engine
from psg_runtime.expressions.references import ReferenceProblem, check_references, reference_problems
from psg_runtime.expressions.template import Template, step_template

__all__ = [
    "Condition",
    "Expression",
    "ExpressionEngine",
    "ReferenceProblem",
    "Template",
    "check_references",
    "default_engine",
    "reference_problems",
    "step_template",
]
