"""Metrics, health and alerts through the doors: Prometheus, readiness, GraphQL, subscriptions, the command line."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
import structlog.testing
from conftest import Neo4jServer
from graphql_api import Api, next_of, running_api, subscribe
from monitored_world import LEFT_TO_THE_COLLECTOR, database_away, monitor, monitors, processes, watched_world
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner
from world import World, statement, step

from psg.graph import Graph
from psg.model.ids import new_id
from psg_cli.main import app
from psg_client import Client
from psg_client.generated import WatchAlertsAlertBatch
from psg_graphql.app import create_app
from psg_graphql.global_id import global_id
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database
from psg_runtime.monitoring import raise_alert

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

EXAMPLE = Path(__file__).parents[2] / "examples" / "alerts.py"
ALERT = "id name status severity message rule projectId times seq acknowledgedBy deliveries { url status }"


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with watched_world(db) as made:
        yield made


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


def project(world: World) -> str:
    return global_id("Project", world.project_id, world.project_id)


async def scraped(http: httpx2.AsyncClient) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name and the values of their labels in the order of these, as Prometheus reads them."""
    answer = await http.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


async def test_prometheus_reads_what_the_graph_and_the_process_come_to(api: Api, world: World) -> None:
    running = await world.started(step("a"), step("b", "a"))
    await api.ask("{ __typename }")
    await api.project()
    found = await scraped(api.http)
    assert found["psg_database_up"][()] == 1
    assert found["psg_plans"][("in_progress",)] >= 1 and found["psg_plans"][("completed",)] >= 0
    assert found["psg_steps"][("ready",)] >= 1 and ("running",) in found["psg_steps"]
    assert found["psg_events_total"][()] >= await world.head_seq()
    assert found["psg_http_requests_total"][("http", "/graphql", "200")] >= 2
    assert sum(v for k, v in found["psg_commit_seconds_count"].items()) >= 1
    assert found["psg_store_bytes"][()] > 0 and found["psg_database_latency_seconds"][()] > 0
    for name in ("psg_claim_lag_seconds", "psg_sessions", "psg_capacity_steps", "psg_projects", "psg_steps_failed",
                 "psg_plan_duration_seconds", "psg_alerts_firing", "process_cpu_seconds_total"):  # fmt: skip
        assert name in found, name
    await api.http.get("/nothing")
    await api.http.get("/metrics")
    later = await scraped(api.http)
    assert later["psg_http_requests_total"][("http", "other", "404")] == 1
    assert later["psg_http_requests_total"][("http", "/metrics", "200")] == 2
    await world.graph.cancel_plan(world.project_id, running)


async def test_metrics_need_the_token_and_the_host_as_everything_else(db: Database) -> None:
    async with running_api(db, token="0123456789abcdef") as guarded:
        assert (await guarded.http.get("/metrics")).status_code == 200
        async with httpx2.AsyncClient(base_url=guarded.url, timeout=20) as stranger:
            refused = await stranger.get("/metrics")
            assert refused.status_code == 401 and "psg_" not in refused.text
            assert (await stranger.get("/healthz")).status_code == 200
            assert (await guarded.http.get("/metrics", headers={"host": "evil.example"})).status_code == 421


