"""Versions of capabilities, ordered as semantic versioning says (2.0.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from psg.errors import ValidationFailed

_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_LABEL = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_LABEL}(?:\.{_LABEL})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_MAX_CHARS = 100


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; a pre-release comes before its release, what is built from it does not count."""

    text: str
    release: tuple[int, int, int]
    labels: tuple[tuple[bool, int, str], ...]

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    @property
    def _key(self) -> tuple[Any, ...]:
        return (self.release, not self.labels, self.labels, self.text)


def parse_version(text: Any) -> Version | None:
    """The version in a text like ``1.2.0`` or ``2.0.0-rc.1``, None when it is none."""
    found = _VERSION.fullmatch(text) if isinstance(text, str) and len(text) <= _MAX_CHARS else None
    if found is None:
        return None
    labels = tuple(_label(part) for part in found[4].split(".")) if found[4] else ()
    return Version(found[0], (int(found[1]), int(found[2]), int(found[3])), labels)


def require_version(text: Any, what: str) -> Version:
    """The version in the text; raises ValidationFailed."""
    found = parse_version(text)
    if found is None:
        shown = str(text)[:100]
        raise ValidationFailed(f"{what}: {shown!r} is no semantic version such as 1.2.0.", version=shown)
    return found


def _label(text: str) -> tuple[bool, int, str]:
    return (False, int(text), "") if text.isdecimal() else (True, 0, text)
