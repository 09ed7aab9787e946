"""Approvals on stored plans and steps: quorum, voiding by change, expiry, races, and what the engine does meanwhile."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg import approvals
from psg.approvals import AlreadyDecided, ApprovalExpired, ApprovalMissing, NotEntitled
from psg.audit import verify
from psg.errors import ActionFailed, InvalidTransition, PsgError, Refused, ValidationFailed

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
TWO = {"quorum": 2, "approvers": ["ann", "bob", "eve"]}


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def confirms(world: World) -> list[dict[str, Any]]:
    rows = await world.query(
        "MATCH (c:Confirm {project_id: $project_id}) WHERE c.approval IS NOT NULL "
        "RETURN c {.*, step: [(c)-[:GATES]->(s) | s.key][0], votes: size([(c)<-[:DECIDES]-(d) | d])} AS c "
        "ORDER BY c.round"
    )
    return [row["c"] for row in rows]


async def clean(world: World) -> None:
    assert (await verify(world.db, world.project_id)).violations == []


async def proposed(world: World, *steps: Any, **fields: Any) -> str:
    plan_id = await world.draft(*steps, **fields)
    await world.graph.propose_plan(world.project_id, plan_id, actor="pat")
    return plan_id


async def test_a_plan_is_approved_when_enough_different_people_said_so(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval=TWO)
    first = await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    assert (first.ids["approvals"], first.ids["quorum"], await world.plan_status(plan_id)) == (1, 2, "proposed")
    with pytest.raises(AlreadyDecided):
        await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    with pytest.raises(NotEntitled, match="ann, bob, eve"):
        await world.graph.approve_plan(world.project_id, plan_id, actor="mallory")
    with pytest.raises(InvalidTransition):
        await world.graph.start_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id, actor="bob")
    assert await world.plan_status(plan_id) == "approved"
    with pytest.raises(InvalidTransition):
        await world.graph.approve_plan(world.project_id, plan_id, actor="eve")
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running():
        assert await world.finished(plan_id) == ["completed"]
    (asked,) = await confirms(world)
    assert (asked["status"], asked["votes"]) == ("approved", 2)
    await clean(world)


async def test_of_two_who_decide_at_once_the_last_vote_counts_once(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval={"quorum": 1})
    won: list[str] = []
    lost: list[str] = []

    async def vote(actor: str) -> None:
        try:
            await world.graph.approve_plan(world.project_id, plan_id, actor=actor)
            won.append(actor)
        except PsgError:
            lost.append(actor)

    async with anyio.create_task_group() as group:
        for actor in ("ann", "bob", "eve", "kim"):
            group.start_soon(vote, actor)
    assert (len(won), len(lost)) == (1, 3)
    assert (await confirms(world))[0]["votes"] == 1
    await clean(world)


async def test_a_repeated_command_is_one_vote(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval=TWO)
    again = "7a4b3f60-1111-4a2b-8c3d-5e6f7a8b9c0d"
    for _ in range(2):
        await world.graph.approve_plan(world.project_id, plan_id, actor="ann", command_id=again)
    assert (await confirms(world))[0]["votes"] == 1


async def test_who_proposed_cannot_approve(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval={"separation_of_duty": True})
    with pytest.raises(NotEntitled, match="proposed this"):
        await world.graph.approve_plan(world.project_id, plan_id, actor="pat")
    await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    assert await world.plan_status(plan_id) == "approved"


async def test_a_change_of_an_approved_plan_voids_its_approval_in_the_same_commit(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval=TWO)
    for actor in ("ann", "bob"):
        await world.graph.approve_plan(world.project_id, plan_id, actor=actor)
    answer = await world.graph.add_step(world.project_id, plan_id, step("b", "a"))
    assert [c["voided"] for c in await confirms(world)] == [True]
    told = await world.events(type="confirm_voided")
    assert len(told) == 1 and told[0]["seq"] > answer.seq and "command_id" not in told[0], "one commit: no own command"
    with pytest.raises(ApprovalMissing, match="changed after it was approved"):
        await world.graph.start_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    with pytest.raises(ApprovalMissing):
        await world.graph.start_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id, actor="eve")
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running():
        assert await world.finished(plan_id) == ["completed"]
    await clean(world)


async def test_a_change_behind_the_platforms_back_is_seen_at_the_start(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval={"quorum": 1})
    await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    await world.damage("MATCH (s:Step {project_id: $project_id, plan: $plan}) SET s.params = '{\"x\":1}'", plan=plan_id)
    with pytest.raises(ApprovalMissing, match="not what was approved"):
        await world.graph.start_plan(world.project_id, plan_id)


async def test_a_running_plan_that_is_changed_is_held_until_it_is_approved_again(world: World) -> None:
    release, ran = anyio.Event(), []

    async def first() -> None:
        ran.append("first")
        await release.wait()

    async def then() -> None:
        ran.append("then")

    plan_id = await proposed(world, step("a", name="first"), step("b", "a", name="then"), approval={"quorum": 1})
    await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running(registry(first=first, then=then)):
        await world.step_is(plan_id, "a", "in_progress")
        await world.graph.add_step(world.project_id, plan_id, step("c", "b", name="then"))
        release.set()
        await world.step_is(plan_id, "a", "completed")
        with pytest.raises(ApprovalMissing):
            await world.graph.resume_plan(world.project_id, plan_id)
        assert (await world.steps(plan_id))["b"]["status"] == "pending" and ran == ["first"]
        await clean(world)
        await world.graph.approve_plan(world.project_id, plan_id, actor="bob")
        await world.graph.resume_plan(world.project_id, plan_id)
        assert await world.finished(plan_id) == ["completed"]
    assert ran == ["first", "then", "then"], "no completed step runs again"
    await clean(world)


async def test_a_step_sleeps_until_enough_people_approved_it_and_runs_once(world: World) -> None:
    ran: list[str] = []

    async def act() -> None:
        ran.append("act")

    plan_id = await world.started(step("a"), step("b", "a", name="act", approval=TWO), step("c", "b"))
    async with world.running(registry(act=act)):
        await world.until(lambda: _asked(world))
        (asked,) = await confirms(world)
        assert (asked["step"], asked["status"], ran) == ("b", "pending", [])
        await world.graph.decide_confirm(world.project_id, asked["id"], "approved", actor="ann")
        with pytest.raises(AlreadyDecided):
            await world.graph.decide_confirm(world.project_id, asked["id"], "approved", actor="ann")
        assert (await world.steps(plan_id))["b"]["parked"] == "confirm"
        await world.graph.decide_confirm(world.project_id, asked["id"], "approved", actor="eve")
        assert await world.finished(plan_id) == ["completed"]
    assert ran == ["act"] and (await world.steps(plan_id))["b"]["attempt"] == 1
    await clean(world)


async def _asked(world: World) -> bool:
    return any(c["status"] == "pending" for c in await confirms(world))


async def test_a_rejection_by_one_who_may_decide_fails_the_step(world: World) -> None:
    plan_id = await world.started(step("a", approval={**TWO, "reason_required": True}))
    async with world.running():
        await world.until(lambda: _asked(world))
        (asked,) = await confirms(world)
        with pytest.raises(ValidationFailed, match="reason"):
            await world.graph.decide_confirm(world.project_id, asked["id"], "rejected", actor="ann")
        await world.graph.decide_confirm(world.project_id, asked["id"], "rejected", actor="ann", reason="no")
        assert await world.finished(plan_id) == ["failed"]
    error = (await world.steps(plan_id))["a"]["error"]
    assert (error["code"], "no" in error["message"]) == ("confirm_rejected", True)
    with pytest.raises(PsgError):
        await world.graph.decide_confirm(world.project_id, asked["id"], "approved", actor="bob", reason="yes")
    await clean(world)


async def test_a_step_that_nobody_decides_in_time_fails_also_while_its_plan_is_paused(world: World) -> None:
    plan_id = await world.started(step("a", approval={"expires_ms": 300}), step("b", "a"))
    async with world.running():
        await world.until(lambda: _asked(world))
        (asked,) = await confirms(world)
        await world.graph.pause_plan(world.project_id, plan_id)
        await world.until(lambda: _is(world, asked["id"], "cancelled"))
        with pytest.raises(PsgError):
            await world.graph.decide_confirm(world.project_id, asked["id"], "approved", actor="ann")
        await clean(world)
        await world.graph.resume_plan(world.project_id, plan_id)
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["a"]["error"]["code"] == "approval_expired"
    await clean(world)


async def _is(world: World, confirm_id: str, status: str) -> bool:
    return any(c["id"] == confirm_id and c["status"] == status for c in await confirms(world))


async def test_a_vote_after_the_time_is_refused_before_anybody_noticed(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval={"expires_ms": 1})
    await world.until(lambda: _over(world))
    with pytest.raises(ApprovalExpired):
        await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    assert await approvals.expire_due(world.graph) >= 1
    await world.graph.revise_plan(world.project_id, plan_id)
    await world.graph.propose_plan(world.project_id, plan_id, actor="pat")
    assert [c["status"] for c in await confirms(world)] == ["cancelled", "pending"]
    await clean(world)


async def _over(world: World) -> bool:
    rows = await world.query(
        "MATCH (c:Confirm {project_id: $project_id}) RETURN c.expires_at < datetime.realtime().epochMillis AS over"
    )
    return all(row["over"] for row in rows)


async def test_a_part_can_be_handed_over_once_and_for_all(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval={"quorum": 2, "approvers": ["ann", "bob"]})
    (asked,) = await confirms(world)
    await approvals.delegate(world.graph, world.project_id, asked["id"], "kim", actor="ann", reason="away")
    for actor in ("ann", "mallory"):
        with pytest.raises(NotEntitled):
            await world.graph.approve_plan(world.project_id, plan_id, actor=actor)
    for actor in ("kim", "bob"):
        await world.graph.approve_plan(world.project_id, plan_id, actor=actor)
    assert await world.plan_status(plan_id) == "approved"
    with pytest.raises(Refused):
        await approvals.delegate(world.graph, world.project_id, asked["id"], "joe", actor="bob")
    await clean(world)


async def test_what_was_asked_about_a_proposal_that_is_taken_back_is_void(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval=TWO)
    await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    await world.graph.revise_plan(world.project_id, plan_id)
    await world.graph.propose_plan(world.project_id, plan_id, actor="pat")
    first, second = await confirms(world)
    assert (first["status"], first["voided"], second["status"], second["votes"]) == ("cancelled", True, "pending", 0)
    with pytest.raises(PsgError):
        await world.graph.decide_confirm(world.project_id, first["id"], "approved", actor="bob")
    await clean(world)


async def test_a_confirm_step_can_have_a_quorum_too(world: World) -> None:
    plan_id = await world.started(step("ask", type="confirm", params={"reason": "Ship it?"}, approval=TWO))
    async with world.running():
        await world.until(lambda: _asked(world))
        (asked,) = await confirms(world)
        assert asked["reason"] == "Ship it?"
        for actor in ("ann", "bob"):
            await world.graph.decide_confirm(world.project_id, asked["id"], "approved", actor=actor)
        assert await world.finished(plan_id) == ["completed"]
    assert (await world.steps(plan_id))["ask"]["output"]["approved"] is True
    await clean(world)


async def test_a_retry_of_an_approved_step_needs_no_second_approval(world: World) -> None:
    tries: list[int] = []

    async def flaky() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ActionFailed("again")

    plan_id = await world.started(step("a", name="flaky", retries=5, approval={"quorum": 1}))
    async with world.running(registry(flaky=flaky)):
        await world.until(lambda: _asked(world))
        (asked,) = await confirms(world)
        await world.graph.decide_confirm(world.project_id, asked["id"], "approved", actor="ann")
        assert await world.finished(plan_id) == ["completed"]
    assert len(await confirms(world)) == 1 and len(tries) == 3


async def test_a_rejected_proposal_cannot_be_approved_by_somebody_else(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval={"approvers": ["ann", "bob"]})
    (asked,) = await confirms(world)
    await world.graph.decide_confirm(world.project_id, asked["id"], "rejected", actor="ann", reason="never")
    with pytest.raises(Refused, match="was rejected; take it back to draft"):
        await world.graph.approve_plan(world.project_id, plan_id, actor="bob")
    assert (await world.plan_status(plan_id), len(await confirms(world))) == ("proposed", 1)
    await world.graph.revise_plan(world.project_id, plan_id)
    await world.graph.propose_plan(world.project_id, plan_id, actor="pat")
    await world.graph.approve_plan(world.project_id, plan_id, actor="bob")
    assert await world.plan_status(plan_id) == "approved"
    await clean(world)


async def test_a_proposal_that_lapsed_is_not_revived_by_a_vote(world: World) -> None:
    plan_id = await proposed(world, step("a"), approval={"expires_ms": 1})
    await world.until(lambda: _over(world))
    await approvals.expire_due(world.graph)
    with pytest.raises(Refused, match="not approved in time"):
        await world.graph.approve_plan(world.project_id, plan_id, actor="ann")
    assert await world.plan_status(plan_id) == "proposed"
