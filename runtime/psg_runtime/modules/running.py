"""One module at work in this process: started within its time, its health, what it is asked for, and its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import structlog

from psg.errors import ActionTimeout
from psg.model.ids import new_id
from psg_neo4j.errors import PsgError
from psg_runtime.modules.calling import Caller, failure_text, health_of, takes
from psg_runtime.modules.errors import ModuleFailed, ModuleNotRunning, ModuleStartFailed, OperationNotAllowed
from psg_runtime.modules.operation_names import capability_of
from psg_runtime.modules.registration import (
    Environment,
    HealthStatus,
    Invocation,
    Module,
    ModuleRegistration,
    ModuleStatus,
    Operation,
    Started,
)
from psg_runtime.modules.settings import ModuleSettings
from psg_runtime.modules.store import PROCESS

log = structlog.get_logger(__name__)


class RunningModule:
    """A module of this process, from its start to its end."""

    def __init__(
        self, registration: ModuleRegistration, configuration: Mapping[str, Any], settings: ModuleSettings
    ) -> None:
        self.id: str = new_id()
        self.registration = registration
        self.configuration = dict(configuration)
        self.health = HealthStatus(status="healthy")
        self.stopped = False
        self.refusing = False
        self._settings = settings
        self._started = Started()
        self._operations: dict[str, Operation] = {}
        self._started_ms = round(time.time() * 1000)
        self._caller = Caller()
        self._active = 0
        self._checking = False
        self._checked = 0.0
        self._idle = anyio.Event()
        self._counts = (0, 0, 0.0)

    @property
    def type(self) -> str:
        """The module's type."""
        return self.registration.module_type

    def module(self, unmet: list[str]) -> Module:
        """The module as others see it; ``unmet`` are needed modules that do not run."""
        status: ModuleStatus = "stopped" if self.stopped else "running"
        reason = None
        if not self.stopped and unmet:
            status, reason = "unavailable", f"it needs {', '.join(unmet)}, which does not run"
        elif not self.stopped and not self.health.in_service:
            status = "unavailable"
            reason = f"its health check failed: {self.health.details.get('reason') or self.health.details}"
        operations, failures, total_ms = self._counts
        return Module(
            self.id, self.type, self.registration.version, status, self.registration.capabilities,
            self.registration.dependencies, self.configuration, self.health, PROCESS, True, self._started_ms,
            operations, failures, total_ms, reason,
        )  # fmt: skip

    async def start(self, environment: Environment) -> None:
        """Start within ``startup_timeout_ms``; raises ``ModuleStartFailed``."""
        limit = self._settings.startup_timeout_ms
        try:
            with anyio.fail_after(limit / 1000):
                await self._start(environment)
        except TimeoutError:
            message = f"module {self.type!r} did not start within {limit} ms"
            raise ModuleStartFailed(message, module=self.type, timeout_ms=limit) from None
        except PsgError as error:
            if error.category == "validation_error":
                raise
            raise self._not_started(error) from error
        except Exception as error:
            raise self._not_started(error) from error
        await self.check_health()

    async def _start(self, environment: Environment) -> None:
        found = self.registration.operations
        if self.registration.start is not None:
            started = await self._caller.call(self.registration.start, environment)
            if isinstance(started, Started):
                self._started = started
            elif isinstance(started, Mapping):
                self._started = Started(dict(started))
            elif started is not None:
                raise TypeError("the start of a module returns Started, operations by name, or nothing")
        for name, operation in {**found, **self._started.operations}.items():
            try:
                capability = self._capability(name)
            except OperationNotAllowed:
                continue  # the registration bounds what the module's code could do
            self._operations[capability] = operation

    def _not_started(self, error: Exception) -> ModuleStartFailed:
        return ModuleStartFailed(f"module {self.type!r} did not start: {failure_text(error)}", module=self.type)

    async def check_health(self) -> HealthStatus:
        """Check now and remember what came of it."""
        check = self.registration.health_check or self._started.health_check
        before = self.health
        self._checking = True
        try:
            self.health = await health_of(check, self._settings.health_check_interval_ms, self._caller)
        finally:
            self._checking, self._checked = False, anyio.current_time()
        if before.in_service != self.health.in_service:
            log.warning("module_health", module=self.type, status=self.health.status, details=self.health.details)
        return self.health

    async def check_health_if_due(self) -> None:
        """Check when the last check is an interval ago and nobody checks at this moment."""
        age = anyio.current_time() - self._checked
        if not self._checking and age >= self._settings.health_check_interval_ms / 1000:
            await self.check_health()

    def _capability(self, operation: str) -> str:
        registered = self.registration
        return capability_of(self.type, operation, registered.capabilities, registered.operation_names)

    def check_operation(self, operation: str) -> str:
        """Return the capability that an operation is; raises ``OperationNotAllowed``."""
        capability = self._capability(operation)
        if capability not in self._operations:
            raise OperationNotAllowed(
                f"module {self.type!r} names {capability!r} among its capabilities, but brings no operation for it",
                module=self.type, operation=capability,
            )  # fmt: skip
        return capability

    async def invoke(self, invocation: Invocation, inputs: Mapping[str, Any]) -> Any:
        """Run an operation, count it, and tell failures of the module's code as such."""
        if self.stopped:
            raise ModuleNotRunning(f"module {self.type!r} was shut down", module=self.type, id=self.id)
        operation = self._operations[invocation.capability]
        arguments = (dict(inputs), invocation)[: takes(operation)]
        self._active += 1
        began, failed = time.monotonic(), True
        try:
            result = await self._caller.call(operation, *arguments)
            failed = False
            return result
        except ActionTimeout:
            failed = "timeout_ms" not in inputs  # the time was the caller's, not the module's
            raise
        except PsgError:
            raise
        except Exception as error:
            raise ModuleFailed(
                f"{invocation.capability}: {failure_text(error)}", module=self.type, operation=invocation.capability
            ) from error
        finally:
            self._count(failed, time.monotonic() - began)

    def _count(self, failed: bool, seconds: float) -> None:
        operations, failures, total_ms = self._counts
        self._counts = (operations + 1, failures + failed, total_ms + seconds * 1000)
        self._active -= 1
        if not self._active:
            self._idle.set()

    async def stop(self) -> None:
        """Take nothing more, let what runs end, and stop; each within ``shutdown_timeout_ms``."""
        if self.stopped:
            return
        self.stopped = True
        limit = self._settings.shutdown_timeout_ms / 1000
        with anyio.move_on_after(limit):
            while self._active:
                self._idle = anyio.Event()
                await self._idle.wait()
        await self._end(self._started.stop, limit)

    async def _end(self, stop: Callable[[], Any] | None, limit: float) -> None:
        if stop is None:
            return
        try:
            with anyio.fail_after(limit):
                await self._caller.call(stop)
        except TimeoutError:
            log.warning("module_did_not_stop", module=self.type, seconds=limit)
        except Exception as error:
            log.warning("module_stop_failed", module=self.type, error=failure_text(error))
