"""Budgets of tokens and money with a language model: what it used is priced by PSG_PRICES and debited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_ael_llm import ChatServer, layer, server  # noqa: F401 - `server` is a fixture
from world import World, step

from psg.audit import verify
from psg.budgets import spending

pytest.importorskip("pydantic_ai")
pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(180)]

# An answer of the server uses 12 tokens of input and 4 of output.
PRICES = {"local-model": {"input": 1_000.0, "output": 5_000.0}}
ONE = 12 * 1_000 / 1e6 + 4 * 5_000 / 1e6


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


@pytest.mark.parametrize(
    ("budget", "dimension", "answered"),
    [
        ({"cost": 1.5 * ONE}, "cost", 2),  # the second is more than was left: recorded in full, and the last
        ({"cost": 2 * ONE}, "cost", 2),
        ({"tokens": 120}, "tokens", 2),  # 100 of an answer are asked for before each call, 16 are used
        ({"tokens": 99}, "tokens", 0),
    ],
)
async def test_models_are_asked_while_there_is_something_left(
    world: World,
    server: ChatServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    budget: dict[str, float],
    dimension: str,
    answered: int,
) -> None:
    monkeypatch.setenv("PSG_PRICES", json.dumps(PRICES))
    params = {"prompt": "How is it?", "max_tokens": 100}
    steps = [step(f"s{i}", *([f"s{i - 1}"] if i else []), type="llm", params=params) for i in range(3)]
    plan_id = await world.started(*steps, budget=budget)
    async with world.running(ael=layer(server)):
        assert await world.finished(plan_id) == ["failed"]
    stored = await world.steps(plan_id)
    assert len(server.requests) == answered
    refused = stored[f"s{answered}"]["error"]
    assert (refused["code"], refused["details"]["dimension"]) == ("budget_exhausted", dimension)
    found = await spending(world.db, world.project_id, plan_id)
    assert found is not None
    spent = found.to_dict()["spent"]
    assert (spent["tokens"], spent["calls"]) == (16 * answered, answered)
    assert spent["cost"] == pytest.approx(ONE * answered)
    assert found.remaining[dimension] == max(0, found.limits[dimension] - found.spent[dimension])
    assert (await verify(world.db, world.project_id)).violations == []


async def test_items_of_a_loop_of_questions_are_priced_one_by_one(
    world: World,
    server: ChatServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PSG_PRICES", json.dumps(PRICES))
    do = {"type": "llm", "name": "ask", "params": {"prompt": "{{item}}?", "max_tokens": 10}}
    loop = step("all", type="foreach", params={"items": ["a", "b", "c"], "do": do})
    plan_id = await world.started(loop, budget={"tokens": 100, "calls": 3})
    async with world.running(ael=layer(server)):
        assert await world.finished(plan_id) == ["completed"]
    found = await spending(world.db, world.project_id, plan_id)
    assert found is not None
    spent = found.to_dict()["spent"]
    assert (spent["calls"], spent["tokens"]) == (3, 48) and spent["cost"] == pytest.approx(3 * ONE)


@pytest.mark.parametrize("prices", ["none", "[]", '{"m": {"input": -1}}', '{"m": {"input": NaN}}', '{"m": {"x": 1}}'])
async def test_prices_that_are_none_are_refused_at_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch, prices: str
) -> None:
    monkeypatch.setenv("PSG_PRICES", prices)
    with pytest.raises(ValueError, match="prices"):
        world.orchestrator()
