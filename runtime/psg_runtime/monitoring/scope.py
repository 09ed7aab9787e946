"""Whose metrics, rules and alerts: those of one project, or of the whole platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psg.model.ids import check_id

ALERT_LOCK = "alerts"


@dataclass(frozen=True, slots=True)
class Scope:
    """A range of project ids, as the statements take it; ``project_id`` None is the whole platform."""

    project_id: str | None = None

    def __post_init__(self) -> None:
        if self.project_id is not None:
            check_id(self.project_id, "project_id")

    @property
    def bounds(self) -> dict[str, Any]:
        """``first`` and ``last`` project id."""
        return {"first": self.project_id or "", "last": self.project_id or "~"}

    @property
    def alert_bounds(self) -> dict[str, Any]:
        """The same, with whether what belongs to no project is in it."""
        return self.bounds | {"platform": self.project_id is None}

    @property
    def lease_id(self) -> str:
        """The lock for which processes that evaluate the rules of this scope compete."""
        return "alert-evaluator" if self.project_id is None else f"alert-evaluator:{self.project_id}"
