"""Storing plans: with all their steps in one commit, or in chunks that cannot run before the last is in (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from psg.commands.lifecycle import META
from psg.commands.plan_load import CHUNK_STEPS, PlanChunk, PlanLoad
from psg.errors import PlanInvalid
from psg.model.codec import dumps
from psg.model.documents import take_apart
from psg.model.ids import derived_id
from psg.model.lifecycle import TERMINAL_STEP
from psg.model.protocol import check_document
from psg.plan.order import GAP, levels
from psg.plan.spec import PlanSpec
from psg.plan.steps import StepRecord, frontier_state, json_of, records_of_document, records_of_spec
from psg.write.change import Change, Link
from psg.write.command import Command


def plan_id_of(command: Command) -> str:
    """Return the id of a plan that the request did not name: always the same for the same command."""
    return derived_id("plan", command.command_id)


def store_plan(
    plan_id: str, context_id: str, spec: PlanSpec, command: Command, invokes: str | None = None
) -> PlanLoad:
    """Return how a plan file's plan is stored as a draft; ``invokes`` is its mark (``psg.workflows.Invocations``).

    Raises ``PlanInvalid`` or ``DependencyCycle`` here, so that nothing of a bad plan is stored.
    """
    props = {
        "title": spec.title, "objective": spec.objective, "status": "draft", "goal_id": spec.goal_id,
        "params": dumps(spec.params) if spec.params else None, "estimated_cost": spec.estimated_cost,
        "estimated_duration_ms": spec.estimated_duration_ms, "paused": False, "sched_urgency": 100,
        "payload": dumps({"meta": META}), "policy": json_of(spec.policy), "approval": json_of(spec.approval),
        "budget": json_of(spec.budget), "on_failure": None if spec.on_failure == "continue" else spec.on_failure,
        "success_criteria": list(spec.success_criteria) or None, "invokes": invokes,
    }  # fmt: skip
    return store_records(plan_id, context_id, props, records_of_spec(plan_id, spec), command)


def store_plan_document(document: Mapping[str, Any], command: Command) -> PlanLoad:
    """Return how a protocol plan is stored as it is; one that was running is stored paused.

    Raises ``PlanInvalid`` (message begins ``Invalid Plan:``) or ``DependencyCycle``.
    """
    return store_checked_plan(check_document("plan", document), command)


def store_checked_plan(document: Mapping[str, Any], command: Command) -> PlanLoad:
    """Return how a plan that ``check_document`` has passed already is stored; raises as ``store_plan_document``."""
    taken = take_apart("Plan", document)
    props = taken.props | {"paused": taken.props["status"] == "in_progress", "sched_urgency": 100}
    (context_id,) = taken.references["context_id"]
    return store_records(taken.node_id, context_id, props, records_of_document(taken.parts["steps"]), command)


def store_records(
    plan_id: str, context_id: str, props: Mapping[str, Any], records: Sequence[StepRecord], command: Command
) -> PlanLoad:
    """Return how a plan of these properties and steps is stored; raises ``PlanInvalid`` or ``DependencyCycle``."""
    if not records:
        raise PlanInvalid("Invalid Plan: steps: a plan has at least one step")
    by_key = {r.step_id: r for r in records}
    if len(by_key) < len(records):
        raise PlanInvalid("Invalid Plan: two steps have the same id")
    level = _levels(records)
    ordered = sorted(records, key=lambda r: (level[r.step_id], r.position))
    chunked = len(ordered) > CHUNK_STEPS
    derived = _counters([r.status for r in records]) | {"loading": chunked or None}
    chunks = _chunks(plan_id, context_id, {**props, **derived}, ordered, level, command)
    return PlanLoad(chunks, len(ordered), _seal(plan_id, command) if chunked else None)


def _levels(records: Sequence[StepRecord]) -> dict[str, int]:
    """Levels by id; a cycle is told in the author's keys."""
    if all(r.key == r.step_id for r in records):
        return levels({r.step_id: r.dependencies for r in records})
    key_of = {r.step_id: r.key for r in records}
    by_key = levels({r.key: [key_of[d] for d in r.dependencies] for r in records})
    return {r.step_id: by_key[r.key] for r in records}


def _chunks(
    plan_id: str,
    context_id: str,
    props: Mapping[str, Any],
    ordered: Sequence[StepRecord],
    level: Mapping[str, int],
    command: Command,
) -> Iterator[PlanChunk]:
    status_of = {r.step_id: r.status for r in ordered}
    fingerprint = command.fingerprint  # of the whole request: made once, not once a chunk
    for number, start in enumerate(range(0, len(ordered), CHUNK_STEPS)):
        if number == 0:
            chunk = PlanChunk(command, fingerprint, plan_id, (context_id, "Context", "context_id"))
            chunk.begin(props, context_id)
        else:
            part = replace(command, command_id=f"{command.command_id}:{number}")
            chunk = PlanChunk(part, fingerprint, plan_id, (plan_id, "Plan", "plan_id"))
        for record in ordered[start : start + CHUNK_STEPS]:
            chunk.add(record, status_of, level[record.step_id] * GAP)
        yield chunk


def _seal(plan_id: str, command: Command) -> Change:
    """What makes a plan that came in several chunks usable, after the last of them."""
    seal = Change(replace(command, command_id=f"{command.command_id}:seal"))
    seal.require(plan_id, ["Plan"], "plan_id", holds={"loading": True})
    seal.answer = {"plan": plan_id}
    seal.set("Plan", plan_id, {}, {}, kind="plan_loaded", plan=plan_id, operational={"loading": None})
    return seal


def _counters(statuses: Sequence[str]) -> dict[str, Any]:
    return {
        "steps_total": len(statuses), "steps_open": sum(s not in TERMINAL_STEP for s in statuses),
        "steps_failed": statuses.count("failed"), "served_at": 0, "steps_next": len(statuses),
    }  # fmt: skip


def add_step_node(
    change: Change, plan_id: str, record: StepRecord, status_of: Mapping[str, str], rank: int
) -> None:
    """Add the creation of one step, with its place in the plan, its dependencies and its frontier state."""
    derived, labels = frontier_state(record, status_of, rank)
    links: list[Link] = [("IN_PLAN", plan_id, {})]
    links += [("DEPENDS_ON", target, {"at": at}) for at, target in enumerate(record.dependencies)]
    props = {**record.props, **derived, "plan": plan_id}
    change.create("Step", record.step_id, props, links, plan=plan_id, extra_labels=labels)
