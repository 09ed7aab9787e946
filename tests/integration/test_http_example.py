"""``examples/http-call.yaml`` against a server, from the file to the outputs in the graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripted_server import Received, reply, serving
from world import World

from psg.audit import verify
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.launch import create_plan
from psg_runtime.plan_file import load_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.req("L3-29", "EXEC-24")]
EXAMPLE = Path(__file__).parents[2] / "examples" / "http-call.yaml"
ITEMS = [{"id": 1}, {"id": 2}, {"id": 3}]


class Vault:
    label = "the vault"

    async def get(self, name: str) -> str | None:
        return "a-token-of-the-test" if name == "API_TOKEN" else None


async def test_the_example_fetches_keeps_and_reports(db: Any, tmp_path: Path) -> None:
    world = await World.create(db)
    reports: list[Any] = []

    def api(request: Received) -> bytes:
        key = request.headers.get("x-api-key") or request.headers["authorization"].removeprefix("Bearer ")
        if key != "a-token-of-the-test":
            return reply(401, f"not {key}")
        if request.path == "/reports":
            first = not reports
            reports.append((request.headers["idempotency-key"], json.loads(request.body)))
            return reply(503, "later", Retry_After="0") if first else reply(201, f"thanks, {key}")
        assert request.path in ("/items", "/items?state=open&limit=50")
        return reply(200, json.dumps(ITEMS), Content_Type="application/json")

    async with serving(api) as server:
        spec = load_plan(EXAMPLE)
        spec = spec.model_copy(update={"params": {**spec.params, "base": server.url("")}})
        plan_id = (await create_plan(world.graph, world.project_id, world.context_id, spec)).ids["plan"]
        await world.graph.propose_plan(world.project_id, plan_id)
        await world.graph.approve_plan(world.project_id, plan_id)
        await world.graph.start_plan(world.project_id, plan_id)
        settings = AelSettings(http_allow=("127.0.0.1",), http_allow_private=("127.0.0.1",), file_root=tmp_path)
        ael = AdapterLayer(CapabilityRegistry(), settings, secrets=Vault())
        async with world.running(ael=ael):
            assert await world.finished(plan_id) == ["completed"]

    steps = await world.steps(plan_id)
    assert steps["fetch"]["output"]["json"] == ITEMS
    assert json.loads((tmp_path / "items.json").read_text()) == ITEMS
    assert steps["report"]["output"] | {"headers": {}} == {
        "status": 201, "headers": {}, "bytes": 27, "body": "thanks, [REDACTED]"
    }  # fmt: skip
    (first, told), (again, _) = reports
    assert first == again and told == {"count": 3, "copy": steps["keep"]["output"]["file"]["sha256"]}
    stored = json.dumps([steps, await world.events()], default=str)
    assert "a-token-of-the-test" not in stored and "{{" not in json.dumps([s["output"] for s in steps.values()])
    report = await verify(db, world.project_id)
    assert report.ok, report.violations
