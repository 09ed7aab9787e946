"""Finds data in params that nobody should pass on without being asked: secrets, personal and payment data (ORCH-19)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MAX_DEPTH = 64
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_NAMES = frozenset(
    (
        "password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "credentials", "auth",
        "authorization", "ssn", "iban", "cvv", "cvc", "passport", "salary", "diagnosis", "medical", "biometric",
        "religion", "ethnicity", "dob", "birthday", "birthdate",
    )
)  # fmt: skip
_PAIRS = frozenset(
    (
        "api key", "private key", "access key", "secret key", "credit card", "card number", "account number",
        "bank account", "social security", "tax id", "national id", "date birth", "birth date", "health data",
        "health record", "phone number", "home address", "driver license", "drivers license",
    )
)  # fmt: skip
_COUNTS = frozenset(("max", "min", "count", "counts", "limit", "limits", "used", "total", "budget"))
_TEXTS = (
    re.compile(r"\b[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,8}\b", re.ASCII),
    re.compile(r"\b\d{3}-\d{2}-\d{4}\b", re.ASCII),
    re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.ASCII),
    re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"),
    re.compile(r"\b(?:sk-[A-Za-z0-9_\-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16})\b", re.ASCII),
    re.compile(r"\bbearer\s+[A-Za-z0-9._\-]{8,}", re.IGNORECASE),
    re.compile(r"\b(?:password|passwd|secret|token|api[_\-]?key)[\"']?\s*[:=]\s*\S{4,}", re.IGNORECASE),
    re.compile(r"(?<![\w.])\+\d{1,3}[ \-]?(?:\(?\d{1,4}\)?[ \-]?){2,6}\d{2,4}(?!\w)", re.ASCII),
)
_CARD = re.compile(r"(?<![\d.])\d(?:[ \-]?\d){12,18}(?!\d|\.\d)", re.ASCII)


def detect_sensitive_data(params: Any) -> list[str]:
    """Return the places in params that hold sensitive data, without the data: ``["customer.email"]``.

    By names of keys (whole words: ``max_tokens`` is none), and by the shape of texts: e-mail addresses, international
    phone numbers, card numbers with a valid check digit, IBANs, social security numbers, keys and passwords.
    """
    return list(dict.fromkeys(_found(params, "", 0)))


def _found(value: Any, at: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        yield at  # what cannot be looked through is not known to be harmless
    elif isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{at}.{key}" if at else str(key)
            if _named(str(key)) and item not in (None, "", False):
                yield place
            else:
                yield from _found(item, place, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            yield from _found(item, f"{at}[{index}]", depth + 1)
    elif (isinstance(value, str) and _told(value)) or (
        isinstance(value, int) and not isinstance(value, bool) and _card(str(value))
    ):
        yield at or "value"


def _named(key: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(key)]
    if _COUNTS.intersection(words):
        return False
    pairs = {f"{a} {b}" for a, b in zip(words, [w for w in words[1:] if w != "of"], strict=False)}
    return bool(_NAMES.intersection(words) or _PAIRS.intersection(pairs) or "apikey" in words)


def _told(text: str) -> bool:
    return any(shape.search(text) for shape in _TEXTS) or any(_card(found[0]) for found in _CARD.finditer(text))


def _card(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
