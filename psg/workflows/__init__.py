"""Runs of workflows in the graph: plans that take their turn, have a limit of time, and are forgotten at last."""

from __future__ import annotations

from psg.workflows.ending import NotWaiting, cancel_waiting, fail_overdue, forget
from psg.workflows.invocations import Invocations
from psg.workflows.turns import NothingToBegin, begin_next, enter, may_begin

__all__ = [
    "Invocations",
    "NotWaiting",
    "NothingToBegin",
    "begin_next",
    "cancel_waiting",
    "enter",
    "fail_overdue",
    "forget",
    "may_begin",
]
