"""The decisions of the orchestrator as pure functions: state in, decision out (DESIGN §6, C-31)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FAILED_REASONS = frozenset(("dependency_failed", "cancelled"))
MAX_SHIFT = 40


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
    """The attempt failed and so does the step."""


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


def decide_failure(
    failures: int, retries: int, error: Mapping[str, Any], base_ms: int, max_ms: int
) -> Retry | Fail:
    """Decide what follows a failed attempt: N retries after the first, delays base·2^k, no jitter (C-24, ORCH-05).

    ``failures`` counts the failed attempts before this one.
    """
    if failures < retries and error.get("retryable", False):
        return Retry(min(base_ms << min(failures, MAX_SHIFT), max_ms))
    return Fail()


def preferred(project_id: str, sessions: Iterable[str]) -> str | None:
    """Return the session that a project prefers, by rendezvous hashing: shares stay equal when sessions come and go."""
    return max(sessions, key=lambda s: hashlib.blake2b(f"{project_id}\x1f{s}".encode()).digest(), default=None)
