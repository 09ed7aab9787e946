"""Modules: registered with capabilities, started after what they need, watched, asked, stopped (MOD)."""

from psg_runtime.modules.errors import (
    DependencyCircular,
    DependencyUnmet,
    ModuleExists,
    ModuleFailed,
    ModuleLimitReached,
    ModuleNotRunning,
    ModuleRefused,
    ModuleStartFailed,
    ModuleUnavailable,
    ModuleUnknown,
    OperationNotAllowed,
    RegistrationInvalid,
)
from psg_runtime.modules.manager import ModuleManager
from psg_runtime.modules.packages import Packages
from psg_runtime.modules.project_modules import ProjectModules
from psg_runtime.modules.registration import (
    MODULE_TYPES,
    Environment,
    HealthStatus,
    Invocation,
    Module,
    ModuleDependency,
    ModuleRegistration,
    Started,
)
from psg_runtime.modules.settings import ModuleSettings
from psg_runtime.modules.store import running_modules

__all__ = [
    "MODULE_TYPES",
    "DependencyCircular",
    "DependencyUnmet",
    "Environment",
    "HealthStatus",
    "Invocation",
    "Module",
    "ModuleDependency",
    "ModuleExists",
    "ModuleFailed",
    "ModuleLimitReached",
    "ModuleManager",
    "ModuleNotRunning",
    "ModuleRefused",
    "ModuleRegistration",
    "ModuleSettings",
    "ModuleStartFailed",
    "ModuleUnavailable",
    "ModuleUnknown",
    "OperationNotAllowed",
    "Packages",
    "ProjectModules",
    "RegistrationInvalid",
    "Started",
    "running_modules",
]
