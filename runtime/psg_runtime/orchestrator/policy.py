"""The policy that holds for a step: project, plan and step over the defaults, bounded, read once per text (EXEC-05)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from psg.model.codec import loads
from psg.plan.policy import PolicySpec, RecoverySpec, authored, inherit, retry_said
from psg_runtime.execution_core.policies import RetryPolicy
from psg_runtime.orchestrator.denials import PolicyUnreadable
from psg_runtime.orchestrator.settings import OrchestratorSettings

POLICIES_KEPT = 4096
LAYERS = ("project", "plan", "step")


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """How a step is run; times in milliseconds, ``None`` where nothing was said.

    ``jitter``: retries wait a drawn part of their delay. ``ledger``: a repeated idempotency key is answered from what
    was recorded; ``key`` is its template. ``recovery``: what follows when no attempt is left.
    """

    retry: RetryPolicy
    jitter: bool = False
    queue_ms: int | None = None
    attempt_ms: int | None = None
    total_ms: int | None = None
    heartbeat_ms: int | None = None
    ledger: bool = False
    key: str | None = None
    recovery: RecoverySpec | None = None


class Policies:
    """The policies of steps by the texts that they are stored in; each combination is judged once."""

    def __init__(self, settings: OrchestratorSettings) -> None:
        self._defaults = {
            "max_retries": 0, "base_ms": settings.retry_base_ms, "max_ms": settings.retry_max_ms, "factor": 2,
        }  # fmt: skip
        self._known: dict[tuple[Any, ...], StepPolicy | str] = {}

    def of(self, claim: Mapping[str, Any], project: str | None) -> StepPolicy:
        """Return the policy of a claimed step; raises PolicyUnreadable when one of the stored texts is none."""
        key = (project, claim["plan_policy"], claim["policy"], claim["timeout_ms"], claim["retries"])
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= POLICIES_KEPT:
                self._known.clear()
            found = self._known[key] = self._judged(key)
        if isinstance(found, str):
            raise PolicyUnreadable(found)
        return found

    def _judged(self, key: tuple[Any, ...]) -> StepPolicy | str:
        project, plan, step, timeout_ms, retries = key
        layers = []
        for name, text in zip(LAYERS, (project, plan, step), strict=True):
            try:
                layers.append(policy_of_text(text))
            except ValueError as error:
                return f"the policy of the {name} cannot be read: {error}"
        shorthand = {"retry": {"max_retries": retries}, "timeout": {"attempt_ms": timeout_ms}}
        said = {s: {k: v for k, v in values.items() if v is not None} for s, values in shorthand.items()}
        try:
            return self._policy(inherit(*layers, said))
        except (ValueError, TypeError) as error:
            return f"the policy of the step is not bounded: {error}"

    def _policy(self, said: Mapping[str, Mapping[str, Any]]) -> StepPolicy:
        retry, timeout = retry_said(said), said.get("timeout", {})
        idempotency = said.get("idempotency", {})
        recovery = None if said.get("recovery") is None else RecoverySpec.model_validate(said["recovery"])
        jitter = retry.pop("jitter", "none") == "full"
        if "max_ms" not in retry:  # who asks for a longer first delay does not mean it to be cut by a default
            retry["max_ms"] = max(self._defaults["max_ms"], retry.get("base_ms", 0))
        enabled = idempotency.get("enabled")
        key = idempotency.get("key")
        return StepPolicy(
            RetryPolicy.of({**self._defaults, **retry}), jitter,
            **{name: timeout.get(name) for name in ("queue_ms", "attempt_ms", "total_ms", "heartbeat_ms")},
            ledger=key is not None if enabled is None else enabled, key=key, recovery=recovery,
        )  # fmt: skip


def policy_of_text(text: str | None) -> dict[str, Any]:
    """Return what a stored policy says, empty for none; raises ValueError for what is no bounded policy."""
    if text is None:
        return {}
    value = loads(text)
    if value is None:
        return {}
    try:
        return authored(PolicySpec.model_validate(value)) or {}
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc'])) or 'policy'}: {fault['msg']}") from None
