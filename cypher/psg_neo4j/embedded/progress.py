"""Shows the one-time download: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

_TITLE = "Downloading Neo4j (once)"


class Progress(Protocol):
    """What a download tells; called from several threads."""

    def advance(self, size: int) -> None:
        """``size`` more bytes arrived (negative: they have to be fetched again)."""


class _Terminal:
    def __init__(self, bar: Bar, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(_TITLE, total=total)

    def advance(self, size: int) -> None:
        self._bar.advance(self._task, size)


class _Lines:
    """One line for each tenth of the whole."""

    def __init__(self, console: Console, total: int, count: int) -> None:
        self._console = console
        self._total = max(total, 1)
        self._lock = threading.Lock()
        self._done = 0
        self._told = 0
        console.print(f"{_TITLE}: {count} files, {total / 1e6:.0f} MB")

    def advance(self, size: int) -> None:
        with self._lock:
            self._done += size
            tenths = min(10, self._done * 10 // self._total)
            if tenths > self._told:
                self._told = tenths
                self._console.print(f"{_TITLE}: {tenths * 10} %")


@contextmanager
def progress_on(total: int, count: int) -> Iterator[Progress]:
    """Show the progress of ``count`` files with ``total`` bytes together on standard error."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield _Lines(console, total, count)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        yield _Terminal(bar, total)
