"""The door of the API: who may ask, in which form, how much, and what errors give away."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest
from graphql_api import Api, running_api

import psg_cypher
from psg.graph import Graph
from psg_cypher import parse_migration
from psg_graphql.health import health_now
from psg_graphql.server import AddressTaken, serve
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database
from psg_neo4j.errors import SchemaNotMigrated
from psg_neo4j.migrations import require_schema

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
TOKEN = "a-token-of-some-length"
RESPONSE_JSON = "application/graphql-response+json"


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


def code(response: httpx2.Response) -> str:
    return response.json()["errors"][0]["extensions"]["code"]


async def test_answers_in_the_media_type_asked_for(api: Api) -> None:
    plain = await api.post("{ __typename }")
    assert plain.headers["content-type"] == "application/json"
    modern = await api.post("{ __typename }", accept=RESPONSE_JSON)
    assert modern.headers["content-type"].startswith(RESPONSE_JSON)
    assert plain.json() == modern.json() == {"data": {"__typename": "Query"}}
    assert modern.headers["x-request-id"] != plain.headers["x-request-id"]


@pytest.mark.parametrize("query", ["{", "{ nope }", "{ plan }", "query($x: Nope) { __typename }"])
async def test_requests_that_cannot_run_are_400_for_who_asks_so(api: Api, query: str) -> None:
    assert (await api.post(query)).status_code == 200
    modern = await api.post(query, accept=RESPONSE_JSON)
    assert modern.status_code == 400
    assert code(modern) == "request_invalid"


async def test_only_json_posts_of_one_operation(api: Api) -> None:
    for text in ("{ __typename }", "mutation { __typename }"):
        got = await api.http.get("/graphql", params={"query": text})
        assert (got.status_code, code(got), got.headers["allow"]) == (405, "method_not_allowed", "POST")
    form = await api.http.post("/graphql", data={"query": "{ __typename }"})
    assert (form.status_code, code(form)) == (415, "unsupported_media_type")
    plain = {"content-type": "text/plain"}
    assert (await api.http.post("/graphql", content='{"query":"{ __typename }"}', headers=plain)).status_code == 415
    batch = await api.http.post("/graphql", json=[{"query": "{ __typename }"}] * 2)
    assert batch.status_code == 400
    json = {"content-type": "application/json"}
    bodies = [
        b"", b"{", b"3", b"null", b"\xff", b"[" * 5000, b"[3]", b'{"query": 3}',
        b'{"query": "{__typename}", "variables": 3}',
        b'{"query": "{__typename}", "operationName": 3}',
        b'{"query": "{__typename}", "operationName": "x"}', b"{}",
    ]  # fmt: skip
    for body in bodies:
        answer = await api.http.post("/graphql", content=body, headers=json)
        assert answer.status_code == 400, body
        assert code(answer) == "request_invalid"
    assert (await api.http.put("/graphql", json={})).status_code == 405


async def test_bodies_are_bounded_whatever_they_declare(db: Database) -> None:
    async with running_api(db, max_body_bytes=4096, max_query_body_bytes=2048, max_query_text=1024) as api:
        big = {"query": "{ __typename }", "variables": {"x": "y" * 5000}}
        assert code(await api.http.post("/graphql", json=big)) == "request_too_large"

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b" " * 1000

        sent = await api.http.post("/graphql", content=chunks(), headers={"content-type": "application/json"})
        assert (sent.status_code, code(sent)) == (413, "request_too_large")
        middle = {"query": "{ __typename }", "variables": {"x": "y" * 3000}}
        assert code(await api.http.post("/graphql", json=middle)) == "validation_failed"
        long = await api.post("{ __typename " + "#" * 1100 + "\n}")
        assert (long.status_code, code(long)) == (413, "request_too_large")


@pytest.mark.parametrize("path", ["/", "/graphql", "/healthz", "/readyz", "/browser/x"])
async def test_foreign_host_names_and_pages_are_refused_everywhere(api: Api, path: str) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""):
        assert code(await api.http.get(path, headers={"host": host})) == "host_refused"
    answer = await api.http.get(path, headers={"origin": "http://evil.example"})
    assert (answer.status_code, code(answer)) == (403, "origin_refused")
    assert code(await api.http.post(path, headers={"origin": "null"})) == "origin_refused"


async def test_own_and_configured_origins_are_welcome(db: Database) -> None:
    async with running_api(db, allowed_origins=["https://team.example"], allowed_hosts=["psg.example"]) as api:
        for headers in ({"origin": api.url}, {"origin": "https://team.example"}, {"host": "psg.example:80"}):
            assert (await api.post("{ __typename }", **headers)).status_code == 200
        # Another page of this machine may read the Browser's files, not use the API.
        assert code(await api.post("{ __typename }", origin="http://127.0.0.1:7474")) == "origin_refused"


async def test_the_token_is_needed_for_everything_but_health(db: Database) -> None:
    async with running_api(db, token=TOKEN) as api:
        assert (await api.post("{ __typename }")).status_code == 200
        for given in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"):
            answer = await api.post("{ __typename }", authorization=given)
            assert (answer.status_code, code(answer)) == (401, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in answer.text
        unsigned = {"authorization": "", "accept": "application/json"}
        sent = await api.http.get("/graphql", params={"token": TOKEN}, headers=unsigned)
        assert sent.status_code == 401
        for path in ("/healthz", "/readyz"):
            assert (await api.http.get(path, headers={"authorization": ""})).status_code == 200


async def test_the_query_page_needs_nothing_from_elsewhere(api: Api, db: Database) -> None:
    page = await api.http.get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "http://" not in page.text and "https://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("/graphiql", "/"):
        assert (await api.http.get(path, headers={"accept": "text/html"})).status_code == 200
    built = re.findall(r' (?:src|href)="(/[^"]+)"', page.text)
    assert len(built) == 2
    for path in built:
        assert (await api.http.get(path)).status_code == 200
    async with running_api(db, ide=False, introspection=False) as closed:
        assert (await closed.http.get("/graphql", headers={"accept": "text/html"})).status_code == 404
        assert (await closed.post("{ __schema { types { name } } }")).json()["data"] is None


async def test_health_says_what_it_stands_on(api: Api) -> None:
    health = (await api.ask("{ health { status version database schemaVersion problems } }"))["health"]
    assert health["status"] == "ok" and health["problems"] == []
    assert health["database"].startswith("Neo4j 5.")
    assert health["schemaVersion"] == psg_cypher.migrations()[-1].version
    assert (await api.http.get("/readyz")).json() == {"status": "ok", "problems": []}


async def test_a_lost_database_is_told_by_code_and_without_its_address() -> None:
    lost = Database.connect("bolt://127.0.0.1:9", "neo4j", "hunter2", verify=False, retry_deadline=0.1)
    async with lost:
        assert (await health_now(lost)).problems == ["database_unavailable"]
        graph = Graph(lost)
        from psg_graphql.app import create_app

        transport = httpx2.ASGITransport(app=create_app(graph, settings=ApiSettings()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            query = {"query": "{ projects { nodes { id } } }"}
            answer = await http.post("/graphql", json=query)
            assert code(answer) == "database_unavailable"
            assert answer.json()["errors"][0]["extensions"]["retryable"] is True
            assert "127.0.0.1:9" not in answer.text and "hunter2" not in answer.text
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["problems"]) == (503, ["database_unavailable"])


async def test_an_unexpected_error_keeps_its_secrets(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from psg.read.nodes import Reader

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("bolt://user:hunter2@graph.internal")

    monkeypatch.setattr(Reader, "projects", broken)
    answer = await api.post("{ projects { nodes { id } } }")
    assert code(answer) == "unexpected_error"
    assert answer.json()["errors"][0]["extensions"]["error_id"]
    assert "hunter2" not in answer.text and "RuntimeError" not in answer.text


async def test_slow_requests_end_and_crowds_are_turned_away(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from psg.read.nodes import Reader

    entered = anyio.Event()

    async def stuck(*_: Any, **__: Any) -> Any:
        entered.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(Reader, "projects", stuck)
    async with running_api(db, query_deadline_s=1.5, max_requests_per_actor=1) as api:
        answers: list[httpx2.Response] = []

        async def ask() -> None:
            answers.append(await api.post("{ projects { nodes { id } } }"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await entered.wait()
            crowd = await api.post("{ __typename }")
            other = await api.post("{ __typename }", **{"x-psg-actor": "somebody.else"})
        assert (crowd.status_code, code(crowd)) == (429, "too_busy")
        assert other.status_code == 200
        assert (answers[0].status_code, code(answers[0])) == (503, "deadline_exceeded")
        assert (await api.post("{ __typename }")).status_code == 200


async def test_browser_files_are_there_for_neo4j_browser(api: Api) -> None:
    origin = {"origin": "http://localhost:7474", "access-control-request-method": "GET"}
    preflight = await api.http.options("/browser/x.html", headers=origin)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:7474"
    assert preflight.headers["access-control-allow-private-network"] == "true"
    for name in ("nothing.html", "..%2Floader.py", ".hidden"):
        assert (await api.http.get(f"/browser/{name}")).status_code == 404


async def test_an_address_in_use_is_told(api: Api, db: Database) -> None:
    port = int(api.url.rpartition(":")[2])
    with pytest.raises(AddressTaken, match="choose another port"):
        await serve(Graph(db), ApiSettings(port=port), stop=anyio.Event())


async def test_a_schema_behind_the_code_keeps_the_api_from_starting(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = parse_migration("V9999__later.cypher", "RETURN 1;")
    known = [*psg_cypher.migrations(), later]
    monkeypatch.setattr(psg_cypher, "migrations", lambda: known)
    with pytest.raises(SchemaNotMigrated, match="psg migrate"):
        await require_schema(db)
    with pytest.raises(SchemaNotMigrated):
        await serve(Graph(db), ApiSettings(port=0), stop=anyio.Event())


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/graphql-response+json"])
async def test_a_subscription_that_asks_for_no_stream_is_told_so(api: Api, accept: str) -> None:
    text = "subscription S($p: ID!) { events(projectId: $p) { __typename } } query Q { __typename }"
    body = {"query": text, "operationName": "S", "variables": {"p": await api.project()}}
    answer = await api.http.post("/graphql", json=body, headers={"accept": accept})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (406, "stream_needed")
    answer = await api.http.post("/graphql", json=body | {"operationName": "Q", "variables": {}})
    assert answer.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    "query", ["{ projects(firs: 1) { nodes { id } } }", "{ projec { id } }", "{ node(id: 1) { ... on Pla { id } } }",
              'query { plans(projectId: "x", status: PENDING) { nodes { id } } }'],
)  # fmt: skip
async def test_names_are_not_suggested(api: Api, query: str) -> None:
    assert "Did you mean" not in (await api.post(query)).text
