"""What retention removes and what it keeps: the cut log folds to the graph, finished plans are stubs."""

from __future__ import annotations

import io
import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from world import World, chain, registry, step

from psg import snapshots
from psg.audit import verify
from psg.backup import backup, check
from psg.documents import export_project
from psg.errors import CursorExpired, NotFound, PsgError
from psg.model.codec import loads
from psg.model.protocol import check_document
from psg.read.events import EventLog
from psg.retention import Policy, RetentionPolicyInvalid, RetentionRefused, facts, retain, set_policy, survey

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(180)]

MARK = "mark-of-a-payload"
EVERYTHING = Policy(keep_last=0)


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def clean(world: World) -> None:
    report = await verify(world.db, world.project_id)
    assert report.violations == []


def tools() -> Any:
    async def say(text: str) -> dict[str, str]:
        return {"said": text}

    async def fail(text: str) -> None:
        raise ValueError(text)

    return registry(say=say, fail=fail)


async def finished(world: World, **fields: Any) -> str:
    """A plan that has run, with payloads of every kind, long and short."""
    return await world.run(
        step("short", name="say", params={"text": MARK}),
        step("long", "short", name="say", params={"text": MARK * 500}),
        step("bad", name="fail", params={"text": MARK}, retries=0),
        tools=tools(), params={"of_the_plan": MARK}, **fields,
    )  # fmt: skip


async def count(world: World, label: str) -> int:
    (row,) = await world.query(f"MATCH (n:{label} {{project_id: $project_id}}) RETURN count(n) AS n")
    return row["n"]


async def holding(world: World, text: str) -> list[list[str]]:
    """The labels of everything of the project that holds a text anywhere."""
    rows = await world.query(
        "MATCH (n) WHERE n.project_id = $project_id AND any(k IN keys(n) WHERE toStringOrNull(n[k]) CONTAINS $wanted) "
        "RETURN labels(n) AS labels",
        wanted=text,
    )
    return [row["labels"] for row in rows]


async def test_a_dry_run_counts_and_touches_nothing(world: World) -> None:
    plan_id = await finished(world)
    head, events = await world.head_seq(), await count(world, "Event")
    outcome = await retain(world.graph, world.project_id, EVERYTHING, dry_run=True)
    said = outcome.forecast
    assert (said["cut"], said["events"], said["plans"], said["steps"]) == (head, head, 1, 3)
    assert said["snapshots"] == 1 and said["holds"] == [] and outcome.removed == {} and outcome.pruned == 0
    assert (await world.head_seq(), await count(world, "Event")) == (head, events)
    assert await count(world, "Checkpoint") == 0 and (await world.steps(plan_id))["short"]["output"] == {"said": MARK}


async def test_the_log_begins_at_the_checkpoint_and_a_finished_plan_is_a_stub(world: World) -> None:
    draft = await world.draft(step("a"), step("b", "a", params={"kept": "a draft"}))
    await world.graph.delete(world.project_id, "Plan", await world.draft(step("gone")))
    plan_id = await finished(world)
    before = await world.steps(plan_id)
    head = await world.head_seq()
    outcome = await retain(world.graph, world.project_id, EVERYTHING, actor="keeper")
    assert outcome.begins_behind == head and outcome.pruned == 1 and outcome.removed["events"] == head
    await clean(world)
    (applied,) = await world.events()  # nothing but the record of it
    assert (applied["type"], applied["seq"], applied["actor"]) == ("retention_applied", head + 1, "keeper")
    assert applied["changes"]["begins_behind"] == head and len(applied["changes"]["digest"]) == 64
    assert await holding(world, MARK) == []
    after = await world.steps(plan_id)
    for key, was in before.items():
        now = after[key]
        kept = ("status", "started_ms", "finished_ms", "attempt", "fence", "revision", "capability")
        assert [now.get(k) for k in kept] == [was.get(k) for k in kept]
        assert (now["output"], now["error"], now.get("params")) == (None, None, None) and now["pruned_ms"]
    hashes = loads(after["long"]["pruned"])
    assert hashes.keys() == {"params", "output"} and hashes["output"]["bytes"] > len(MARK) * 500
    rows = await world.query("MATCH (g:TraceSegment {project_id: $project_id}) RETURN g.payload AS payload")
    attributes = [loads(row["payload"])["attributes"] for row in rows]
    assert {a["key"] for a in attributes} == {"short", "long", "bad"} and all(a["executor"] for a in attributes)
    assert next(a for a in attributes if a["key"] == "bad")["error"].keys() == {"code", "category"}
    assert loads((await world.steps(draft))["b"]["params"]) == {"kept": "a draft"}


