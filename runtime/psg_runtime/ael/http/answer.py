"""What is kept of an answer: its headers without credentials, its body within limits."""

from __future__ import annotations

import base64
import datetime
import email.utils
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import anyio
import httpcore2
import orjson

from psg.errors import OutputTooLarge
from psg.model.codec import storable
from psg_runtime.ael.http.failures import HttpRefused, HttpStatusFailed, HttpStatusRefused
from psg_runtime.secrets.mask import StreamMask

_RETRYABLE = frozenset((408, 425, 429))
_DROPPED = frozenset(
    ("set-cookie", "set-cookie2", "authorization", "proxy-authorization", "authentication-info",
     "proxy-authentication-info", "cookie")
)  # fmt: skip
_SECRET_HEADER = re.compile(r"(?:^|-)(?:token|secret|password|api-?key|session(?:-?id)?|credentials?|jwt)(?:$|-)")
_MAX_HEADERS = 100
_MAX_HEADER_CHARS = 2000
_MAX_RETRY_AFTER_MS = 24 * 3600 * 1000
_INFLATED_PIECE = 256 * 1024
_EXCERPT_BYTES = 2048
_EXCERPT_CHARS = 500
_EXCERPT_S = 2.0
_CODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def header_values(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """All headers by lower-case name; several of one name are joined by a comma."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def kept_headers(headers: dict[str, str]) -> dict[str, str]:
    """The headers that may be stored: no cookies, no credentials, of bounded number and size."""
    kept = [
        (name, value if len(value) <= _MAX_HEADER_CHARS else f"{value[:_MAX_HEADER_CHARS]}…")
        for name, value in headers.items()
        if name not in _DROPPED and not _SECRET_HEADER.search(name)
    ]
    return dict(kept[:_MAX_HEADERS])


async def plain_pieces(
    pieces: AsyncIterable[bytes], coding: str, limit: int | None, what: str
) -> AsyncGenerator[bytes]:
    """The body without its content coding; raises OutputTooLarge beyond ``limit`` bytes of either form.

    A decompressor never gives more than one piece at a time, so a bomb is noticed before it unfolds.
    """
    inflater = _Inflater(coding)
    size = received = 0
    async for piece in pieces:
        received += len(piece)
        for plain in inflater.feed(piece):
            size += len(plain)
            if limit is not None and max(size, received) > limit:
                message = f"{what}: the answer has more than {limit} bytes."
                raise OutputTooLarge(message, limit=limit)
            yield plain
        if limit is not None and received > limit:
            raise OutputTooLarge(f"{what}: the answer has more than {limit} bytes.", limit=limit)
    inflater.end(what)


class _Inflater:
    def __init__(self, coding: str) -> None:
        coding = coding.strip().lower()
        if coding not in ("", "identity", *_CODINGS):
            raise HttpRefused(f"The answer is encoded as `{coding[:40]}`, which was not asked for.", reason="coding")
        self._coding = coding if coding in _CODINGS else ""
        self._work: Any = zlib.decompressobj(_CODINGS[coding]) if self._coding else None
        self._started = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain pieces that follow from more of the body."""
        if self._work is None:
            yield data
            return
        while data:
            if self._work.eof:
                if self._coding == "deflate" or not data.strip(b"\0"):
                    return  # padding after the end
                self._work = zlib.decompressobj(_CODINGS[self._coding])
            plain = self._inflate(data)
            while plain:
                yield plain
                # What is left is handed in again; without any, more may still come out of what went in.
                plain = self._inflate(self._work.unconsumed_tail) if not self._work.eof else b""
            data = self._work.unused_data

    def _inflate(self, data: bytes) -> bytes:
        try:
            plain = self._work.decompress(data, _INFLATED_PIECE)
        except zlib.error as error:
            if self._started or self._coding != "deflate":
                raise HttpRefused("The answer cannot be decompressed.", reason="coding") from error
            self._started = True
            self._work = zlib.decompressobj(-15)  # some servers call raw deflate so
            return self._inflate(data)
        self._started = True
        return bytes(plain)

    def end(self, what: str) -> None:
        """Raise when the body ended in the middle."""
        if self._work is not None and self._started and not self._work.eof:
            raise HttpRefused(f"{what}: the compressed answer ends in the middle.", reason="coding")


def body_output(data: bytes, headers: dict[str, str], wanted: str, mask: StreamMask) -> dict[str, Any]:
    """``json``, or ``body`` as text, or ``body`` as base64 with ``encoding``; raises HttpRefused when not as wanted.

    ``mask`` is for what becomes base64: in there a secret could not be seen any more.
    """
    kind = headers.get("content-type", "")
    media = kind.partition(";")[0].strip().lower()
    if wanted == "json" or (wanted == "auto" and (media == "application/json" or media.endswith("+json"))):
        try:
            value = orjson.loads(data)
            if storable(value):
                return {"json": value}
        except orjson.JSONDecodeError:
            pass
        if wanted == "json":
            raise HttpRefused("The answer is not JSON that can be kept.", reason="json")
    if wanted != "base64":
        text = _text(data, kind)
        if text is not None and (wanted == "text" or "\0" not in text):
            return {"body": text}
        if wanted == "text":
            raise HttpRefused("The answer is not text in the encoding it declares.", reason="text")
    masked = mask.feed(data) + mask.end()
    return {"body": base64.b64encode(masked).decode(), "encoding": "base64"}


def _text(data: bytes, content_type: str) -> str | None:
    found = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:\-]{1,40})", content_type, re.IGNORECASE)
    charset = (found[1] if found else "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252", "utf-16"):
        charset = "utf-8"
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return None


def status_error(what: str, status: int, headers: dict[str, str], excerpt: str) -> Exception:
    """The error for a status that was not expected; ``retry_after_ms`` in its details when the server gave one."""
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    details: dict[str, Any] = {"status": status, "headers": kept_headers(headers)}
    if excerpt:
        details["body"] = excerpt
    if (after := retry_after_ms(headers.get("retry-after"))) is not None:
        details["retry_after_ms"] = after
    retryable = status in _RETRYABLE or status >= 500
    kind = HttpStatusFailed if retryable else HttpStatusRefused
    return kind(f"{what} answered {status}{phrase}.", **details)


def retry_after_ms(value: str | None, now: datetime.datetime | None = None) -> int | None:
    """``Retry-After`` in milliseconds from now, of seconds or a date; None when absent or senseless; at most a day."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(int(value[:10]) * 1000, _MAX_RETRY_AFTER_MS)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
    seconds = (date - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    return min(max(0, round(seconds * 1000)), _MAX_RETRY_AFTER_MS)


async def excerpt_of(response: httpcore2.Response, headers: dict[str, str]) -> str:
    """The beginning of an answer that was not expected, for people; empty when it is no text."""
    kept = bytearray()
    try:
        pieces = plain_pieces(_stream(response), headers.get("content-encoding", ""), None, "")
        with anyio.move_on_after(_EXCERPT_S):
            async with aclosing(pieces):
                async for piece in pieces:
                    kept += piece[: _EXCERPT_BYTES - len(kept)]
                    if len(kept) >= _EXCERPT_BYTES:
                        break
    except (HttpRefused, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
        pass  # the status is what matters
    text = kept.decode("utf-8", "replace")
    return "" if "\0" in text else text.strip()[:_EXCERPT_CHARS]


def _stream(response: httpcore2.Response) -> AsyncIterable[bytes]:
    return response.stream  # type: ignore[return-value]
