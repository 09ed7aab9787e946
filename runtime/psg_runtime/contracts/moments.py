"""The wall clock of this process, as the contracts write it."""

from __future__ import annotations

import time

from psg.model.codec import timestamp


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def now() -> str:
    """The time as an RFC 3339 date-time in UTC with milliseconds."""
    return timestamp(now_ms())
