"""Waits: the step sleeps in the graph, no worker sleeps with it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.ael.port import Action, ActionResult, Parked

_MAX_WAIT_MS = 366 * 24 * 3600 * 1000


class WaitAdapter:
    """``params.duration_ms`` in milliseconds, or ``params.until`` as ISO 8601 time (C-23)."""

    limiter = None

    def __init__(self, now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)) -> None:
        self._now = now

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        if ("duration_ms" in params) == ("until" in params):
            raise ValidationFailed("A wait step needs either `duration_ms` or `until` in its params.")

    async def run(self, action: Action) -> ActionResult | Parked:
        self.check("wait", action.params)
        if action.resumed is not None and action.resumed.get("reason") == "timer":  # not by an approval of the step
            return ActionResult(True, {"waited": dict(action.params), "resumed_by": action.resumed.get("reason")})
        return Parked(due_in_ms=self._due_in_ms(action.params))

    def _due_in_ms(self, params: Mapping[str, Any]) -> int:
        due = params.get("duration_ms")
        if "until" in params:
            due = max(0, round((_time(params["until"]) - self._now()).total_seconds() * 1000))
        if not isinstance(due, (int, float)) or isinstance(due, bool) or not 0 <= due <= _MAX_WAIT_MS:
            raise ValidationFailed(f"A wait lasts from 0 to {_MAX_WAIT_MS} ms, not {due!r}.")
        return round(due)


def _time(text: Any) -> datetime.datetime:
    try:
        time = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        message = f"`until` must be an ISO 8601 time such as 2026-01-31T12:00:00Z, not {text!r}."
        raise ValidationFailed(message) from None
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
