"""``/metrics`` for Prometheus: what graph and process come to, read when it is asked for (docs/monitoring.md)."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import anyio
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import psg_cypher
from psg.errors import PsgError
from psg.graph import Graph
from psg_neo4j.database import Row
from psg_runtime.monitoring import STATES, SystemMetrics, SystemMonitor
from psg_runtime.monitoring.alerts import Alert
from psg_runtime.monitoring.collection import WorkflowNumbers, store_counts, workflows
from psg_runtime.monitoring.health import sessions_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEPT_S = 1.0
COLLECT_S = 5.0
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COMMITS = frozenset(("command_apply", "plan_load", "frontier_advance", "transaction"))
_PATHS = frozenset(("/graphql", "/metrics", "/healthz", "/readyz", "/"))
_ALERTS_COUNTED = 500


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read of the graph at one moment."""

    plans: WorkflowNumbers
    counts: Row
    sessions: list[Row]
    log: Row
    metrics: SystemMetrics
    alerts: list[Alert]


class ApiMetrics:
    """The metrics of one API process: requests and commits it counted, and the graph at the moment it is asked.

    The graph is read once a second at most, however many ask, within five seconds; when the database does not answer
    the rest is still told, with ``psg_database_up 0``.
    """

    def __init__(self, graph: Graph, monitor: SystemMonitor, version: str) -> None:
        self._graph = graph
        self._monitor = monitor
        self._version = version
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "psg_http_requests", "Requests that were answered.", ["path", "kind", "status"], registry=self._registry
        )
        self._took = Histogram(
            "psg_http_request_seconds", "Time to the end of the answer, without subscriptions.", ["path"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._commits = Histogram(
            "psg_commit_seconds", "Time of commits of this process.", ["statement"], buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        ProcessCollector(registry=self._registry)
        self._reading: _Reading | None = None
        self._read_at = float("-inf")
        self._one = anyio.Lock()
        graph.db.on_commit = self.commit

    def request(self, path: str, kind: str, status: int, seconds: float) -> None:
        """Count a request; paths that nobody serves are counted together."""
        path = path if path in _PATHS else "/browser" if path.startswith("/browser/") else "other"
        self._requests.labels(path, kind, str(status)).inc()
        if kind == "http":
            self._took.labels(path).observe(seconds)

    def commit(self, statement: str, seconds: float) -> None:
        """Count a commit."""
        self._commits.labels(statement if statement in _COMMITS else "other").observe(seconds)

    async def text(self) -> bytes:
        """Everything in the text format of Prometheus."""
        reading = await self._read()
        families: list[Metric] = [InfoMetricFamily("psg", "This release.", value={"version": self._version})]
        up = GaugeMetricFamily("psg_database_up", "Whether the database answered.", value=float(reading is not None))
        families += [up, *(_families(reading) if reading is not None else ())]
        return generate_latest(self._registry) + generate_latest(_Given(families))

    async def _read(self) -> _Reading | None:
        async with self._one:
            if time.monotonic() - self._read_at > KEPT_S:
                self._reading = None
                with anyio.move_on_after(COLLECT_S):
                    try:
                        self._reading = await self._collect()
                    except PsgError:
                        pass  # told as psg_database_up 0
                self._read_at = time.monotonic()
            return self._reading

    async def _collect(self) -> _Reading:
        db, scope = self._graph.db, self._monitor.scope
        log = await db.read_one(psg_cypher.statement("monitor_log"), **scope.bounds)
        assert log is not None
        return _Reading(
            plans=await workflows(db, scope), counts=await store_counts(db), sessions=await sessions_of(db), log=log,
            metrics=await self._monitor.latest_metrics(),
            alerts=await self._monitor.alerts("firing", limit=_ALERTS_COUNTED),
        )  # fmt: skip


class _Given(Collector):
    """Families that are there already, in the shape that the library prints."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class RequestMetrics:
    """Counts every request with its status and time."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began, status, streams = time.perf_counter(), 0, False

        async def answered(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                given = dict(message.get("headers", ()))
                streams = given.get(b"content-type", b"").startswith(b"text/event-stream")
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, answered)
        finally:
            kind = "stream" if streams else scope["type"]
            self._metrics.request(scope["path"], kind, status, time.perf_counter() - began)


def _families(now: _Reading) -> Iterable[Metric]:
    yield _labelled("psg_plans", "Plans by status.", "status", now.plans.by_status)
    running = sum(session["running"] for session in now.sessions)
    states = {name: now.counts[name] for name in ("ready", "sleeping", "undecided", "offered")}
    yield _labelled("psg_steps", "Steps that wait or run, by what for.", "state", {**states, "running": running})
    yield _gauge("psg_steps_failed", "Failed steps of plans that run or failed.", now.plans.steps_failed)
    yield _gauge("psg_steps_stored", "Steps in the store.", now.counts["steps"])
    yield _gauge("psg_claim_lag_seconds", "Longest wait of a step that can be claimed.", now.plans.claim_lag_ms / 1000)
    average = now.plans.average_ms / 1000
    yield _gauge("psg_plan_duration_seconds", "Average of the latest 1000 completed plans.", average)
    yield _gauge("psg_sessions", "Orchestrators that hold a lease.", len(now.sessions))
    yield _gauge("psg_capacity_steps", "Steps that they take at once.", sum(s["capacity"] or 0 for s in now.sessions))
    yield _gauge("psg_projects", "Projects.", now.log["projects"])
    yield CounterMetricFamily("psg_events", "Numbers given in the logs of all projects.", value=now.log["seq"])
    machine = now.metrics
    yield _gauge("psg_host_cpu_percent", "Processor use of this machine.", machine.cpu_usage)
    yield _gauge("psg_host_memory_percent", "Memory use of this machine.", machine.memory_usage)
    yield _gauge("psg_database_latency_seconds", "A round trip to the database.", machine.network_latency / 1000)
    yield _gauge("psg_store_bytes", "Size of the store.", machine.storage_usage)
    health = {name: STATES.index(found.status) for name, found in machine.module_health.items()}
    yield _labelled("psg_module_health", "0 healthy, 1 degraded, 2 unhealthy.", "module", health)
    by_severity = Tally(dict.fromkeys(("info", "low", "medium", "high", "critical"), 0))
    by_severity.update(alert.severity for alert in now.alerts)
    yield _labelled("psg_alerts_firing", "Alerts that fire and nobody acknowledged.", "severity", by_severity)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


def _labelled(name: str, help_text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
