"""Rollback procedures of steps that could not be recovered: actions of the plan that undoes (CORE-49)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from psg.commands.lifecycle import CANCELLED
from psg.commands.reactions import STOPPED
from psg.model.codec import loads
from psg.plan.policy import CompensationSpec, RecoverySpec, inherit
from psg.plan.spec import StepSpec

NOT_FAILED = frozenset((CANCELLED[0], STOPPED[0]))


class Binds(Protocol):
    """What gives params their values."""

    def bind(self, params: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Return the params, and what could not be evaluated."""


def rollback_actions(failed: Iterable[Mapping[str, Any]]) -> list[CompensationSpec]:
    """Return what the failed steps of a plan (rows of ``rollback_steps``) ask for, in their order.

    A procedure that several of them have from their plan is done once. Steps that were only cancelled or stopped ask
    for nothing.
    """
    procedures: list[tuple[CompensationSpec, ...]] = []
    for row in failed:
        said = inherit(loads(row["plan_policy"]), loads(row["policy"])).get("recovery")
        if said is None or (loads(row["error"]) or {}).get("code") in NOT_FAILED:
            continue
        procedure = RecoverySpec.model_validate(said).rollback_procedure
        if procedure is not None and procedure.actions not in procedures:
            procedures.append(procedure.actions)
    return [action for procedure in procedures for action in procedure]


def rollback_steps(actions: Sequence[CompensationSpec], values: Binds) -> list[StepSpec]:
    """Return the steps that do these actions one after the other; one that fails holds up no other."""
    steps: list[StepSpec] = []
    for at, action in enumerate(actions):
        params, problem = values.bind(action.params)
        described = f"roll back: {action.name}" + (f": {problem}" if problem else "")
        steps.append(
            StepSpec(
                key=f"rollback_{at + 1}", type=action.type, name=action.name, description=described[:10_000],
                params=params, dependencies=[step.key for step in steps[-1:]], order_index=at,
                timeout_ms=action.timeout_ms, retries=action.retries, agent_role=action.agent_role, join="settled",
            )
        )  # fmt: skip
    return steps