async def test_who_did_what_is_kept_as_facts(world: World) -> None:
    plan_id = await world.draft(step("a", name="say", params={"text": MARK}))
    await world.graph.propose_plan(world.project_id, plan_id, actor="proposer")
    await world.graph.approve_plan(world.project_id, plan_id, role="boss", reason="looks fine", actor="approver")
    await world.graph.start_plan(world.project_id, plan_id, actor="starter")
    async with world.running(tools()):
        await world.finished(plan_id)
    await retain(world.graph, world.project_id, EVERYTHING)
    kept = await facts(world.db, world.project_id, plan_id=plan_id)
    changed = {(f["actor"], f["from_status"], f["to_status"]) for f in kept if f["entity"] == plan_id}
    assert changed >= {
        ("proposer", "draft", "proposed"), ("approver", "proposed", "approved"), ("starter", "approved", "in_progress")
    }  # fmt: skip
    assert [f["to_status"] for f in kept][-1] == "completed" and all(len(f["sha256"]) == 64 for f in kept)
    rows = await world.query("MATCH (d:Decision {project_id: $project_id}) RETURN d.reason AS reason, d.actor AS actor")
    assert rows == [{"reason": "looks fine", "actor": "approver"}]
    first = await facts(world.db, world.project_id, limit=1)
    rest = await facts(world.db, world.project_id, after=first[0]["seq"], limit=1000)
    assert len(rest) + 1 == await count(world, "AuditFact") and first[0]["type"] == "project_created"


async def test_what_lies_before_the_checkpoint_is_told_as_expired(world: World) -> None:
    draft = await world.draft(step("a"))
    early = await world.head_seq()
    snapshot = await snapshots.take(world.graph, world.project_id)
    plan_id = await finished(world)
    await retain(world.graph, world.project_id, EVERYTHING)
    base = (await EventLog(world.db).head(world.project_id)).earliest - 1
    with pytest.raises(CursorExpired, match=f"go on from cursor {base}"):
        await EventLog(world.db).page(world.project_id, 0)
    assert [e["type"] for e in (await EventLog(world.db).page(world.project_id, base)).events] == ["retention_applied"]
    for plan in (plan_id, draft):
        with pytest.raises(CursorExpired, match=f"goes back to {base}"):
            await snapshots.plan_as_of(world.db, world.project_id, plan, early)
    with pytest.raises(NotFound, match=snapshot):
        await snapshots.restore(world.graph, world.project_id, snapshot)
    assert await snapshots.listing(world.db, world.project_id) == []
    then = await snapshots.plan_as_of(world.db, world.project_id, draft, base)
    assert (then["title"], [s["key"] for s in then["steps"]]) == ("a plan", ["a"])


async def test_states_behind_the_checkpoint_can_be_read_and_gone_back_to(world: World) -> None:
    graph, project = world.graph, world.project_id
    await finished(world)
    draft = await world.draft(step("a"), step("b", "a"), step("c", "a", "b"))
    await retain(graph, project, EVERYTHING)
    steps = await world.steps(draft)
    saved = await snapshots.take(graph, project)
    seq = await world.head_seq()
    then = await snapshots.plan_as_of(world.db, project, draft, seq)
    await graph.remove_dependency(project, steps["c"]["id"], steps["a"]["id"])
    await graph.add_step(project, draft, step("d", "c"))
    await graph.propose_plan(project, draft)
    now = await snapshots.plan_as_of(world.db, project, draft, seq)
    assert now == then and [s["revision"] for s in now["steps"]] == [1, 1, 1]
    await snapshots.restore(graph, project, saved)
    await clean(world)
    assert {k for k, s in (await world.steps(draft)).items() if "Tombstone" not in s["labels"]} == {"a", "b", "c"}
    # The restore's events name moments before a second cut: nothing to compare with, and no contradiction.
    await retain(graph, project, EVERYTHING)
    await clean(world)


