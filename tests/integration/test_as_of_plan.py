"""A plan as it was at any number of the log is what was seen then; folding the whole log gives what is there now."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from world import World, chain, registry, step

from psg import snapshots
from psg.audit import fold, verify
from psg.errors import CursorExpired, NotFound, PsgError, ValidationFailed
from psg.model.codec import loads, logged_value
from psg.model.entities import ENTITIES

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

TIMES = ("sys_created_ms", "sys_updated_ms")
JSON = ("params", "output", "error", "payload")


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def seen(world: World, plan_id: str) -> dict[str, Any] | None:
    """The plan as it is stored now, by a reading of its own; ``None`` when it is deleted."""
    plans = await world.query(
        "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan})-[:IN_CONTEXT]->(c) WHERE NOT p:Tombstone "
        "RETURN properties(p) AS props, c.id AS context_id", plan=plan_id,
    )  # fmt: skip
    steps = await world.query(
        "MATCH (s:Step {project_id: $project_id, plan: $plan}) WHERE NOT s:Tombstone RETURN properties(s) AS props, "
        "COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d) RETURN d.id ORDER BY e.at } AS dependencies ORDER BY s.position",
        plan=plan_id,
    )  # fmt: skip
    if not plans:
        return None
    counts = {k: plans[0]["props"][k] for k in ("steps_total", "steps_open", "steps_failed")}
    return {
        **logged("Plan", plans[0]["props"]), **counts, "context_id": plans[0]["context_id"],
        "steps": [logged("Step", s["props"]) | {"dependencies": s["dependencies"]} for s in steps],
    }  # fmt: skip


def logged(label: str, props: dict[str, Any]) -> dict[str, Any]:
    names = (*ENTITIES[label].logged, "id", "revision")
    return {k: loads(v) if k in JSON else v for k, v in props.items() if k in names}


def same_shape(then: dict[str, Any]) -> dict[str, Any]:
    """What ``seen`` says, from an answer of ``plan_as_of``."""
    steps = [{k: v for k, v in s.items() if k not in ("project_id", "deleted", "plan", *TIMES)}
             for s in then["steps"]]  # fmt: skip
    left_out = ("project_id", "deleted", "seq", "edges", "derived_from", "steps", *TIMES)
    return {k: v for k, v in then.items() if k not in left_out} | {"steps": steps}


class Edits:
    """Random commands about one plan; those that are refused are no harm."""

    def __init__(self, world: World, plan_id: str, seed: int) -> None:
        self.world, self.plan_id, self.random = world, plan_id, random.Random(seed)
        self.snapshots: list[str] = []

    async def one(self) -> None:
        weights = {"add": 4, "link": 5, "unlink": 3, "drop": 1, "propose": 1, "revise": 1, "approve": 1, "start": 1,
                   "pause": 2, "resume": 1, "cancel": 0.3, "take": 2, "restore": 1.5, "run": 1}  # fmt: skip
        (name,) = self.random.choices(list(weights), list(weights.values()))
        try:
            await getattr(self, name)()
        except PsgError:
            return

    async def _steps(self) -> list[str]:
        found = await self.world.steps(self.plan_id)
        return sorted((s["id"] for s in found.values() if "Tombstone" not in s["labels"]), key=str)

    async def _pair(self) -> tuple[str, str]:
        steps = await self._steps()
        return self.random.choice(steps), self.random.choice(steps)

    async def add(self) -> None:
        rows = (await self.world.steps(self.plan_id)).values()
        alive = sorted(s["key"] for s in rows if "Tombstone" not in s["labels"])
        after = self.random.sample(alive, min(len(alive), self.random.randrange(3)))
        new = step(f"k{uuid.uuid4().hex[:6]}", *after, params={"text": "x" * self.random.choice([1, 6_000])})
        await self.world.graph.add_step(self.world.project_id, self.plan_id, new)

    async def link(self) -> None:
        await self.world.graph.add_dependency(self.world.project_id, *await self._pair())

    async def unlink(self) -> None:
        rows = await self.world.query(
            "MATCH (s:Step {project_id: $project_id, plan: $plan})-[:DEPENDS_ON]->(d) WHERE NOT s:Tombstone "
            "RETURN s.id AS s, d.id AS d ORDER BY s, d", plan=self.plan_id,
        )  # fmt: skip
        if rows:
            row = self.random.choice(rows)
            await self.world.graph.remove_dependency(self.world.project_id, row["s"], row["d"])

    async def drop(self) -> None:
        await self.world.graph.delete(self.world.project_id, "Step", (await self._pair())[0])

    async def propose(self) -> None:
        await self.world.graph.propose_plan(self.world.project_id, self.plan_id)

    async def revise(self) -> None:
        await self.world.graph.revise_plan(self.world.project_id, self.plan_id)

    async def approve(self) -> None:
        await self.world.graph.approve_plan(self.world.project_id, self.plan_id)

    async def start(self) -> None:
        await self.world.graph.start_plan(self.world.project_id, self.plan_id)

    async def pause(self) -> None:
        await self.world.graph.pause_plan(self.world.project_id, self.plan_id)

    async def resume(self) -> None:
        await self.world.graph.resume_plan(self.world.project_id, self.plan_id)

    async def cancel(self) -> None:
        await self.world.graph.cancel_plan(self.world.project_id, self.plan_id)

    async def take(self) -> None:
        plan = self.random.choice([self.plan_id, None])
        self.snapshots.append(await snapshots.take(self.world.graph, self.world.project_id, plan_id=plan))

    async def restore(self) -> None:
        if self.snapshots:
            chosen = self.random.choice(self.snapshots)
            await snapshots.restore(self.world.graph, self.world.project_id, chosen)

    async def run(self) -> None:
        """Let an orchestrator work until nothing more can be done."""
        if await self.world.plan_status(self.plan_id) == "in_progress":
            async def long() -> str:
                return "y" * 6_000

            async with self.world.running(registry(noop=long)):
                if not (await self.world.query(
                    "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan}) RETURN coalesce(p.paused, false) AS p",
                    plan=self.plan_id,
                ))[0]["p"]:  # fmt: skip
                    await self.world.finished(self.plan_id)


async def compare_log(world: World) -> None:
    """The fold of the whole log is the graph: nodes, values, tombstones, edges."""
    entities = fold(await world.events()).entities
    rows = await world.query(
        "MATCH (n:PsgNode {project_id: $project_id}) RETURN labels(n) AS labels, properties(n) AS props, "
        "COLLECT { MATCH (n)-[e]->(m) RETURN [type(e), m.id] } AS edges"
    )
    assert {r["props"]["id"] for r in rows} == {i for i, e in entities.items() if e.created}
    for row in rows:
        told = entities[row["props"]["id"]]
        kept = {k: logged_value(v) for k, v in row["props"].items() if k in ENTITIES[told.label].logged}
        assert (told.props, told.deleted) == (kept, "Tombstone" in row["labels"])
        assert sorted(told.links) == sorted((kind, target) for kind, target in row["edges"])
        assert told.faults == []


async def test_a_plan_proposed_twice_is_read_as_it_was_between(world: World) -> None:
    plan_id = await world.draft(step("a"))
    graph, project_id, states = world.graph, world.project_id, {}
    for move in (graph.propose_plan, graph.revise_plan, graph.propose_plan):
        await move(project_id, plan_id)
        states[await world.head_seq()] = await seen(world, plan_id)
    for seq, then in states.items():
        assert same_shape(await snapshots.plan_as_of(world.db, project_id, plan_id, seq)) == then


@pytest.mark.timeout(300)
@pytest.mark.req("L3-57", "DD-02", "DD-03")
@pytest.mark.parametrize("seed", [1, 2, 3, pytest.param(4, marks=pytest.mark.long)])
async def test_every_state_that_was_seen_can_be_read_again(world: World, seed: int) -> None:
    plan_id = await world.draft(step("a"), step("b", "a"), step("c", "a", "b"))
    edits = Edits(world, plan_id, seed)
    remembered = {await world.head_seq(): await seen(world, plan_id)}
    for _ in range(40 if seed < 4 else 300):
        await edits.one()
        remembered[await world.head_seq()] = await seen(world, plan_id)
    assert len(remembered) > 10
    for seq, then in remembered.items():
        assert then is not None
        assert same_shape(await snapshots.plan_as_of(world.db, world.project_id, plan_id, seq)) == then, seq
    await compare_log(world)
    assert (await verify(world.db, world.project_id)).violations == []


@pytest.mark.timeout(120)
async def test_a_plan_can_be_read_as_it_was_while_it_runs(world: World) -> None:
    plan_id = await world.approved(*chain(20))
    seq, saved = await world.head_seq(), await seen(world, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running():
        readings = 0
        while await world.plan_status(plan_id) == "in_progress" or readings < 3:
            assert same_shape(await snapshots.plan_as_of(world.db, world.project_id, plan_id, seq)) == saved
            readings += 1
    assert await world.plan_status(plan_id) == "completed"


async def test_what_was_not_or_is_not_any_more_in_the_log_is_told(world: World) -> None:
    before = await world.head_seq()
    plan_id = await world.draft(step("a"))
    head = await world.head_seq()
    with pytest.raises(NotFound, match="did not exist"):
        await snapshots.plan_as_of(world.db, world.project_id, plan_id, before)
    with pytest.raises(ValidationFailed, match=f"ends at {head}"):
        await snapshots.plan_as_of(world.db, world.project_id, plan_id, head + 1)
    with pytest.raises(NotFound, match="does not exist"):
        await snapshots.plan_as_of(world.db, str(uuid.uuid4()), plan_id, 0)
    snapshot = await snapshots.take(world.graph, world.project_id)
    await world.damage("MATCH (h:ProjectHead {id: $project_id}) SET h.earliest_seq = h.seq")
    assert (await snapshots.plan_as_of(world.db, world.project_id, plan_id, head))["title"] == "a plan"
    await world.damage("MATCH (h:ProjectHead {id: $project_id}) SET h.earliest_seq = h.seq + 1")
    with pytest.raises(CursorExpired, match="retention"):
        await snapshots.plan_as_of(world.db, world.project_id, plan_id, head)
    with pytest.raises(CursorExpired, match="retention"):
        await snapshots.restore(world.graph, world.project_id, snapshot)
    await world.damage("MATCH (h:ProjectHead {id: $project_id}) REMOVE h.earliest_seq")


async def test_a_deleted_plan_is_still_there_as_it_was(world: World) -> None:
    plan_id = await world.draft(step("a"), step("b", "a"))
    seq, saved = await world.head_seq(), await seen(world, plan_id)
    await world.graph.delete(world.project_id, "Plan", plan_id)
    assert same_shape(await snapshots.plan_as_of(world.db, world.project_id, plan_id, seq)) == saved
    gone = await snapshots.plan_as_of(world.db, world.project_id, plan_id, await world.head_seq())
    assert (gone["deleted"], len(gone["steps"])) == (True, 2)
