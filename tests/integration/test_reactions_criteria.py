"""Success criteria: judged once, at the end, over what the steps came to; the status of the plan is what it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from world import World, registry, step

from psg.audit import verify
from psg.errors import ActionFailed, ExpressionInvalid, PlanInvalid
from psg.model.codec import loads
from psg_runtime import launch

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def echo(value: Any) -> Any:
    return value


async def fail() -> None:
    raise Planted("planted failure")


class Planted(ActionFailed):
    retryable = False


async def judged(world: World, plan_id: str) -> list[dict[str, Any]]:
    """The criteria of a plan once they are judged."""

    async def told() -> bool:
        return bool(await world.events(type="plan_reacted", entity=plan_id))

    await world.until(told)
    rows = await world.query(
        "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $id}) RETURN p.criteria AS criteria", id=plan_id
    )
    return loads(rows[0]["criteria"])


async def test_each_criterion_is_judged_with_its_error_and_the_status_stays(world: World) -> None:
    criteria = (
        "a.output.n > params.least", "a.output.n > 100", "a.output.missing == 1", "skipped.status == 'skipped'",
    )  # fmt: skip
    plan_id = await world.started(
        step("a", name="echo", params={"value": {"n": 7}}), step("skipped", "a", condition="false"),
        success_criteria=criteria, params={"least": 5},
    )  # fmt: skip
    async with world.running(registry(echo=echo)):
        assert await world.finished(plan_id) == ["completed"]
        found = await judged(world, plan_id)
    assert [(c["text"], c["met"]) for c in found] == list(zip(criteria, (True, False, False, True), strict=True))
    assert found[0]["error"] is None and found[1]["error"] is None and "missing" in found[2]["error"]
    assert await world.plan_status(plan_id) == "completed"
    (event,) = await world.events(type="plan_judged", entity=plan_id)
    assert loads(event["changes"]["after"]["criteria"]) == found
    (reacted,) = await world.events(type="plan_reacted", entity=plan_id)
    assert reacted["changes"]["goal_met"] is False


async def test_a_failed_plan_is_judged_and_its_goal_is_not_met(world: World) -> None:
    plan_id = await world.started(step("a"), step("bad", name="fail"), success_criteria=("a.status == 'completed'",))
    async with world.running(registry(fail=fail)):
        assert await world.finished(plan_id) == ["failed"]
        assert [c["met"] for c in await judged(world, plan_id)] == [True]
    (reacted,) = await world.events(type="plan_reacted", entity=plan_id)
    assert reacted["changes"]["goal_met"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nope.output == 1", "unknown reference `nope`"), ("1 + 1", "not true or false"),
        ("a.output ==", "Expression"), ("params.x == 1", "params.x"), ("item == 1", "there is no `item`"),
    ],
)  # fmt: skip
async def test_a_criterion_that_cannot_be_judged_is_refused_where_it_is_written(
    world: World, text: str, words: str
) -> None:
    from world import plan

    with pytest.raises((PlanInvalid, ExpressionInvalid), match=words):
        await launch.create_plan(
            world.graph, world.project_id, world.context_id, plan(step("a"), success_criteria=(text,))
        )
