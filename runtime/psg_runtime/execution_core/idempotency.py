"""The key under which all attempts of one action in one context are one (EXEC-07, EXEC-08)."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import hashlib
import json
import pathlib
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from json.encoder import encode_basestring_ascii
from typing import Any

from psg_runtime.execution_core.policies import ACTION_AND_CONTEXT, IdempotencyPolicy

MAX_KEY_CHARS = 512
_MAX_DEPTH = 64
_MAX_VALUES = 1_000_000
_EXACT = 2**53


class KeyNotDerivable(ValueError):
    """No key can be made: a value has no canonical form, or a key generator's answer is no key."""


def idempotency_key(action: Any, context: Mapping[Any, Any]) -> str:
    """Return the key of an action in a context: 64 hexadecimal digits (SHA-256) of their canonical text.

    The order of mapping keys does not matter; every other difference does. Raises KeyNotDerivable.
    """
    text = canonical_text([action, context])
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def derive_key(policy: IdempotencyPolicy, action: Any, context: Mapping[Any, Any]) -> str | None:
    """Return the key that the policy makes, ``None`` when it makes none; raises what a key generator raises."""
    if not policy.enabled:
        return None
    if policy.key_generator == ACTION_AND_CONTEXT or not callable(policy.key_generator):
        return idempotency_key(action, context)
    key = policy.key_generator(action, context)
    if not isinstance(key, str) or not key.strip() or len(key) > MAX_KEY_CHARS:
        raise KeyNotDerivable(f"a key is a text of 1 to {MAX_KEY_CHARS} characters, not {type(key).__name__}")
    return key


def canonical_text(value: Any) -> str:
    """Return the one ASCII text of a value: equal texts mean equal values.

    JSON with sorted keys, numbers in one spelling (``1`` is ``1.0``, but not ``true``), text by code points (no
    Unicode normalisation). Beyond JSON: sets, bytes, decimals, dates, UUIDs, paths, enums (as their values) and
    dataclasses (as mappings), none of which is ever equal to a JSON value of another kind.
    """
    return _Canonical().text(value, 0)


class _Canonical:
    def __init__(self) -> None:
        self._seen = 0

    def text(self, value: Any, depth: int) -> str:
        self._seen += 1
        if depth > _MAX_DEPTH or self._seen > _MAX_VALUES:
            raise KeyNotDerivable("the action or its context is nested too deeply, refers to itself or is too large")
        if type(value) is str:
            return encode_basestring_ascii(value)
        if isinstance(value, enum.Enum):
            return self.text(value.value, depth + 1)
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        if isinstance(value, str):
            return encode_basestring_ascii(str.__str__(value))
        if isinstance(value, (int, float)):
            return _number(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            pairs = sorted((self.text(key, depth + 1), self.text(item, depth + 1)) for key, item in value.items())
            return "{" + ",".join(f"{key}:{item}" for key, item in pairs) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ",".join(self.text(item, depth + 1) for item in value) + "]"
        if isinstance(value, AbstractSet):
            return "<set>[" + ",".join(sorted(self.text(item, depth + 1) for item in value)) + "]"
        return _tagged(value)


def _number(value: int | float) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise KeyNotDerivable("a number that is not finite has no canonical form")
        if value.is_integer() and abs(value) < _EXACT:
            return int.__repr__(int(value))
        return float.__repr__(value)
    if abs(value) >= _EXACT and value.bit_length() > 10_000:
        raise KeyNotDerivable("a number is too large")
    return int.__repr__(value)


def _tagged(value: Any) -> str:
    """The form of values that JSON does not know; the tag stands outside of the quotes, where no JSON value has one."""
    if isinstance(value, (bytes, bytearray)):
        tag, text = "bytes", bytes(value).hex()
    elif isinstance(value, decimal.Decimal) and value.is_finite():
        tag, text = "decimal", str(value.normalize())
    elif isinstance(value, (datetime.date, datetime.time)):
        tag, text = type(value).__name__, value.isoformat()
    elif isinstance(value, datetime.timedelta):
        tag, text = "seconds", repr(value.total_seconds())
    elif isinstance(value, uuid.UUID):
        tag, text = "uuid", str(value)
    elif isinstance(value, pathlib.PurePath):
        tag, text = "path", value.as_posix()
    else:
        raise KeyNotDerivable(f"a value of type {type(value).__name__} has no canonical form")
    return f"<{tag}>{json.dumps(text)}"
