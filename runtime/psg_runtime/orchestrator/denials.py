"""Why an attempt did not happen, or was cut: errors of the engine itself, as the result of a step shows them."""

from __future__ import annotations

from typing import Any, ClassVar

from psg.errors import ActionFailed
from psg_neo4j.errors import Category


class StepDenied(ActionFailed):
    """The step may not run.

    ``details.status`` is ``denied`` (the adapter was never called); ``details.fail_closed`` is true where somebody
    who should have decided broke instead.
    """

    code = "denied"
    category: ClassVar[Category] = "workflow_error"
    retryable = False

    def __init__(self, message: str | None = None, /, *, fail_closed: bool = False, **details: Any) -> None:
        marker = {"fail_closed": True} if fail_closed else {}
        super().__init__(message, **{"status": "denied", **marker, **details})


class KillSwitchActive(StepDenied):
    """A kill switch is on for this step."""

    code = "kill_switch_active"


class PolicyUnreadable(StepDenied):
    """What is stored as the policy of this step is none."""

    code = "policy_invalid"

    def __init__(self, message: str | None = None, /, **details: Any) -> None:
        super().__init__(message, fail_closed=True, **details)


class WorkerLost(ActionFailed):
    """Every orchestrator that ran this step died in the middle of it; it is not tried again."""

    code = "worker_lost"
    retryable = False


class QueueTimeout(ActionFailed):
    """The step waited longer to be claimed than its policy allows."""

    code = "queue_timeout"
    category: ClassVar[Category] = "resource_error"
    retryable = False


class TotalTimeout(ActionFailed):
    """The step took longer, with all its attempts and waits, than its policy allows."""

    code = "total_timeout"
    retryable = False


class HeartbeatTimeout(ActionFailed):
    """The attempt gave no sign of progress for longer than the policy of its step allows."""

    code = "heartbeat_timeout"