async def test_it_goes_on_over_the_years(world: World) -> None:
    draft = await world.draft(step("a"), step("b", "a"))
    for round_ in range(3):
        for text in "ab":
            fields = {"title": f"context {round_}", "summary": text * 5_000}
            await world.graph.update_document(world.project_id, "context", world.context_id, fields)
        await finished(world, title=f"plan {round_}")
        assert await count(world, "Content") > 0
        outcome = await retain(world.graph, world.project_id, EVERYTHING)
        assert outcome.pruned == 1 and outcome.removed["events"] > 10
        await clean(world)
    assert await count(world, "Checkpoint") == 3 and await count(world, "Content") == 0
    rows = await world.query("MATCH (c:CheckpointEntity {project_id: $project_id}) RETURN c.entity AS id")
    assert len(rows) == len({row["id"] for row in rows}), "one account of each entity"
    again = await retain(world.graph, world.project_id, EVERYTHING)
    assert (again.removed, again.pruned) == ({}, 0)
    again = await retain(world.graph, world.project_id, Policy(older_than_days=0))
    assert again.removed["events"] == 1, "the record of the last one"
    await clean(world)
    assert await world.plan_status(draft) == "draft"


async def test_what_the_policy_keeps_stays_whole_with_its_history(world: World) -> None:
    old, kept = await finished(world), await finished(world)
    (row,) = await world.query(
        "MATCH (e:Event {project_id: $project_id, entity: $plan, op: 'create'}) RETURN e.seq AS seq", plan=kept
    )
    outcome = await retain(world.graph, world.project_id, Policy(keep_last=1))
    assert outcome.begins_behind == row["seq"] - 1 and outcome.pruned == 1
    assert (await world.steps(kept))["short"]["output"] == {"said": MARK}
    assert (await world.steps(old))["short"]["output"] is None
    first = await snapshots.plan_as_of(world.db, world.project_id, kept, row["seq"] + 3)
    assert first["status"] == "draft" and len(first["steps"]) == 3
    await clean(world)


async def test_what_is_young_stays(world: World) -> None:
    await finished(world)
    outcome = await retain(world.graph, world.project_id, Policy(older_than_days=1))
    assert (outcome.forecast["events"], outcome.forecast["plans"], outcome.pruned) == (0, 0, 0)
    assert await count(world, "Checkpoint") == 0
    both = await survey(world.db, world.project_id, Policy(older_than_days=1, keep_last=0))
    assert both.empty


async def test_a_plan_at_work_keeps_its_history_and_what_it_is_derived_from(world: World) -> None:
    old = await finished(world)
    running = await world.started(step("a"), step("b", "a"))
    await world.graph.pause_plan(world.project_id, running)
    later = await finished(world)
    await world.damage(
        "MATCH (a:PsgNode:Plan {project_id: $project_id, id: $new}) "
        "MATCH (b:PsgNode:Plan {project_id: $project_id, id: $old}) "
        "CREATE (a)-[:DERIVED_FROM]->(b)",
        new=running, old=old,
    )  # fmt: skip
    try:
        forecast = await survey(world.db, world.project_id, EVERYTHING)
        assert forecast.plans == [] and forecast.holds[0].plan_id == running
        assert "not finished" in forecast.holds[0].reason
        outcome = await retain(world.graph, world.project_id, EVERYTHING, check=False)
        assert outcome.begins_behind == forecast.holds[0].seq
        for plan_id in (old, later):
            assert (await world.steps(plan_id))["short"]["output"] == {"said": MARK}
    finally:
        await world.damage("MATCH (:Plan {project_id: $project_id})-[x:DERIVED_FROM]->() DELETE x")
    await clean(world)
    listed = await snapshots.listing(world.db, world.project_id, plan_id=running)
    await world.graph.resume_plan(world.project_id, running)
    async with world.running():
        await world.finished(running)
    assert len(listed) == 1, "the snapshot of a plan at work stays"


