"""Takes secrets out of text that leaves the process: errors, and what programs print (EXEC-24)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from psg_runtime.execution_core import Redactor
from psg_runtime.execution_core.secret_names import Secrecy, secrecy

MASK = "***"
_MIN_SECRET_CHARS = 8
# What steps are called by, in the details of our errors.
_OPEN_NAMES = ("key", "step_key")


class SecretMask:
    """Masks the secrets this process knows by value, and what looks like one or stands under the name of one."""

    def __init__(self, values: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        secret = (Secrecy.ALWAYS, Secrecy.CREDENTIALS)
        known = {value for name, value in environ.items() if secrecy(name) in secret} | set(values)
        long = [value for value in known if len(value) >= _MIN_SECRET_CHARS]
        self._redactor = Redactor(marker=MASK, known=long, open_names=_OPEN_NAMES)

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._redactor.text(text)

    def known(self, text: str) -> str:
        """The text without the secrets known by value."""
        return self._redactor.without_known(text)

    def value(self, value: Any) -> Any:
        """A JSON-like value without secrets in it, nor values under secret names."""
        return _json_like(self._redactor.value(value))


def _json_like(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _json_like(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_like(item) for item in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)
