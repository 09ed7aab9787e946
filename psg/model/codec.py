"""The one codec between nested payloads and the string property that stores them (DESIGN §4).

With an encryption key (``psg.model.cipher``) payloads are stored sealed, and read as if they were not: ``sealed_props``
is asked where properties are written, ``loads`` where they are read. What is compared with the log is the stored text,
so that the audit needs no key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from psg.model.cipher import KEY_VARIABLE, CannotOpen, Cipher, PayloadUnreadable, from_environment, is_sealed

INLINE_BYTES = 4096
HASH_KEY = "$sha256"
SEALED = frozenset(("payload", "params", "output", "error", "value", "compensation"))
"""Properties that are encrypted when there is a key; everything else is searched for, and stays plain."""

_UNASKED: Any = object()
_cipher: Cipher | None = _UNASKED


def cipher() -> Cipher | None:
    """Return the cipher of this process, from its environment; raises ``ValidationFailed`` for a key that is none."""
    global _cipher
    if _cipher is _UNASKED:
        _cipher = from_environment()
    return _cipher


@contextmanager
def using(other: Cipher | None) -> Iterator[None]:
    """Use another cipher, or none, in this process during the block."""
    global _cipher
    before, _cipher = _cipher, other
    try:
        yield
    finally:
        _cipher = before


def sealed(text: str) -> str:
    """Return a text as it is to be stored: encrypted when there is a key and it is not so already."""
    known = cipher()
    return text if known is None or is_sealed(text) else known.seal(text)


def sealed_props(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as they are to be stored, those of ``SEALED`` encrypted when there is a key."""
    if cipher() is None:
        return dict(props)
    return {k: sealed(v) if k in SEALED and isinstance(v, str) else v for k, v in props.items()}


def opened(text: str) -> str:
    """Return a stored text in clear; raises ``PayloadUnreadable`` where the key is missing or another one."""
    if not is_sealed(text):
        return text
    known = cipher()
    if known is None:
        raise PayloadUnreadable(f"a stored payload is encrypted, and this process has no key: set {KEY_VARIABLE}")
    try:
        return known.open(text)
    except CannotOpen as error:
        raise PayloadUnreadable(
            "a stored payload cannot be decrypted: the key is another one, or it was tampered with; it was left as it "
            "is"
        ) from error


def opened_within(value: Any) -> Any:
    """Return decoded JSON with every sealed text in it in clear: what an event says of payloads."""
    if isinstance(value, str):
        return opened(value)
    if isinstance(value, dict):
        return {k: opened_within(v) for k, v in value.items()}
    return [opened_within(v) for v in value] if isinstance(value, list) else value


def dumps(value: Any) -> str:
    """Return ``value`` as JSON text; keys keep their order."""
    return orjson.dumps(value).decode()


def loads(text: str | None) -> Any:
    """Return the value of JSON ``text``, encrypted or not; ``None`` for ``None``.

    Raises ``PayloadUnreadable`` where it cannot be decrypted.
    """
    if text is None:
        return None
    return orjson.loads(opened(text) if text[32:34] == "::" else text)


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
