"""Where log lines of a running service go: stderr, for people at a terminal and as JSON otherwise."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from psg.errors import ValidationFailed
from psg_runtime.secrets import mask_log_entry

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: str) -> None:
    """Send the log lines of ``level`` (debug, info, warning, error) and above to stderr."""
    if level not in _LEVELS:
        raise ValidationFailed(f"PSG_LOG_LEVEL: {level!r} is none of {', '.join(_LEVELS)}.")
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_log_entry,
    ]
    last: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[handler], force=True)
