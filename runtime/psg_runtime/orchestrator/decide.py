"""The decisions of the orchestrator as pure functions: state in, decision out (DESIGN §6, C-31)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psg.plan.policy import WEEK_MS
from psg_runtime.execution_core.policies import RetryPolicy

FAILED_REASONS = frozenset(("dependency_failed", "cancelled"))


@dataclass(frozen=True, slots=True)
class Run:
    """The step may be claimed."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The step is skipped; ``reason`` is stored with it. ``dependency_failed`` dooms its dependents too."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The attempt failed and another follows after ``delay_ms`` milliseconds."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Fail:
    """The attempt failed and so does the step; ``because`` is the clock that leaves no time for another attempt."""

    because: str | None = None


def decide_undecided(
    dependencies: Sequence[Mapping[str, Any]],
    unavailable: str | None,
    condition: Callable[[], bool] | None,
    join: str | None = None,
) -> Run | Skip:
    """Decide a pending step before it is claimed (C-31, DD-43, ORCH-30).

    ``dependencies`` are {status, reason} of each; ``unavailable`` says why this process cannot do such a step at all;
    ``condition`` evaluates the step's condition; ``join`` is what it waits for (``StepSpec.join``). A condition that
    cannot be evaluated lets the step run, so that it fails with the reason instead of vanishing.
    """
    if (reason := _joined(dependencies, join)) is not None:
        return Skip(reason)
    if unavailable is not None:
        return Skip(unavailable)
    if condition is not None:
        try:
            return Run() if condition() else Skip("condition_false")
        except Exception:
            return Run()
    return Run()


def _joined(dependencies: Sequence[Mapping[str, Any]], join: str | None) -> str | None:
    """Why what a step waits for can never be, ``None`` when it is there."""
    if not dependencies or join == "settled":
        return None
    if join == "any" and any(d["status"] == "completed" for d in dependencies):
        return None
    if any(_failed(d) for d in dependencies):
        return "dependency_failed"
    skipped = [d["status"] == "skipped" for d in dependencies]
    if all(skipped):
        return "all_dependencies_skipped"
    return "dependency_skipped" if join == "all" and any(skipped) else None


def _failed(dependency: Mapping[str, Any]) -> bool:
    skipped_by_failure = dependency["status"] == "skipped" and dependency["reason"] in FAILED_REASONS
    return dependency["status"] == "failed" or skipped_by_failure


def decide_retry(
    failures: int,
    policy: RetryPolicy,
    error: Mapping[str, Any],
    *,
    seed: str | None = None,
    left_ms: int | None = None,
) -> Retry | Fail:
    """Decide what follows a failed attempt by the policy of its step (C-24, ORCH-05, EXEC-12).

    ``failures`` counts the failed attempts before this one. ``seed`` draws the delay between 0 and what it would be
    (full jitter), the same for the same seed. ``details.retry_after_ms`` of the error raises the delay, beyond the
    policy's longest too. A wait that would outlive ``left_ms``, what is left of the step's total time, is not begun.
    """
    details = error.get("details")
    details = details if isinstance(details, Mapping) else {}
    final = {error.get("code"), details.get("error_type")} & policy.non_retryable
    if failures >= policy.max_retries or not error.get("retryable", False) or final:
        return Fail()
    delay = policy.delay_ms(failures + 1)
    if seed is not None:
        delay = drawn(delay, f"{seed}:{failures + 1}")
    delay = max(delay, _asked_for(details.get("retry_after_ms")))
    if left_ms is not None and delay >= left_ms:
        return Fail(because="total_timeout")
    return Retry(delay)


def drawn(most: int, seed: str) -> int:
    """Return a number from 0 to ``most`` that follows from the seed alone."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest()) % (most + 1)


def _asked_for(value: Any) -> int:
    """The delay that a server asked for, in milliseconds; what is no sensible number asks for nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**53:
        return 0
    return min(math.ceil(value), WEEK_MS)


def decide_claim(
    *,
    waited_ms: int | None = None,
    queue_ms: int | None = None,
    taken_ms: int | None = None,
    total_ms: int | None = None,
) -> str | None:
    """Return the clock that ended a step before this attempt of it began, ``None`` when it may begin.

    ``waited_ms``: from ready to claimed, ``taken_ms``: since its first claim, both without pauses; ``queue_ms`` and
    ``total_ms`` are what its policy allows.
    """
    if total_ms is not None and taken_ms is not None and taken_ms >= total_ms:
        return "total_timeout"
    if queue_ms is not None and waited_ms is not None and waited_ms > queue_ms:
        return "queue_timeout"
    return None


def preferred(project_id: str, sessions: Iterable[str]) -> str | None:
    """Return the session that a project prefers, by rendezvous hashing: shares stay equal when sessions come and go."""
    return max(sessions, key=lambda s: hashlib.blake2b(f"{project_id}\x1f{s}".encode()).digest(), default=None)
