"""A single agent's run: its context, its modules, the loop that drives them (L3-30 … L3-39)."""

from __future__ import annotations

from psg_runtime.single_agent.context import Coordination, RunIds, RuntimeContext
from psg_runtime.single_agent.flow import RunSingleAgentFlowOptions, run_single_agent_flow
from psg_runtime.single_agent.graph_modules import GraphModules
from psg_runtime.single_agent.loop import RuntimeLoop
from psg_runtime.single_agent.registry import ModuleOutput, RuntimeModule, RuntimeModuleRegistry
from psg_runtime.single_agent.result import RuntimeResult

__all__ = [
    "Coordination",
    "GraphModules",
    "ModuleOutput",
    "RunIds",
    "RunSingleAgentFlowOptions",
    "RuntimeContext",
    "RuntimeLoop",
    "RuntimeModule",
    "RuntimeModuleRegistry",
    "RuntimeResult",
    "run_single_agent_flow",
]
