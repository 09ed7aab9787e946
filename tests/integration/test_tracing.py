"""One OpenTelemetry trace from a request through commit and steps to what they call, also across processes."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import httpx2
import pytest
from conftest import Neo4jServer
from graphql_api import running_api
from scripted_server import Received, reply, serving
from world import World, registry, step

from psg import tracing
from psg.errors import ActionFailed
from psg.write.command import Command
from psg_graphql.global_id import global_id
from psg_neo4j import Database
from psg_runtime.ael import AelSettings
from psg_runtime.tracing import TracedLayer, TracingPartMissing, TracingSettings, layer_of, traced

pytest.importorskip("opentelemetry.sdk")
pytest.importorskip("pydantic_ai")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

pytestmark = pytest.mark.anyio
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
START = "mutation Start($input: PlanCommandInput!) { startPlan(input: $input) { __typename } }"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What this process makes of spans during a test."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.enable(provider)
    try:
        yield exporter
    finally:
        tracing.enable(None)
        provider.shutdown()


def in_trace(spans: InMemorySpanExporter, trace: str = TRACE) -> dict[str, ReadableSpan]:
    return {s.name: s for s in spans.get_finished_spans() if f"{s.context.trace_id:032x}" == trace}


def parent_of(span: ReadableSpan) -> str:
    return "" if span.parent is None else f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}"


CHAT = {
    "id": "c", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "well"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


@pytest.mark.neo4j
async def test_one_trace_from_the_request_to_each_call(db: Database, spans: InMemorySpanExporter) -> None:
    world = await World.create(db)

    def answered(request: Received) -> bytes:
        body = json.dumps(CHAT) if request.path.endswith("/chat/completions") else "{}"
        return reply(200, body, Content_Type="application/json")

    async def ask() -> str | None:
        return tracing.traceparent()

    async with serving(answered) as server, running_api(db) as api:
        plan_id = await world.approved(
            step("tool", name="ask"),
            step("program", name="process.run", params={"argv": ["env"]}),
            step("web", name="http.request", params={"url": server.url("/items")}),
            step("model", type="llm", params={"prompt": "How is it?"}),
        )
        given = {"input": {"id": global_id("Plan", world.project_id, plan_id)}}
        settings = AelSettings(
            allow_process=("env",), http_allow=("127.0.0.1",), http_allow_private=("127.0.0.1",),
            llm_api_key="sk-marker-0123456789", llm_base_url=server.url("/v1"), llm_model="m",
        )  # fmt: skip
        layer = layer_of(world.graph, registry(ask=ask), settings)
        assert isinstance(layer, TracedLayer)
        async with world.running(ael=layer, lease_ms=30_000):  # importing the model's library takes its time
            started = await api.post(START, given, traceparent=PARENT)
            assert started.json()["data"]["startPlan"]["__typename"] == "PlanPayload"
            assert await world.finished(plan_id) == ["completed"]
        steps, sent = await world.steps(plan_id), {r.path: r.headers.get("traceparent") for r in server.received}

    found = in_trace(spans)
    operation = found["GraphQL mutation Start"]
    assert parent_of(operation) == SPAN and operation.attributes["graphql.operation.type"] == "mutation"
    for name in ("commit", "GraphQL parse", "GraphQL validate"):
        assert parent_of(found[name]) == id_of(operation), name
    for key, adapter in (("tool", "ask"), ("program", "process.run"), ("web", "http.request"), ("model", "llm_call")):
        attempt = found[f"step {key}"]
        assert parent_of(attempt) == id_of(operation)
        assert (attempt.attributes["psg.plan_id"], attempt.attributes["psg.attempt"]) == (plan_id, 1)
        assert parent_of(found[f"adapter {adapter}"]) == id_of(attempt)
    chat = found["chat m"]
    assert parent_of(chat) == id_of(found["adapter llm_call"]) and chat.attributes["gen_ai.usage.output_tokens"] == 2

    def said(span: ReadableSpan) -> str:
        return f"00-{TRACE}-{id_of(span)}-01"

    assert steps["tool"]["output"] == said(found["adapter ask"])
    assert f"TRACEPARENT={said(found['adapter process.run'])}\n" in steps["program"]["output"]["stdout"]
    assert sent == {"/items": said(found["adapter http.request"]), "/v1/chat/completions": said(chat)}
    begun = await world.events(type="plan_in_progress")
    assert begun[0]["correlation_id"] == f"00-{TRACE}-{id_of(operation)}-01"
    assert "sk-marker" not in "".join(s.to_json() for s in spans.get_finished_spans())
    assert "How is it?" not in "".join(s.to_json() for s in spans.get_finished_spans())


@pytest.mark.neo4j
async def test_failures_are_told_by_their_codes_and_a_wrong_header_begins_a_new_trace(
    db: Database, spans: InMemorySpanExporter
) -> None:
    world = await World.create(db)

    async def fail() -> None:
        raise ActionFailed("with a secret: hunter2")

    async with running_api(db) as api:
        for header in ("", "00-0-0-01", f"00-{'0' * 32}-{SPAN}-01", "ff" * 500, PARENT.upper()):
            await api.post("{ nothing }", traceparent=header)
            await api.post("not { graphql", traceparent=header)
    plan_id = await world.started(step("bad", name="fail", retries=0))
    async with world.running(ael=TracedLayer(world.graph, registry(fail=fail))):
        assert await world.finished(plan_id) == ["failed"]
    made = spans.get_finished_spans()
    requests = [s for s in made if s.name.startswith("GraphQL") and s.parent is None]
    assert len(requests) == 10 and not in_trace(spans)
    assert {s.attributes["error.type"] for s in requests} == {"graphql_error", "request_invalid"}
    (bad,) = [s for s in made if s.name == "step bad"]
    assert bad.attributes["error.type"] == "action_failed" and bad.parent is None
    assert "hunter2" not in "".join(s.to_json() for s in made)


async def test_a_foreign_traceparent_is_one_or_nothing(spans: InMemorySpanExporter) -> None:
    assert tracing.traceparent() is None and Command("x", None).correlation_id is None
    with tracing.span("outer", parent=PARENT):
        here = tracing.traceparent()
        assert here is not None and here.startswith(f"00-{TRACE}-")
        assert Command("x", None).correlation_id == here
        assert Command("x", None, correlation_id="mine").correlation_id == "mine"
    assert tracing.traceparent() is None


async def test_off_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "PSG_OTEL", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    async with traced() as on:
        assert not on and not tracing.enabled()
    assert tracing.span("a") is tracing.span("b")
    assert tracing.traceparent() is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert TracingSettings().wanted and not TracingSettings(otel=False).wanted
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not TracingSettings(otel=True).wanted
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    monkeypatch.setattr("psg_runtime.tracing.providing._PARTS", ("no_such_library.sdk",))
    with pytest.raises(TracingPartMissing, match=r"psg-platform\[otel\]"):
        async with traced(TracingSettings(otel=True)):
            raise AssertionError
    async with traced() as on:
        assert not on


def test_nothing_of_opentelemetry_is_imported_where_nobody_asks_for_it() -> None:
    code = "import sys, psg_cli.services; print([m for m in sys.modules if m.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


class Collector(ThreadingHTTPServer):
    """An OTLP receiver: what it was sent, as (service, trace, name, span, parent)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.spans: list[tuple[str, str, str, str, str]] = []


