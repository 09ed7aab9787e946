"""The bounded execution core: one decision, its limits, and a report; depends on nothing else of ours (EXEC-13).

``execute(decision, context, policy, executor)`` is the whole of it; policies, keys, kill switch and redaction can be
used alone.
"""

from __future__ import annotations

from psg_runtime.execution_core.calls import CallFailed, Clock, Saturated, SystemClock, TimedOut, call
from psg_runtime.execution_core.idempotency import KeyNotDerivable, canonical_text, derive_key, idempotency_key
from psg_runtime.execution_core.kill_switch import action_type_of, kill_switch_active
from psg_runtime.execution_core.model import (
    DecisionUnreadable,
    ExecutionAttempt,
    ExecutionPlan,
    ExecutionReport,
    ExecutionStatus,
    FinalDecision,
    PacketV2,
)
from psg_runtime.execution_core.orchestrator import build_plan, execute
from psg_runtime.execution_core.policies import (
    ACTION_AND_CONTEXT,
    ExecutionPolicy,
    IdempotencyPolicy,
    PolicyError,
    RetryPolicy,
    TimeoutPolicy,
)
from psg_runtime.execution_core.redaction import REDACTED, Redactor, redact_execution_log, secret_values
from psg_runtime.execution_core.trace import add_execution_trace, traced, valid_trace_key

__all__ = [
    "ACTION_AND_CONTEXT",
    "REDACTED",
    "CallFailed",
    "Clock",
    "DecisionUnreadable",
    "ExecutionAttempt",
    "ExecutionPlan",
    "ExecutionPolicy",
    "ExecutionReport",
    "ExecutionStatus",
    "FinalDecision",
    "IdempotencyPolicy",
    "KeyNotDerivable",
    "PacketV2",
    "PolicyError",
    "Redactor",
    "RetryPolicy",
    "Saturated",
    "SystemClock",
    "TimedOut",
    "TimeoutPolicy",
    "action_type_of",
    "add_execution_trace",
    "build_plan",
    "call",
    "canonical_text",
    "derive_key",
    "execute",
    "idempotency_key",
    "kill_switch_active",
    "redact_execution_log",
    "secret_values",
    "traced",
    "valid_trace_key",
]
