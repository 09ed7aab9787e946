"""Hooks that come with the platform: permissions, consent, rates (ORCH-16, ORCH-18, ORCH-19)."""

from __future__ import annotations

import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.contracts.record import other_spelling
from psg_runtime.hooks.port import PolicyHook
from psg_runtime.hooks.sensitive import detect_sensitive_data

INSUFFICIENT_PERMISSIONS = "Insufficient permissions"
CONSENT_REQUIRED = "Sensitive data detected, consent required"
RATE_LIMIT_EXCEEDED = "Rate limit exceeded"
MAX_RATE_KEYS = 100_000

Answer = dict[str, Any]
Check = Callable[[Any, str], bool | Awaitable[bool]]
_ALLOW: Answer = {"allow": True}


def permission_hook(permissions: Check | Mapping[str, Collection[str]], *, name: str = "permissions") -> PolicyHook:
    """Return a hook that asks whether the user of the context may do the step.

    ``permissions`` is a function ``(user_id, capability) -> bool``, sync or async, or the capabilities each user may
    use (``"*"``: every one). Who is not named in the context (``userId``) may nothing; denied are
    ``Insufficient permissions`` (ORCH-18).
    """

    def pre_execution(step: Any, context: Any) -> Answer | Awaitable[Answer]:
        user, capability = _of(context, "user_id"), _capability(step)
        if isinstance(permissions, Mapping):
            granted = permissions.get(user, ()) if isinstance(user, str) else ()
            return _answer(bool({capability, "*"} & set(granted)), INSUFFICIENT_PERMISSIONS)
        return _answer(permissions(user, capability), INSUFFICIENT_PERMISSIONS)

    return PolicyHook(name, pre_execution)


def consent_hook(detect: Callable[[Any], Any] = detect_sensitive_data, *, name: str = "sensitive_data") -> PolicyHook:
    """Return a hook that lets sensitive params pass only with ``consentGiven: true`` in the context (ORCH-19).

    ``detect`` answers something true when params hold such data. Denied are
    ``Sensitive data detected, consent required``.
    """

    def pre_execution(step: Any, context: Any) -> Answer:
        if detect(step.get("params") or {}) and _of(context, "consent_given") is not True:
            return {"allow": False, "reason": CONSENT_REQUIRED}
        return _ALLOW

    return PolicyHook(name, pre_execution)


class RateLimiter:
    """Counts calls in a sliding window of this process.

    At most ``limit`` calls within ``window_ms`` milliseconds for each user and capability; ``clock`` gives seconds.
    """

    def __init__(self, limit: int, window_ms: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        if isinstance(limit, bool) or limit < 0 or window_ms < 1:
            raise ValidationFailed(f"A rate limit is calls (from 0) per ms (from 1), not {limit} per {window_ms}.")
        self._limit = limit
        self._window_s = window_ms / 1000
        self._clock = clock
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def check_limit(self, user_id: Any, capability: str) -> bool:
        """Count one call and say whether it is within the limit; a refused one does not count."""
        key = (repr(user_id), capability)
        with self._lock:
            now = self._clock()
            calls = self._calls.get(key)
            if calls is None:
                if len(self._calls) >= MAX_RATE_KEYS:
                    self._forget(now)
                if len(self._calls) >= MAX_RATE_KEYS:
                    return False  # more users than can be counted: nobody new gets in
                calls = self._calls[key] = deque()
            while calls and calls[0] <= now - self._window_s:
                calls.popleft()
            if len(calls) >= self._limit:
                return False
            calls.append(now)
            return True

    def _forget(self, now: float) -> None:
        over = [key for key, calls in self._calls.items() if not calls or calls[-1] <= now - self._window_s]
        for key in over:
            del self._calls[key]


def rate_limit_hook(limiter: RateLimiter | Check, *, name: str = "rate_limiter") -> PolicyHook:
    """Return a hook that denies with ``Rate limit exceeded`` what a limiter refuses (ORCH-16).

    ``limiter`` is a ``RateLimiter`` or a function ``(user_id, capability) -> bool``, sync or async.
    """
    check = limiter.check_limit if isinstance(limiter, RateLimiter) else limiter

    def pre_execution(step: Any, context: Any) -> Answer | Awaitable[Answer]:
        return _answer(check(_of(context, "user_id"), _capability(step)), RATE_LIMIT_EXCEEDED)

    return PolicyHook(name, pre_execution)


def _answer(verdict: Any, reason: str) -> Answer | Awaitable[Answer]:
    """The answer of a hook; only a plain true allows. An awaitable verdict is awaited by the chain."""
    if inspect.isawaitable(verdict):
        return _later(verdict, reason)
    return _ALLOW if verdict is True else {"allow": False, "reason": reason}


async def _later(verdict: Awaitable[Any], reason: str) -> Answer:
    return _ALLOW if await verdict is True else {"allow": False, "reason": reason}


def _capability(step: Mapping[str, Any]) -> str:
    return str(step.get("name") or step.get("agent_role") or step.get("type"))


def _of(context: Mapping[str, Any], key: str) -> Any:
    """A value of the context in either spelling."""
    return context[key] if key in context else context.get(other_spelling(context, key) or key)
