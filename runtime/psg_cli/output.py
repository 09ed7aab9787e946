"""What the command line prints: results on stdout, everything about them on stderr."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for scripts, nothing else on stdout.")]

_WIDTH_OF_FILES = 240
_STATUS_STYLES = {
    "completed": "green",
    "approved": "green",
    "in_progress": "yellow",
    "proposed": "cyan",
    "pending": "dim",
    "draft": "dim",
    "skipped": "blue",
    "blocked": "magenta",
    "failed": "red",
    "rejected": "red",
    "cancelled": "red",
}


def stdout() -> Console:
    """The console for results; made anew so that a redirected stream is seen."""
    return _console(Console(soft_wrap=True, highlight=False))


def stderr() -> Console:
    """The console for progress, hints and errors."""
    return _console(Console(stderr=True, soft_wrap=True, highlight=False))


def _console(made: Console) -> Console:
    if not made.is_terminal:
        made.width = _WIDTH_OF_FILES  # a file has no edge at which a table would have to break its words
    return made


def print_json(value: Any) -> None:
    """One JSON document on stdout, indented."""
    _write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str))


def print_json_line(value: Any) -> None:
    """One JSON value on one line, flushed: the reader may be waiting for it."""
    _write(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str))


def _write(text: bytes) -> None:
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def plain(text: object) -> str:
    """Somebody's text for a place that understands markup: nothing in it is markup or moves the cursor."""
    return escape("".join(c if c.isprintable() else " " for c in str(text)))


def plan_status(status: str, paused: bool) -> str:
    """The status of a plan as rich markup; a pause is no status of its own."""
    return status_text(status) + (" (paused)" if paused and status == "in_progress" else "")


def status_text(status: str) -> str:
    """The status as rich markup, coloured the same everywhere."""
    style = _STATUS_STYLES.get(status)
    return f"[{style}]{status}[/]" if style else status


def table(*columns: str) -> Table:
    """A table without boxes, so that lines can be copied."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, overflow="fold", no_wrap=index == 0)
    return made
