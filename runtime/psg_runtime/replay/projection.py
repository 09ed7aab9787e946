"""A run on the graph, read from its log: entries as the contracts have them, and what every decision was made from.

``run`` is plain data: ``plan`` (id, title, goal_id, status, params, policy, on_failure, success_criteria), the
``project_policy``, ``steps`` (by key, as they were when the log begins: what decides about them, with ``dependencies``
as keys), and ``history``: what happened, each ``{seq, at, what, …}``, ``what`` being one of ``HISTORY``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psg.events.causality import EXECUTION_STARTED
from psg.model.codec import content_hash, loads, opened_within, timestamp
from psg.model.lifecycle import TERMINAL_STEP
from psg_runtime.contracts.record import Record
from psg_runtime.replay.history import entry

HISTORY = (
    "taken_over", "started", "claimed", "retried", "completed", "failed", "skipped", "ended", "added", "linked",
    "unlinked", "restored",
)  # fmt: skip
_PLAN_FIELDS = ("id", "title", "goal_id", "status", "params", "policy", "on_failure", "success_criteria")
_STEP_FIELDS = (
    "type", "capability", "description", "agent_role", "params", "condition", "retries", "timeout_ms", "join", "policy",
)  # fmt: skip
_PLAN_ENDS = {"plan_completed": "completed", "plan_failed": "failed", "plan_cancelled": "cancelled"}
_STEP_ENDS = {"step_completed": "completed", "step_failed": "failed"}

Event = Mapping[str, Any]


class Projection:
    """Reads the events of one plan in their order; ``plan`` is the plan as it is now (``psg.snapshots.plan_as_of``)."""

    def __init__(self, plan: Mapping[str, Any], project_policy: Mapping[str, Any] | None = None) -> None:
        self.entries: list[Record] = []
        self._plan = plan
        self._project_policy = project_policy
        self._steps = {step["id"]: step for step in plan["steps"]}
        self._first = {i: list(step["dependencies"]) for i, step in self._steps.items()}
        self._results: dict[str, dict[str, Any]] = {}
        self._taken_over: dict[str, dict[str, Any]] = {}
        self._said: dict[str, dict[str, Any]] = {}
        self._begun: dict[str, int] = {}
        self._started: int | None = None
        self._history: list[dict[str, Any]] = []

    def read(self, events: Iterable[Event]) -> Projection:
        """Take events in; returns itself."""
        for event in events:
            changes = opened_within(loads(event["changes"])) or {}
            if event["entity_type"] == "Plan" and event["entity"] == self._plan["id"]:
                self._of_plan(event, changes)
            elif event["entity_type"] == "Step" and event["entity"] in self._steps:
                self._of_step(event, changes, self._steps[event["entity"]])
        return self

    @property
    def run(self) -> dict[str, Any]:
        """What the decisions of the run were made from."""
        steps = {
            step["key"]: {
                "id": i,
                **{name: step[name] for name in _STEP_FIELDS if step.get(name) is not None},
                "dependencies": [self._key(d) for d in self._first[i] if d in self._steps],
            }
            for i, step in self._steps.items()
        }
        plan = {name: self._plan[name] for name in _PLAN_FIELDS if self._plan.get(name) is not None}
        return {"plan": plan, "project_policy": self._project_policy, "steps": steps, "history": self._history}

    def _of_plan(self, event: Event, changes: Mapping[str, Any]) -> None:
        if event["op"] == "create":
            self._entry(event, "plan_created", self._contract(event))
        elif event["type"] == EXECUTION_STARTED:
            self._started, self._results = event["at"], dict(self._taken_over)
            self._happened(event, "started")
            self._entry(event, "execution_started", {"planId": self._plan["id"], "steps": len(self._steps)})
        elif event["family"] == "pipeline_stage" and event["type"] in _PLAN_ENDS:
            status = _PLAN_ENDS[event["type"]]
            self._happened(event, "ended", status=status)
            name = "execution_completed" if status == "completed" else "execution_failed"
            self._entry(event, name, self._execution_result(event, status))

    def _of_step(self, event: Event, changes: Mapping[str, Any], step: Mapping[str, Any]) -> None:
        key, kind, after = step["key"], event["type"], changes.get("after") or {}
        if event["op"] == "create":
            links = changes.get("links") or ()
            self._first[step["id"]] = [t for name, t in links if name == "DEPENDS_ON" and t in self._steps]
            if after.get("status") in TERMINAL_STEP:
                self._of_taken_over(event, after, step)
            elif self._started is not None:
                self._happened(event, "added", step=key)
        elif event["op"] in ("link", "unlink"):
            if changes.get("type") == "DEPENDS_ON" and changes["to"] in self._steps:
                self._happened(event, f"{event['op']}ed", step=key, dependency=self._key(changes["to"]))
        elif event["op"] == "restore":
            kept = {name: after[name] for name in ("status", "skip_reason") if name in after}
            self._happened(event, "restored", step=key, **kept)
        elif kind == "step_retry":
            told = {name: changes.get(name) for name in ("attempt", "delay_ms", "retry_after_ms") if name in changes}
            self._happened(event, "retried", step=key, error={"code": changes.get("error")}, **told)
        elif event["op"] == "set" and event["family"] == "graph_update":
            self._said[step["id"]] = {name: self._value(step, name, after) for name in ("output", "error")}
        elif event["family"] == "pipeline_stage":
            self._of_status(event, after, step)

    def _of_taken_over(self, event: Event, after: Mapping[str, Any], step: Mapping[str, Any]) -> None:
        """A plan that goes on where another one ended begins with what came of its steps there."""
        status, output = after["status"], self._value(step, "output", after)
        told = {"status": status, "reason": after.get("skip_reason"), "output": output}
        self._happened(event, "taken_over", step=step["key"], **told)
        result = {"stepId": step["key"], **{name: value for name, value in told.items() if value is not None}}
        self._taken_over[step["id"]] = self._results[step["id"]] = result

    def _of_status(self, event: Event, after: Mapping[str, Any], step: Mapping[str, Any]) -> None:
        key, kind = step["key"], event["type"]
        if kind == "step_in_progress":
            self._begun[step["id"]] = event["at"]
            self._happened(event, "claimed", step=key)
            told = {"stepId": key, "type": step["type"], "name": step.get("capability")}
            self._entry(event, "step_started", {**told, "startedAt": timestamp(event["at"])})
        elif kind == "step_skipped":
            self._results[step["id"]] = {"stepId": key, "status": "skipped", "reason": after.get("skip_reason")}
            self._happened(event, "skipped", step=key, reason=after.get("skip_reason"))
        elif kind in _STEP_ENDS:
            said = self._said.pop(step["id"], {})
            if "error" in after:
                said = {**said, "error": self._value(step, "error", after)}
            status = _STEP_ENDS[kind]
            what = {"output": said.get("output")} if status == "completed" else {"error": said.get("error")}
            self._happened(event, status, step=key, **what)
            self._results[step["id"]] = self._step_result(event, step, status, said)
            self._entry(event, kind, self._results[step["id"]])

    def _step_result(
        self, event: Event, step: Mapping[str, Any], status: str, said: Mapping[str, Any]
    ) -> dict[str, Any]:
        begun = self._begun.get(step["id"])
        error = said.get("error") or {}
        result = {
            "stepId": step["key"], "status": status, "output": said.get("output"), "error": error.get("message"),
            "errorCode": error.get("code"), "completedAt": timestamp(event["at"]),
            "startedAt": None if begun is None else timestamp(begun),
            "duration": None if begun is None else event["at"] - begun,
        }  # fmt: skip
        return {name: value for name, value in result.items() if value is not None}

    def _execution_result(self, event: Event, status: str) -> dict[str, Any]:
        results = [
            self._results.get(i, {"stepId": step["key"], "status": "pending"}) for i, step in self._steps.items()
        ]
        failed = [r for r in results if r["status"] == "failed"]
        started = event["at"] if self._started is None else self._started
        error = f"step `{failed[0]['stepId']}` failed: {failed[0].get('error')}" if failed else f"the plan {status}"
        told = {
            "planId": self._plan["id"], "status": status, "steps": results, "startedAt": timestamp(started),
            "completedAt": timestamp(event["at"]), "error": None if status == "completed" else error,
            "metadata": {
                "totalDuration": event["at"] - started, "totalSteps": len(results), "failedSteps": len(failed),
                "completedSteps": sum(r["status"] == "completed" for r in results),
            },
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}

    def _contract(self, event: Event) -> dict[str, Any]:
        """The plan as the contracts write it."""
        steps = [
            {
                "id": step["key"], "type": step["type"], "name": step.get("capability") or step["type"],
                "description": step.get("description", ""), "params": step.get("params") or {},
                "dependencies": [self._key(d) for d in step["dependencies"]],
            }
            for step in self._steps.values()
        ]  # fmt: skip
        goal = self._plan.get("goal_id") or ""
        created = timestamp(event["at"])
        return {
            "id": self._plan["id"], "goalId": goal, "title": self._plan["title"], "steps": steps, "createdAt": created
        }  # fmt: skip

    def _value(self, step: Mapping[str, Any], name: str, after: Mapping[str, Any]) -> Any:
        """A value of an event; of a long one the log has the hash, the graph the text."""
        logged = after.get(name)
        if content_hash(logged) is not None:
            return step.get(name)
        return loads(logged) if isinstance(logged, str) else logged

    def _key(self, step_id: str) -> str:
        step = self._steps.get(step_id)
        return step_id if step is None else str(step["key"])

    def _happened(self, event: Event, what: str, **more: Any) -> None:
        self._history.append({"seq": event["seq"], "at": event["at"], "what": what, **more})

    def _entry(self, event: Event, name: str, data: Mapping[str, Any]) -> None:
        self.entries.append(entry(name, data, timestamp(event["at"])))
