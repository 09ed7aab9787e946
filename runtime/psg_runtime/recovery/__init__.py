"""Recovering from failures: categories of errors, strategies as data, and the same for any operation (CORE-44 ff.)."""

from psg.plan.recovery import (
    DEFAULT_RECOVERY_STRATEGY,
    EscalationRule,
    FallbackAction,
    RecoveryRetry,
    RecoverySpec,
    RecoveryStrategy,
    RollbackProcedure,
)
from psg_runtime.recovery.categories import ErrorCategory, category_of, reported
from psg_runtime.recovery.results import ResultCache
from psg_runtime.recovery.running import Escalation, Recovered, recover, strategy_of

__all__ = [
    "DEFAULT_RECOVERY_STRATEGY",
    "ErrorCategory",
    "Escalation",
    "EscalationRule",
    "FallbackAction",
    "Recovered",
    "RecoveryRetry",
    "RecoverySpec",
    "RecoveryStrategy",
    "ResultCache",
    "RollbackProcedure",
    "category_of",
    "recover",
    "reported",
    "strategy_of",
]
