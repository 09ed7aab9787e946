"""Budgets in the API, on the command line and in the example."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api
from typer.testing import CliRunner
from world import World, registry, step

from psg.audit import verify
from psg_cli.main import app
from psg_graphql.global_id import global_id
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.launch import create_plan
from psg_runtime.plan_file import load_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(180)]
EXAMPLE = Path(__file__).parents[2] / "examples/budget-stop.yaml"
OF = "{ tokens cost calls wallMs }"
PARTS = f"{{ limit {OF} spent {OF} reserved {OF} remaining {OF} }}"
SET = f"""mutation($input: SetBudgetInput!) {{ setBudget(input: $input) {{
  __typename ... on BudgetPayload {{ seq replayed spending {PARTS} }} ... on Failure {{ code message }}
}} }}"""


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


@pytest.fixture
async def api(db: Any) -> AsyncIterator[Api]:
    async with running_api(db) as made:
        yield made


def project_of(world: World) -> str:
    return global_id("Project", world.project_id, world.project_id)


def plan_of(world: World, plan_id: str) -> str:
    return global_id("Plan", world.project_id, plan_id)


async def set_budget(api: Api, node: str, budget: Any, **more: Any) -> dict[str, Any]:
    return (await api.ask(SET, input={"id": node, "budget": budget, **more}))["setBudget"]


async def spending(api: Api, kind: str, node: str) -> dict[str, Any]:
    return (await api.ask(f"query($id: ID!) {{ {kind}(id: $id) {{ spending {PARTS} }} }}", id=node))[kind]["spending"]


def amounts(**said: float) -> dict[str, float | None]:
    return {"tokens": None, "cost": None, "calls": None, "wallMs": None, **said}


async def call() -> dict[str, Any]:
    return {"usage": {"tokens": 40, "cost": 0.25}}


async def test_accounts_of_plan_and_project_are_told_in_the_unit_of_the_prices(world: World, api: Api) -> None:
    plan_id = await world.run(
        step("a", name="call", budget={"calls": 1}), step("b", name="call"), tools=registry(call=call),
        budget={"tokens": 100, "cost": 2.5},
    )  # fmt: skip
    told = await spending(api, "plan", plan_of(world, plan_id))
    wall = told["spent"].pop("wallMs")
    assert told == {
        "limit": amounts(tokens=100, cost=2.5), "spent": {"tokens": 80, "cost": 0.5, "calls": 2},
        "reserved": {"tokens": 0, "cost": 0, "calls": 0, "wallMs": 0}, "remaining": amounts(tokens=20, cost=2.0),
    }  # fmt: skip
    whole = await spending(api, "project", project_of(world))
    assert (whole["limit"], whole["spent"]) == (amounts(), {**told["spent"], "wallMs": wall})
    shown = await api.ask("query($id: ID!) { plan(id: $id) { budget } }", id=plan_of(world, plan_id))
    assert shown["plan"]["budget"] == {"tokens": 100, "cost": 2.5}


async def test_a_budget_is_set_raised_and_lifted_at_each_scope(world: World, api: Api) -> None:
    plan_id = await world.draft(step("a"))
    step_id = (await world.steps(plan_id))["a"]["id"]
    plan, project = plan_of(world, plan_id), project_of(world)
    once = str(uuid.uuid4())
    done = await set_budget(api, plan, {"calls": 3, "wallMs": 1000}, commandId=once)
    assert done["spending"]["limit"] == amounts(calls=3, wallMs=1000)
    again = await set_budget(api, plan, {"calls": 3, "wallMs": 1000}, commandId=once)
    assert (again["replayed"], again["seq"]) == (True, done["seq"])
    assert (await set_budget(api, plan, {"calls": 9}, commandId=once))["code"] == "command_reused"
    assert (await set_budget(api, project, {"cost": 0}))["spending"]["remaining"] == amounts(cost=0)
    assert (await set_budget(api, project, {"cost": 0.5}))["spending"]["limit"] == amounts(cost=0.5)
    of_step = await set_budget(api, global_id("Step", world.project_id, step_id), {"tokens": 7})
    assert (of_step["__typename"], of_step["spending"]) == ("BudgetPayload", None)
    assert orjson.loads((await world.steps(plan_id))["a"]["budget"]) == {"tokens": 7}
    assert (await set_budget(api, plan, None))["spending"]["limit"] == amounts()
    assert (await set_budget(api, project, None))["spending"]["limit"] == amounts()
    events = await world.events(type="budget_set")
    assert [e["entity_type"] for e in events] == ["Plan", "Project", "Project", "Step", "Plan", "Project"]


@pytest.mark.parametrize(
    ("budget", "where"),
    [({"calls": -1}, "budget.calls"), ({"tokens": 1.5}, "budget.tokens"), ({"cost": 1e300}, "budget.cost"),
     ({"wallMs": 2**60}, "budget.wall_ms")],
)  # fmt: skip
async def test_limits_that_are_none_are_refused_by_name(world: World, api: Api, budget: Any, where: str) -> None:
    before = await world.head_seq()
    refused = await set_budget(api, project_of(world), budget)
    assert (refused["__typename"], refused["code"]) == ("ValidationError", "validation_failed")
    assert refused["message"].startswith(where)
    assert await world.head_seq() == before


async def test_what_has_no_budget_or_is_not_there_is_refused(world: World, api: Api) -> None:
    context = global_id("Context", world.project_id, world.context_id)
    assert (await set_budget(api, context, {"calls": 1}))["__typename"] == "ValidationError"
    nobody = global_id("Plan", world.project_id, "00000000-0000-4000-8000-000000000000")
    assert (await set_budget(api, nobody, {"calls": 1}))["__typename"] == "NotFound"
    plan_id = await world.draft(step("a"))
    not_a_step = global_id("Step", world.project_id, plan_id)
    assert (await set_budget(api, not_a_step, {"calls": 1}))["__typename"] == "NotFound"
    gone = await world.draft(step("a"))
    await world.graph.delete(world.project_id, "Plan", gone)
    assert (await set_budget(api, plan_of(world, gone), {"calls": 1}))["__typename"] == "NotFound"


async def psg(api: Api, world: World, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of ``psg budget``."""
    rows = await world.query("MATCH (p:PsgNode:Project {project_id: $project_id, id: $project_id}) RETURN p.name AS n")
    environment = {**os.environ, "PSG_API_URL": f"{api.url}/graphql", "PSG_PROJECT": rows[0]["n"], "NO_COLOR": "1"}
    command = [sys.executable, "-m", "psg_cli", "budget", *arguments]
    done = await anyio.run_process(command, check=False, env=environment)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def limit(api: Api, world: World, *arguments: str) -> dict[str, Any]:
    status, output, errors = await psg(api, world, *arguments, "--json")
    assert (status, errors) == (0, "")
    return {k: v for k, v in orjson.loads(output)["limit"].items() if v is not None}


