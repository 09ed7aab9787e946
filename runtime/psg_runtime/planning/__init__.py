"""From goals to plans: templates, proposals of a language model, and plans after a failure (ORCH-27, ORCH-29)."""

from __future__ import annotations

from psg_runtime.planning.errors import NoPlanFound, PlanProposalInvalid, ReplanImpossible
from psg_runtime.planning.planner import Planner
from psg_runtime.planning.proposals import LlmPlanner
from psg_runtime.planning.templates import PlanTemplate, load_templates

__all__ = [
    "LlmPlanner",
    "NoPlanFound",
    "PlanProposalInvalid",
    "PlanTemplate",
    "Planner",
    "ReplanImpossible",
    "load_templates",
]
