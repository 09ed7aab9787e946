"""The log lines of a core orchestrator, from its own level on (CORE-55)."""

from __future__ import annotations

from typing import Any

import structlog

from psg_runtime.core_orchestrator.settings import LogLevel

_LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40}


class Journal:
    """Writes what is at least of ``level``; everything has the project it is about."""

    def __init__(self, level: LogLevel, project_id: str) -> None:
        self.level = level
        self._least = _LEVELS[level]
        self._log = structlog.get_logger("psg_runtime.core_orchestrator").bind(project_id=project_id)

    def debug(self, event: str, **facts: Any) -> None:
        """Details for whoever looks for a mistake."""
        if self._least <= _LEVELS["debug"]:
            self._log.debug(event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        """The life of executions."""
        if self._least <= _LEVELS["info"]:
            self._log.info(event, **facts)

    def warn(self, event: str, **facts: Any) -> None:
        """What went wrong and was dealt with."""
        if self._least <= _LEVELS["warn"]:
            self._log.warning(event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        """Executions that failed."""
        self._log.error(event, **facts)
