"""Decides a recorded run once more, with the decision functions of this release.

What was recorded is the input: plans, conditions, outputs, errors, what operators did. What the orchestrator made of
it must come out the same: which steps ran, which were skipped and why, which attempts were repeated and when, how the
plan ended. The first decision that comes out otherwise is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from psg.errors import PsgError
from psg.plan.policy import inherit, retry_said
from psg_runtime.execution_core.policies import RetryPolicy
from psg_runtime.expressions import default_engine
from psg_runtime.orchestrator.decide import Fail, Retry, Run, Skip, decide_retry, decide_undecided
from psg_runtime.orchestrator.settings import OrchestratorSettings
from psg_runtime.replay.errors import ReplayUnreadable

OPERATORS = frozenset(("cancelled", "plan_stopped", "policy_invalid"))
"""Reasons and error codes that no decision about a step gave: an operator did, or the plan's end."""
ASK_FOR_DELAYS = frozenset(("http_status",))
_OPEN = frozenset(("pending", "in_progress"))


@dataclass(frozen=True, slots=True)
class Difference:
    """The first decision that differs: at number ``seq`` of the log, about ``step`` (None: the plan)."""

    seq: int
    step: str | None
    recorded: str
    decided: str

    def __str__(self) -> str:
        about = "the plan" if self.step is None else f"step `{self.step}`"
        return f"at {self.seq}, {about}: recorded {self.recorded}, decided now {self.decided}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many decisions were made again, and the first that differs."""

    decisions: int
    difference: Difference | None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as data."""
        return asdict(self)


def redecide(run: Mapping[str, Any]) -> Verdict:
    """Decide a recorded run again (of ``GraphReplay.history``, or ``run`` of an export), up to the first difference.

    Raises ``ReplayUnreadable`` when it does not hold together.
    """
    made = 0
    try:
        for item, decided in _Redecision(run).decisions():
            made += 1
            if decided is not None:
                return Verdict(made, Difference(item["seq"], item.get("step"), *decided))
    except (KeyError, TypeError, AttributeError) as error:
        raise ReplayUnreadable(f"The recorded run does not hold together: {type(error).__name__}: {error}.") from error
    return Verdict(made, None)


class _Redecision:
    def __init__(self, run: Mapping[str, Any]) -> None:
        self._plan = run["plan"]
        self._project_policy = run.get("project_policy")
        self._steps = {key: dict(step) for key, step in run["steps"].items()}
        self._history: list[Mapping[str, Any]] = list(run["history"])
        self._status = dict.fromkeys(self._steps, "pending")
        self._reason: dict[str, str | None] = {}
        self._output: dict[str, Any] = {}
        self._failures: dict[str, int] = {}
        delays = [item["delay_ms"] for item in self._history if item["what"] == "retried"]
        self._max_ms: int = max(delays, default=OrchestratorSettings.model_fields["retry_max_ms"].default)
        self._base_ms: dict[str, int] = {}
        self._retryable = _retryable_codes()

    def decisions(self) -> Iterator[tuple[Mapping[str, Any], tuple[str, str] | None]]:
        """Every decision of the history, with (recorded, decided) where the two differ."""
        judges: dict[str, Callable[[Mapping[str, Any]], tuple[str, str] | None]] = {
            "claimed": self._claimed, "skipped": self._skipped, "retried": self._retried, "failed": self._failed,
            "ended": self._ended,
        }  # fmt: skip
        for item in self._history:
            judge = judges.get(item["what"])
            if judge is not None and not _by_operator(item):
                yield item, judge(item)
            self._apply(item)

    def _claimed(self, item: Mapping[str, Any]) -> tuple[str, str] | None:
        return _differs("run", self._decide(item["step"], None))

    def _skipped(self, item: Mapping[str, Any]) -> tuple[str, str] | None:
        reason, step = item["reason"], self._steps[item["step"]]
        # Whether a model was configured where the step would have run is not in the log: it is an input.
        unavailable = reason if step["type"] == "llm" and reason not in _decided_reasons() else None
        return _differs(f"skip ({reason})", self._decide(item["step"], unavailable))

    def _decide(self, key: str, unavailable: str | None) -> str:
        step = self._steps[key]
        if self._status[key] != "pending":
            return f"nothing: it is {self._status[key]}"
        dependencies = [{"status": self._status[d], "reason": self._reason.get(d)} for d in step["dependencies"]]
        condition = None if step.get("condition") is None else partial(self._holds, step["condition"])
        decision = decide_undecided(dependencies, unavailable, condition, step.get("join"))
        if isinstance(decision, Skip):
            return f"skip ({decision.reason})"
        waiting = [d for d in step["dependencies"] if self._status[d] in _OPEN]
        if waiting and step.get("join") != "any":
            return f"wait for {', '.join(waiting[:5])}"
        return "run" if isinstance(decision, Run) else type(decision).__name__.lower()

    def _holds(self, text: str) -> bool:
        condition = default_engine().compile_condition(text)
        ended = {k: v for k, v in self._status.items() if k in condition.references}
        steps = {key: {"status": status, "output": self._output.get(key)} for key, status in ended.items()}
        return condition.evaluate({"steps": steps, "params": self._plan.get("params") or {}})

    def _retried(self, item: Mapping[str, Any]) -> tuple[str, str] | None:
        key, code, delay = item["step"], item["error"].get("code"), item["delay_ms"]
        failures = self._failures.get(key, 0)
        if failures == 0:
            self._base_ms[key] = delay  # the orchestrator's own setting is not in the log: the first delay tells it
        error: dict[str, Any] = {"code": code, "retryable": self._retryable.get(code, True)}
        if item.get("retry_after_ms") is not None:
            error["details"] = {"retry_after_ms": item["retry_after_ms"]}
        decided = self._after_failure(key, error, failures, item.get("attempt"))
        if isinstance(decided, Retry) and (self._drawn_from_settings(key) or self._asked_for(item, decided)):
            return None
        return _differs(f"retry after {delay} ms", _told(decided))

    def _failed(self, item: Mapping[str, Any]) -> tuple[str, str] | None:
        key, error = item["step"], dict(item["error"] or {})
        error.setdefault("retryable", self._retryable.get(error.get("code") or "", False))
        failures = item.get("failures", self._failures.get(key, 0))
        return _differs("fail", _told(self._after_failure(key, error, failures, None)))

    def _after_failure(
        self, key: str, error: Mapping[str, Any], failures: int, attempt: int | None
    ) -> Retry | Fail:
        said = self._retry_said(key)
        defaults = OrchestratorSettings.model_fields
        base = said.get("base_ms") or self._base_ms.get(key, defaults["retry_base_ms"].default)
        limits = {"max_retries": 0, "factor": 2, **said, "base_ms": base}
        limits.setdefault("max_ms", max(self._max_ms, base))
        seed = f"{self._steps[key].get('id')}:{attempt}" if limits.pop("jitter", "none") == "full" else None
        return decide_retry(failures, RetryPolicy.of(limits), error, seed=seed)

    def _retry_said(self, key: str) -> dict[str, Any]:
        """What project, plan and step say about retries, the most particular word last."""
        step = self._steps[key]
        shorthand = {} if step.get("retries") is None else {"retry": {"max_retries": step["retries"]}}
        return retry_said(inherit(self._project_policy, self._plan.get("policy"), step.get("policy"), shorthand))

    def _drawn_from_settings(self, key: str) -> bool:
        """Whether a delay was drawn from bounds that are not in the log: that there is a retry is all that is known."""
        said = self._retry_said(key)
        return said.get("jitter") == "full" and ("base_ms" not in said or "max_ms" not in said)

    def _asked_for(self, item: Mapping[str, Any], decided: Retry) -> bool:
        """Whether a server asked for the longer delay; a log that does not tell it is believed where it can be."""
        longest = self._retry_said(item["step"]).get("max_ms")
        believed = item["error"].get("code") in ASK_FOR_DELAYS or (longest is not None and item["delay_ms"] > longest)
        return believed and item["delay_ms"] > decided.delay_ms

    def _ended(self, item: Mapping[str, Any]) -> tuple[str, str] | None:
        if still := [key for key, status in self._status.items() if status in _OPEN]:
            return f"ended ({item['status']})", f"go on: {', '.join(still[:5])} not done"
        failed = any(status == "failed" for status in self._status.values())
        return _differs(f"ended ({item['status']})", f"ended ({'failed' if failed else 'completed'})")

    def _apply(self, item: Mapping[str, Any]) -> None:
        what, key = item["what"], item.get("step")
        if what in ("completed", "failed", "skipped"):
            self._status[str(key)] = what
            self._reason[str(key)] = item.get("reason")
            self._output[str(key)] = item.get("output")
        elif what == "taken_over":
            self._status[str(key)], self._reason[str(key)] = item["status"], item.get("reason")
            self._output[str(key)] = item.get("output")
        elif what == "claimed":
            self._status[str(key)] = "in_progress"
        elif what == "retried":
            self._failures[str(key)] = self._failures.get(str(key), 0) + 1
        elif what == "linked":
            self._steps[str(key)]["dependencies"] = [*self._steps[str(key)]["dependencies"], item["dependency"]]
        elif what == "unlinked":
            kept = [d for d in self._steps[str(key)]["dependencies"] if d != item["dependency"]]
            self._steps[str(key)]["dependencies"] = kept
        elif what == "restored":
            self._status[str(key)] = item.get("status", self._status[str(key)])
            self._reason[str(key)] = item.get("skip_reason")
            self._failures.pop(str(key), None)


def _by_operator(item: Mapping[str, Any]) -> bool:
    if item["what"] == "failed":
        return (item["error"] or {}).get("code") in OPERATORS
    return item.get("reason") in OPERATORS or item.get("status") in OPERATORS


def _told(decision: Retry | Fail) -> str:
    return f"retry after {decision.delay_ms} ms" if isinstance(decision, Retry) else "fail"


def _differs(recorded: str, decided: str) -> tuple[str, str] | None:
    return None if recorded == decided else (recorded, decided)


def _decided_reasons() -> frozenset[str]:
    return frozenset(("dependency_failed", "dependency_skipped", "all_dependencies_skipped", "condition_false"))


def _retryable_codes() -> dict[str, bool]:
    """Whether errors of a code may be retried, from the classes of this release."""
    found: dict[str, bool] = {}
    classes: list[type[PsgError]] = [PsgError]
    while classes:
        kind = classes.pop()
        # Two classes may share a code, one for what may be tried again: then either was possible.
        found[kind.code] = found.get(kind.code, False) or kind.retryable
        classes += kind.__subclasses__()
    return found
