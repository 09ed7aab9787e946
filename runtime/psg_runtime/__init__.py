"""The runtime: plans executed from the graph's frontier, and the specification's interfaces over the same code."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psg_runtime.ael import AdapterLayer as AdapterLayer
    from psg_runtime.ael import CapabilityRegistry as CapabilityRegistry
    from psg_runtime.ael import InMemoryAEL as InMemoryAEL
    from psg_runtime.contracts import ExecutionMetadata as ExecutionMetadata
    from psg_runtime.contracts import ExecutionResult as ExecutionResult
    from psg_runtime.contracts import OrchestratorGoal as OrchestratorGoal
    from psg_runtime.contracts import OrchestratorPlan as OrchestratorPlan
    from psg_runtime.contracts import PlanStep as PlanStep
    from psg_runtime.contracts import StepResult as StepResult
    from psg_runtime.core_orchestrator import CoreOrchestrator as CoreOrchestrator
    from psg_runtime.core_orchestrator import CoreOrchestratorConfig as CoreOrchestratorConfig
    from psg_runtime.core_orchestrator import WorkflowDefinition as WorkflowDefinition
    from psg_runtime.core_orchestrator import WorkflowResult as WorkflowResult
    from psg_runtime.execution_core import ExecutionAttempt as ExecutionAttempt
    from psg_runtime.execution_core import ExecutionPolicy as ExecutionPolicy
    from psg_runtime.execution_core import ExecutionReport as ExecutionReport
    from psg_runtime.execution_core import FinalDecision as FinalDecision
    from psg_runtime.execution_core import IdempotencyPolicy as IdempotencyPolicy
    from psg_runtime.execution_core import RetryPolicy as RetryPolicy
    from psg_runtime.execution_core import TimeoutPolicy as TimeoutPolicy
    from psg_runtime.execution_core import add_execution_trace as add_execution_trace
    from psg_runtime.execution_core import execute as execute
    from psg_runtime.execution_core import redact_execution_log as redact_execution_log
    from psg_runtime.hooks import HookChain as HookChain
    from psg_runtime.hooks import PolicyHook as PolicyHook
    from psg_runtime.hub import CommunicationHub as CommunicationHub
    from psg_runtime.hub import InterModuleMessage as InterModuleMessage
    from psg_runtime.hub import MessageResult as MessageResult
    from psg_runtime.hub import SystemEvent as SystemEvent
    from psg_runtime.in_memory import Executor as Executor
    from psg_runtime.in_memory import ExecutorOptions as ExecutorOptions
    from psg_runtime.modules import ModuleManager as ModuleManager
    from psg_runtime.modules import ModuleRegistration as ModuleRegistration
    from psg_runtime.planning import LlmPlanner as LlmPlanner
    from psg_runtime.planning import Planner as Planner
    from psg_runtime.planning import PlanTemplate as PlanTemplate
    from psg_runtime.replay import GraphReplay as GraphReplay
    from psg_runtime.replay import PlanReplay as PlanReplay
    from psg_runtime.resources import ResourceManager as ResourceManager
    from psg_runtime.single_agent import GraphModules as GraphModules
    from psg_runtime.single_agent import RuntimeContext as RuntimeContext
    from psg_runtime.single_agent import RuntimeModuleRegistry as RuntimeModuleRegistry
    from psg_runtime.single_agent import RuntimeResult as RuntimeResult
    from psg_runtime.single_agent import run_single_agent_flow as run_single_agent_flow
    from psg_runtime.vsl import InMemoryVSL as InMemoryVSL

# Imported when first asked for: a command line that needs one of them does not pay for all.
_EXPORTS = {
    "AdapterLayer": "ael",
    "CapabilityRegistry": "ael",
    "InMemoryAEL": "ael",
    "ExecutionMetadata": "contracts",
    "ExecutionResult": "contracts",
    "OrchestratorGoal": "contracts",
    "OrchestratorPlan": "contracts",
    "PlanStep": "contracts",
    "StepResult": "contracts",
    "ExecutionAttempt": "execution_core",
    "ExecutionPolicy": "execution_core",
    "ExecutionReport": "execution_core",
    "FinalDecision": "execution_core",
    "IdempotencyPolicy": "execution_core",
    "RetryPolicy": "execution_core",
    "TimeoutPolicy": "execution_core",
    "add_execution_trace": "execution_core",
    "execute": "execution_core",
    "redact_execution_log": "execution_core",
    "HookChain": "hooks",
    "PolicyHook": "hooks",
    "Executor": "in_memory",
    "ExecutorOptions": "in_memory",
    "LlmPlanner": "planning",
    "PlanTemplate": "planning",
    "Planner": "planning",
    "ModuleManager": "modules",
    "ModuleRegistration": "modules",
    "ResourceManager": "resources",
    "GraphReplay": "replay",
    "PlanReplay": "replay",
    "CommunicationHub": "hub",
    "InterModuleMessage": "hub",
    "MessageResult": "hub",
    "SystemEvent": "hub",
    "GraphModules": "single_agent",
    "CoreOrchestrator": "core_orchestrator",
    "CoreOrchestratorConfig": "core_orchestrator",
    "WorkflowDefinition": "core_orchestrator",
    "WorkflowResult": "core_orchestrator",
    "RuntimeContext": "single_agent",
    "RuntimeModuleRegistry": "single_agent",
    "RuntimeResult": "single_agent",
    "run_single_agent_flow": "single_agent",
    "InMemoryVSL": "vsl",
}

__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})
