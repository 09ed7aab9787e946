"""A history of the in-memory executor, made into what decisions can be made from again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psg.errors import PsgError
from psg.model.codec import moment
from psg.model.lifecycle import TERMINAL_STEP
from psg.plan.steps import place_of
from psg_runtime.contracts import OrchestratorPlan
from psg_runtime.contracts.conversion import step_spec_fields
from psg_runtime.replay.errors import ReplayUnreadable

_STEP_FIELDS = ("type", "agent_role", "params", "condition", "retries", "timeout_ms", "join", "policy")
_PLAN_FIELDS = ("params", "policy", "on_failure", "success_criteria")


def run_of_entries(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the run of the last execution in a history (in the shape of ``GraphReplay.history``).

    Skips are no entries of their own: each is placed where it could first be decided. Raises ``ReplayUnreadable`` when
    the history does not tell the plan.
    """
    begun = [i for i, one in enumerate(entries) if one["event"] == "execution_started"]
    plans = [one["data"] for one in entries if one["event"] == "plan_created"]
    if not plans or not begun:
        raise ReplayUnreadable("The history has no plan_created or no execution_started: nothing can be decided again.")
    try:
        plan = OrchestratorPlan.parse(plans[-1])
    except PsgError as error:
        raise ReplayUnreadable(f"The plan of the history is none: {error}") from None
    fields = {step.id: step_spec_fields(step) for step in plan.steps}
    steps = {
        key: {**{n: step[n] for n in _STEP_FIELDS if step.get(n) is not None}, "dependencies": step["dependencies"]}
        for key, step in fields.items()
    }
    told = {name: value for name in _PLAN_FIELDS if (value := plan.extension(name)) is not None}
    try:
        happened = [item for i, one in enumerate(entries[begun[-1] :], begun[-1] + 1) for item in _items(i, one)]
        history = _placed(happened, steps)
    except (KeyError, TypeError, AttributeError) as error:
        raise ReplayUnreadable(f"The history does not hold together: {type(error).__name__}: {error}.") from error
    about = {"id": plan.id, "title": plan.extension("title", plan.id), "goal_id": plan.goal_id, **told}
    return {"plan": about, "steps": steps, "history": history}


def _items(seq: int, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    data, event = one["data"], one["event"]
    at = {"seq": seq, "at": round(moment(one["timestamp"]).timestamp() * 1000)}
    if event == "execution_started":
        return [{**at, "what": "started"}]
    if event == "step_started":
        return [{**at, "what": "claimed", "step": data["stepId"]}]
    if event == "step_completed":
        return [{**at, "what": "completed", "step": data["stepId"], "output": data.get("output")}]
    if event == "step_failed":
        # Attempts before the last are not told one by one, only how many there were.
        failed = {**at, "what": "failed", "step": data["stepId"], "error": {"code": data.get("errorCode")}}
        return [{**failed, "failures": max(0, data.get("attempts", 1) - 1)}]
    if event in ("execution_completed", "execution_failed"):
        skips = {step["stepId"]: step.get("reason") for step in data.get("steps", ()) if step["status"] == "skipped"}
        return [{**at, "what": "ended", "status": data["status"], "skips": skips}]
    return []


def _placed(history: list[dict[str, Any]], steps: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The history with its skips, each as soon as what its step waits for had come."""
    end = history[-1]
    skips: dict[str, Any] = end.pop("skips") if end["what"] == "ended" else {}
    status = dict.fromkeys(steps, "pending")
    placed: list[dict[str, Any]] = []
    for item in history:
        # What a cancellation left is skipped at the end, open or not.
        while skipped := [k for k in skips if _open(steps[k], status)] or (list(skips) if item is end else []):
            placed += [{**item, "what": "skipped", "step": k, "reason": skips.pop(k)} for k in skipped]
            status |= dict.fromkeys(skipped, "skipped")
        placed.append(item)
        if item["what"] in ("completed", "failed"):
            status[item["step"]] = item["what"]
    return placed


def _open(step: Mapping[str, Any], status: Mapping[str, str]) -> bool:
    statuses = [status[dependency] for dependency in step["dependencies"]]
    return place_of(step.get("join"), False, sum(s not in TERMINAL_STEP for s in statuses), statuses)[0]