@LEFT_TO_THE_COLLECTOR
async def test_without_a_database_the_process_lives_and_is_not_ready() -> None:
    async with database_away() as away:
        transport = httpx2.ASGITransport(app=create_app(Graph(away), settings=ApiSettings()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as http:
            assert (await http.get("/healthz")).status_code == 200
            found = await scraped(http)
            assert found["psg_database_up"][()] == 0 and "psg_plans" not in found
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["problems"]) == (503, ["database_unavailable"])


async def test_a_server_that_was_not_warmed_or_that_ends_is_not_ready(db: Database) -> None:
    application = create_app(Graph(db), settings=ApiSettings())
    transport = httpx2.ASGITransport(app=application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as http:
        assert (await http.get("/readyz")).json()["problems"] == ["not_warmed"]
        async with application.router.lifespan_context(application):
            with anyio.fail_after(60):
                while (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - as a load balancer does
                    await anyio.sleep(0.02)
        ended = await http.get("/readyz")
        assert (ended.status_code, ended.json()["problems"]) == (503, ["closing"])
        assert (await http.get("/healthz")).status_code == 200


async def test_the_api_tells_metrics_health_history_and_all_that_runs(api: Api, world: World) -> None:
    plan = await world.started(step("a"))
    fields = "activeWorkflows completedWorkflows failedWorkflows averageWorkflowDuration cpuUsage memoryUsage"
    query = f"query($p: ID) {{ systemMetrics(projectId: $p) {{ {fields} networkLatency storageUsage }} }}"
    mine = (await api.ask(query, p=project(world)))["systemMetrics"]
    assert (mine["activeWorkflows"], mine["completedWorkflows"]) == (1, 0) and mine["networkLatency"] > 0
    assert (await api.ask(query))["systemMetrics"]["activeWorkflows"] >= 1
    health = (await api.ask("{ systemHealth { status problems components { component status details } } }"))
    parts = {part["component"]: part["status"] for part in health["systemHealth"]["components"]}
    assert parts["database"] == "healthy" and "orchestrators" in parts
    await world.damage(
        "CREATE (:HealthRecord {component: $project_id + '-x', status: 'healthy', at: 5000, details: '{}', "
        "response_time_ms: 1.0, source: 's'})"
    )
    history = "query($s: Timestamp!, $e: Timestamp!, $c: String) { healthHistory(start: $s, end: $e, component: $c) "
    history += "{ truncated records { component status at } } }"
    given = {"s": "1970-01-01T00:00:05Z", "c": f"{world.project_id}-x"}
    found = (await api.ask(history, e="1970-01-01T00:00:05Z", **given))["healthHistory"]
    assert [r["at"][:19] for r in found["records"]] == ["1970-01-01T00:00:05"]
    refused = await api.refused(history, e="1970-01-01T00:00:01Z", **given)
    assert refused["extensions"]["code"] == "validation_failed"
    overview = "query($p: ID) { systemOverview(projectId: $p) { plans sessions counts missing alerts { id } } }"
    looked = (await api.ask(overview, p=project(world)))["systemOverview"]
    assert [row["id"] for row in looked["plans"]] == [plan] and looked["missing"] == {}
    assert looked["counts"]["log_seq"] == await world.head_seq()
    await world.graph.cancel_plan(world.project_id, plan)


async def test_rules_and_alerts_through_two_servers_on_one_database(db: Database, world: World) -> None:
    """What is configured at one and fires anywhere is told by the other, live, resumable, and acknowledged there."""
    rule = {"id": f"r-{new_id()}", "metric": "activeWorkflows", "operator": ">=", "threshold": 1, "severity": "high"}
    watch = "subscription($p: ID, $a: String) { alerts(projectId: $p, after: $a) { __typename "
    watch += f"... on AlertBatch {{ cursor alerts {{ {ALERT} }} }} ... on Heartbeat {{ cursor }} }} }}"
    async with running_api(db) as one, running_api(db) as two, two.socket({}) as socket:
        await subscribe(socket, watch, p=project(world))
        made = await configure(one, rules=[rule], projectId=project(world))
        assert [r["id"] for r in made["rules"]] == [rule["id"]]
        plan = await world.started(step("a"))
        (fired,) = await monitor(world).evaluate_alerts()
        batch = await next_of(socket, "alerts")
        assert [a["id"] for a in batch["alerts"]] == [fired.id] and batch["alerts"][0]["projectId"] == project(world)
        acknowledged = await acknowledge(two, fired.id)
        assert acknowledged["alert"]["status"] == "acknowledged"
        assert acknowledged["alert"]["acknowledgedBy"] == "anonymous"
        assert (await next_of(socket, "alerts"))["alerts"][0]["status"] == "acknowledged"
        await configure(one, remove=[rule["id"]], projectId=project(world))
        ended = await next_of(socket, "alerts")
        assert ended["alerts"][0]["status"] == "resolved"
        # A subscriber that comes back with an old cursor hears what it missed, each alert as it is now.
        await subscribe(socket, watch, "2", p=project(world), a="0")
        again = await next_of(socket, "alerts")
        assert [(a["id"], a["status"]) for a in again["alerts"]] == [(fired.id, "resolved")]
        query = f"query($p: ID) {{ alerts(projectId: $p, status: resolved) {{ {ALERT} }} }}"
        listed = await one.ask(query, p=project(world))
        assert [a["id"] for a in listed["alerts"]] == [fired.id]
        missing = await acknowledge(two, new_id())
        assert (missing["__typename"], missing["code"]) == ("NotFound", "unknown_alert")
        bad = await configure(one, rules=[{"id": "x"}], projectId=project(world))
        assert bad["__typename"] == "ValidationError" and "either a metric" in bad["message"]
        await world.graph.cancel_plan(world.project_id, plan)


async def test_top_looks_again_and_again_until_it_is_told_to_end(api: Api, world: World) -> None:
    """In a terminal: it shows a plan that begins after it, and ends with Ctrl-C."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "psg_cli", "top", "--every", "0.2", "--project", world.project_id]
    environment = {**os.environ, "PSG_API_URL": f"{api.url}/graphql", "TERM": "xterm", "COLUMNS": "200"}
    async with await anyio.open_process(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        try:
            await shown(master, "no plan runs")
            plan = await world.started(step("a"))
            await shown(master, plan)
            await shown(master, "events/s")
            process.send_signal(signal.SIGINT)
            with anyio.fail_after(20):
                assert await process.wait() == 130
        finally:
            os.close(master)
    await world.graph.cancel_plan(world.project_id, plan)


async def shown(terminal: int, wanted: str) -> None:
    seen = ""
    with anyio.fail_after(60):
        while wanted not in seen:
            await anyio.wait_readable(terminal)
            seen += os.read(terminal, 65536).decode("utf-8", "replace")


async def test_the_client_hears_alerts_and_goes_on_where_it_stopped(api: Api, world: World) -> None:
    given: dict[str, Any] = {"project_id": world.project_id, "key": new_id()}
    async with Client(f"{api.url}/graphql") as client, anyio.create_task_group() as tasks:
        heard: list[WatchAlertsAlertBatch] = []
        some = anyio.Event()

        async def listen(after: str | None) -> None:
            async with aclosing(client.watch_alerts(project_id=project(world), after=after)) as stream:
                async for item in stream:
                    if isinstance(item, WatchAlertsAlertBatch):
                        heard.append(item)
                        some.set()
                        return

        first = await raise_alert(world.graph, "one", "m", **given)
        with anyio.fail_after(20):
            tasks.start_soon(listen, str(first.seq - 1))
            await some.wait()
        assert [(a.id, a.status) for a in heard[0].alerts] == [(first.id, "firing")]
        await monitor(world).acknowledge_alert(first.id, resolve=True)
        with anyio.fail_after(20):
            await listen(heard[0].cursor)
        assert [(a.id, a.status) for a in heard[1].alerts] == [(first.id, "resolved")]


async def test_alerts_of_other_projects_are_looked_for_once(db: Database, world: World) -> None:
    watch = "subscription($p: ID) { alerts(projectId: $p) { "
    watch += "... on AlertBatch { cursor } ... on Heartbeat { cursor } } }"
    async with running_api(db, heartbeat_s=0.05) as api, api.socket({}) as socket:
        await subscribe(socket, watch, p=project(world))
        await next_of(socket, "alerts")
        elsewhere = await raise_alert(db, "elsewhere", "m", key=new_id(), severity="info")
        with anyio.fail_after(20):  # the cursor goes along, so that nothing is scanned twice
            while int((await next_of(socket, "alerts"))["cursor"]) < elsewhere.seq:
                pass
    await monitor(world).acknowledge_alert(elsewhere.id, resolve=True)


async def test_processes_tell_each_other_s_alerts(neo4j_server: Neo4jServer, world: World) -> None:
    """One process serves the API, another evaluates; this one configures and listens."""
    rule = {"id": f"r-{new_id()}", "metric": "active_workflows", "operator": ">=", "threshold": 1}
    async with (
        processes(neo4j_server, "api_process.py") as serve, monitors(neo4j_server, world) as watch
    ):  # fmt: skip
        _, url = await serve()
        await watch()
        async with Client(f"{url}/graphql") as client:
            await client.configure_health_alerts(project_id=project(world), rules=[rule])
            plan = await world.started(step("a"))
            told: list[tuple[str, str | None]] = []
            with anyio.fail_after(60):
                async with aclosing(client.watch_alerts(project_id=project(world), after="0")) as stream:
                    async for item in stream:
                        if isinstance(item, WatchAlertsAlertBatch):
                            told += [(alert.status, alert.rule) for alert in item.alerts]
                            if told[-1][0] == "resolved":
                                break
                            await world.graph.cancel_plan(world.project_id, plan)
            assert told == [("firing", rule["id"]), ("resolved", rule["id"])]


async def test_the_example_raises_an_alert_and_ends_it(neo4j_server: Neo4jServer, db: Database) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PSG_")}
    environment = {
        **kept, "PSG_NEO4J_URI": neo4j_server.uri, "PSG_NEO4J_USER": neo4j_server.user,
        "PSG_NEO4J_PASSWORD": neo4j_server.password,
    }  # fmt: skip
    with anyio.fail_after(90):
        done = await anyio.run_process([sys.executable, str(EXAMPLE)], env=environment, check=False)
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    told = [line for line in said.splitlines() if line.startswith(("firing: ", "resolved: "))]
    assert told == ["firing: queue_length > 10 (now 12)", "resolved: queue_length > 10 (now 12)"]
    await db.write(statement("MATCH (a:Alert) WHERE a.rule STARTS WITH 'long-queue-' DELETE a", "write"))


async def configure(api: Api, **given: Any) -> dict[str, Any]:
    text = "mutation($input: ConfigureHealthAlertsInput!) { configureHealthAlerts(input: $input) { __typename "
    text += "... on AlertRulesPayload { rules { id condition } } ... on Failure { code message } } }"
    return (await api.ask(text, input=given))["configureHealthAlerts"]


async def acknowledge(api: Api, alert_id: str) -> dict[str, Any]:
    text = "mutation($input: AcknowledgeAlertInput!) { acknowledgeAlert(input: $input) { __typename "
    text += f"... on AlertPayload {{ alert {{ {ALERT} }} }} ... on Failure {{ code message }} }} }}"
    return (await api.ask(text, input={"id": alert_id}))["acknowledgeAlert"]


async def psg(api: Api, *arguments: str) -> tuple[int, str]:
    environment = {"PSG_API_URL": f"{api.url}/graphql"}
    with structlog.testing.capture_logs():  # of the API, which is in this process
        done = await anyio.to_thread.run_sync(lambda: CliRunner().invoke(app, list(arguments), env=environment))
    return done.exit_code, done.output


async def test_the_command_line_shows_what_runs_and_what_is_wrong(api: Api, world: World) -> None:
    plan = await world.started(step("a"), title="[bold]Nightly[/] report")
    status, shown = await psg(api, "top", "--once", "--project", world.project_id)
    assert status == 0 and plan in shown and "[bold]Nightly[/] report" in shown and "0/1" in shown
    status, text = await psg(api, "top", "--json", "--project", world.project_id)
    assert status == 0 and [row["id"] for row in json.loads(text)["plans"]] == [plan]
    status, shown = await psg(api, "health")
    assert "database" in shown and "the platform is" in shown
    rule, inside = f"r-{new_id()}", ("--project", world.project_id)
    status, shown = await psg(
        api, "alerts", "set", rule, "--metric", "active_workflows", "--operator", "gte", "--threshold", "1",
        "--severity", "critical", "--webhook", "https://hooks.example.com/x", "--secret", "HOOK", *inside,
    )  # fmt: skip
    assert status == 0 and "active_workflows >= 1" in shown and "https://hooks.example.com/x" in shown
    (fired,) = await monitor(world).evaluate_alerts()
    status, shown = await psg(api, "alerts", "list", "--status", "firing", *inside)
    assert status == 0 and fired.id in shown and "critical" in shown
    assert fired.id in (await psg(api, "top", "--once", *inside))[1]
    assert await psg(api, "alerts", "ack", fired.id) == (0, f"{rule} is acknowledged\n")
    assert (await psg(api, "alerts", "ack", fired.id, "--resolve"))[0] == 1
    assert (await psg(api, "alerts", "set", rule, "--metric", "nonsense", "--threshold", "1", *inside))[0] == 1
    assert (await psg(api, "alerts", "list", "--status", "nonsense"))[0] == 2
    assert rule in (await psg(api, "alerts", "rules", *inside))[1]
    assert await psg(api, "alerts", "remove", rule, *inside) == (0, "no rules\n")
    loose = await raise_alert(world.graph, "loose", "m", project_id=world.project_id, key=new_id())
    assert await psg(api, "alerts", "ack", loose.id, "--resolve") == (0, "loose is resolved\n")
    await world.graph.cancel_plan(world.project_id, plan)
