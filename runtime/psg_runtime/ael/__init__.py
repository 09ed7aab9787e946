"""Action Execution Layer: how a step's work is done; adapters never see the database (DD-29, L3-25)."""

from __future__ import annotations

from psg_runtime.ael.adapters.subplan import SubplanAdapter
from psg_runtime.ael.executor import AdapterLayer
from psg_runtime.ael.failures import ConfirmRejected, failure_of
from psg_runtime.ael.parallel import parallel_ael_execution
from psg_runtime.ael.port import (
    ACTION_TYPES,
    Action,
    ActionExecutionLayer,
    ActionResult,
    InMemoryAEL,
    Parked,
    action_target,
)
from psg_runtime.ael.registry import ActionContext, Capability, CapabilityRegistry, agent, service, tool
from psg_runtime.ael.settings import AelSettings

__all__ = [
    "ACTION_TYPES",
    "Action",
    "ActionContext",
    "ActionExecutionLayer",
    "ActionResult",
    "AdapterLayer",
    "AelSettings",
    "Capability",
    "CapabilityRegistry",
    "ConfirmRejected",
    "InMemoryAEL",
    "Parked",
    "SubplanAdapter",
    "action_target",
    "agent",
    "failure_of",
    "parallel_ael_execution",
    "service",
    "tool",
]
