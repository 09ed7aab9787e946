"""Where log lines of a running service go: stderr, for people at a terminal and as JSON otherwise (docs/logs.md)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from psg.errors import ValidationFailed
from psg_runtime.secrets import mask_log_entry

FORMAT_VARIABLE = "PSG_LOG_FORMAT"
FORMATS = ("console", "json")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_BEHIND = "  | "
"""What lines of a traceback begin with on a console: nobody's message can look like a line of its own."""

_level = logging.CRITICAL


def configure_logs(level: str) -> None:
    """Send the log lines of ``level`` (debug, info, warning, error) and above to stderr.

    ``PSG_LOG_FORMAT`` says how: ``console`` for people, ``json`` with one object on each line; without it by whether
    stderr is a terminal. Raises ValidationFailed naming the variable that cannot be read.
    """
    global _level
    if level.lower() not in _LEVELS:
        raise ValidationFailed(f"PSG_LOG_LEVEL: {level!r} is none of {', '.join(_LEVELS)}.")
    form = os.environ.get(FORMAT_VARIABLE, "").lower() or ("console" if sys.stderr.isatty() else "json")
    if form not in FORMATS:
        raise ValidationFailed(f"{FORMAT_VARIABLE}: {form!r} is none of {', '.join(FORMATS)}.")
    _level = _LEVELS[level.lower()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_log_entry,
    ]
    last: list[Any] = [structlog.processors.JSONRenderer()]
    if form == "console":
        last = [one_line_each, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[remove, *last], foreign_pre_chain=shared)
    )
    logging.basicConfig(level=max(_level, logging.WARNING), handlers=[handler], force=True)


def steps_logged() -> bool:
    """Whether lines about single steps are wanted, so that what they tell has to be found out."""
    return _level <= logging.INFO


def one_line_each(_logger: Any, _method: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A structlog processor for people's terminals: nothing in a value can begin a line or move the cursor."""
    return {_plain(str(key)): _told(key, value) for key, value in entry.items()}


def _told(key: str, value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    text = value if isinstance(value, str) else repr(value)
    if key in ("exception", "stack"):
        return "\n".join(_BEHIND + _plain(line) for line in text.splitlines())
    return _plain(text)


def _plain(text: str) -> str:
    return "".join(_escaped(text))


def _escaped(text: str) -> Iterable[str]:
    for character in text:
        yield character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
