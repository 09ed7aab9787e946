"""Whose metrics, rules and alerts: those of one project, or of the whole platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psg.model.ids import check_id

ALERT_LOCK = "alerts"


@dataclass(frozen=True, slots=True)
class Scope:
    """A range of project ids, as the statements take it; ``project_id`` None is the whole platform.

    ``among`` narrows what is read of alerts and rules to these projects; then nothing of the platform is in it.
    """

    project_id: str | None = None
    among: tuple[str, ...] | None = None

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
        platform = self.project_id is None and self.among is None
        return self.bounds | {"platform": platform, "among": None if self.among is None else list(self.among)}

    @property
    def lease_id(self) -> str:
        """The lock for which processes that evaluate the rules of this scope compete."""
        return "alert-evaluator" if self.project_id is None else f"alert-evaluator:{self.project_id}"