async def test_export_and_backup_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await finished(world)
    await world.draft(step("a"))
    await retain(world.graph, world.project_id, EVERYTHING)
    documents = [(m, d) async for m, d in export_project(world.db, world.project_id)]
    assert {m for m, _ in documents} >= {"context", "plan", "trace", "confirm"}
    for module, document in documents:
        check_document(module, document)
    assert not any(MARK in str(document) for _, document in documents)

    async def ours(db: Any) -> AsyncIterator[str]:
        yield world.project_id

    # Others damage the logs of their projects on purpose, in the same database.
    monkeypatch.setattr("psg.backup.taking._projects", ours)
    target = io.BytesIO()
    await backup(world.db, target)
    assert check(target).counts["records"] > 0


async def test_a_log_that_contradicts_itself_is_not_cut(world: World) -> None:
    plan_id = await finished(world)
    head = await world.head_seq()
    damage = (
        "MATCH (e:Event {project_id: $project_id, entity: $plan, type: 'plan_proposed'}) WITH e, e.changes AS was "
        "SET e.changes = replace(was, 'draft', 'completed') RETURN was"
    )
    (row,) = await world.damage(damage, plan=plan_id)
    for check_first in (True, False):
        with pytest.raises(RetentionRefused, match="psg verify"):
            await retain(world.graph, world.project_id, EVERYTHING, check=check_first)
    assert await world.head_seq() == head and len(await world.events()) == head
    await world.damage(
        "MATCH (e:Event {project_id: $project_id, entity: $plan, type: 'plan_proposed'}) SET e.changes = $was",
        plan=plan_id, was=row["was"],
    )  # fmt: skip
    assert (await retain(world.graph, world.project_id, EVERYTHING)).pruned == 1
    await clean(world)


async def test_policies_are_data_of_the_project(world: World) -> None:
    with pytest.raises(RetentionPolicyInvalid, match="nothing may be removed"):
        await retain(world.graph, world.project_id)
    with pytest.raises(NotFound):
        await retain(world.graph, str(uuid.uuid4()), EVERYTHING)
    await set_policy(world.graph, world.project_id, EVERYTHING, actor="keeper")
    await finished(world)
    assert (await retain(world.graph, world.project_id)).pruned == 1
    await set_policy(world.graph, world.project_id, Policy())
    with pytest.raises(RetentionPolicyInvalid):
        await retain(world.graph, world.project_id)
    await clean(world)


async def act(world: World, rng: random.Random, plans: list[str]) -> None:
    """One random thing that somebody may do; what is refused is refused."""
    graph, project = world.graph, world.project_id
    what = rng.choice(["draft", "edit", "edge", "life", "delete", "run", "snapshot", "restore", "context"])
    if what == "draft" or not plans:
        plans.append(await world.draft(*chain(rng.randint(1, 4)), params={"n": rng.random()}))
        return
    plan_id = rng.choice(plans)
    steps = sorted(s["id"] for s in (await world.steps(plan_id)).values())
    if what == "edit":
        await graph.add_step(project, plan_id, step(f"x{rng.random()}", params={"text": "t" * rng.choice((1, 6_000))}))
    elif what == "edge":
        await graph.remove_dependency(project, rng.choice(steps), rng.choice(steps))
    elif what == "life":
        name = rng.choice(["propose_plan", "approve_plan", "start_plan", "pause_plan", "cancel_plan", "revise_plan"])
        await getattr(graph, name)(project, plan_id)
    elif what == "delete":
        await graph.delete(project, "Plan", plan_id)
    elif what == "run":
        plans.append(await world.run(*chain(2)))
    elif what == "snapshot":
        await snapshots.take(graph, project, plan_id=rng.choice([None, plan_id]))
    elif what == "restore":
        found = await snapshots.listing(world.db, project)
        await snapshots.restore(graph, project, rng.choice(found).id)
    else:
        text = rng.choice("abc") * rng.choice((1, 5_000))
        await graph.update_document(project, "context", world.context_id, {"summary": text})


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_graph_cut_at_random_moments_still_folds_to_itself(world: World, seed: int) -> None:
    rng = random.Random(seed)
    plans: list[str] = []
    cuts = 0
    for _ in range(40):
        try:
            await act(world, rng, plans)
        except (PsgError, IndexError):
            pass
        if rng.random() < 0.15:
            policy = Policy(keep_last=rng.choice((0, 0, 1, 3)))
            cuts += (await retain(world.graph, world.project_id, policy)).forecast["events"] > 0
            await clean(world)
    await retain(world.graph, world.project_id, EVERYTHING)
    await clean(world)
    assert cuts > 0
