"""What a sandbox can fail with."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import ActionFailed, CapabilityDenied
from psg_neo4j.errors import Category


class ResourceExceeded(ActionFailed):
    """The action took more of a resource than it may, and was stopped.

    ``details["resource"]`` says which: memory, cpu, time, processes, file_size, disk, open_files or output.
    """

    code = "resource_exceeded"
    category: ClassVar[Category] = "resource_error"
    retryable = False


class SandboxUnavailable(CapabilityDenied):
    """This machine cannot enforce a limit that is asked for, so the action was not started (`psg sandbox` tells)."""

    code = "sandbox_unavailable"


class SandboxFailed(ActionFailed):
    """The sandbox could not be set up, or ended without saying what became of the program."""

    code = "sandbox_failed"
    category: ClassVar[Category] = "system_error"


class CodeFailed(ActionFailed):
    """The code of a `code.run` step raised an error."""

    code = "code_failed"
    retryable = False


class CodeRefused(ActionFailed):
    """The code of a `code.run` step does not compile, or uses what such code cannot use."""

    code = "code_refused"
    category: ClassVar[Category] = "validation_error"
    retryable = False
