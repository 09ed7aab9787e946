"""The specification's orchestrator contracts as types: goals, plans, results (`orchestrator-contracts.md`)."""

from __future__ import annotations

from psg_runtime.contracts.conversion import from_spec, to_spec
from psg_runtime.contracts.plan import OrchestratorGoal, OrchestratorPlan, PlanStep
from psg_runtime.contracts.record import Record
from psg_runtime.contracts.result import ExecutionMetadata, ExecutionResult, StepResult

__all__ = [
    "ExecutionMetadata",
    "ExecutionResult",
    "OrchestratorGoal",
    "OrchestratorPlan",
    "PlanStep",
    "Record",
    "StepResult",
    "from_spec",
    "to_spec",
]