class CollectorHandler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        raw = gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw
        for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for scope in resource.scope_spans:
                self.server.spans += [
                    (service, s.trace_id.hex(), s.name, s.span_id.hex(), s.parent_span_id.hex()) for s in scope.spans
                ]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@asynccontextmanager
async def psg(*arguments: str, cwd: Path, env: dict[str, str]) -> AsyncIterator[str]:
    """A ``psg`` process that has said that it is ready; what it said before. Ended in good order."""
    process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call, and starting it is quick
        [sys.executable, "-m", "psg_cli", *arguments], cwd=cwd, env=env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = ""
    try:
        with anyio.fail_after(60):
            while "ready" not in (line := await anyio.to_thread.run_sync(process.stdout.readline)):
                assert line, said
                said += line
        yield said
        process.send_signal(signal.SIGTERM)
        with anyio.fail_after(30):
            assert await anyio.to_thread.run_sync(process.wait) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.neo4j
async def test_a_request_to_one_process_and_its_step_in_another_are_one_trace(
    db: Database, neo4j_server: Neo4jServer, collector: Collector, tmp_path: Path
) -> None:
    world = await World.create(db)
    name = (await world.query("MATCH (n:Project {id: $project_id}) RETURN n.name AS name"))[0]["name"]
    plan_id = await world.approved(step("a", name="process.run", params={"argv": ["env"]}))
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("PSG_", "OTEL_"))},
        "PSG_NEO4J_URI": neo4j_server.uri, "PSG_NEO4J_USER": neo4j_server.user,
        "PSG_NEO4J_PASSWORD": neo4j_server.password, "PSG_ALLOW_PROCESS": "env",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
    }  # fmt: skip
    async with (
        psg("serve", "--port", "0", cwd=tmp_path, env={**env, "OTEL_SERVICE_NAME": "api"}) as said,
        psg("orchestrate", "--project", name, cwd=tmp_path, env={**env, "OTEL_SERVICE_NAME": "worker"}),
        httpx2.AsyncClient() as http,
    ):
        url = next(word for word in said.split() if word.endswith("/graphql"))
        given = {"query": START, "variables": {"input": {"id": global_id("Plan", world.project_id, plan_id)}}}
        trace = uuid4().hex
        headers = {"traceparent": f"00-{trace}-{SPAN}-01"}
        answer = (await http.post(url, json=given, headers=headers)).json()
        assert answer["data"]["startPlan"]["__typename"] == "PlanPayload", answer
        assert await world.finished(plan_id) == ["completed"]
    found = {name: (service, span, parent) for service, of, name, span, parent in collector.spans if of == trace}
    service, request, parent = found["GraphQL mutation Start"]
    assert (service, parent) == ("api", SPAN)
    assert found["commit"][::2] == ("api", request)
    service, attempt, parent = found["step a"]
    assert (service, parent) == ("worker", request)
    service, adapter, parent = found["adapter process.run"]
    assert (service, parent) == ("worker", attempt)
    stdout = (await world.steps(plan_id))["a"]["output"]["stdout"]
    assert f"TRACEPARENT=00-{trace}-{adapter}-01\n" in stdout
