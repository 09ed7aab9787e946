"""Plans as data: templates that goals are matched with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from psg.errors import ValidationFailed
from psg_runtime.contracts import OrchestratorGoal, OrchestratorPlan, PlanStep
from psg_runtime.contracts.model import ContractModel, Cost, Duration, JsonObject, Name
from psg_runtime.plan_file.document import MAX_FILE_BYTES, read_document

CRITERION_WEIGHT = 10
_WORD = re.compile(r"\w+")


class PlanTemplate(ContractModel):
    """The steps for goals of a kind.

    It fits a goal one of whose ``success_criteria`` is among ``criteria``, or whose words hold one of the ``keywords``
    (of one or more words). The goal's ``context`` becomes the plan's parameters, over the template's ``params``:
    steps read them as ``{{params.NAME}}``.
    """

    name: Name
    keywords: list[Name] = Field(default_factory=list)
    criteria: list[Name] = Field(default_factory=list)
    params: JsonObject = Field(default_factory=dict)
    steps: list[PlanStep] = Field(min_length=1)
    estimated_duration: Duration | None = None
    estimated_cost: Cost | None = None

    def fit(self, goal: OrchestratorGoal) -> int:
        """How well it fits: 10 for each criterion, 1 for each keyword; 0 is not at all."""
        wanted = {_plain(text) for text in goal.success_criteria}
        words = f" {_plain(' '.join([goal.description, *goal.success_criteria]))} "
        criteria = sum(_plain(text) in wanted for text in self.criteria)
        return CRITERION_WEIGHT * criteria + sum(f" {_plain(word)} " in words for word in self.keywords)

    def plan(self, goal: OrchestratorGoal) -> OrchestratorPlan:
        """The plan for a goal, not yet checked."""
        params = {**self.params, **(goal.context or {})}
        return OrchestratorPlan.parse(
            {
                "goal_id": goal.id, "title": self.name, "objective": goal.description, "steps": self.steps,
                "estimated_duration": self.estimated_duration, "estimated_cost": self.estimated_cost, "params": params,
            }
        )  # fmt: skip


def load_templates(path: Path) -> list[PlanTemplate]:
    """Read templates from a YAML file with the one key ``templates``; raises ``ValidationFailed`` with the place."""
    try:
        with path.open("rb") as file:
            document = read_document(file.read(MAX_FILE_BYTES + 1), str(path))
    except OSError as error:
        raise ValidationFailed(f"{path}: the templates cannot be read: {error.strerror}.") from error
    data: Any = document.data
    if not isinstance(data, Mapping) or set(data) != {"templates"} or not isinstance(data["templates"], list):
        raise document.invalid((), "a file of templates is a mapping with the one key `templates`, a list")
    made = []
    for index, given in enumerate(data["templates"]):
        try:
            made.append(PlanTemplate.parse(given))
        except ValidationFailed as error:
            raise document.invalid(("templates", index), error.message.rstrip(".")) from None
    return made


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
