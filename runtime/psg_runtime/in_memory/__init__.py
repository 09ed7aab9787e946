"""The specification's ``Executor``: plans run in memory, without a database, by the engine's own decisions."""

from __future__ import annotations

from psg_runtime.in_memory.executor import Executor, PlanNotApproved
from psg_runtime.in_memory.options import ExecutorOptions

__all__ = ["Executor", "ExecutorOptions", "PlanNotApproved"]
