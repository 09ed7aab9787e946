"""Runs again: what lies before keeps its results and is not executed, what comes after is, as a plan of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from world import World, registry, step

from psg.audit import verify
from psg.derivation import rerun_plan
from psg.errors import ActionFailed, CommandReused, NotFound, Refused
from psg_runtime.orchestrator.compensation import compensate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


class Work:
    """Counts what was executed; what is in ``broken`` fails."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.tools = registry(work=self.work, undo=self.undo)

    async def work(self, key: str, given: Any = None) -> dict[str, Any]:
        self.done[key] += 1
        if key in self.broken:
            raise Planted(f"{key} is broken")
        return {"key": key, "nth": self.done[key], "given": given}

    async def undo(self, key: str) -> None:
        self.done[f"undo {key}"] += 1


class Planted(ActionFailed):
    retryable = False


def work(key: str, *dependencies: str, **fields: Any) -> Any:
    given = {"given": "{{" + dependencies[0] + ".output.nth}}"} if dependencies else {}
    return step(key, *dependencies, name="work", params={"key": key, **given}, **fields)


async def again(world: World, plan_id: str, **request: Any) -> str:
    answer = await rerun_plan(world.graph, world.project_id, plan_id, **request)
    new_plan = answer.ids["plan"]
    assert await world.plan_status(new_plan) == "draft"
    await world.graph.propose_plan(world.project_id, new_plan)
    await world.graph.approve_plan(world.project_id, new_plan)
    await world.graph.start_plan(world.project_id, new_plan)
    return new_plan


async def test_a_failed_run_goes_on_where_it_failed(world: World) -> None:
    it = Work()
    it.broken = {"c"}
    plan_id = await world.started(work("a"), work("b", "a"), work("c", "b"), work("d", "c"), work("e", "a"))
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["failed"]
        it.broken = set()
        new_plan = await again(world, plan_id)
        assert await world.finished(new_plan) == ["completed"]
    assert it.done == {"a": 1, "b": 1, "c": 2, "d": 1, "e": 1}
    steps = await world.steps(new_plan)
    assert steps["b"]["output"] == {"key": "b", "nth": 1, "given": 1} and steps["b"]["attempt"] == 0
    assert steps["c"]["output"]["given"] == 1 and steps["d"]["output"]["given"] == 2
    (row,) = await world.query(
        "MATCH (u:PsgNode:Plan {project_id: $project_id, id: $id})-[:DERIVED_FROM]->(p:Plan) "
        "RETURN p.id AS origin, u.derivation AS derivation",
        id=new_plan,
    )
    assert row == {"origin": plan_id, "derivation": "rerun"}
    told = await world.events(plan=new_plan, type="step_completed")
    assert len(told) == 2  # a taken over result is no completion of this run
    assert await world.plan_status(plan_id) == "failed"


async def test_from_a_step_on_it_and_everything_after_it_runs_again(world: World) -> None:
    it = Work()
    plan_id = await world.started(work("a"), work("b", "a"), work("c", "b"), work("side", "a"))
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["completed"]
        new_plan = await again(world, plan_id, from_step="b")
        assert await world.finished(new_plan) == ["completed"]
        whole = await again(world, plan_id)
        assert await world.finished(whole) == ["completed"]
    assert it.done == {"a": 2, "b": 3, "c": 3, "side": 2}
    assert (await world.steps(new_plan))["c"]["output"]["given"] == 2


async def test_skipped_branches_stay_skipped_and_cancelled_ones_run(world: World) -> None:
    it = Work()
    plan_id = await world.started(
        work("a"), work("no", "a", condition="false"), work("after_no", "no"), work("bad", "a"), work("z", "bad", "no"),
        on_failure="stop",
    )  # fmt: skip
    it.broken = {"bad"}
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["failed"]
        it.broken = set()
        new_plan = await again(world, plan_id)
        assert await world.finished(new_plan) == ["completed"]
    steps = await world.steps(new_plan)
    assert {k: s["status"] for k, s in steps.items()} == {
        "a": "completed", "no": "skipped", "after_no": "skipped", "bad": "completed", "z": "completed"
    }  # fmt: skip
    assert steps["no"]["skip_reason"] == "condition_false"
    assert it.done["a"] == 1


