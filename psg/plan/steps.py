"""The steps of a plan as they are stored: one record type for plan files and protocol documents alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from psg.errors import PlanInvalid
from psg.model.codec import dumps
from psg.model.documents import take_apart
from psg.model.ids import check_id, derived_id
from psg.model.lifecycle import TERMINAL_STEP
from psg.plan.policy import authored
from psg.plan.spec import PlanSpec, StepSpec

GATED_TYPES = frozenset(("llm", "conditional"))


@dataclass(slots=True)
class StepRecord:
    """One step ready to be stored; ``dependencies`` are ids, ``props`` the authoritative properties."""

    step_id: str
    key: str
    position: int
    props: dict[str, Any]
    dependencies: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The lifecycle status the step is stored with."""
        return self.props["status"]

    @property
    def gated(self) -> bool:
        """Whether something has to be decided before the step can be claimed (C-31)."""
        return self.props.get("condition") is not None or self.props.get("type") in GATED_TYPES


def records_of_spec(plan_id: str, spec: PlanSpec) -> list[StepRecord]:
    """Return the records of a plan file; ids follow from plan and key, so that a repeated command names the same.

    Raises ``PlanInvalid`` for a duplicate key and for a dependency on an unknown step.
    """
    ids: dict[str, str] = {}
    for step in spec.steps:
        if step.key in ids:
            raise PlanInvalid(f"Invalid Plan: two steps have the key {step.key!r}; keys are unique", key=step.key)
        ids[step.key] = derived_id(plan_id, step.key)
    return [record_of_step(ids[step.key], step, i, ids) for i, step in enumerate(spec.steps)]


def record_of_step(step_id: str, step: StepSpec, position: int, ids: Mapping[str, str]) -> StepRecord:
    """Return the record of one step; ``ids`` maps the keys of the plan's steps to their ids."""
    unknown = [d for d in step.dependencies if d not in ids]
    if unknown:
        known = ", ".join(list(ids)[:10])
        raise PlanInvalid(
            f"Invalid Plan: step {step.key!r} depends on {', '.join(map(repr, unknown))}, which the plan does not have "
            f"(it has {known})",
            key=step.key, unknown=unknown,
        )  # fmt: skip
    props = {
        "description": step.description or step.name or step.key, "status": "pending", "agent_role": step.agent_role,
        "order_index": step.order_index, "key": step.key, "type": step.type, "capability": step.name,
        "params": dumps(step.params) if step.params else None, "condition": step.condition,
        "timeout_ms": step.timeout_ms, "retries": step.retries, "sched_urgency": step.urgency, "position": position,
        "join": None if step.join == "not_skipped" else step.join, "policy": json_of(step.policy),
        "approval": json_of(step.approval), "budget": json_of(step.budget), "compensation": json_of(step.compensation),
    }  # fmt: skip
    return StepRecord(step_id, step.key, position, props, [ids[d] for d in step.dependencies])


def json_of(spec: BaseModel | None) -> str | None:
    """Return what the author said as JSON text, ``None`` when that is nothing."""
    said = authored(spec)
    return None if said is None else dumps(said)


def records_of_document(steps: Sequence[Mapping[str, Any]]) -> list[StepRecord]:
    """Return the records of a protocol plan's steps; their key is their id, what they run is bound by role."""
    ids = {step["step_id"] for step in steps}
    if len(ids) < len(steps):
        raise PlanInvalid("Invalid Plan: two steps have the same step_id")
    records = []
    for position, step in enumerate(steps):
        taken = take_apart("Step", step)
        wanted = taken.references.get("dependencies", [])
        for dependency in wanted:
            if dependency not in ids:
                check_id(dependency, "dependencies")
                raise PlanInvalid(
                    f"Invalid Plan: step {taken.node_id} depends on {dependency}, which the plan does not have",
                    step_id=taken.node_id, unknown=[dependency],
                )  # fmt: skip
        extra = {"key": taken.node_id, "type": "agent", "sched_urgency": 100, "position": position}
        records.append(StepRecord(taken.node_id, taken.node_id, position, taken.props | extra, wanted))
    return records


def frontier_state(record: StepRecord, status_of: Mapping[str, str], rank: int) -> tuple[dict[str, Any], list[str]]:
    """Return the derived properties and labels of a step when it is stored (DESIGN §4: the materialised frontier)."""
    statuses = [status_of[d] for d in record.dependencies]
    waits = sum(s not in TERMINAL_STEP for s in statuses)
    gated = record.gated or "skipped" in statuses
    open_now, undecided = place_of(record.props.get("join"), gated, waits, statuses)
    order = record.props.get("order_index")
    derived = {
        "waits": waits, "rank": rank, "gated": gated, "attempt": 0, "fence": 0, "failures": 0,
        "sched_order": record.position if order is None else order,
    }  # fmt: skip
    labels = []
    if record.status == "pending" and open_now:
        labels = ["Undecided" if undecided else "Ready"]
    if record.status == "in_progress":  # imported: whoever ran it is not here, so it can be taken up
        labels = ["Ready"]
    return derived, labels


def place_of(join: str | None, gated: bool, waits: int, statuses: Sequence[str]) -> tuple[bool, bool]:
    """Return whether a pending step is on the frontier, and whether something is to be decided there first.

    ``join`` as in ``StepSpec``; ``statuses`` are those of its dependencies, ``waits`` how many of them are unfinished.
    """
    if join == "any" and statuses:
        completed = "completed" in statuses
        return completed or waits == 0, gated or not completed
    if join == "settled":
        return waits == 0, gated
    doomed = "failed" in statuses
    return waits == 0 or doomed, gated or doomed
