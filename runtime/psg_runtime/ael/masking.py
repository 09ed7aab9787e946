"""Takes secrets out of text that leaves the process: errors, and what programs print (EXEC-24)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_SECRET_NAME = re.compile(
    r"(?:^|[_\-.])(?:api[_\-]?key|apikey|secret|token|password|passwd|passphrase|credentials?|private[_\-]?key)"
    r"(?:$|[_\-.])|authorization",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"(?P<before>\bbearer\s+|://[^/\s:@]*:|"
    r"\b(?:api[_\-]?key|secret|token|password|passwd)[\"']?\s*[:=]\s*[\"']?)[^\s\"'@,;]{4,}"
    r"|\bsk-[A-Za-z0-9_\-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    re.IGNORECASE | re.DOTALL,
)
_MIN_SECRET_CHARS = 8


class SecretMask:
    """Masks the secrets this process knows by value, and what looks like one."""

    def __init__(self, values: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        known = {value for name, value in environ.items() if _SECRET_NAME.search(name)} | set(values)
        # Longest first: one secret may be a part of another.
        self._values = sorted((v for v in known if len(v) >= _MIN_SECRET_CHARS), key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        return _SECRET_TEXT.sub(lambda m: (m["before"] or "") + MASK, self.known(text))

    def known(self, text: str) -> str:
        """The text without the secrets known by value."""
        for value in self._values:
            text = text.replace(value, MASK)
        return text

    def value(self, value: Any) -> Any:
        """A JSON-like value without secrets in it, nor values under secret names."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                str(key): MASK if _SECRET_NAME.search(str(key)) and item is not None else self.value(item)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) else self.text(str(value))
