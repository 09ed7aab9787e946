"""Changing a plan that exists, also while it runs: steps and dependencies added or removed, under the lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psg.commands.lifecycle import plan_inside
from psg.commands.plans import add_step_node
from psg.errors import DuplicateId, NotEditable, NotFound, ReferenceMissing
from psg.model.ids import derived_id
from psg.model.lifecycle import TERMINAL_PLAN
from psg.plan.order import GAP, cycle_error, ranks, rerank
from psg.plan.spec import StepSpec
from psg.plan.steps import StepRecord, frontier_state, record_of_step
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

RERANK_CHUNK = 5_000


async def add_step(
    locked: Locked, plan_id: str, step: StepSpec, expected_revision: int | None, command: Command
) -> Change:
    """Decide a new step of a plan that is not finished; its dependencies are given by key."""
    plan = await plan_inside(locked, plan_id, expected_revision)
    if plan["status"] in TERMINAL_PLAN or plan["loading"]:
        raise NotEditable(f"plan {plan_id} is {plan['status']}; steps can be added until it is finished", id=plan_id)
    found = await locked.read("plan_steps_by_key", plan_id=plan_id, keys=[step.key, *step.dependencies])
    by_key = {row["key"]: row for row in found if not row["deleted"]}
    if any(row["key"] == step.key for row in found):
        raise DuplicateId(f"key: plan {plan_id} has a step {step.key!r} already", key=step.key)
    step_id = derived_id("step", command.command_id)
    record = record_of_step(step_id, step, plan["steps_next"], {k: r["id"] for k, r in by_key.items()})
    _refuse_unlocking(by_key.values())
    rank = max((by_key[key]["rank"] + GAP for key in step.dependencies), default=0)
    status_of = {row["id"]: row["status"] for row in by_key.values()}
    change = Change(command)
    add_step_node(change, plan_id, record, status_of, rank)
    counts = {
        "steps_total": plan["steps_total"] + 1, "steps_open": plan["steps_open"] + 1,
        "steps_next": plan["steps_next"] + 1,
    }  # fmt: skip
    change.adjust(plan_id, counts, add=_runnable(plan))
    change.answer = {"step": step_id}
    return change


def _runnable(plan: Mapping[str, Any]) -> list[str]:
    return ["Runnable"] if plan["status"] == "in_progress" and not plan["paused"] else []


def _refuse_unlocking(dependencies: Sequence[Mapping[str, Any]] | Any) -> None:
    for row in dependencies:
        if row["unlocking"]:
            raise NotEditable(
                f"step {row['id']} is just telling its many dependents that it is done; try again in a moment",
                id=row["id"], retry=True,
            )  # fmt: skip


async def _editable(locked: Locked, step_id: str, field: str) -> Mapping[str, Any]:
    step = await locked.read_one("step_state", step_id=step_id)
    if step is None or step["deleted"]:
        kind = NotFound if field == "id" else ReferenceMissing
        raise kind(f"{field}: step {step_id} does not exist in this project", field=field, id=step_id)
    return step


async def add_dependency(locked: Locked, step_id: str, depends_on: str, command: Command) -> Change:
    """Decide a late edge: refused when the step runs or is done, or when a cycle would close (DD-02, EVIDENCE B1)."""
    step, target = await _pair(locked, step_id, depends_on)
    if any(d["id"] == depends_on for d in step["dependencies"]):
        raise DuplicateId(f"step {step_id} depends on {depends_on} already", id=depends_on)
    _refuse_unlocking([target])
    if step_id == depends_on:
        raise cycle_error([step["key"]])
    if step["rank"] <= target["rank"]:
        await _make_room(locked, step, target)
    change = Change(command)
    at = max((d["at"] or 0 for d in step["dependencies"]), default=-1) + 1
    change.link("Step", step_id, "DEPENDS_ON", depends_on, plan=step["plan_id"], at=at)
    dependencies = [*step["dependencies"], {"id": depends_on, "status": target["status"]}]
    await _frontier(change, locked, step, dependencies)
    return change


async def remove_dependency(locked: Locked, step_id: str, depends_on: str, command: Command) -> Change:
    """Decide the removal of an edge; the step may become ready by it."""
    step, target = await _pair(locked, step_id, depends_on)
    _refuse_unlocking([target])
    rest = [d for d in step["dependencies"] if d["id"] != depends_on]
    if len(rest) == len(step["dependencies"]):
        raise NotFound(f"step {step_id} does not depend on {depends_on}", field="depends_on", id=depends_on)
    change = Change(command)
    at = next(d["at"] for d in step["dependencies"] if d["id"] == depends_on)
    change.unlink("Step", step_id, "DEPENDS_ON", depends_on, plan=step["plan_id"], at=at)
    await _frontier(change, locked, step, rest)
    return change


async def _pair(locked: Locked, step_id: str, depends_on: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    step = await _editable(locked, step_id, "id")
    target = await _editable(locked, depends_on, "depends_on")
    if step["plan_id"] != target["plan_id"]:
        raise ReferenceMissing(
            f"depends_on: step {depends_on} is of another plan; dependencies stay inside one", id=depends_on
        )
    if step["status"] != "pending":
        raise NotEditable(
            f"step {step_id} is {step['status']}; dependencies of a step can change until it starts", id=step_id
        )
    plan = await plan_inside(locked, step["plan_id"])
    if plan["status"] in TERMINAL_PLAN or plan["loading"]:
        raise NotEditable(f"plan {step['plan_id']} is {plan['status']}; it cannot be changed", id=step["plan_id"])
    return step, target


async def _frontier(
    change: Change, locked: Locked, step: Mapping[str, Any], dependencies: Sequence[Mapping[str, Any]]
) -> None:
    """Recompute what the frontier keeps about a pending step whose dependencies change."""
    record = StepRecord(
        step["id"], step["key"], step["position"],
        {"status": "pending", **{k: step[k] for k in ("condition", "type", "order_index", "join")}},
        [d["id"] for d in dependencies],
    )  # fmt: skip
    derived, labels = frontier_state(record, {d["id"]: d["status"] for d in dependencies}, 0)
    kept = {k: derived[k] for k in ("waits", "gated")}
    change.adjust(step["id"], kept, add=labels, remove=[x for x in ("Ready", "Undecided") if x not in labels])
    plan = await plan_inside(locked, step["plan_id"])
    if labels and _runnable(plan):
        change.adjust(step["plan_id"], {}, add=["Runnable"])
    change.answer = {"step": step["id"]}


async def _make_room(locked: Locked, step: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Raise the step and its dependents above the target, or name the cycle."""
    rows = await locked.read(
        "dependency_region", step_id=step["id"], high=target["rank"], low=step["rank"]
    )
    region = {row["id"]: row["dependencies"] for row in rows}
    key_of = {row["id"]: row["key"] for row in rows}
    if target["id"] in region:
        raise cycle_error([key_of[i] for i in _path(region, step["id"], target["id"])])
    moved = rerank(region, target["rank"], {row["id"]: row["ceiling"] for row in rows})
    if moved is None:
        plan = await locked.read("plan_dependencies", plan_id=step["plan_id"])
        wanted = {row["id"]: list(row["dependencies"]) for row in plan}
        wanted[step["id"]].append(target["id"])
        moved = ranks(wanted)
    changed = [{"id": node, "rank": rank} for node, rank in moved.items()]
    for i in range(0, len(changed), RERANK_CHUNK):
        await locked.read("steps_rerank", rows=changed[i : i + RERANK_CHUNK])


def _path(region: Mapping[str, Sequence[str]], low: str, high: str) -> list[str]:
    """The way from ``high`` down to ``low`` inside the region: with the new edge it closes the cycle."""
    came: dict[str, str] = {}
    stack = [high]
    while stack:
        node = stack.pop()
        for below in region.get(node, ()):
            if below in region and below not in came and below != high:
                came[below] = node
                stack.append(below)
    path = [low]
    while path[-1] != high:
        path.append(came[path[-1]])
    path.reverse()
    return [low, *path[:-1]]
