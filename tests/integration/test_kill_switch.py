"""Kill switches: everywhere, a project, a plan, a type of action; nothing that they deny reaches an adapter."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.commands.policies import global_changes, kill_switches, set_kill_switch
from psg.errors import NotFound, ValidationFailed

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


def counted() -> tuple[Any, list[int]]:
    calls: list[int] = []

    async def count() -> None:
        calls.append(1)

    return count, calls


def denied(stored: dict[str, Any]) -> tuple[Any, ...]:
    error = stored["error"] or {}
    return stored["status"], error.get("code"), error.get("details", {}).get("status")


DENIED = ("failed", "kill_switch_active", "denied")


@pytest.mark.req("EXEC-17")
async def test_a_switch_of_the_project_denies_before_anything_runs_and_says_who_and_why(world: World) -> None:
    count, calls = counted()
    policy = {"retry": {"max_retries": 3, "base_ms": 1}}
    plan_id = await world.started(step("a", name="count", policy=policy), step("b", "a"))
    done = await set_kill_switch(world.graph, True, project_id=world.project_id, reason="leak", actor="ann")
    assert done.changed and [s.scope for s in done.switches] == ["project"]
    async with world.running(registry(count=count)):
        assert await world.finished(plan_id) == ["failed"]
    stored = await world.steps(plan_id)
    assert denied(stored["a"]) == DENIED and stored["b"]["skip_reason"] == "dependency_failed"
    assert "leak" in stored["a"]["error"]["message"] and stored["a"]["error"]["details"]["actor"] == "ann"
    assert (calls, stored["a"]["attempt"]) == ([], 1)
    (event,) = await world.events(type="kill_switch_on")
    assert (event["actor"], event["changes"]["reason"], event["entity"]) == ("ann", "leak", world.project_id)

    await set_kill_switch(world.graph, False, project_id=world.project_id, actor="ann")
    assert await kill_switches(world.db, world.project_id) == []
    again = await world.run(step("a", name="count"), tools=registry(count=count))
    assert await world.plan_status(again) == "completed"
    assert [e["type"] for e in await world.events(actor="ann")] == ["kill_switch_on", "kill_switch_off"]


@pytest.mark.parametrize("action_type", ["tool", "tool_call", "count"])
async def test_a_switch_for_a_type_of_action_denies_that_type_only(world: World, action_type: str) -> None:
    count, calls = counted()
    await set_kill_switch(world.graph, True, project_id=world.project_id, action_type=action_type)
    plan_id = await world.run(
        step("tool", name="count"), step("wait", type="wait", params={"duration_ms": 1}), tools=registry(count=count)
    )
    stored = await world.steps(plan_id)
    assert denied(stored["tool"]) == DENIED and stored["wait"]["status"] == "completed" and not calls


async def test_a_switch_for_a_plan_leaves_the_others_alone(world: World) -> None:
    count, calls = counted()
    one, other = [await world.started(step("a", name="count")) for _ in range(2)]
    await set_kill_switch(world.graph, True, project_id=world.project_id, plan_id=one)
    async with world.running(registry(count=count)):
        assert await world.finished(one, other) == ["failed", "completed"]
    assert denied((await world.steps(one))["a"]) == DENIED and len(calls) == 1
    (event,) = await world.events(type="kill_switch_on")
    assert event["plan"] == one


async def test_a_switch_that_holds_everywhere_reaches_every_project(world: World) -> None:
    name = f"t{uuid.uuid4().hex}"  # tests of other projects go on meanwhile
    count, calls = counted()
    done = await set_kill_switch(world.graph, True, action_type=name, reason="everywhere", actor="ann")
    try:
        assert done.answer is None and done.changed
        plan_id = await world.run(step("a", name=name), step("b", name="noop"), tools=registry(**{name: count}))
        stored = await world.steps(plan_id)
        assert denied(stored["a"]) == DENIED and stored["b"]["status"] == "completed" and not calls
        assert stored["a"]["error"]["details"]["scope"] == "global"
        assert name in [s.action_type for s in await kill_switches(world.db, world.project_id)]
    finally:
        await set_kill_switch(world.graph, False, action_type=name, actor="ann")
    assert name not in [s.action_type for s in await kill_switches(world.db)]
    mine = [c for c in await global_changes(world.db) if c["action_type"] == name]
    assert [(c["on"], c["actor"], c["reason"]) for c in mine] == [(True, "ann", "everywhere"), (False, "ann", None)]


async def test_what_runs_when_the_switch_comes_up_is_stopped_and_what_would_follow_is_denied(world: World) -> None:
    entered, cancelled = anyio.Event(), anyio.Event()

    async def hold() -> None:
        entered.set()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            cancelled.set()
            raise

    retries = {"retry": {"max_retries": 5, "base_ms": 1}}
    plan_id = await world.started(step("a", name="hold", policy=retries), step("b", "a", join="settled"))
    async with world.running(registry(hold=hold)):
        await entered.wait()
        await set_kill_switch(world.graph, True, project_id=world.project_id)
        with anyio.fail_after(20):
            await cancelled.wait()
        assert await world.finished(plan_id) == ["failed"]
    stored = await world.steps(plan_id)
    assert (stored["a"]["error"]["code"], stored["a"]["attempt"]) == ("kill_switch_active", 1)
    assert denied(stored["b"]) == DENIED


@pytest.mark.req("EXEC-19")
@pytest.mark.parametrize("text", ["{", '{"a": 1}', '[{"plan": 7}]', '["x"]', "7"])
async def test_switches_that_cannot_be_read_deny_everything_until_set_anew(world: World, text: str) -> None:
    count, calls = counted()
    await world.damage("MATCH (h:ProjectHead {id: $project_id}) SET h.kill_switch = $said", said=text)
    plan_id = await world.run(step("a", name="count"), tools=registry(count=count))
    stored = (await world.steps(plan_id))["a"]
    assert denied(stored) == DENIED and stored["error"]["details"]["fail_closed"] is True and not calls
    assert "cannot be read" in (await kill_switches(world.db, world.project_id))[0].reason
    await set_kill_switch(world.graph, False, project_id=world.project_id)
    assert await kill_switches(world.db, world.project_id) == []


async def test_switching_twice_changes_nothing_and_the_last_word_about_the_same_thing_stays(world: World) -> None:
    ask = {"project_id": world.project_id, "action_type": "tool"}
    assert (await set_kill_switch(world.graph, True, reason="one", **ask)).changed
    again = await set_kill_switch(world.graph, True, reason="two", **ask)
    assert not again.changed and [s.reason for s in again.switches] == ["two"]
    await set_kill_switch(world.graph, True, project_id=world.project_id)
    gone = await set_kill_switch(world.graph, False, **ask)
    assert [s.action_type for s in gone.switches] == [None]
    assert not (await set_kill_switch(world.graph, False, **ask)).changed


async def test_a_repeated_command_has_one_effect(world: World) -> None:
    ask = {"project_id": world.project_id, "command_id": str(uuid.uuid4())}
    first = await set_kill_switch(world.graph, True, **ask)
    second = await set_kill_switch(world.graph, True, **ask)
    assert second.answer is not None and second.answer.replayed and first.switches == second.switches
    assert len(await world.events(type="kill_switch_on")) == 1


async def test_what_makes_no_sense_is_refused(world: World) -> None:
    with pytest.raises(NotFound):
        await set_kill_switch(world.graph, True, project_id=world.project_id, plan_id=str(uuid.uuid4()))
    with pytest.raises(NotFound):
        await set_kill_switch(world.graph, True, project_id=str(uuid.uuid4()))
    with pytest.raises(NotFound):
        await kill_switches(world.db, str(uuid.uuid4()))
    for wrong in ({"plan_id": str(uuid.uuid4())}, {"action_type": "  "}, {"action_type": "x" * 300}):
        with pytest.raises(ValidationFailed):
            await set_kill_switch(world.graph, True, **wrong)
    with pytest.raises(ValidationFailed):
        await set_kill_switch(world.graph, True, project_id=world.project_id, reason="x" * 5_000)


async def test_many_who_switch_at_once_all_count(world: World) -> None:
    names = [f"n{i}" for i in range(12)]
    async with anyio.create_task_group() as tasks:
        for name in names:
            async def switch(name: str = name) -> None:
                await set_kill_switch(world.graph, True, project_id=world.project_id, action_type=name)
            tasks.start_soon(switch)
    assert sorted(s.action_type or "" for s in await kill_switches(world.db, world.project_id)) == sorted(names)
