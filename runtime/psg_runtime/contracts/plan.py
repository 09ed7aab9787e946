"""Goals and plans as the specification's orchestrator contracts write them (ORCH-01 to ORCH-03)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_snake

from psg.errors import DuplicateId, ReferenceMissing
from psg.model.codec import timestamp
from psg.model.ids import new_id
from psg.plan.order import levels
from psg.plan.spec import STEP_TYPES, PlanSpec, StepSpec
from psg_runtime.contracts.model import MAX_TIMEOUT_MS, ContractModel, Cost, Duration, JsonObject, Name, Time, Whole
from psg_runtime.contracts.moments import now_ms

Text = Annotated[str, Field(max_length=10_000)]


class OrchestratorGoal(ContractModel):
    """What somebody wants (ORCH-01): ``success_criteria`` in words, ``constraints`` and ``context`` as data."""

    id: Name
    description: Annotated[str, Field(min_length=1, max_length=10_000)]
    success_criteria: list[Text] = Field(max_length=1_000)
    constraints: JsonObject | None = None
    context: JsonObject | None = None


class PlanStep(ContractModel):
    """One step (ORCH-03). ``timeout`` is milliseconds for one attempt, ``retries`` the attempts after the first.

    ``name`` is the capability; what needs none (wait, conditional, confirm, foreach, llm) may use it as a label.
    Fields of ``psg.plan.spec.StepSpec`` that the specification does not have (``condition``, ``agent_role``, …) are
    accepted as well, in either spelling.
    """

    model_config = ConfigDict(extra="allow")

    id: Name
    type: str
    name: Annotated[str, Field(max_length=200)] = ""
    description: Text = ""
    params: JsonObject = Field(default_factory=dict)
    dependencies: list[Name] = Field(default_factory=list)
    timeout: Annotated[Whole, Field(ge=1, le=MAX_TIMEOUT_MS)] | None = None
    retries: Annotated[Whole, Field(ge=0, le=100)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        known = set(StepSpec.model_fields) - {"key", "timeout_ms"}
        return _with_extensions(value, cls, known) if isinstance(value, Mapping) else value

    @field_validator("type")
    @classmethod
    def _type(cls, value: str) -> str:
        if value not in STEP_TYPES:
            raise ValueError(f"{value!r} is none of {', '.join(STEP_TYPES)}")
        return value

    @field_validator("dependencies")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        repeated = sorted({name for name in value if value.count(name) > 1}) if len(set(value)) < len(value) else []
        if repeated:
            raise ValueError(f"names {', '.join(repeated)} more than once")
        return value

    @model_validator(mode="after")
    def _somebody_does_it(self) -> Self:
        if self.type in ("tool", "agent") and not self.name and not self.extension("agent_role"):
            raise ValueError(f"a step of type {self.type} needs the `name` of a capability")
        return self

    def extension(self, name: str, default: Any = None) -> Any:
        """The value of a field that the specification does not have."""
        return (self.model_extra or {}).get(name, default)


class OrchestratorPlan(ContractModel):
    """A plan (ORCH-02). ``estimated_duration`` is milliseconds, ``created_at`` an RFC 3339 date-time (default: now).

    ``derived_from`` is the plan this one was made from by ``Planner.replan``; a ``draft`` is not executed until
    ``Planner.approve`` made a plan of it. Fields of ``psg.plan.spec.PlanSpec`` that the specification does not have
    (``params``, ``title``, …) are accepted as well.
    """

    model_config = ConfigDict(extra="allow")

    id: Name = Field(default_factory=new_id)
    goal_id: Annotated[str, Field(max_length=200)] = ""
    steps: list[PlanStep] = Field(min_length=1)
    estimated_duration: Duration | None = None
    estimated_cost: Cost | None = None
    created_at: Time = Field(default_factory=lambda: timestamp(now_ms()))
    derived_from: Name | None = None
    draft: bool | None = None
    approved_by: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        known = set(PlanSpec.model_fields) - {"estimated_duration_ms"}
        return _with_extensions(value, cls, known) if isinstance(value, Mapping) else value

    def extension(self, name: str, default: Any = None) -> Any:
        """The value of a field that the specification does not have."""
        return (self.model_extra or {}).get(name, default)

    def step(self, step_id: str) -> PlanStep:
        """The step of this id; raises ``ReferenceMissing``."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise ReferenceMissing(f"Plan {self.id} has no step `{step_id}`.", id=step_id)

    def check(self) -> None:
        """Raise ``DuplicateId``, ``ReferenceMissing`` or ``DependencyCycle`` when the steps are no graph (ORCH-04)."""
        ids: set[str] = set()
        for step in self.steps:
            if step.id in ids:
                raise DuplicateId(f"Invalid Plan: two steps have the id `{step.id}`.", id=step.id)
            ids.add(step.id)
        for step in self.steps:
            for dependency in step.dependencies:
                if dependency not in ids:
                    message = f"Invalid Plan: step `{step.id}` depends on `{dependency}`, which the plan does not have."
                    raise ReferenceMissing(message, step=step.id, id=dependency)
        levels({step.id: step.dependencies for step in self.steps})


def _with_extensions(value: Mapping[str, Any], model: type[ContractModel], extensions: set[str]) -> dict[str, Any]:
    """The fields with extensions in snake_case; unknown ones are refused by name."""
    known = {name: name for name in (*model.model_fields, *extensions)}
    known |= {field.alias: name for name, field in model.model_fields.items() if field.alias}
    taken: dict[str, Any] = {}
    seen: set[str] = set()
    for key, item in value.items():
        name = known.get(key) or known.get(to_snake(str(key)))
        if name is None:
            raise ValueError(f"unknown field `{str(key)[:100]}`")
        if name in seen:
            raise ValueError(f"`{key}` says again what another field says")
        seen.add(name)
        taken[key if name in model.model_fields and key in known else name] = item  # errors name the field as given
    return taken
