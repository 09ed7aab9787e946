"""Which versions a dependency accepts: ranges of semantic versions, as package managers write them (CORE-23, C-16)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from semver import Version

from psg_runtime.modules.errors import RegistrationInvalid

_PARTIAL = re.compile(
    r"(?P<major>0|[1-9]\d{0,8}|[xX*])(?:\.(?P<minor>0|[1-9]\d{0,8}|[xX*])(?:\.(?P<patch>0|[1-9]\d{0,8}|[xX*])"
    r"(?:-(?P<pre>[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?)?)?",
    re.ASCII,
)
_COMPARATOR = re.compile(r"\s*(\^|~|>=|<=|>|<|=)?\s*v?([^\s,^~<>=|]+)\s*,?", re.ASCII)
MAX_RANGE_CHARS = 200

Test = Callable[[Version], bool]


def version_of(text: str) -> Version:
    """Return a complete semantic version; raises ``RegistrationInvalid``."""
    try:
        return Version.parse(text)
    except (ValueError, TypeError):
        raise RegistrationInvalid(f"version: {text!r} is no semantic version such as 1.0.0", version=text) from None


def satisfies(version: str, wanted: str, *, own: bool = False) -> bool:
    """Whether ``version`` is in the range ``wanted``: ``^1.2.0``, ``~1.2``, ``>=1.0.0 <3``, ``1.x``, ``*``, ``a || b``.

    A pre-release is in a range only if the range names a pre-release of the same release. ``own``: it is a module of
    this project, of which the release part counts (``1.0.0-alpha`` is in ``^1.0.0``, C-16).
    """
    given = version_of(version)
    if own:
        given = given.replace(prerelease=None, build=None)
    return any(_in_set(given, alternative) for alternative in _range(wanted))


def check_range(wanted: str) -> None:
    """Raise ``RegistrationInvalid`` for what is no range of versions."""
    _range(wanted)


def _in_set(version: Version, comparators: tuple[tuple[Test, Version | None], ...]) -> bool:
    if not all(test(version) for test, _ in comparators):
        return False
    if version.prerelease is None:
        return True
    release = version.finalize_version()
    return any(named is not None and named.finalize_version() == release for _, named in comparators)


@lru_cache(maxsize=500)
def _range(text: str) -> tuple[tuple[tuple[Test, Version | None], ...], ...]:
    """Alternatives of comparators that all have to hold; with each the pre-release that it names."""
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_RANGE_CHARS:
        raise _invalid(text)
    return tuple(tuple(_comparators(part, text)) for part in text.split("||"))


def _comparators(part: str, whole: str) -> list[tuple[Test, Version | None]]:
    found, at = [], 0
    while part[at:].strip():
        match = _COMPARATOR.match(part, at)
        partial = _PARTIAL.fullmatch(match[2]) if match else None
        if match is None or partial is None:
            raise _invalid(whole)
        found.append(_comparator(match[1] or "=", partial))
        at = match.end()
    if not found:
        raise _invalid(whole)
    return found


def _comparator(operator: str, partial: re.Match[str]) -> tuple[Test, Version | None]:
    numbers: list[int] = []
    for name in ("major", "minor", "patch"):
        if partial[name] is None or partial[name] in "xX*":
            break
        numbers.append(int(partial[name]))
    low = _version(numbers, partial["pre"] if len(numbers) == 3 else None)
    named = low if low.prerelease else None
    # The first version behind everything that so few numbers can mean.
    beyond = _bumped(numbers, len(numbers) - 1) if numbers else None
    if operator == "^" and numbers:
        first = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
        return _between(low, _bumped(numbers, first)), named
    if operator == "~" and numbers:
        return _between(low, _bumped(numbers, min(1, len(numbers) - 1))), named
    if operator == ">=":
        return lambda v: v >= low, named
    if operator == "<":
        return lambda v: v < low, named
    if operator == ">":
        return (lambda v: v > low) if len(numbers) == 3 else _at_least(beyond), named
    if operator == "<=":
        return (lambda v: v <= low) if len(numbers) == 3 else _below(beyond), named
    return (lambda v: v == low) if len(numbers) == 3 else _between(low, beyond), named


def _bumped(numbers: list[int], at: int) -> Version:
    return _version([*numbers[:at], numbers[at] + 1])


def _version(numbers: list[int], prerelease: str | None = None) -> Version:
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return Version(major, minor, patch, prerelease)


def _between(low: Version, beyond: Version | None) -> Test:
    return lambda v: v >= low and (beyond is None or v < beyond)


def _at_least(beyond: Version | None) -> Test:
    return lambda v: beyond is not None and v >= beyond


def _below(beyond: Version | None) -> Test:
    return lambda v: beyond is None or v < beyond


def _invalid(text: object) -> RegistrationInvalid:
    return RegistrationInvalid(
        f"version: {str(text)[:100]!r} is no range of versions such as ^1.0.0", version=str(text)[:100]
    )
