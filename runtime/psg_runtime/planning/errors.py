"""Why there is no plan."""

from __future__ import annotations

from psg.errors import Invalid, PlanInvalid


class NoPlanFound(Invalid):
    """No template fits the goal, and no language model is there to make a plan."""

    code = "no_plan_found"


class PlanProposalInvalid(PlanInvalid):
    """What a language model proposed is no plan that could be executed."""

    code = "plan_proposal_invalid"


class ReplanImpossible(PlanInvalid):
    """Without the failed step nothing is left that could be executed."""

    code = "replan_impossible"