async def test_a_draft_of_a_rerun_can_be_edited_before_it_starts(world: World) -> None:
    it = Work()
    plan_id = await world.started(work("a"), work("b", "a"))
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["completed"]
        answer = await rerun_plan(world.graph, world.project_id, plan_id, from_step="b")
        fork = answer.ids["plan"]
        assert answer.ids["reused"] == 1
        await world.graph.add_step(world.project_id, fork, work("more", "a"))
        await world.graph.propose_plan(world.project_id, fork)
        await world.graph.approve_plan(world.project_id, fork)
        await world.graph.start_plan(world.project_id, fork)
        assert await world.finished(fork) == ["completed"]
    assert it.done == {"a": 1, "b": 2, "more": 1}
    assert (await world.steps(fork))["more"]["output"]["given"] == 1


async def test_what_was_undone_is_not_taken_over(world: World) -> None:
    it = Work()
    it.broken = {"bad"}
    inverse = {"name": "undo", "params": {"key": "paid"}}
    plan_id = await world.started(
        work("free"), work("paid", "free", compensation=inverse), work("bad", "paid"), on_failure="stop"
    )
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["failed"]
        undoing = await compensate(world.graph, world.project_id, plan_id)
        assert undoing is not None
        assert await world.finished(undoing.ids["plan"]) == ["completed"]
        it.broken = set()
        new_plan = await again(world, plan_id)
        assert await world.finished(new_plan) == ["completed"]
    assert it.done == {"free": 1, "paid": 2, "undo paid": 1, "bad": 2}


async def test_a_repeated_command_makes_one_plan_and_what_cannot_be_run_again_is_refused(world: World) -> None:
    it = Work()
    plan_id = await world.started(work("a"), work("b", "a"))
    with pytest.raises(Refused, match="only a finished one can be run again"):
        await rerun_plan(world.graph, world.project_id, plan_id)
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["completed"]
    first = await rerun_plan(world.graph, world.project_id, plan_id, command_id="again")
    second = await rerun_plan(world.graph, world.project_id, plan_id, command_id="again")
    assert first.ids == second.ids and second.replayed
    with pytest.raises(CommandReused):
        await rerun_plan(world.graph, world.project_id, plan_id, from_step="b", command_id="again")
    with pytest.raises(NotFound, match="no step 'nope'"):
        await rerun_plan(world.graph, world.project_id, plan_id, from_step="nope")
    with pytest.raises(NotFound):
        await rerun_plan(world.graph, world.project_id, first.ids["plan"][:-4] + "0000")
    plans = await world.query("MATCH (p:Plan {project_id: $project_id}) RETURN p.id AS id")
    assert len(plans) == 2


async def test_a_plan_that_was_pruned_cannot_run_again(world: World) -> None:
    plan_id = await world.run(step("a"))
    text = "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan}) SET p.pruned_ms = 1"
    await world.damage(text, plan=plan_id)
    with pytest.raises(Refused, match="was pruned"):
        await rerun_plan(world.graph, world.project_id, plan_id)
    await world.damage(text.replace("SET p.pruned_ms = 1", "REMOVE p.pruned_ms"), plan=plan_id)


async def test_what_was_undone_is_not_undone_twice_when_the_undoing_plan_runs_again(world: World) -> None:
    made = Work()
    made.broken = {"c"}
    failing = [True]

    async def undo(key: str) -> None:
        made.done[f"undo {key}"] += 1
        if key == "b" and failing[0]:
            raise Planted("the inverse of b is broken")

    tools = registry(work=made.work, undo=undo)
    inverse = {"name": "undo", "params": {"key": "a"}}
    other = {"name": "undo", "params": {"key": "b"}}
    steps = [work("a", compensation=inverse), work("b", "a", compensation=other), work("c", "b")]
    plan_id = await world.started(*steps)
    async with world.running(tools):
        assert await world.finished(plan_id) == ["failed"]
        undoing = (await compensate(world.graph, world.project_id, plan_id)).ids["plan"]
        assert await world.finished(undoing) == ["failed"]
        assert made.done["undo a"] == made.done["undo b"] == 1
        failing[0] = False
        third = await again(world, undoing)
        assert await world.finished(third) == ["completed"]
    assert (made.done["undo a"], made.done["undo b"]) == (1, 2)
