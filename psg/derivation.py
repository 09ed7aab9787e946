"""Plans made of plans: what was done is taken over with its results, what is to be done is done (again)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psg_cypher
from psg.commands import reactions
from psg.commands.lifecycle import META
from psg.commands.plans import plan_id_of, store_records
from psg.errors import NotFound, Refused
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg.model.ids import derived_id, new_id
from psg.model.lifecycle import TERMINAL_PLAN
from psg.plan.spec import PlanSpec, StepSpec
from psg.plan.steps import StepRecord, records_of_spec
from psg.workflows.invocations import Invocations
from psg.write.command import Answer, Command
from psg_neo4j.database import Database

PAGE = 1_000
COMPENSATION: Final = "compensation"
AGAIN_REASONS = frozenset(("dependency_failed", "cancelled", "plan_stopped"))
"""Reasons of a skip that tell nothing of the step itself: in another run it may be different."""

_PLAN_PROPS = (
    "title", "objective", "goal_id", "params", "estimated_duration_ms", "estimated_cost", "policy", "approval",
    "budget", "on_failure", "success_criteria", "sched_urgency",
)  # fmt: skip
_STEP_PROPS = (
    "description", "agent_role", "order_index", "key", "type", "capability", "params", "condition", "timeout_ms",
    "retries", "sched_urgency", "join", "policy", "approval", "budget", "compensation", "payload",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it is stored: its properties, its steps by position, and what each depends on (ids)."""

    props: Mapping[str, Any]
    context_id: str
    steps: Sequence[Mapping[str, Any]]
    dependencies: Mapping[str, Sequence[str]]


async def stored_plan(db: Database, project_id: str, plan_id: str) -> StoredPlan:
    """Return a finished plan with all its steps; raises ``NotFound`` and, while it is not finished, ``Refused``."""
    row = await db.read_one(psg_cypher.statement("derived_plan"), project_id=project_id, plan_id=plan_id)
    if row is None or row["deleted"]:
        raise NotFound(f"id: plan {plan_id} does not exist in this project", id=plan_id)
    props = row["plan"]
    if props["status"] not in TERMINAL_PLAN or row["closing"]:
        state = "still being closed" if row["closing"] else props["status"]
        raise Refused(f"plan {plan_id} is {state}; only a finished one can be run again", id=plan_id)
    if props.get("pruned_ms") is not None:
        raise Refused(f"plan {plan_id} was pruned: what its steps were given is gone; it cannot run again", id=plan_id)
    steps: list[Mapping[str, Any]] = []
    dependencies: dict[str, Sequence[str]] = {}
    page: list[dict[str, Any]] = [{}]
    while page:
        after = steps[-1]["position"] if steps else -1
        page = await db.read(
            psg_cypher.statement("derived_steps"), project_id=project_id, plan_id=plan_id, after=after, limit=PAGE
        )
        for found in page:
            steps.append(found["step"])
            dependencies[found["step"]["id"]] = found["dependencies"]
    return StoredPlan(props, row["context_id"], steps, dependencies)


async def rerun_plan(
    graph: Graph,
    project_id: str,
    plan_id: str,
    *,
    from_step: str | None = None,
    actor: str = "system",
    command_id: str | None = None,
    invokes_as: str | None = None,
) -> Answer:
    """Make a draft that runs a finished plan again. ids: ``plan``, ``origin``, ``reused`` (how many steps).

    From the step ``from_step`` (its key) on, it and everything after it; without it, of a plan that failed or was
    cancelled what did not complete, and of a completed one everything. What lies before is stored as completed, with
    the outputs recorded, and never executed again. Stages of a workflow have modules do something again only for
    ``invokes_as``, who answers for all they do; for nobody without it.
    Raises ``NotFound`` (also for the step) and ``Refused``.
    """
    command_id = command_id or new_id()
    command = Command("rerun_plan", [plan_id, from_step], actor, command_id)
    new_plan = plan_id_of(command)
    marking = Command("mark_rerun", [plan_id, from_step], actor, f"{command_id}:derive")
    done = await graph.db.read_one(
        psg_cypher.statement("command_find"), project_id=project_id, command_id=marking.command_id
    )
    origin = await stored_plan(graph.db, project_id, plan_id)
    undone = await _undone(graph.db, project_id, plan_id)
    again = steps_again(origin, from_step, undone=undone)
    records = copied(new_plan, origin, again)
    props = plan_props(origin) | {"status": "draft", "paused": False, "payload": dumps({"meta": META})}
    mark = Invocations.of(origin.props.get("invokes"))
    if mark is not None and invokes_as is not None:
        props["invokes"] = mark.for_actor(invokes_as).stored()
    if done is None:
        await graph.load_plan(project_id, store_records(new_plan, origin.context_id, props, records, command))
    # Run again, an undoing plan stays one: what it has undone is not to be undone by its next run either.
    kind: reactions.Derivation = COMPENSATION if origin.props.get("derivation") == COMPENSATION else "rerun"
    answer = await graph.locked(
        project_id, marking,
        lambda locked: reactions.mark_derived(locked, new_plan, plan_id, kind, marking),
    )  # fmt: skip
    ids = {**answer.ids, "reused": len(records) - len(again)}
    return Answer(project_id, command_id, answer.seq, ids, answer.replayed)


async def _undone(db: Database, project_id: str, plan_id: str) -> bool:
    row = await db.read_one(psg_cypher.statement("undoing_plan"), project_id=project_id, plan_id=plan_id)
    return row is not None


