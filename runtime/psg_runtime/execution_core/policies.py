"""How often, how long and under which key an action is tried: bounded always (INV-EXE-2, EXEC-02 to EXEC-06).

A limit that is missing (``None``) is replaced by its finite default. One that is no number (``True`` and NaN are none),
negative, infinite or beyond what is allowed is refused with ``PolicyError``. No policy is ever unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

DAY_MS = 24 * 3600 * 1000
WEEK_MS = 7 * DAY_MS
MAX_RETRIES = 100
MAX_FACTOR = 10.0
MAX_CODES = 100
ACTION_AND_CONTEXT = "action+context_hash"

KeyGenerator = Callable[[Any, Mapping[str, Any]], str]
P = TypeVar("P", bound="_Policy")


class PolicyError(ValueError):
    """A limit of a policy is not bounded, or a word in it is not known."""


@dataclass(frozen=True)
class _Policy:
    """What the policies share: they are read from mappings too, in this spelling, in camelCase, or by an older name."""

    _ALIASES: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def of(cls: type[P], value: Any) -> P:
        """Return the policy that a policy, a mapping or ``None`` means; raises PolicyError."""
        if value is None:
            return cls()
        if isinstance(value, cls):
            value.__post_init__()  # type: ignore[attr-defined]  # a frozen one can still be forced open
            return value
        if not isinstance(value, Mapping):
            raise PolicyError(f"{cls.__name__}: a policy or a mapping is needed, not {type(value).__name__}")
        names = [f.name for f in fields(cls)]
        known = {**{name: name for name in names}, **{_camel(name): name for name in names}, **cls._ALIASES}
        unknown = sorted(str(name) for name in value if name not in known)
        if unknown:
            raise PolicyError(f"{cls.__name__}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        return cls(**{known[name]: item for name, item in value.items()})

    def _bounded(self, name: str, least: float, most: float, *, whole: bool = True) -> None:
        """Check one limit; a missing one becomes the default."""
        value = getattr(self, name)
        if value is None:
            value = next(f.default for f in fields(self) if f.name == name)
            object.__setattr__(self, name, value)
        wanted = "a whole number" if whole else "a number"
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not numeric or (isinstance(value, float) and not math.isfinite(value)) or (whole and value % 1 != 0):
            raise PolicyError(f"{type(self).__name__}.{name} must be {wanted}, not {_shown(value)}")
        if not least <= value <= most:
            raise PolicyError(f"{type(self).__name__}.{name} must be from {least} to {most}, not {_shown(value)}")
        if whole:
            object.__setattr__(self, name, int(value))


@dataclass(frozen=True)
class RetryPolicy(_Policy):
    """Retries after the first attempt, with exponential backoff and no randomness (EXEC-02, EXEC-12).

    ``max_retries`` retries are at most one attempt more. ``base_ms``, ``max_ms``: the first delay and the longest, in
    milliseconds; each is ``factor`` times the one before. ``non_retryable``: error codes or types that end it at once.
    """

    max_retries: int = 3
    base_ms: int = 100
    max_ms: int = 5000
    factor: float = 2.0
    non_retryable: frozenset[str] = frozenset()

    _ALIASES: ClassVar[Mapping[str, str]] = {
        "retries": "max_retries", "initial_backoff_ms": "base_ms", "max_backoff_ms": "max_ms",
        "backoff_multiplier": "factor", "baseDelay": "base_ms", "base_delay_ms": "base_ms", "max_delay_ms": "max_ms",
    }  # fmt: skip

    def __post_init__(self) -> None:
        self._bounded("max_retries", 0, MAX_RETRIES)
        self._bounded("base_ms", 0, DAY_MS)
        self._bounded("max_ms", 0, DAY_MS)
        self._bounded("factor", 1.0, MAX_FACTOR, whole=False)
        codes: Any = () if self.non_retryable is None else self.non_retryable
        if isinstance(codes, str) or not isinstance(codes, Iterable):
            raise PolicyError(f"RetryPolicy.non_retryable must be a list of error codes, not {_shown(codes)}")
        codes = frozenset(codes)
        if len(codes) > MAX_CODES or not all(isinstance(code, str) for code in codes):
            raise PolicyError(f"RetryPolicy.non_retryable must be at most {MAX_CODES} texts")
        object.__setattr__(self, "non_retryable", codes)

    @property
    def max_attempts(self) -> int:
        return self.max_retries + 1

    def delay_ms(self, failures: int) -> int:
        """Milliseconds to wait after that many failures in a row: ``base_ms`` · ``factor`` ^ (failures - 1), capped."""
        if failures < 1:
            return 0
        try:
            delay = self.base_ms * self.factor ** (failures - 1)
        except OverflowError:
            return self.max_ms if self.base_ms else 0
        return int(min(delay, self.max_ms))


@dataclass(frozen=True)
class TimeoutPolicy(_Policy):
    """Milliseconds for one attempt, and for all of them with the waits between (EXEC-03)."""

    attempt_ms: int = 5000
    total_ms: int = 30_000

    _ALIASES: ClassVar[Mapping[str, str]] = {
        "per_action_ms": "attempt_ms", "perActionMs": "attempt_ms", "timeout_per_action_ms": "attempt_ms",
        "per_action_timeout_ms": "attempt_ms", "max_total_time_ms": "total_ms", "total_timeout_ms": "total_ms",
    }  # fmt: skip

    def __post_init__(self) -> None:
        self._bounded("attempt_ms", 1, WEEK_MS)
        self._bounded("total_ms", 1, 4 * WEEK_MS)


@dataclass(frozen=True)
class IdempotencyPolicy(_Policy):
    """Whether attempts carry a key, and how it is made: by name, or by a function of action and context (EXEC-06)."""

    enabled: bool = False
    key_generator: str | KeyGenerator = ACTION_AND_CONTEXT

    _ALIASES: ClassVar[Mapping[str, str]] = {"idempotency_enabled": "enabled", "idempotencyEnabled": "enabled"}

    def __post_init__(self) -> None:
        if self.enabled is None:
            object.__setattr__(self, "enabled", False)
        if not isinstance(self.enabled, bool):
            raise PolicyError(f"IdempotencyPolicy.enabled must be true or false, not {_shown(self.enabled)}")
        if self.key_generator is None:
            object.__setattr__(self, "key_generator", ACTION_AND_CONTEXT)
        if not callable(self.key_generator) and self.key_generator != ACTION_AND_CONTEXT:
            raise PolicyError(
                f"IdempotencyPolicy.key_generator {_shown(self.key_generator)} is not known: "
                f"it is {ACTION_AND_CONTEXT!r} or a function of action and context"
            )

    @property
    def idempotency_enabled(self) -> bool:
        return self.enabled


@dataclass(frozen=True)
class ExecutionPolicy(_Policy):
    """The complete bundle (EXEC-04); each part may also be given as a mapping, or left out."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: TimeoutPolicy = field(default_factory=TimeoutPolicy)
    idempotency: IdempotencyPolicy = field(default_factory=IdempotencyPolicy)

    def __post_init__(self) -> None:
        object.__setattr__(self, "retry", RetryPolicy.of(self.retry))
        object.__setattr__(self, "timeout", TimeoutPolicy.of(self.timeout))
        object.__setattr__(self, "idempotency", IdempotencyPolicy.of(self.idempotency))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def _shown(value: Any) -> str:
    """A value for a message: numbers as they are, of anything else the type; a text might be a secret."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "a number of that size"
    return repr(value) if isinstance(value, (int, float)) else type(value).__name__
