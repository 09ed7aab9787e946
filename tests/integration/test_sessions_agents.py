"""Participants of every kind in one session: a function, a model's agent, an HTTP endpoint, an MCP tool, a worker."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from scripted_server import Received, reply, serving
from sessions import Sessions, who
from world import World, step

from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.coordination import start_session
from psg_runtime.coordination.pydantic_agents import pydantic_agent
from psg_runtime.mcp_servers import mcp_capabilities
from psg_runtime.turns import TurnElsewhere, TurnOver, claim_turn, complete_turn

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
DESK = {"command": sys.executable, "args": [str(Path(__file__).parent.parent / "programs" / "mcp_desk.py")]}
ENDPOINT = """
capabilities:
  - name: endpoint
    type: agent
    input_schema: {{type: object, properties: {{turn: {{type: object}}}}, required: [turn]}}
    http: {{url: "{url}", method: POST, json: "{{{{params.turn}}}}", output: json}}
"""


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


def model(said: list[str]) -> Any:
    """An agent of pydantic-ai whose model answers from here."""
    pydantic_ai = pytest.importorskip("pydantic_ai")
    from pydantic_ai.messages import ModelResponse, TextPart
    from pydantic_ai.models.function import FunctionModel

    def answer(messages: Any, info: Any) -> Any:
        said.append(messages[-1].parts[-1].content)
        return ModelResponse(parts=[TextPart("looks good")])

    return pydantic_ai.Agent(FunctionModel(answer))


async def test_every_kind_of_agent_takes_its_turn(world: World, tmp_path: Path) -> None:
    prompts: list[str] = []
    asked: list[Any] = []

    def endpoint(request: Received) -> bytes:
        asked.append(json.loads(request.body))
        return reply(200, json.dumps({"by": asked[-1]["participant_id"]}), Content_Type="application/json")

    registry = CapabilityRegistry()
    registry.register(name="function", type="agent", call=who)
    registry.register(name="model", type="agent", call=pydantic_agent(model(prompts)))
    registry.register(name="worker", type="agent", adapter="external")
    servers = tmp_path / "mcp.json"
    servers.write_text(json.dumps({"mcpServers": {"desk": DESK}}))
    async with serving(endpoint) as server, mcp_capabilities(registry, servers):
        file = tmp_path / "endpoint.yaml"
        file.write_text(ENDPOINT.format(url=server.url("/turn")))
        registry.load(str(file))
        people = {"function": None, "model": None, "endpoint": None, "tool": None, "worker": None}
        sessions = Sessions(world)
        collab = await sessions.collab("round_robin", people)
        params: dict[str, Any] = {"params": {"name": "you"}}
        plan = await world.approved(
            *(step(f"s{i}", type="agent", order_index=i, **(params if i == 3 else {})) for i in range(5))
        )
        settings = AelSettings(http_allow=("127.0.0.1",), http_allow_private=("127.0.0.1",))
        async with world.running(ael=AdapterLayer(registry, settings)):
            bindings = {"tool": "desk.greet"}
            await start_session(world.graph, world.project_id, collab, plan, bindings=bindings)
            await answered(world)
            view = await sessions.over(collab)
    assert (view.state, view.reason) == ("completed", None)
    steps = await world.steps(plan)
    outputs = [steps[f"s{i}"]["output"] for i in range(5)]
    assert outputs[0] == {"by": "function", "step": "s0"}
    assert outputs[1]["answer"] == "looks good" and outputs[1]["usage"]["output_tokens"] > 0
    assert "You are model. Your task: s1" in prompts[0] and '"by": "function"' in prompts[0]
    assert outputs[2] == {"by": "endpoint"} and asked[0]["turn_number"] == 3
    assert "Hello, you!" in json.dumps(outputs[3])
    assert outputs[4] == {"done": "s4"}
    assert [steps[f"s{i}"]["executed_by"] for i in range(5)] == list(people)
    assert (await verify(world.db, world.project_id)).violations == []


async def answered(world: World) -> None:
    """A worker outside takes the turn, answers it twice, and somebody else tries as well."""
    with anyio.fail_after(60):
        turn = await claim_turn(
            world.graph, ["worker"], worker="w1", project_id=world.project_id, wait_ms=60_000
        )
    assert turn is not None
    assert turn.params["turn"]["participant_id"] == "worker" and turn.params["turn"]["turn_number"] == 5
    place = (world.graph, world.project_id, turn.step_id)
    with pytest.raises(TurnElsewhere):
        await complete_turn(*place, turn.fence, worker="w2", output="not mine")
    with pytest.raises(TurnOver):
        await complete_turn(*place, turn.fence - 1, worker="w1", output="of before")
    await complete_turn(*place, turn.fence, worker="w1", output={"done": turn.step_key})
    assert (await complete_turn(*place, turn.fence, worker="w1", output={"done": turn.step_key})).replayed
