"""What a step waits for of its dependencies: every mode of a join, with every way its dependencies can end."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.errors import ActionFailed
from psg.plan.steps import place_of

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

COMPLETED, SKIPPED, FAILED = "completed", "skipped", "failed"
# (join, what its three dependencies come to) -> what the step comes to, and why
EXPECTED: list[tuple[str, tuple[str, str, str], str, str | None]] = [
    ("not_skipped", (COMPLETED, COMPLETED, COMPLETED), COMPLETED, None),
    ("not_skipped", (COMPLETED, SKIPPED, SKIPPED), COMPLETED, None),
    ("not_skipped", (SKIPPED, SKIPPED, SKIPPED), SKIPPED, "all_dependencies_skipped"),
    ("not_skipped", (COMPLETED, FAILED, COMPLETED), SKIPPED, "dependency_failed"),
    ("all", (COMPLETED, COMPLETED, COMPLETED), COMPLETED, None),
    ("all", (COMPLETED, SKIPPED, COMPLETED), SKIPPED, "dependency_skipped"),
    ("all", (SKIPPED, SKIPPED, SKIPPED), SKIPPED, "all_dependencies_skipped"),
    ("all", (COMPLETED, FAILED, COMPLETED), SKIPPED, "dependency_failed"),
    ("any", (FAILED, SKIPPED, COMPLETED), COMPLETED, None),
    ("any", (COMPLETED, COMPLETED, COMPLETED), COMPLETED, None),
    ("any", (FAILED, SKIPPED, FAILED), SKIPPED, "dependency_failed"),
    ("any", (SKIPPED, SKIPPED, SKIPPED), SKIPPED, "all_dependencies_skipped"),
    ("settled", (FAILED, FAILED, FAILED), COMPLETED, None),
    ("settled", (SKIPPED, SKIPPED, SKIPPED), COMPLETED, None),
    ("settled", (COMPLETED, SKIPPED, FAILED), COMPLETED, None),
]


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


def ending(key: str, how: str) -> Any:
    if how == FAILED:
        return step(key, name="fail")
    return step(key, type="conditional", condition="true" if how == COMPLETED else "false", name="noop")


async def fail() -> None:
    raise ActionFailed("planted failure")


async def test_every_mode_of_a_join_with_every_end_of_its_dependencies(world: World) -> None:
    plans = []
    for join, ends, _, _ in EXPECTED:
        keys = [f"d{i}" for i in range(3)]
        steps = [ending(k, how) for k, how in zip(keys, ends, strict=True)]
        after, then = step("after", *keys, join=join), step("then", "after", join="settled")
        plans.append(await world.started(*steps, after, then))
    async with world.running(registry(fail=fail)):
        await world.finished(*plans)
    for plan_id, (join, ends, status, reason) in zip(plans, EXPECTED, strict=True):
        steps = await world.steps(plan_id)
        assert (steps["after"]["status"], steps["after"].get("skip_reason")) == (status, reason), (join, ends)
        assert steps["then"]["status"] == COMPLETED, (join, ends)
        assert [steps[f"d{i}"]["status"] for i in range(3)] == list(ends)
    assert (await verify(world.db, world.project_id)).violations == []


async def test_a_step_that_joins_any_does_not_wait_for_the_slow_ones(world: World) -> None:
    release, seen = anyio.Event(), anyio.Event()

    async def slow() -> None:
        await release.wait()

    async def first() -> None:
        seen.set()

    plan_id = await world.started(
        step("fast"), step("slow", name="slow"), step("after", "fast", "slow", join="any", name="first"),
        step("both", "after", "slow"),
    )  # fmt: skip
    async with world.running(registry(slow=slow, first=first)):
        with anyio.fail_after(30):
            await seen.wait()
        assert (await world.steps(plan_id))["slow"]["status"] == "in_progress"
        assert (await verify(world.db, world.project_id)).violations == []
        release.set()
        assert await world.finished(plan_id) == ["completed"]
    assert (await world.steps(plan_id))["after"]["attempt"] == 1
    assert (await verify(world.db, world.project_id)).violations == []


async def test_a_step_that_joins_any_is_not_undecided_and_ready_at_once_when_the_last_dependency_fails(
    world: World,
) -> None:
    """The first completion makes it ready; the failure of another, before it is claimed, must not take it back."""
    plan_id = await world.started(
        step("ok"), step("bad", name="fail"), step("after", "ok", "bad", join="any", condition="true")
    )
    async with world.running(registry(fail=fail)):
        await world.finished(plan_id)
    assert (await world.steps(plan_id))["after"]["status"] == "completed"
    assert (await verify(world.db, world.project_id)).violations == []


async def test_steps_added_to_a_running_plan_join_what_has_ended(world: World) -> None:
    release = anyio.Event()

    async def slow() -> None:
        await release.wait()

    plan_id = await world.started(step("ok"), step("bad", name="fail"), step("end", name="slow"))
    async with world.running(registry(fail=fail, slow=slow)):

        async def ended() -> bool:
            steps = await world.steps(plan_id)
            return steps["ok"]["status"] == COMPLETED and steps["bad"]["status"] == FAILED

        await world.until(ended)
        for join in ("any", "settled", "all", "not_skipped"):
            await world.graph.add_step(world.project_id, plan_id, step(f"late_{join}", "ok", "bad", join=join))
        await world.until(lambda: _all_ended(world, plan_id))
        release.set()
        await world.finished(plan_id)
    steps = await world.steps(plan_id)
    found = {join: steps[f"late_{join}"]["status"] for join in ("any", "settled", "all", "not_skipped")}
    assert found == {"any": COMPLETED, "settled": COMPLETED, "all": SKIPPED, "not_skipped": SKIPPED}
    assert (await verify(world.db, world.project_id)).violations == []


async def _all_ended(world: World, plan_id: str) -> bool:
    steps = await world.steps(plan_id)
    return all(s["status"] in (COMPLETED, SKIPPED) for k, s in steps.items() if k.startswith("late_"))


@pytest.mark.parametrize(
    ("join", "statuses", "expected"),
    [
        ("any", ["pending", "pending"], (False, True)),
        ("any", ["completed", "pending"], (True, False)),
        ("any", ["failed", "pending"], (False, True)),
        ("any", ["failed", "skipped"], (True, True)),
        ("any", [], (True, False)),
        ("settled", ["failed", "pending"], (False, False)),
        ("settled", ["failed", "skipped"], (True, False)),
        (None, ["failed", "pending"], (True, True)),
        (None, ["completed", "completed"], (True, False)),
    ],
)
def test_where_a_new_step_stands(join: str | None, statuses: list[str], expected: tuple[bool, bool]) -> None:
    waits = sum(s == "pending" for s in statuses)
    assert place_of(join, False, waits, statuses) == expected
