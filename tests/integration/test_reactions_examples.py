"""The examples of step types and of what follows a failure, from the file to what they leave behind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from world import World

from psg.audit import verify
from psg.model.codec import loads
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.launch import create_plan
from psg_runtime.orchestrator.compensation import compensation_id
from psg_runtime.plan_file import apply_params, load_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def started(world: World, name: str, **params: str) -> str:
    spec = apply_params(load_plan(EXAMPLES / name), params)
    plan_id = (await create_plan(world.graph, world.project_id, world.context_id, spec)).ids["plan"]
    await world.graph.propose_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    return plan_id


def layer(folder: Path) -> AdapterLayer:
    return AdapterLayer(CapabilityRegistry(), AelSettings(file_root=folder))


async def plan_when(world: World, plan_id: str, **wanted: Any) -> dict[str, Any]:
    """The stored plan, once it is there and has these properties."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        text = "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $id}) RETURN p {.*} AS p"
        rows = await world.query(text, id=plan_id)
        found.update(rows[0]["p"] if rows else {})
        return bool(rows) and all(found.get(k) == v for k, v in wanted.items())

    await world.until(there)
    return found


@pytest.mark.req("L3-58", "L3-60")
async def test_what_cannot_be_shipped_is_cancelled_and_released(world: World, tmp_path: Path) -> None:
    plan_id = await started(world, "compensation.yaml")
    async with world.running(ael=layer(tmp_path)):
        assert await world.finished(plan_id) == ["failed"]
        await plan_when(world, compensation_id(plan_id, 0), status="completed")
    assert (tmp_path / "orders/order.txt").read_text() == "order cancelled"
    assert (tmp_path / "orders/reservation.txt").read_text() == "released 7 bytes of order"


async def test_what_can_be_shipped_stays(world: World, tmp_path: Path) -> None:
    (tmp_path / "stock.txt").write_text("plenty")
    plan_id = await started(world, "compensation.yaml")
    async with world.running(ael=layer(tmp_path)):
        assert await world.finished(plan_id) == ["completed"]
    assert (tmp_path / "orders/order.txt").read_text() == "ordered"


async def test_every_shelf_is_labelled_but_the_one_outside(world: World, tmp_path: Path) -> None:
    plan_id = await started(world, "foreach.yaml")
    async with world.running(ael=layer(tmp_path)):
        assert await world.finished(plan_id) == ["completed"]

        async def judged() -> bool:
            return bool(await world.events(type="plan_judged", entity=plan_id))

        await world.until(judged)
    rooms = (await world.steps(plan_id))["label"]["output"]
    assert [(room["succeeded"], room["failed"]) for room in rooms] == [(2, 1), (1, 0), (0, 0)]
    assert rooms[0]["errors"][0]["index"] == 1 and rooms[0]["results"][1] is None
    assert (tmp_path / "labels/attic/books.txt").read_text() == "attic, shelf 0: books"
    left = {path for _, _, files in os.walk(tmp_path) for path in files}
    assert left == {"wine.txt", "tools.txt", "books.txt", "report.txt"}
    stored = await plan_when(world, plan_id)
    assert [c["met"] for c in loads(stored["criteria"])] == [True, False]


async def test_two_chapters_make_a_book(world: World, tmp_path: Path) -> None:
    plan_id = await started(world, "sub-plan.yaml", author="somebody")
    async with world.running(ael=layer(tmp_path)):
        assert await world.finished(plan_id) == ["completed"]
    assert (tmp_path / "book/book.txt").read_text() == "beginning, by somebody; end, by somebody"
    traces = await world.query("MATCH (t:Trace {project_id: $project_id}) RETURN t.status AS status")
    assert [t["status"] for t in traces] == ["completed"] * 3


@pytest.mark.req("ORCH-29")
async def test_the_report_is_written_without_the_old_notes(world: World, tmp_path: Path) -> None:
    plan_id = await started(world, "replan.yaml")
    async with world.running(ael=layer(tmp_path), replans_approved=True):
        assert await world.finished(plan_id) == ["failed"]

        async def told() -> bool:
            return bool(await world.events(type="plan_reacted", entity=plan_id))

        await world.until(told)
        (event,) = await world.events(type="plan_reacted", entity=plan_id)
        await plan_when(world, event["changes"]["replan"], status="completed", derivation="replan")
    assert (tmp_path / "report/report.txt").read_text() == "a report, 11 bytes of news"


async def test_a_picnic_is_planned_without_a_forecast(world: World, tmp_path: Path) -> None:
    plan_id = await started(world, "recovery.yaml")
    async with world.running(ael=layer(tmp_path)):
        assert await world.finished(plan_id) == ["completed"]
    assert (tmp_path / "picnic/invitation.txt").read_text() == "Come on Sunday; bring an umbrella"
