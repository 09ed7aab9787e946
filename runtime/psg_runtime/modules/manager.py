"""The module manager: registers, starts, watches, asks and stops modules (CORE-19 … CORE-26)."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc
import structlog

from psg.errors import ValidationFailed
from psg.graph import Graph
from psg_neo4j.errors import PsgError
from psg_runtime.modules import entry_points
from psg_runtime.modules.builtin import builtin_registrations, completed
from psg_runtime.modules.dependencies import start_order
from psg_runtime.modules.errors import (
    DependencyUnmet,
    ModuleExists,
    ModuleNotRunning,
    ModuleUnavailable,
    ModuleUnknown,
)
from psg_runtime.modules.registration import (
    Environment,
    HealthStatus,
    Invocation,
    Module,
    ModuleRegistration,
    configured,
    registration_of,
)
from psg_runtime.modules.running import RunningModule
from psg_runtime.modules.settings import ModuleSettings
from psg_runtime.modules.store import ModuleStore

log = structlog.get_logger(__name__)

SWEEP_BEATS = 100
GOODBYE_S = 5.0


class ModuleManager:
    """The modules of this process; the ten of the protocol are registered from the start.

    ``graph`` is what the ten work on and where processes tell each other of their modules (without one: modules of
    one's own only). ``project_id`` is the project they work in where the inputs name none; without one it is the
    project ``default``. Entered with ``async with`` (or ``run``) it renews the lease of its modules and checks their
    health every ``health_check_interval_ms``; else a module is renewed and checked before an operation, when that is
    due.
    """

    def __init__(
        self, graph: Graph | None = None, project_id: str | None = None, settings: ModuleSettings | None = None
    ) -> None:
        self.graph = graph
        self.project_id = project_id
        self.settings = settings or ModuleSettings()
        self._store = ModuleStore(graph, self.settings.lease_ms)
        self._registered: dict[str, ModuleRegistration] = builtin_registrations()
        self._own: set[str] = set()
        self._modules: dict[str, RunningModule] = {}
        self._ended: dict[str, RunningModule] = {}
        self._starting: dict[str, anyio.Lock] = {}
        self._renewed = 0.0
        self._tasks: anyio.abc.TaskGroup | None = None

    # Registration

    async def register(
        self, registration: ModuleRegistration | Mapping[str, Any], *, replace: bool = False
    ) -> ModuleRegistration:
        """Register a module type; one of the ten may be narrowed or replaced while it does not run.

        Raises ``RegistrationInvalid``, and ``ModuleExists`` for a type that is registered already (unless ``replace``)
        or runs. Dependencies are judged when the module starts.
        """
        made = completed(registration_of(registration))
        kind = made.module_type
        if kind in self._modules:
            raise ModuleExists(f"module {kind!r} runs; shut it down before registering it anew", module=kind)
        if kind in self._own and not replace and self._registered[kind] != made:
            raise ModuleExists(f"module {kind!r} is registered already; unregister it first", module=kind)
        self._registered[kind] = made
        self._own.add(kind)
        return made

    async def unregister(self, module_type: str) -> None:
        """Forget a registration, shutting the module down when it runs; one of the ten is the platform's again."""
        if module_type not in self._registered:
            raise ModuleUnknown(f"module {module_type!r} is not registered", module=module_type)
        running = self._modules.get(module_type)
        if running is not None:
            await self.shutdown_module(running.id)
        self._own.discard(module_type)
        own = builtin_registrations().get(module_type)
        if own is None:
            del self._registered[module_type]
        else:
            self._registered[module_type] = own

    def registrations(self) -> dict[str, ModuleRegistration]:
        """What is registered, by type."""
        return dict(self._registered)

    async def load(self, name: str | None = None) -> list[ModuleRegistration]:
        """Register modules that installed packages offer (entry points ``psg.modules``), all or the one of this name.

        Packages installed since this process began are seen. Raises ``RegistrationInvalid``, ``ModuleExists``,
        ``ModuleUnknown``.
        """
        found = entry_points.found(name)
        if name is not None and not found:
            raise ModuleUnknown(f"no installed package offers a module under the name {name!r}", name=name)
        loaded = [registration for entry in found for registration in await entry_points.load(entry)]
        kinds = [r.module_type for r in loaded]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ModuleExists(f"several packages offer the module {', '.join(twice)}; load one by its name")
        return [await self.register(registration, replace=True) for registration in loaded]

    async def unload(self, module_type: str) -> None:
        """Shut a loaded module down, unregister it, and forget its code, so that another version can be loaded."""
        registration = self._registered.get(module_type)
        await self.unregister(module_type)
        if registration is not None:
            entry_points.forget(registration.source)

    # Life

    async def initialize_module(self, module_type: str, config: Mapping[str, Any] | None = None) -> Module:
        """Start a module with its defaults overridden by ``config``, after those that it needs.

        Initialised already with the same configuration it is returned as it is. Raises ``ModuleUnknown``,
        ``DependencyUnmet`` and ``DependencyCircular`` naming what is wrong, ``ModuleExists`` when it runs with another
        configuration, ``RegistrationInvalid`` for a configuration that it does not have, ``ModuleStartFailed`` when it
        fails or takes longer than ``startup_timeout_ms``.
        """
        order = start_order(self._registered, module_type)
        for needed in order[:-1]:
            if needed not in self._modules and any(r.type == needed for r in self._ended.values()):
                raise DependencyUnmet(
                    f"module {module_type!r} cannot start: it needs {needed!r}, which was shut down",
                    module=module_type, unmet=[needed],
                )  # fmt: skip
            await self._initialize(needed, None)
        return self._seen(await self._initialize(module_type, config))

    async def initialize_all(self) -> list[Module]:
        """Start all modules that are registered and do not run yet; returns all that run."""
        return [await self.initialize_module(kind) for kind in self._registered]

    async def ensure_module(self, module_type: str) -> Module:
        """Return the running module of a type, starting it when it never ran; one that was shut down stays so."""
        running = self._modules.get(module_type)
        if running is not None:
            return self._seen(running)
        self._check_not_ended(module_type)
        return await self.initialize_module(module_type)

    async def _initialize(self, module_type: str, config: Mapping[str, Any] | None) -> RunningModule:
        async with self._starting.setdefault(module_type, anyio.Lock()):
            registration = self._registered[module_type]
            configuration = configured(registration, config)
            running = self._modules.get(module_type)
            if running is not None:
                if config is not None and running.configuration != configuration:
                    raise ModuleExists(
                        f"module {module_type!r} runs with another configuration; shut it down first",
                        module=module_type, id=running.id,
                    )  # fmt: skip
                return running
            made = RunningModule(registration, configuration, self.settings)
            await made.start(Environment(self.graph, self.project_id, configuration, made.id))
            try:
                await self._store.beat([made.module(self._unmet(made))])
            except BaseException:  # nobody will ever stop what nobody knows of
                with anyio.CancelScope(shield=True):
                    await made.stop()
                raise
            self._modules[module_type] = made
            self._ended = {i: r for i, r in self._ended.items() if r.type != module_type}
            return made

    async def shutdown_module(self, module_id: str) -> None:
        """Stop a module: it receives no operations any more, of whichever process it is.

        Operations that run may end. A module of another process is stopped there; here and there it is refused from
        now on. Raises ``ModuleUnknown``, and ``ModuleNotRunning`` for one that is stopped already.
        """
        running = self._by_id(module_id)
        if running is None:
            found = await self._store.find(module_id)
            if found is None:
                raise ModuleUnknown(f"there is no module {module_id!r}", id=module_id)
            if found.status == "stopped":
                raise ModuleNotRunning(f"module {module_id} is stopped already", id=module_id)
            await self._store.stop(module_id)
            return
        if running.stopped:
            raise ModuleNotRunning(f"module {running.type!r} is stopped already", id=module_id)
        await self._end(running)

    async def _end_soon(self, running: RunningModule) -> None:
        """End a module without waiting for what it still does, where there is somebody to wait for it."""
        if self._tasks is None:
            await self._end(running)
        else:
            running.refusing = True
            self._tasks.start_soon(self._end, running)

    async def _end(self, running: RunningModule) -> None:
        if self._modules.get(running.type) is running:
            del self._modules[running.type]
        self._ended[running.id] = running
        await running.stop()
        try:
            await self._store.beat([running.module([])])
            await self._store.stop(running.id)
        except PsgError as error:
            log.warning("module_end_not_told", module=running.type, code=error.code)

    # Looking

    async def get_module(self, module_id: str) -> Module:
        """Return a module by its id, of this process or another; raises ``ModuleUnknown``."""
        running = self._by_id(module_id)
        if running is not None:
            return self._seen(running)
        found = await self._store.find(module_id)
        if found is None:
            raise ModuleUnknown(f"there is no module {module_id!r}", id=module_id)
        return found

    async def list_modules(self, *, everywhere: bool = False) -> list[Module]:
        """Return the modules that run in this process, or in all processes, by type."""
        own = [self._seen(running) for running in self._modules.values()]
        known = {module.id for module in own}
        others = [m for m in await self._store.live() if m.id not in known] if everywhere else []
        return sorted([*own, *others], key=lambda m: (m.module_type, m.id))

    async def get_module_health(self, module_id: str) -> HealthStatus:
        """Check a module of this process now, or return what another process saw last; raises ``ModuleUnknown``.

        A module that fails its check is out of service until it passes one.
        """
        running = self._by_id(module_id)
        if running is None:
            return (await self.get_module(module_id)).health
        if running.stopped:
            return HealthStatus(status="unhealthy", details={"reason": "the module was shut down"})
        health = await running.check_health()
        await self._store.beat([self._seen(running)])
        return health

    # Operations

    async def invoke(
        self,
        module_type: str,
        operation: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        idempotency_key: str | None = None,
        project_id: str | None = None,
        actor: str = "system",
    ) -> Any:
        """Ask a module of this process for an operation, such as ``createContext`` or ``context.create``.

        ``project_id`` is the project it works in where the inputs name none (default: that of the manager).
        Raises ``ModuleUnknown``, ``ModuleNotRunning``, ``ModuleUnavailable``, ``OperationNotAllowed`` for what is not
        among its capabilities, ``ModuleFailed`` when its code fails, and what the operation itself raises. Repeated
        with the same ``idempotency_key`` an operation on the graph has one effect.
        """
        if not isinstance(operation, str) or not isinstance(inputs or {}, Mapping):
            raise ValidationFailed("an operation is a name, and its inputs are a mapping", module=module_type)
        running = self._modules.get(module_type)
        if running is None:
            self._check_not_ended(module_type)
            if module_type not in self._registered:
                raise ModuleUnknown(f"module {module_type!r} is not registered", module=module_type)
            raise ModuleNotRunning(f"module {module_type!r} is not initialised", module=module_type)
        capability = running.check_operation(operation)
        await self._check_stopped_elsewhere(running)
        if self._tasks is None:
            await running.check_health_if_due()
        module = self._seen(running)
        if module.status != "running":
            raise ModuleUnavailable(
                f"module {module_type!r} is out of service: {module.reason}", module=module_type, id=module.id
            )
        invocation = Invocation(
            self.graph, project_id or self.project_id, module, capability, operation, correlation_id, idempotency_key,
            actor,
        )  # fmt: skip
        return await running.invoke(invocation, inputs or {})

    def _check_not_ended(self, module_type: str) -> None:
        ended = next((r for r in self._ended.values() if r.type == module_type), None)
        if ended is not None:
            raise ModuleNotRunning(f"module {module_type!r} was shut down", module=module_type, id=ended.id)

    async def _check_stopped_elsewhere(self, running: RunningModule) -> None:
        """Another process may have stopped it; a manager that nobody runs renews its modules here."""
        if self._tasks is None and anyio.current_time() - self._renewed > self.settings.lease_ms / 3000:
            await self._renew()
        elif await self._store.stopped(running.id):
            await self._end_soon(running)
        if running.stopped or running.refusing:
            raise ModuleNotRunning(f"module {running.type!r} was shut down", module=running.type, id=running.id)

    def _by_id(self, module_id: str) -> RunningModule | None:
        own = next((r for r in self._modules.values() if r.id == module_id), None)
        return own or self._ended.get(module_id)

    def _unmet(self, running: RunningModule) -> list[str]:
        return [d.module_type for d in running.registration.dependencies if d.module_type not in self._modules]

    def _seen(self, running: RunningModule) -> Module:
        return running.module(self._unmet(running))

    # Watching

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._keep_lease)
        self._tasks.start_soon(self._watch_health)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        tasks, self._tasks = self._tasks, None
        tasks.cancel_scope.cancel()
        try:
            # Without the error of the block, which goes on as it is instead of in a group.
            await tasks.__aexit__(None, None, None)
        finally:
            # Also where the database is away: nobody waits for the goodbyes of all modules.
            with anyio.move_on_after(self.settings.shutdown_timeout_ms / 1000 + GOODBYE_S, shield=True):
                await self.close()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep modules alive and checked until cancelled, then stop them."""
        async with self:
            task_status.started()
            await anyio.sleep_forever()

    async def close(self) -> None:
        """Stop all modules, those first that nobody needs; for a manager that was not entered."""
        while self._modules:
            needed = {d.module_type for r in self._modules.values() for d in r.registration.dependencies}
            kinds = [kind for kind in self._modules if kind not in needed] or list(self._modules)
            for kind in kinds:
                await self._end(self._modules[kind])

    async def _renew(self) -> None:
        self._renewed = anyio.current_time()
        stopped = await self._store.beat([self._seen(running) for running in self._modules.values()])
        for running in [r for r in self._modules.values() if r.id in stopped]:
            await self._end_soon(running)

    async def _keep_lease(self) -> None:
        beats = 0
        while True:
            try:
                await self._renew()
                if beats % SWEEP_BEATS == 0:
                    await self._store.sweep()
            except PsgError as error:
                log.warning("modules_not_renewed", code=error.code, error=error.message)
            beats += 1
            await anyio.sleep(self.settings.lease_ms / 3000)

    async def _watch_health(self) -> None:
        while True:
            await anyio.sleep(self.settings.health_check_interval_ms / 1000)
            async with anyio.create_task_group() as checks:
                for running in list(self._modules.values()):
                    checks.start_soon(self._check, running)

    async def _check(self, running: RunningModule) -> None:
        before = running.health.status
        after = (await running.check_health()).status
        if before != after:
            try:
                await self._store.beat([self._seen(running)])
            except PsgError as error:
                log.warning("module_health_not_told", module=running.type, code=error.code)
