"""Performance monitoring as the specification has it: SystemMetrics and HealthCheck over the graph (CORE-38..43)."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any

import anyio
import structlog

from psg.errors import PsgError
from psg.graph import Graph
from psg.model.ids import new_id
from psg_runtime.monitoring import alerts as alert_store
from psg_runtime.monitoring import history as past
from psg_runtime.monitoring import rule_book
from psg_runtime.monitoring.alert_rules import METRICS, AlertConfiguration, AlertRule, Observed
from psg_runtime.monitoring.alerts import Alert
from psg_runtime.monitoring.collection import Machine, Recorder, performance_of, workflows
from psg_runtime.monitoring.deliveries import Sender, WebhookSender, deliver_due
from psg_runtime.monitoring.graph_modules import GraphModules
from psg_runtime.monitoring.health import HealthChecks
from psg_runtime.monitoring.model import (
    HealthHistory,
    HealthState,
    ModuleHealth,
    PerformanceMetrics,
    SystemHealth,
    SystemMetrics,
    TimeRange,
    parsed,
)
from psg_runtime.monitoring.ports import ModuleHealthSource, Probe
from psg_runtime.monitoring.scope import Scope
from psg_runtime.monitoring.settings import MonitoringSettings
from psg_runtime.monitoring.storage import Storage

log = structlog.get_logger(__name__)

_PRUNE_EVERY_S = 60.0
_LOOK_S = 1.0


class SystemMonitor:
    """Metrics, health, its history, and alerts of the platform or of one project.

    Everything can be asked at any time; ``run()`` also collects, notes and evaluates by itself, and any number of
    processes may run it: one of them evaluates the rules for all. ``modules`` are those of this process (a
    ModuleManager; default for the platform: what all processes say of theirs); ``probes`` are numbers of one's own,
    by name; ``sender`` takes messages to webhooks. Without ``sampling`` ``run()`` collects only where a rule asks.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        project_id: str | None = None,
        modules: ModuleHealthSource | None = None,
        settings: MonitoringSettings | None = None,
        probes: Mapping[str, Probe] | None = None,
        sender: Sender | None = None,
        sampling: bool = True,
        store_path: Path | None = None,
    ) -> None:
        self.graph = graph
        self.scope = Scope(project_id)
        self.settings = settings or MonitoringSettings()
        self.id: str = new_id()
        self._db = graph.db
        self._probes = dict(probes or {})
        self._sender = sender
        self._sampling = sampling
        if modules is None and project_id is None:
            modules = GraphModules(graph)
        self._checks = HealthChecks(graph.db, self.scope, modules, self.settings.health_check_timeout)
        self._machine = Machine(graph.db, Storage(graph.db, store_path))
        self._recorder = Recorder()
        self._samples: deque[SystemMetrics] = deque(maxlen=self.settings.samples_kept)
        self._collected_at = float("-inf")
        self._collecting = anyio.Lock()
        self._stop = anyio.Event()
        self._held = False
        self._source = f"{socket.gethostname()}:{os.getpid()}"

    # Metrics

    async def system_metrics(self) -> SystemMetrics:
        """Collect the metrics now (CORE-38..40); raises errors of ``psg_neo4j`` when the database does not answer."""
        async with self._collecting:
            return await self._collect()

    async def latest_metrics(self, max_age_ms: int | None = None) -> SystemMetrics:
        """The last metrics unless older than ``max_age_ms`` (default: the collection interval), else new ones.

        However many ask at the same time, metrics are collected once.
        """
        age = (self.settings.metrics_collection_interval if max_age_ms is None else max_age_ms) / 1000
        async with self._collecting:
            if self._samples and time.monotonic() - self._collected_at <= age:
                return self._samples[-1]
            return await self._collect()

    @property
    def samples(self) -> list[SystemMetrics]:
        """What was collected so far in this process, the latest last; bounded."""
        return list(self._samples)

    def record_operation(self, module: str, duration_ms: float, *, ok: bool = True) -> None:
        """Note that a module did something, for ``module_performance``."""
        self._recorder.add(module, duration_ms, ok)

    @contextmanager
    def measured(self, module: str) -> Iterator[None]:
        """Note how long the block took and whether it failed."""
        began, ok = time.perf_counter(), False
        try:
            yield
            ok = True
        finally:
            self._recorder.add(module, (time.perf_counter() - began) * 1000, ok)

    async def _collect(self) -> SystemMetrics:
        numbers = await workflows(self._db, self.scope)
        told = performance_of(await self._checks.listed()) | self._recorder.told()
        performance = {name: PerformanceMetrics(**facts) for name, facts in told.items()}
        metrics = SystemMetrics(
            active_workflows=numbers.by_status["in_progress"],
            completed_workflows=numbers.by_status["completed"],
            failed_workflows=numbers.by_status["failed"],
            cancelled_workflows=numbers.by_status["cancelled"],
            average_workflow_duration=numbers.average_ms,
            failed_steps=numbers.steps_failed,
            claim_lag=numbers.claim_lag_ms,
            module_health=await self._checks.modules(),
            module_performance=performance,
            collected_at=int(time.time() * 1000),
            **await self._machine.read(),
        )
        self._samples.append(metrics)
        self._collected_at = time.monotonic()
        return metrics

    # Health

    async def check_system_health(self, *, record: bool = True) -> SystemHealth:
        """Check every part and, with ``record``, note it in the history (CORE-41).

        A database that does not answer is told as such, not raised.
        """
        found = await self._checks.all()
        if record and found.components["database"].status != "unhealthy":
            await self._record(list(found.components.values()))
        return found

    async def check_module_health(self, module_id: str, *, record: bool = True) -> ModuleHealth:
        """Check one module, or ``database`` or ``orchestrators``; raises ``UnknownModule`` (CORE-41)."""
        found = await self._checks.one(module_id)
        if record:
            await self._record([found])
        return found

    async def get_health_history(
        self,
        time_range: TimeRange | Mapping[str, Any] | tuple[Any, Any],
        *,
        component: str | None = None,
        limit: int = past.PAGE,
    ) -> HealthHistory:
        """What was noted within ``time_range``, both ends included, in order (CORE-42); raises ``ValidationFailed``."""
        if isinstance(time_range, tuple):
            time_range = dict(zip(("start", "end"), time_range, strict=False))
        span = parsed(TimeRange, time_range, "time_range")
        return await past.history(self._db, span, component, min(max(limit, 1), past.PAGE))

    async def _record(self, found: list[ModuleHealth]) -> None:
        try:
            await past.record(self._db, found, self._source)
        except PsgError as error:
            log.warning("health_not_recorded", code=error.code)

    # Alerts

    async def configure_health_alerts(
        self, config: AlertConfiguration | Mapping[str, Any], *, actor: str = "system"
    ) -> list[AlertRule]:
        """Make, change and remove rules of alerts (CORE-43); returns those of this scope.

        Raises ``ValidationFailed`` naming each mistake, ``Refused`` for a rule that another project has.
        """
        wanted = parsed(AlertConfiguration, config, "config")
        return await rule_book.configure(self._db, self.scope, wanted, actor, self._probes)

    async def alert_rules(self) -> list[AlertRule]:
        """The rules of this scope, by id."""
        return await rule_book.rules_of(self._db, self.scope)

    async def alerts(self, status: str | None = None, *, limit: int = 100) -> list[Alert]:
        """Alerts of this scope, the one that changed last first."""
        return await alert_store.alert_page(self._db, self.scope, status=status, limit=limit)

    async def acknowledge_alert(self, alert_id: str, *, actor: str = "system", resolve: bool = False) -> Alert:
        """Note that somebody cares for an alert; raises ``UnknownAlert``."""
        return await alert_store.acknowledge(self._db, alert_id, actor, resolve=resolve)

    async def evaluate_alerts(self) -> list[Alert]:
        """Judge all rules by metrics and health of now, as ``run()`` does; returns the alerts that changed."""
        rules = await self.alert_rules()
        if not rules:
            return []
        observed = await self._observed([rule for rule in rules if rule.enabled])
        return await rule_book.evaluate(self._db, self.scope, observed, self._source)

    async def _observed(self, rules: list[AlertRule]) -> dict[str | None, Observed]:
        """What there is to judge, for the platform and for each project that has rules."""
        states: dict[str, HealthState] = {}
        if any(rule.component is not None for rule in rules):
            health = await self._checks.all()
            states = {"system": health.status, **{name: c.status for name, c in health.components.items()}}
        mine = self.scope.project_id
        numbers = _numbers(await self.latest_metrics(0)) | await self._probed()
        found = {mine: Observed(numbers, states)}
        projects = {rule.project_id for rule in rules if rule.project_id not in (mine, None)}
        for project_id in projects - await rule_book.evaluated_elsewhere(self._db, filter(None, projects)):
            own = await workflows(self._db, Scope(project_id))
            found[project_id] = Observed(
                numbers
                | {
                    "active_workflows": own.by_status["in_progress"], "completed_workflows": own.by_status["completed"],
                    "failed_workflows": own.by_status["failed"], "cancelled_workflows": own.by_status["cancelled"],
                    "average_workflow_duration": own.average_ms, "failed_steps": own.steps_failed,
                    "claim_lag": own.claim_lag_ms,
                },
                states,
            )  # fmt: skip
        found.setdefault(None, found[mine])
        return found

    async def _probed(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, probe in self._probes.items():
            try:
                value = probe()
                found[name] = float(await value if isawaitable(value) else value)
            except Exception as error:
                log.warning("probe_failed", probe=name, error=type(error).__name__)
        return found

    # At work

    def stop(self) -> None:
        """Ask ``run()`` to end."""
        self._stop.set()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Collect, check, evaluate and deliver until ``stop()``; a database that is away is waited for."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._every, self.settings.metrics_collection_interval / 1000, self._look)
                tasks.start_soon(self._every, self.settings.health_check_interval / 1000, self._note_health)
                tasks.start_soon(self._every, min(_LOOK_S, self.settings.webhook_backoff / 1000), self._deliver)
                tasks.start_soon(self._every, _PRUNE_EVERY_S, self._prune, _PRUNE_EVERY_S)
                task_status.started()
                await self._stop.wait()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(2, shield=True):
                await self.resign()

    async def resign(self) -> None:
        """Give back the right to evaluate, if this monitor has it, so that another need not wait for it to lapse."""
        if not self._held:
            return
        try:
            await rule_book.take_lease(self._db, self.scope, self.id, 0)
            self._held = False
        except PsgError as error:
            log.warning("lease_not_given_back", code=error.code)

    async def _every(self, seconds: float, work: Any, first_after: float = 0.0) -> None:
        await anyio.sleep(first_after)
        while True:
            began = time.monotonic()
            try:
                await work()
            except PsgError as error:
                log.warning("monitor_interrupted", work=work.__name__, code=error.code)
            except Exception as error:
                log.error("monitor_failed", work=work.__name__, error=type(error).__name__)
            await anyio.sleep(max(seconds - (time.monotonic() - began), 0.005))

    async def is_evaluator(self) -> bool:
        """Whether this monitor evaluates the rules now, for all processes; takes or renews that right."""
        self._held = await rule_book.take_lease(self._db, self.scope, self.id, self.settings.evaluator_lease)
        return self._held

    async def _look(self) -> None:
        if await self.alert_rules() and await self.is_evaluator():
            await self.evaluate_alerts()
        elif self._sampling:
            await self.latest_metrics()

    async def _note_health(self) -> None:
        """What is seen of all is noted by one process, what a process sees of its own modules by itself."""
        if self.scope.project_id is not None or await self.is_evaluator():
            await self.check_system_health()

    async def _deliver(self) -> None:
        if self._sender is None:
            self._sender = WebhookSender()
        settings = self.settings
        await deliver_due(
            self._db, self.scope, self._sender,
            attempts_max=settings.webhook_attempts, backoff_ms=settings.webhook_backoff,
        )  # fmt: skip

    async def _prune(self) -> None:
        settings, now = self.settings, int(time.time() * 1000)
        await past.prune(self._db, now, settings.history_keep, settings.history_records)
        await alert_store.prune_alerts(self._db, now, settings.alerts_keep, settings.alerts_records)


def _numbers(metrics: SystemMetrics) -> dict[str, float]:
    return {name: float(getattr(metrics, name)) for name in METRICS}
