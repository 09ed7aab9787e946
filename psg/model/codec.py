"""The one codec between nested payloads and the string property that stores them (DESIGN §4)."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

INLINE_BYTES = 4096
HASH_KEY = "$sha256"


def dumps(value: Any) -> str:
    """Return ``value`` as JSON text; keys keep their order."""
    return orjson.dumps(value).decode()


def loads(text: str | None) -> Any:
    """Return the value of JSON ``text``; ``None`` for ``None``."""
    return None if text is None else orjson.loads(text)


def storable(value: Any) -> bool:
    """Whether ``value`` is JSON that comes back equal: no NaN, no integer beyond 64 bits, no broken Unicode."""
    try:
        return bool(orjson.loads(orjson.dumps(value)) == value)
    except (TypeError, ValueError):
        return False


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON text of ``value``: equal values give equal digests."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def for_log(text: str | None) -> Any:
    """Return how a stored string appears in an event: itself when short, else its content hash (DESIGN §5)."""
    if text is None or len(text) <= INLINE_BYTES:
        return text
    raw = text.encode()
    return {HASH_KEY: hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


def logged_value(value: Any) -> Any:
    """Return how a stored property value appears in the log."""
    return for_log(value) if isinstance(value, str) else value


def content_hash(logged: Any) -> str | None:
    """Return the hash that stands in the log for a long text, ``None`` when the log has the value itself."""
    return logged[HASH_KEY] if isinstance(logged, dict) and HASH_KEY in logged else None


_DATE_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt](?P<minute>[0-2]\d:[0-5]\d):(?P<second>[0-5]\d|60)(?P<part>\.\d+)?"
    r"(?P<zone>[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def moment(text: str) -> datetime:
    """Return the moment of an RFC 3339 date-time; a leap second is the moment after 23:59:59 UTC.

    Raises ``ValueError`` for anything else, also for a date that no calendar has.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 date-time")
    leap = match["second"] == "60"
    second = "59" if leap else match["second"]
    found = datetime.fromisoformat(
        f"{match['date']}T{match['minute']}:{second}{match['part'] or ''}{match['zone'].upper()}"
    )
    if leap and (found - (found.utcoffset() or timedelta())).strftime("%H:%M") != "23:59":
        raise ValueError(f"{text!r} is not an RFC 3339 date-time: leap seconds are at 23:59:60 UTC")
    return found + timedelta(seconds=leap)


def timestamp(epoch_ms: int) -> str:
    """Return milliseconds since 1970 as an RFC 3339 timestamp in UTC, the way the protocol writes them."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{epoch_ms % 1000:03d}Z"
