"""Which media types a request may have and wants, as GraphQL over HTTP says (ECOSYSTEM 1.4)."""

from __future__ import annotations

from collections.abc import Iterator

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"
STREAM = "text/event-stream"
_OFFERED = (JSON, RESPONSE_JSON, STREAM)
"""In the order in which a wildcard takes them: who names no media type is of the time before the newer one."""
_MOST = 100


def answer_media(accept: str | None) -> str | None:
    """Return the media type of the answer for an ``Accept`` header, or ``None`` when none of ours is acceptable.

    The highest weight wins, then the order in which they are named; absent is ``*/*``.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = list(_ranges(accept))
    best: tuple[float, int, str] | None = None
    for offered in _OFFERED:
        matching = [(_precision(r, offered), q, -at) for at, (r, q) in enumerate(ranges) if _precision(r, offered)]
        if not matching:
            continue
        _, weight, place = max(matching)
        if weight > 0 and (best is None or (weight, place) > best[:2]):
            best = (weight, place, offered)
    return None if best is None else best[2]


def _precision(wanted: str, offered: str) -> int:
    """How exactly a media range names a type: 0 not at all."""
    if wanted == offered:
        return 3
    if wanted == offered.partition("/")[0] + "/*":
        return 2
    return int(wanted == "*/*")


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(",")[:_MOST]:
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight, charset = 1.0, "utf-8"
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                weight = _weight(value.strip())
            elif key.strip().lower() == "charset":
                charset = value.strip().strip('"').lower()
        if name and charset in ("utf-8", "utf8"):
            yield name.lower(), weight


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def is_json_body(content_type: str | None) -> bool:
    """Whether a body is JSON in UTF-8, the only kind that is read: forms and plain text need no consent of a server."""
    name, *parameters = (piece.strip().lower() for piece in (content_type or "").split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    return name == JSON and all(charset in ("utf-8", "utf8") for charset in charsets)
