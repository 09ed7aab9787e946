"""Values as JSON text, the form in which every backend keeps them, and what a key may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from psg.errors import ValidationFailed
from psg.model.codec import storable
from psg_runtime.vsl.errors import ValueDamaged

KEY_BYTES = 512
VALUE_BYTES = 16 * 1024 * 1024


def check_key(key: object) -> str:
    """Return ``key`` when every backend can keep it: 1 to 512 bytes of UTF-8 without control characters."""
    if isinstance(key, str) and key and _utf8(key) <= KEY_BYTES and key.isprintable():
        return key
    shown = repr(key)[:100]
    raise ValidationFailed(
        f"key: {shown} cannot be a key; it has 1 to {KEY_BYTES} bytes of UTF-8 and no control characters",
        field="key", value=shown,
    )  # fmt: skip


def _utf8(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return KEY_BYTES + 1


def to_text(value: Any, field: str = "value") -> str:
    """Return ``value`` as JSON text; raises ``ValidationFailed`` for what would not come back equal, or is large."""
    if not storable(value):
        raise ValidationFailed(
            f"{field}: not JSON that can be kept: no NaN, no integers beyond 64 bits, text in UTF-8, text for keys",
            field=field,
        )  # fmt: skip
    raw = orjson.dumps(value)
    if len(raw) > VALUE_BYTES:
        raise ValidationFailed(
            f"{field}: {len(raw)} bytes of JSON; a value has up to {VALUE_BYTES}. Store a reference to it instead",
            field=field, bytes=len(raw), limit=VALUE_BYTES,
        )  # fmt: skip
    return raw.decode()


def from_text(text: str | bytes | None, key: str) -> Any:
    """Return the value of stored JSON ``text``, ``None`` for ``None``; raises ``ValueDamaged``."""
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"the stored value of {key!r} is no JSON ({error}); it was left as it is"
        raise ValueDamaged(message, key=key) from error


def check_node(data: Any, field: str = "data") -> dict[str, Any]:
    """Return ``data`` when it is a JSON object; raises ``ValidationFailed``."""
    if not isinstance(data, dict):
        raise ValidationFailed(f"{field}: a node is a JSON object, not {type(data).__name__}", field=field)
    to_text(data, field)
    return data


def matcher(where: Any) -> Callable[[dict[str, Any]], bool]:
    """Return the test that ``where`` of a query makes: each field equal, ``None`` for absent, empty or null."""
    wanted = dict(where or {})
    return lambda node: all(node.get(k) == v or (v is None and node.get(k) in (None, "")) for k, v in wanted.items())
