"""What can go wrong with a workflow, as errors of the platform's tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from psg.errors import NotFound, Refused, ValidationFailed
from psg_neo4j.errors import Category, PsgError

MAX_PROBLEMS = 20


class WorkflowInvalid(ValidationFailed):
    """Invalid Workflow: the definition cannot be run as it is; nothing was run."""

    code = "workflow_invalid"

    @classmethod
    def of(cls, workflow_id: str, problems: Sequence[str]) -> WorkflowInvalid:
        """The error that names every mistake of a definition."""
        more = f" ({len(problems) - MAX_PROBLEMS} more)" if len(problems) > MAX_PROBLEMS else ""
        told = "; ".join(problems[:MAX_PROBLEMS])
        return cls(f"Invalid Workflow `{workflow_id}`: {told}{more}.", workflow_id=workflow_id, problems=list(problems))


class ExecutionNotFound(NotFound):
    """There is no execution of a workflow with this id in this project."""

    code = "execution_not_found"


class ExecutionEnded(PsgError):
    """An execution did not come to a good end."""

    code = "workflow_ended"
    category: ClassVar[Category] = "workflow_error"


class WorkflowFailed(ExecutionEnded):
    """A stage of the workflow failed; ``details`` name it, its error, and every stage's result."""

    code = "workflow_failed"


class WorkflowTimeout(WorkflowFailed):
    """The workflow was not over within its timeout; what was not done yet was ended."""

    code = "workflow_timeout"


class WorkflowCancelled(ExecutionEnded):
    """Somebody cancelled the execution."""

    code = "workflow_cancelled"


class NotRunning(Refused):
    """The core orchestrator does not run; use it as ``async with CoreOrchestrator(…)``."""

    code = "core_orchestrator_not_running"


class InvocationRefused(Refused):
    """A step asks a module to do something that no workflow that somebody had executed lets it do."""

    code = "invocation_refused"


class OutputMissing(PsgError):
    """A module's operation did not give an output that the stage promises."""

    code = "stage_output_missing"
    category: ClassVar[Category] = "module_error"


def failure_details(execution_id: str, stages: Sequence[Any]) -> dict[str, Any]:
    """What an error of an execution tells programs: its id, and the stages that failed with why."""
    failed = {s.stage_id: s.error for s in stages if s.status == "failed"}
    return {"execution_id": execution_id, "stages": failed}
