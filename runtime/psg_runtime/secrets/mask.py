"""Takes known values out of whatever an attempt gives back, in each spelling a receiver is likely to echo."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

MARKER = "[REDACTED]"
#: Shorter values are refused: masking them would destroy ordinary text and still be guessable.
MIN_SECRET_CHARS = 4
#: From this length on a value is masked in everything this process gives back, not only in its own attempt.
WIDELY_MASKED_CHARS = 8
_MIN_LINE_CHARS = 16
_MAX_KNOWN = 1000
_SAFE_SETS = ("", "/", "-._~", "!$&'()*+,;=:@/", "!$'()*,-./:;?@_~")


@lru_cache(maxsize=_MAX_KNOWN)
def spellings(value: str) -> tuple[str, ...]:
    """The value as it is and as base64 (at any offset), URL, JSON, HTML, Python and hex spell it; longest first."""
    raw = value.encode()
    found = {value, value.strip(), raw.hex(), raw.hex().upper(), repr(value)[1:-1]}
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        found |= {text, text.replace("/", "\\/")}
    found |= {html.escape(value), html.escape(value, quote=False)}
    encoded = {_base64_core(raw, offset) for offset in range(3)} | {base64.b64encode(raw).decode()}
    encoded |= {text.translate(_URL_SAFE) for text in encoded}
    found |= encoded | {quote(text, safe="") for text in encoded}
    for safe in _SAFE_SETS:
        for text in (quote(value, safe=safe), quote_plus(value, safe=safe)):
            found |= {text, _lower_escapes(text)}
    found |= {line for line in value.splitlines() if len(line) >= _MIN_LINE_CHARS}
    return tuple(sorted((f for f in found if len(f) >= MIN_SECRET_CHARS), key=len, reverse=True))


_URL_SAFE = str.maketrans("+/", "-_")


def _base64_core(raw: bytes, offset: int) -> str:
    """The characters that stay the same when the bytes stand ``offset`` bytes after a multiple of three."""
    text = base64.b64encode(b"\0" * offset + raw).decode()
    first = (0, 2, 3)[offset]
    spare = (offset + len(raw)) % 3
    return text[first : len(text) - (4 if spare else 0) + (0, 1, 2)[spare]] if spare else text[first:]


def _lower_escapes(text: str) -> str:
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


class ValueMask:
    """Replaces a fixed set of secrets; an empty one costs nothing."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(values)
        found = {form for value in self.values for form in spellings(value)}
        self._forms = sorted(found, key=len, reverse=True)  # longest first: one may be a part of another

    def __bool__(self) -> bool:
        return bool(self._forms)

    @property
    def forms_as_bytes(self) -> list[bytes]:
        """Every spelling, longest first."""
        return sorted((form.encode() for form in self._forms), key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without the secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MARKER)
        return text

    def value(self, value: Any) -> Any:
        """A value in which no text, key or number is a secret; what is not plain JSON is made so first if it can."""
        if not self._forms or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (int, float)):
            return MARKER if str(value) in self.values else value
        if isinstance(value, Mapping):
            return {self.text(k) if isinstance(k, str) else k: self.value(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        try:
            plain = orjson.loads(orjson.dumps(value))
        except TypeError:
            return value  # no JSON: the layer refuses it as an output
        masked = self.value(plain)
        return value if masked == plain else masked  # whether a secret is known must not change the type of the rest


class StreamMask:
    """A mask for bytes that come in pieces; a secret cut in two by the pieces is found."""

    def __init__(self, mask: ValueMask) -> None:
        self._forms = mask.forms_as_bytes
        self._longest = max(map(len, self._forms), default=0)
        self._pattern = re.compile(b"|".join(re.escape(form) for form in self._forms))
        self._held = b""
        self.found = 0

    def feed(self, data: bytes) -> bytes:
        """What can be passed on now; the end is held back, a secret may begin there."""
        if not self._forms:
            return data
        data = self._held + data
        return self._masked(data, max(0, len(data) - self._longest + 1))

    def end(self) -> bytes:
        """The rest."""
        return self._masked(self._held, len(self._held)) if self._forms else b""

    def _masked(self, data: bytes, until: int) -> bytes:
        """Mask what begins before ``until``, where the longest spelling would be seen as a whole; hold the rest."""
        parts, position = [], 0
        if any(form in data for form in self._forms):
            for match in self._pattern.finditer(data):
                if match.start() >= until:
                    break
                parts += [data[position : match.start()], MARKER.encode()]
                position = match.end()
                self.found += 1
        until = max(until, position)
        parts.append(data[position:until])
        self._held = data[until:]
        return b"".join(parts)


class KnownSecrets:
    """The values this process has resolved, so that they are masked also where they turn up later."""

    def __init__(self) -> None:
        self._values: dict[str, None] = {}
        self._lock = threading.Lock()
        self._every = self._wide = ValueMask()

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, values: Iterable[str]) -> None:
        """Remember values; the oldest are forgotten beyond a thousand."""
        new = [value for value in values if value not in self._values]
        if not new:
            return
        with self._lock:
            self._values |= dict.fromkeys(new)
            while len(self._values) > _MAX_KNOWN:
                del self._values[next(iter(self._values))]
            self._every = ValueMask(self._values)
            self._wide = ValueMask(v for v in self._values if len(v) >= WIDELY_MASKED_CHARS)

    @property
    def every(self) -> ValueMask:
        """The mask of all of them, for progress and logs."""
        return self._every

    def mask(self, values: Iterable[str] = ()) -> ValueMask:
        """The mask for an attempt that resolved ``values``; others count when they are long enough."""
        more = frozenset(values) - self._wide.values
        return ValueMask(self._wide.values | more) if more else self._wide


#: What this process knows. One for all layers, because logs are one for all.
KNOWN = KnownSecrets()


def mask_log_entry(logger: Any, method: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor that takes the secrets resolved by this process out of a log line (EXEC-24)."""
    if not KNOWN:
        return entry
    mask = KNOWN.every
    return {key: item if key.startswith("_") else _logged(mask, item) for key, item in entry.items()}


def _logged(mask: ValueMask, item: Any) -> Any:
    masked = mask.value(item)
    if masked is item and not isinstance(item, (str, int, float, bool, type(None))):
        shown = str(item)
        return mask.text(shown) if mask.text(shown) != shown else item
    return masked
