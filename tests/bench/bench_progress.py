"""What a person sees while benchmarks run: a bar on a terminal, one line a phase elsewhere; all on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

Advance = Callable[[int], object]


class Progress:
    """Shows one phase after the other."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Advance]:
        """Show ``name`` as running for the length of the block; what it gives out tells how much was done."""
        started = time.monotonic()
        with rich_progress.Progress(
            *rich_progress.Progress.get_default_columns(), console=self._console, transient=True,
            disable=not self._console.is_terminal,
        ) as shown:  # fmt: skip
            task = shown.add_task(name, total=total)
            yield lambda done: shown.advance(task, done)
        print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
