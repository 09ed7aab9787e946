"""A plan on its way, in the terminal: a live table at a terminal, one line for each change otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from psg_cli.output import plain, stderr
from psg_client import StepCounts, StepSummary

_MARKS = {
    "pending": ("·", "dim"),
    "in_progress": ("▶", "yellow"),
    "completed": ("✔", "green"),
    "blocked": ("■", "magenta"),
    "skipped": ("↷", "blue"),
    "failed": ("✘", "red"),
}
_FINISHED = {"completed", "skipped", "failed", "blocked"}


class PlanView(Protocol):
    """Shows a plan while it runs; used as a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(
        self, title: str, status: str, paused: bool, counts: StepCounts, steps: Iterable[StepSummary]
    ) -> None:
        """The plan now, and the steps that changed since the last call."""

    def note(self, text: str) -> None:
        """Say something beside the plan."""

    def hush(self) -> None:
        """Leave the terminal to somebody else until the next ``show``."""


def plan_view() -> PlanView:
    """The view that fits where stderr goes."""
    return LiveView() if sys.stderr.isatty() else LineView()


class LineView:
    """One line for each step that changed status."""

    def __init__(self) -> None:
        self._console = stderr()
        self._known: dict[str, tuple[str, str | None]] = {}
        self._status = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(
        self, title: str, status: str, paused: bool, counts: StepCounts, steps: Iterable[StepSummary]
    ) -> None:
        for step in steps:
            state = (step.status, step.parked)
            if step.status == "pending" or self._known.get(step.key) == state:
                continue
            self._known[step.key] = state
            word = f"waits ({step.parked})" if step.parked else step.status
            self.note(f"{step.key:<24} {word}{_after(step)}")
        word = _plan_word(status, paused)
        if word != self._status:
            self._status = word
            self.note(f"plan {word}, {_done(counts)} of {counts.total} steps done")

    def note(self, text: str) -> None:
        self._console.print(f"{datetime.now():%H:%M:%S} {plain(text)}")

    def hush(self) -> None:
        return None


class LiveView:
    """A table that is redrawn in place; tall plans show what moves and what just ended."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or stderr()
        self._live: Live | None = None
        self._head: RenderableType = Text("")
        self._steps: dict[str, StepSummary] = {}
        self._changed: dict[str, int] = {}
        self._turn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hush()

    def show(
        self, title: str, status: str, paused: bool, counts: StepCounts, steps: Iterable[StepSummary]
    ) -> None:
        self._head = _head(title, _plan_word(status, paused), counts)
        self._turn += 1
        for step in steps:
            self._steps[step.key] = step
            self._changed[step.key] = self._turn
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=True, refresh_per_second=8, get_renderable=self.view)
            self._live.start()

    def note(self, text: str) -> None:
        (self._live.console if self._live else self._console).print(plain(text))

    def hush(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def view(self) -> RenderableType:
        """What is on the screen now."""
        rows = self._visible(max(5, self._console.height - 6))
        table = Table(box=None, pad_edge=False, show_header=False, expand=False)
        for step in rows:
            mark, style = _MARKS.get(step.status, ("?", ""))
            word = f"waits: {step.parked}" if step.parked else step.status
            what = step.capability or step.type
            state, after = f"[{style}]{word}[/]", plain(_after(step))
            table.add_row(f"[{style}]{mark}[/]", plain(step.key), Text(what, "dim"), state, after)
        hidden = len(self._steps) - len(rows)
        more = [Text(f"  … and {hidden} more steps", "dim")] if hidden else []
        return Group(self._head, table, *more)

    def _visible(self, lines: int) -> list[StepSummary]:
        ordered = sorted(self._steps.values(), key=lambda step: step.position)
        if len(ordered) <= lines:
            return ordered

        def interest(step: StepSummary) -> tuple[int, int]:
            group = {"in_progress": 0, "failed": 1}.get(step.status, 2 if step.status in _FINISHED else 3)
            return group, -self._changed[step.key]

        shown = {step.key for step in sorted(ordered, key=interest)[:lines]}
        return [step for step in ordered if step.key in shown]


def _head(title: str, status: str, counts: StepCounts) -> RenderableType:
    head = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(counts.total, 1), completed=_done(counts), width=30)
    head.add_row(Text(title, "bold"), bar, f"{_done(counts)}/{counts.total}", Text(status))
    return head


def _plan_word(status: str, paused: bool) -> str:
    return "paused" if paused and status == "in_progress" else status


def _done(counts: StepCounts) -> int:
    return counts.completed + counts.skipped + counts.failed


def _after(step: StepSummary) -> str:
    """What is worth knowing about a step beyond its status."""
    parts = []
    if step.status in _FINISHED and step.started_at and step.finished_at:
        seconds = (_time(step.finished_at) - _time(step.started_at)).total_seconds()
        parts.append(f"({seconds:.1f} s)")
    if step.attempt > 1:
        parts.append(f"attempt {step.attempt}")
    if step.skip_reason:
        parts.append(step.skip_reason)
    if isinstance(step.error, dict) and step.error.get("message"):
        parts.append(f"{step.error.get('code', 'error')}: {step.error['message']}")
    return " ".join(["", *parts])[:300] if parts else ""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