async def test_the_command_line_sets_and_shows(world: World, api: Api) -> None:
    plan_id = await world.draft(step("a"))
    said = ("set", "--plan", plan_id, "--calls", "5", "--cost", "1.5")
    assert await limit(api, world, *said) == {"calls": 5, "cost": 1.5}
    status, shown, _ = await psg(api, world, "show", "--plan", plan_id)
    assert status == 0 and [line.split() for line in shown.splitlines() if "calls" in line] == [
        ["calls", "5", "0", "0", "5"]
    ]
    assert await limit(api, world, "set", "--tokens", "100") == {"tokens": 100}
    assert await limit(api, world, "show") == {"tokens": 100}
    assert await limit(api, world, "set", "--none") == {}


async def test_the_account_of_a_plan_that_is_not_there_is_not_shown(world: World, api: Api) -> None:
    status, output, errors = await psg(api, world, "show", "--plan", "00000000-0000-4000-8000-000000000000")
    assert (status, output) == (1, "") and errors.startswith("not_found: There is no plan"), errors


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((), "give limits"), (("--none", "--calls", "1"), "give limits"), (("--calls", "-1"), "--calls"),
     (("--cost", "nan"), "--cost"), (("--tokens", "1.5"), "--tokens")],
)  # fmt: skip
def test_the_command_line_refuses_what_is_no_budget(arguments: tuple[str, ...], says: str) -> None:
    done = CliRunner().invoke(app, ["budget", "set", *arguments])
    assert (done.exit_code, done.stdout) == (2, "") and says in done.stderr


async def test_the_example_stops_before_the_call_that_is_one_too_many(world: World, tmp_path: Path) -> None:
    spec = load_plan(EXAMPLE)
    plan_id = (await create_plan(world.graph, world.project_id, world.context_id, spec)).ids["plan"]
    for command in (world.graph.propose_plan, world.graph.approve_plan, world.graph.start_plan):
        await command(world.project_id, plan_id)
    async with world.running(ael=AdapterLayer(CapabilityRegistry(), AelSettings(file_root=tmp_path))):
        assert await world.finished(plan_id) == ["failed"]
    stored = await world.steps(plan_id)
    assert stored["third"]["error"]["code"] == "budget_exhausted"
    assert {k: s["status"] for k, s in stored.items()} == {
        "outline": "completed", "first": "completed", "second": "completed", "third": "failed", "contents": "skipped"
    }  # fmt: skip
    written = sorted(p.name for p in (tmp_path / "report").iterdir())
    assert written == ["0-outline.txt", "1-first.txt", "2-second.txt"]
