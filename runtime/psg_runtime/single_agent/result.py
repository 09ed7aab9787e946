"""``RuntimeResult``: what came of a run (L3-38)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RuntimeResult:
    """What came of a run of a flow.

    ``output`` has what each module returned (``context``, ``plan``; ``None`` for one that was skipped); ``error`` is
    ``None``, or {code, message, category, retryable, details} with the name of the module in its details; ``events``
    are all that went to the bus, in order. ``run_id`` is the run's, ``ticks`` how many calls of modules it took.
    """

    success: bool
    output: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    events: list[Any] = field(default_factory=list)
    run_id: str = ""
    ticks: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The specification's form."""
        told = {"success": self.success, "output": self.output, "error": self.error, "events": self.events}
        return {k: v for k, v in told.items() if v is not None}
