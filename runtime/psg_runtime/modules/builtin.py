"""The ten modules of the protocol, registered out of the box with operations on the graph (CORE-01, CORE-24)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import psg_cypher
from psg.errors import ValidationFailed
from psg_runtime.modules.operations.confirms import Confirms
from psg_runtime.modules.operations.contexts import ContextConfiguration, Contexts
from psg_runtime.modules.operations.documents import Documents, operation
from psg_runtime.modules.operations.parts import OwnersOfParts
from psg_runtime.modules.operations.plans import Plans
from psg_runtime.modules.operations.roles import Roles
from psg_runtime.modules.registration import (
    MODULE_TYPES,
    Environment,
    HealthCheck,
    ModuleDependency,
    ModuleRegistration,
    Operation,
    Started,
)

VERSION = "1.0.0-alpha"
SOURCE = "platform"
_DOCUMENT_VERBS = ("create", "update", "delete", "query")
# What a module can do besides; the order is that of `psg modules`.
_VERBS: Mapping[str, tuple[str, ...]] = {
    "context": _DOCUMENT_VERBS,
    "plan": (
        "create", "delete", "query", "add_step", "propose", "approve", "pause", "resume", "cancel", "execute",
        "context_updated",
    ),
    "role": (*_DOCUMENT_VERBS, "check"),
    "confirm": ("create", "delete", "query", "validate", "process"),
    "trace": ("create", "query"),
    "extension": _DOCUMENT_VERBS,
    "dialog": (*_DOCUMENT_VERBS, "add"),
    "collab": (*_DOCUMENT_VERBS, "add"),
    "core": (*_DOCUMENT_VERBS, "execute", "pause", "resume", "cancel"),
    "network": (*_DOCUMENT_VERBS, "add"),
}  # fmt: skip
_NAMES: Mapping[str, Mapping[str, str]] = {
    "context": {"getContext": "context.query"},
    "plan": {"getPlan": "plan.query", "addStep": "plan.add_step", "contextUpdated": "plan.context_updated"},
    "role": {"checkPermissions": "role.check", "checkPermission": "role.check", "getRole": "role.query"},
    "confirm": {
        "validateRequest": "confirm.validate", "processApproval": "confirm.process",
        "requestApproval": "confirm.create", "getConfirm": "confirm.query",
    },
    "trace": {"getTrace": "trace.query", "startTrace": "trace.create"},
    "extension": {"registerExtension": "extension.create", "getExtension": "extension.query"},
    "dialog": {"startDialog": "dialog.create", "addMessage": "dialog.add", "sendMessage": "dialog.add"},
    "collab": {"addParticipant": "collab.add", "joinCollab": "collab.add"},
    "core": {
        "executePlan": "core.execute", "pausePlan": "core.pause", "resumePlan": "core.resume",
        "cancelPlan": "core.cancel",
    },
    "network": {"addNode": "network.add"},
}  # fmt: skip
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "context": ("role", "trace"),
    "plan": ("context",),
    "confirm": ("role",),
    "dialog": ("context",),
    "collab": ("context",),
    "extension": ("context",),
    "network": ("context",),
    "core": ("plan",),
}
_CONTEXT_DEFAULTS = {"maxContexts": 1000, "defaultTtl": 3600, "enableCaching": True}


def builtin_registrations() -> dict[str, ModuleRegistration]:
    """The registrations of the ten, by type, each new."""
    return {kind: _registration(kind) for kind in MODULE_TYPES}


def _registration(kind: str) -> ModuleRegistration:
    return ModuleRegistration(
        module_type=kind, version=VERSION, capabilities=tuple(f"{kind}.{verb}" for verb in _VERBS[kind]),
        dependencies=tuple(ModuleDependency(module_type=t, version="^1.0.0") for t in _NEEDS.get(kind, ())),
        configuration=dict(_CONTEXT_DEFAULTS) if kind == "context" else {},
        operation_names=dict(_NAMES[kind]), start=partial(_start, kind), source=SOURCE,
    )  # fmt: skip


def completed(registration: ModuleRegistration) -> ModuleRegistration:
    """A registration of one of the ten that brings no code of its own runs the platform's, within its capabilities."""
    kind = registration.module_type
    if kind not in MODULE_TYPES or registration.operations or registration.start is not None:
        return registration
    own = _registration(kind)
    return registration.model_copy(
        update={"start": own.start, "operation_names": {**own.operation_names, **registration.operation_names}}
    )


async def _start(kind: str, environment: Environment) -> Started:
    documents = _documents(kind, environment.configuration)
    found = {verb: operation(getattr(documents, verb)) for verb in _VERBS[kind] if hasattr(documents, verb)}
    if kind == "core":
        plans = Plans()
        found |= {verb: operation(getattr(plans, verb)) for verb in ("execute", "pause", "resume", "cancel")}
    operations: dict[str, Operation] = {f"{kind}.{verb}": run for verb, run in found.items()}
    return Started(operations, _health(environment, documents))


def _documents(kind: str, configuration: Mapping[str, Any]) -> Documents:
    match kind:
        case "context":
            return Contexts(ContextConfiguration.of(configuration))
        case "plan":
            return Plans()
        case "role":
            return Roles()
        case "confirm":
            return Confirms()
        case "dialog" | "collab" | "network":
            return OwnersOfParts(kind)
        case _:
            return Documents(kind)


def _health(environment: Environment, documents: Documents) -> HealthCheck:
    """Whether the graph answers, and how fast; the context module adds what its cache does."""

    async def check() -> dict[str, Any]:
        if environment.graph is None:
            raise ValidationFailed("there is no graph to work on")
        began = time.monotonic()
        await environment.graph.db.read(psg_cypher.statement("server_ping"))
        details: dict[str, Any] = {"latencyMs": round((time.monotonic() - began) * 1000, 3)}
        if isinstance(documents, Contexts):
            details |= documents.health()
        return {"status": "healthy", "details": details}

    return check
