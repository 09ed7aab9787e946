"""Plans that are undone: completed steps that declare an inverse, last first, each once, whoever dies meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.errors import ActionFailed, Refused
from psg_neo4j import faults
from psg_neo4j.errors import OutcomeUnknown
from psg_runtime.ael import ActionContext
from psg_runtime.orchestrator.compensation import compensate, compensation_id

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


class Planted(ActionFailed):
    retryable = False


class Shop:
    """Something with effects: a ledger of what was done and undone, in order."""

    def __init__(self) -> None:
        self.ledger: list[str] = []
        self.tools = registry(do=self.do, undo=self.undo, refuse=self.refuse, bad=self.bad)

    async def do(self, what: str) -> dict[str, Any]:
        self.ledger.append(f"do {what}")
        return {"id": f"#{what}", "what": what}

    async def undo(self, what: Any, ctx: ActionContext) -> str:
        self.ledger.append(f"undo {what}")
        return f"undone {what}"

    async def refuse(self, what: Any) -> None:
        self.ledger.append(f"refuse {what}")
        raise Planted("it cannot be undone")

    async def bad(self) -> None:
        raise Planted("planted failure")


def done(key: str, *dependencies: str, by: str = "undo", **fields: Any) -> Any:
    inverse = {"name": by, "params": {"what": "{{" + key + ".output.id}}"}}
    return step(key, *dependencies, name="do", params={"what": key}, compensation=inverse, **fields)


async def undone_by(world: World, plan_id: str) -> str:
    """The id of the plan that undoes a plan, once it is over."""
    undo_id = compensation_id(plan_id, 0)

    async def there() -> bool:
        rows = await world.query(
            "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $id}) RETURN p.status AS s", id=undo_id
        )
        return bool(rows) and rows[0]["s"] in ("completed", "failed")

    await world.until(there)
    return undo_id


async def settled(world: World) -> None:
    async def none_reacting() -> bool:
        return not await world.query("MATCH (p:Reacting {project_id: $project_id}) RETURN p.id AS id")

    await world.until(none_reacting)


@pytest.mark.req("L3-58", "L3-59", "L3-60")
async def test_a_failure_undoes_what_was_done_last_first_and_nothing_else(world: World) -> None:
    shop = Shop()
    plan_id = await world.started(
        done("a"), done("b", "a"), step("between", "b"), done("c", "between"), step("bad", "c", name="bad"),
        done("never", "bad"), done("not_taken", "a", condition="false"),
        on_failure="compensate",
    )  # fmt: skip
    async with world.running(shop.tools):
        assert await world.finished(plan_id) == ["failed"]
        undo_id = await undone_by(world, plan_id)
        await settled(world)
    assert shop.ledger == ["do a", "do b", "do c", "undo #c", "undo #b", "undo #a"]
    assert await world.plan_status(plan_id) == "failed"
    steps = await world.steps(undo_id)
    assert {k: s["status"] for k, s in steps.items()} == dict.fromkeys(("undo_a", "undo_b", "undo_c"), "completed")
    (row,) = await world.query(
        "MATCH (u:PsgNode:Plan {project_id: $project_id, id: $id})-[:DERIVED_FROM]->(p:Plan) "
        "RETURN p.id AS origin, u.derivation AS derivation",
        id=undo_id,
    )
    assert row == {"origin": plan_id, "derivation": "compensation"}
    (told,) = await world.events(type="plan_reacted", entity=plan_id)
    assert told["changes"]["compensation"] == undo_id
    completed = [e["entity"] for e in await world.events(type="step_completed", plan=undo_id)]
    assert completed == [steps[k]["id"] for k in ("undo_c", "undo_b", "undo_a")]


@pytest.mark.req("L3-59")
async def test_one_that_fails_is_reported_and_the_rest_is_still_tried(world: World) -> None:
    shop = Shop()
    plan_id = await world.started(
        done("a"), done("b", "a", by="refuse"), done("c", "b"), step("bad", "c", name="bad"), on_failure="compensate"
    )
    async with world.running(shop.tools):
        undo_id = await undone_by(world, plan_id)
        await settled(world)
    assert shop.ledger[-3:] == ["undo #c", "refuse #b", "undo #a"]
    assert await world.plan_status(undo_id) == "failed"
    steps = await world.steps(undo_id)
    assert {k: s["status"] for k, s in steps.items()} == {
        "undo_a": "completed", "undo_b": "failed", "undo_c": "completed"
    }  # fmt: skip
    assert "cannot be undone" in steps["undo_b"]["error"]["message"]


async def test_without_on_failure_nothing_is_undone_until_somebody_asks_and_then_once(world: World) -> None:
    shop = Shop()
    plan_id = await world.started(done("a"), done("b", "a"))
    with pytest.raises(Refused, match="is in_progress; only what is finished"):
        await compensate(world.graph, world.project_id, plan_id)
    async with world.running(shop.tools):
        assert await world.finished(plan_id) == ["completed"]
        ids: list[str | None] = []

        async def ask() -> None:
            answer = await compensate(world.graph, world.project_id, plan_id, actor="somebody")
            ids.append(answer.ids["plan"] if answer else None)

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
        undo_id = await undone_by(world, plan_id)
        assert ids == [undo_id] * 5
    assert sorted(x for x in shop.ledger if x.startswith("undo")) == ["undo #a", "undo #b"]
    assert await world.plan_status(plan_id) == "completed"
    (confirm,) = await world.query(
        "MATCH (d:Decision)-[:DECIDES]->(c:Confirm {project_id: $project_id})-[:CONFIRMS]->(p:Plan {id: $id}) "
        "RETURN d.actor AS actor, c.reason AS reason",
        id=undo_id,
    )
    assert confirm["actor"] == "somebody" and plan_id in confirm["reason"]


async def test_what_an_inverse_reads_is_fixed_and_data_never_becomes_a_template(world: World) -> None:
    """Outputs that look like placeholders stay text; a missing output fails its step only, and says which."""
    seen: list[Any] = []

    async def trap() -> dict[str, Any]:
        return {"id": "{{secrets.KEY}} {{params.x}}", "whole": {"n": 2**53, "null": None}}

    async def nothing() -> None:
        return None

    async def note(**given: Any) -> None:
        seen.append(given)

    note_params = {
        "text": "id={{trap.output.id}}", "whole": "{{trap.output.whole}}", "p": "{{params.place}}",
        "none": "{{nothing.output}}", "list": ["{{trap.output.whole.n}}"],
    }  # fmt: skip
    plan_id = await world.started(
        step("nothing", name="nothing", compensation={"name": "note", "params": {"x": "{{nothing.output.id}}"}}),
        step("trap", "nothing", name="trap", compensation={"name": "note", "params": note_params}),
        step("bad", "trap", name="bad"),
        on_failure="compensate", params={"place": "here"},
    )  # fmt: skip
    async with world.running(registry(trap=trap, nothing=nothing, note=note, bad=Shop().bad)):
        undo_id = await undone_by(world, plan_id)
        await settled(world)
    assert seen == [
        {
            "text": "id={{secrets.KEY}} {{params.x}}", "whole": {"n": 2**53, "null": None}, "p": "here",
            "none": None, "list": [2**53],
        }
    ]  # fmt: skip
    steps = await world.steps(undo_id)
    assert steps["undo_nothing"]["status"] == "failed"
    assert "nothing.output.id" in steps["undo_nothing"]["description"]
    assert steps["undo_trap"]["status"] == "completed"


async def test_nothing_to_undo_is_no_plan(world: World) -> None:
    plan_id = await world.started(step("a"), step("bad", "a", name="bad"), on_failure="compensate")
    async with world.running(Shop().tools):
        assert await world.finished(plan_id) == ["failed"]
        await settled(world)
    assert await compensate(world.graph, world.project_id, plan_id) is None
    assert len(await world.query("MATCH (p:Plan {project_id: $project_id}) RETURN p.id AS id")) == 1


def lose(nth: int) -> Callable[[], None]:
    passages = 0

    def act() -> None:
        nonlocal passages
        passages += 1
        if passages == nth:
            raise OutcomeUnknown(uri="planted")

    return act


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_an_answer_lost_on_the_way_undoes_nothing_twice(world: World, point: str, nth: int) -> None:
    shop = Shop()
    plan_id = await world.started(done("a"), done("b"), step("end", "a", "b"))
    async with world.running(shop.tools):
        assert await world.finished(plan_id) == ["completed"]
        with faults.arm(point, lose(nth)):
            for _ in range(5):
                try:
                    await compensate(world.graph, world.project_id, plan_id)
                except OutcomeUnknown:
                    continue
                break
        await undone_by(world, plan_id)
    assert sorted(x for x in shop.ledger if x.startswith("undo")) == ["undo #a", "undo #b"]


async def test_an_inverse_that_nobody_can_read_is_told_and_holds_up_nothing(world: World) -> None:
    """Damage of what is stored: the plan that cannot be undone says so, and the next one is undone."""
    shop = Shop()
    plan_id = await world.started(done("a"), step("bad", "a", name="bad"), on_failure="compensate")
    spoil = "MATCH (s:Step {project_id: $project_id, plan: $plan, key: 'a'}) SET s.compensation = $said"
    (whole,) = await world.query("MATCH (s:Step {project_id: $project_id, plan: $plan, key: 'a'}) "
                                 "RETURN s.compensation AS said", plan=plan_id)  # fmt: skip
    await world.damage(spoil, plan=plan_id, said='{"nam": 1}')
    other = await world.started(done("b"), step("bad", "b", name="bad"), on_failure="compensate")
    async with world.running(shop.tools):
        await undone_by(world, other)
        await settled(world)
    (told,) = await world.events(type="plan_reacted", entity=plan_id)
    assert told["changes"]["wanted"] == "compensate" and "ValidationError" in told["changes"]["error"]["message"]
    assert shop.ledger[-1] == "undo #b"
    await world.damage(spoil, plan=plan_id, **whole)
    with pytest.raises(Refused, match="undoes another one"):
        await compensate(world.graph, world.project_id, compensation_id(other, 0))