def steps_again(origin: StoredPlan, from_step: str | None, *, undone: bool) -> set[str]:
    """Return the ids of the steps that run again: closed under what depends on them.

    ``undone``: the plan was compensated, so that what declares an inverse holds no longer.
    """
    if from_step is not None:
        begin = {s["id"] for s in origin.steps if s["key"] == from_step}
        if not begin:
            known = ", ".join(s["key"] for s in origin.steps[:10])
            raise NotFound(f"from: the plan has no step {from_step!r} (it has {known})", key=from_step)
    elif origin.props["status"] == "completed" and not undone:
        return {s["id"] for s in origin.steps}
    else:
        begin = set()
    begin |= {s["id"] for s in origin.steps if not _holds(s, undone)}
    if from_step is None and origin.props.get("derivation") == COMPENSATION and begin:
        return begin  # what was undone is not undone twice, though it waited for what failed
    return with_dependents(begin, origin.dependencies) or {s["id"] for s in origin.steps}


def _holds(step: Mapping[str, Any], undone: bool) -> bool:
    if step["status"] == "completed":
        return not (undone and step.get("compensation") is not None)
    return step["status"] == "skipped" and step.get("skip_reason") not in AGAIN_REASONS


def with_dependents(begin: Collection[str], dependencies: Mapping[str, Sequence[str]]) -> set[str]:
    """Return these steps and everything that depends on them."""
    dependents: dict[str, list[str]] = {}
    for step, needed in dependencies.items():
        for other in needed:
            dependents.setdefault(other, []).append(step)
    found, queue = set(begin), list(begin)
    while queue:
        for after in dependents.get(queue.pop(), ()):
            if after not in found:
                found.add(after)
                queue.append(after)
    return found


def copied(plan_id: str, origin: StoredPlan, again: Collection[str]) -> list[StepRecord]:
    """Return the steps of a plan for another one: those of ``again`` pending, the others as they ended."""
    ids = {s["id"]: derived_id(plan_id, s["key"]) for s in origin.steps}
    records = []
    for position, step in enumerate(origin.steps):
        props = {k: step.get(k) for k in _STEP_PROPS} | {"status": "pending", "position": position}
        if step["id"] not in again:
            props |= {k: step.get(k) for k in ("status", "output", "skip_reason")}
        needed: list[str] = [ids[d] for d in origin.dependencies[step["id"]] if d in ids]
        records.append(StepRecord(ids[step["id"]], step["key"], position, props, needed))
    return records


def plan_props(origin: StoredPlan) -> dict[str, Any]:
    """Return what a derived plan has from the plan it comes of."""
    return {k: origin.props.get(k) for k in _PLAN_PROPS}


def spec_of(origin: StoredPlan) -> PlanSpec:
    """Return a stored plan as its author would write it."""
    props, key_of = origin.props, {s["id"]: s["key"] for s in origin.steps}
    return PlanSpec(
        title=props["title"], objective=props["objective"], goal_id=props.get("goal_id"),
        params=loads(props.get("params")) or {}, policy=loads(props.get("policy")),
        approval=loads(props.get("approval")), budget=loads(props.get("budget")),
        on_failure=props.get("on_failure") or "continue", success_criteria=props.get("success_criteria") or (),
        steps=[_step_spec(s, [key_of[d] for d in origin.dependencies[s["id"]] if d in key_of]) for s in origin.steps],
    )  # fmt: skip


def _step_spec(step: Mapping[str, Any], dependencies: list[str]) -> StepSpec:
    return StepSpec(
        key=step["key"], type=step["type"], name=step.get("capability"), description=step.get("description") or "",
        params=loads(step.get("params")) or {}, dependencies=dependencies, timeout_ms=step.get("timeout_ms"),
        retries=step.get("retries"), agent_role=step.get("agent_role"), order_index=step.get("order_index"),
        urgency=step.get("sched_urgency") or 0, condition=step.get("condition"),
        join=step.get("join") or "not_skipped", policy=loads(step.get("policy")),
        approval=loads(step.get("approval")), budget=loads(step.get("budget")),
        compensation=loads(step.get("compensation")),
    )  # fmt: skip


def taken_over(plan_id: str, origin: StoredPlan, spec: PlanSpec) -> list[StepRecord]:
    """Return the steps of a new plan; those that completed in the origin, and are the same here, with their results.

    A step that depends on one that is to be done is to be done too.
    """
    records = records_of_spec(plan_id, spec)
    before = {s["key"]: s for s in origin.steps}
    keys = {s["id"]: s["key"] for s in origin.steps} | {r.step_id: r.key for r in records}
    begin = set()
    for record, step in zip(records, spec.steps, strict=True):
        old = before.get(record.key)
        if old is None or not _holds(old, False) or not _same_work(step, old):
            begin.add(record.step_id)
        elif {keys[d] for d in record.dependencies} - {keys[d] for d in origin.dependencies[old["id"]]}:
            begin.add(record.step_id)  # it comes after something that it did not come after
    again = with_dependents(begin, {r.step_id: r.dependencies for r in records})
    for record in records:
        if record.step_id not in again:
            old = before[record.key]
            record.props |= {k: old.get(k) for k in ("status", "output", "skip_reason")}
    return records


def _same_work(step: StepSpec, old: Mapping[str, Any]) -> bool:
    """Whether a step does what a stored one did; then what that gave is what this would give."""
    new_work = (step.type, step.name, step.agent_role, step.condition, step.params)
    old_work = (
        old["type"], old.get("capability"), old.get("agent_role"), old.get("condition"), loads(old.get("params")) or {}
    )  # fmt: skip
    return new_work == old_work
