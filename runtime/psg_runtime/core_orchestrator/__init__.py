"""The core orchestrator: workflows over modules as plans of the graph, and the systems around them (WF, CONF)."""

from __future__ import annotations

from psg_runtime.core_orchestrator.compiling import check_workflow, compile_workflow
from psg_runtime.core_orchestrator.components import Catalog, catalog_everywhere, loaded
from psg_runtime.core_orchestrator.core import CoreOrchestrator
from psg_runtime.core_orchestrator.definition import (
    ErrorHandling,
    ExecutionCondition,
    StageCompensation,
    StageRetryPolicy,
    WorkflowDefinition,
    WorkflowStage,
)
from psg_runtime.core_orchestrator.engine import Execution, WorkflowEngine
from psg_runtime.core_orchestrator.errors import (
    ExecutionEnded,
    ExecutionNotFound,
    WorkflowCancelled,
    WorkflowFailed,
    WorkflowInvalid,
    WorkflowTimeout,
)
from psg_runtime.core_orchestrator.monitor import ExecutionMonitor
from psg_runtime.core_orchestrator.result import StageResult, WorkflowResult, WorkflowStatus
from psg_runtime.core_orchestrator.serving import StageService, stages_served
from psg_runtime.core_orchestrator.settings import CoreOrchestratorConfig
from psg_runtime.core_orchestrator.stages import StageRunner

__all__ = [
    "Catalog",
    "CoreOrchestrator",
    "CoreOrchestratorConfig",
    "ErrorHandling",
    "Execution",
    "ExecutionCondition",
    "ExecutionEnded",
    "ExecutionMonitor",
    "ExecutionNotFound",
    "StageCompensation",
    "StageResult",
    "StageRetryPolicy",
    "StageRunner",
    "StageService",
    "WorkflowCancelled",
    "WorkflowDefinition",
    "WorkflowEngine",
    "WorkflowFailed",
    "WorkflowInvalid",
    "WorkflowResult",
    "WorkflowStage",
    "WorkflowStatus",
    "WorkflowTimeout",
    "catalog_everywhere",
    "check_workflow",
    "compile_workflow",
    "loaded",
    "stages_served",
]
