"""The one codec between nested payloads and the string property that stores them (DESIGN §4)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
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


def timestamp(epoch_ms: int) -> str:
    """Return milliseconds since 1970 as an RFC 3339 timestamp in UTC, the way the protocol writes them."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{epoch_ms % 1000:03d}Z"
