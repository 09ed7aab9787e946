"""What can go wrong with modules; all but mistakes in a registration are module errors (CORE-44)."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import Invalid, Refused, ValidationFailed
from psg_neo4j.errors import Category, PsgError


class RegistrationInvalid(ValidationFailed):
    """The registration of a module, or the configuration of one, is not valid."""

    code = "module_registration_invalid"


class ModuleUnknown(Invalid):
    """No module of this type is registered, or none has this id."""

    code = "module_unknown"
    category: ClassVar[Category] = "module_error"


class ModuleRefused(Refused):
    """The state of a module does not allow this now."""

    code = "module_refused"
    category: ClassVar[Category] = "module_error"


class DependencyUnmet(ModuleRefused):
    """A module that this one needs is missing or has an incompatible version."""

    code = "module_dependency_unmet"


class DependencyCircular(ModuleRefused):
    """Modules need each other in a circle, so none of them can be the first to start."""

    code = "module_dependency_circular"


class ModuleExists(ModuleRefused):
    """A module of this type is registered or running already."""

    code = "module_exists"


class ModuleNotRunning(ModuleRefused):
    """The module was not initialised, or was shut down; it receives no operations."""

    code = "module_not_running"


class ModuleUnavailable(ModuleRefused):
    """The module is out of service until it passes its health check, or what it needs runs again."""

    code = "module_unavailable"
    retryable = True


class OperationNotAllowed(ModuleRefused):
    """The operation is not among the capabilities of the module."""

    code = "operation_not_allowed"


class ModuleLimitReached(ModuleRefused):
    """A limit of the module's configuration is reached."""

    code = "module_limit_reached"
    category: ClassVar[Category] = "resource_error"


class ModuleFailed(PsgError):
    """The code of a module failed."""

    code = "module_failed"
    category: ClassVar[Category] = "module_error"
    retryable = True


class ModuleStartFailed(ModuleFailed):
    """The module could not be started, or not in time."""

    code = "module_start_failed"
