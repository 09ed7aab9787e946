"""The life of plans on the real store: all 49 pairs, atomic, the same refusal for every caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise

import pytest
from sample_graph import KIT, Sample, context_document, needs_kit, plan_document, quiet_server, sound_sample, uuid4

import psg_cypher
from psg.documents import import_documents, read_folder
from psg.errors import InvalidTransition, NotEditable, Refused
from psg.model.lifecycle import PLAN
from psg.write.change import Change
from psg.write.command import Command
from psg_neo4j import Database, faults
from psg_neo4j.errors import ConstraintViolated
from psg_neo4j.faults import FaultInjected

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

LEGAL = [(current, target) for current, after in PLAN.items() for target in after]
ILLEGAL = [(current, target) for current in PLAN for target in PLAN if target not in PLAN[current]]


# Nobody runs the plans that are running here.
neo4j_server = quiet_server


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


async def plan_in(sample: Sample, status: str, *steps: str) -> str:
    """A plan that was imported in this status; a finished one with finished steps."""
    default = {"completed": "completed", "failed": "failed", "cancelled": "skipped"}.get(status, "pending")
    document = plan_document(sample.context_id, *(steps or (default,)), status=status)
    await sample.graph.create_document(sample.project_id, "plan", document)
    return document["plan_id"]


def command_to(sample: Sample, target: str) -> Callable[[str, str], Awaitable[object]]:
    """The command that leads to a status; completed and failed have none and are asked for directly."""
    graph = sample.graph
    commands = {
        "proposed": graph.propose_plan, "draft": graph.revise_plan, "approved": graph.approve_plan,
        "in_progress": graph.start_plan, "cancelled": graph.cancel_plan,
    }  # fmt: skip
    return commands.get(target) or (lambda project, plan: graph.transition(project, "Plan", plan, target))


async def stages(sample: Sample, node_id: str) -> list[tuple[str, str]]:
    """The changes of status that the log tells about a node."""
    events = [e for e in await sample.events() if e["family"] == "pipeline_stage" and e["entity"] == node_id]
    return [(e["changes"]["before"]["status"], e["changes"]["after"]["status"]) for e in events]


@pytest.mark.req("DD-09", "L3-19", "L3-40")
@pytest.mark.parametrize(("current", "target"), LEGAL)
async def test_a_legal_transition_is_done_and_told_once(sample: Sample, current: str, target: str) -> None:
    if target in ("completed", "failed"):
        plan_id = await plan_in(sample, "approved", target)
        await sample.graph.start_plan(sample.project_id, plan_id)
        expected = [("approved", "in_progress"), ("in_progress", target)]
    else:
        plan_id = await plan_in(sample, current)
        await command_to(sample, target)(sample.project_id, plan_id)
        expected = [(current, target)]
    assert (await sample.node(plan_id))["status"] == target
    assert await stages(sample, plan_id) == expected


@pytest.mark.req("DD-10", "DD-11", "L3-16", "L3-19")
@pytest.mark.parametrize("current", PLAN)
async def test_every_other_transition_is_refused_and_leaves_nothing(sample: Sample, current: str) -> None:
    plan_id = await plan_in(sample, current)
    targets = [target for c, target in ILLEGAL if c == current]
    assert len(targets) == 7 - len(PLAN[current])
    async with sample.untouched():
        for target in targets:
            for ask in (
                command_to(sample, target),
                lambda project, plan, t=target: sample.graph.transition(project, "Plan", plan, t),
            ):
                with pytest.raises(InvalidTransition, match=f"^Invalid transition: {current} .* {target} "):
                    await ask(sample.project_id, plan_id)


async def test_legal_statuses_of_a_plan_still_need_their_own_command(sample: Sample) -> None:
    plan_id = await plan_in(sample, "in_progress")
    async with sample.untouched():
        with pytest.raises(NotEditable, match="by its own commands"):
            await sample.graph.transition(sample.project_id, "Plan", plan_id, "completed")


@pytest.mark.req("L3-16")
async def test_nobody_claims_a_step_of_a_plan_that_was_not_approved_and_started(sample: Sample, db: Database) -> None:
    for status in ("draft", "proposed", "approved"):
        await plan_in(sample, status)
    session = {"session_id": uuid4(), "facts": {}, "lease_ms": 60_000}
    await db.write(psg_cypher.statement("session_open"), **session)
    async with sample.untouched():
        (row,) = await db.write(
            psg_cypher.statement("frontier_advance"), project_id=sample.project_id, actor="test", want=10,
            session_id=session["session_id"], batch={"results": [], "skips": [], "runs": []}, fanout_max=5_000,
        )  # fmt: skip
        assert row["claimed"] == []
    await db.write(psg_cypher.statement("session_end"), session_id=session["session_id"], expired_only=False)


@pytest.mark.req("L3-17")
async def test_a_fault_in_the_middle_of_a_transition_leaves_nothing(sample: Sample) -> None:
    plan_id = await plan_in(sample, "approved", "completed")
    async with sample.untouched():
        with faults.arm("before_commit", FaultInjected), pytest.raises(FaultInjected):
            await sample.graph.start_plan(sample.project_id, plan_id)
    await sample.graph.start_plan(sample.project_id, plan_id)
    assert (await sample.node(plan_id))["status"] == "completed"


@pytest.mark.req("L3-17")
async def test_a_transition_whose_last_write_fails_leaves_nothing(sample: Sample) -> None:
    plan_id = await plan_in(sample, "draft")
    change = Change(Command("test", []))
    change.transition("Plan", plan_id, "draft", "proposed", plan=plan_id)
    for _ in range(2):  # the second breaks the constraint on keys
        change.create("Step", uuid4(), {"plan": plan_id, "key": "twice"}, [("IN_PLAN", plan_id, {})], plan=plan_id)
    async with sample.untouched():
        with pytest.raises(ConstraintViolated):
            await sample.graph.writer(sample.project_id).submit(change)


@needs_kit
@pytest.mark.req("L3-18", "L3-16", "DD-10")
async def test_a_golden_flow_refuses_the_transitions_that_skip_a_stage(sample: Sample) -> None:
    documents = [(m, d) for m, d, _ in read_folder(KIT / "golden" / "flow-01-single-agent-plan" / "input")]
    plan = next(d for m, d in documents if m == "plan")
    context = next(d for m, d in documents if m == "context")
    await import_documents(sample.graph, sample.project_id, documents)
    plan_id, graph = plan["plan_id"], sample.graph
    path = ["draft", "proposed", "approved", "in_progress", "cancelled"]
    assert plan["status"] in path and context["status"] == "active"
    for current, following in zip(path, [*path[1:], None], strict=True):
        if path.index(current) < path.index(plan["status"]):
            continue
        assert (await sample.node(plan_id))["status"] == current
        for target in set(path) - {following, *PLAN[current]}:
            async with sample.untouched():
                with pytest.raises(InvalidTransition, match=f"^Invalid transition: {current} .* {target} "):
                    await command_to(sample, target)(sample.project_id, plan_id)
        if following:
            await command_to(sample, following)(sample.project_id, plan_id)
    assert await graph.export_document(sample.project_id, "plan", plan_id) == plan | {
        "status": "cancelled",
        "steps": [s | {"status": "skipped"} for s in plan["steps"]],
    }


@pytest.mark.req("L3-40")
async def test_each_change_of_status_is_told_exactly_once_when_a_plan_is_cancelled(sample: Sample) -> None:
    plan_id, steps = await sample.running_plan({"a": (), "b": ("a",), "c": ("b",)})
    await sample.graph.cancel_plan(sample.project_id, plan_id)
    assert (await stages(sample, plan_id))[-1] == ("in_progress", "cancelled")
    for step_id in steps.values():
        assert await stages(sample, step_id) == [("pending", "skipped")]
    plan = await sample.node(plan_id)
    assert (plan["steps_open"], plan["labels"]) == (0, {"PsgNode", "Plan", "Cancelled"})


async def test_a_plan_starts_only_in_an_active_context(sample: Sample) -> None:
    context = context_document(status="suspended")
    await sample.graph.create_document(sample.project_id, "context", context)
    document = plan_document(context["context_id"], status="approved")
    await sample.graph.create_document(sample.project_id, "plan", document)
    async with sample.untouched():
        with pytest.raises(Refused, match="suspended, not active"):
            await sample.graph.start_plan(sample.project_id, document["plan_id"])
    await sample.graph.transition(sample.project_id, "Context", context["context_id"], "active")
    await sample.graph.start_plan(sample.project_id, document["plan_id"])


async def test_pause_and_resume_are_no_statuses_and_refuse_what_makes_no_sense(sample: Sample) -> None:
    plan_id, _ = await sample.running_plan()
    graph, project = sample.graph, sample.project_id
    async with sample.untouched():
        with pytest.raises(Refused, match="is not paused"):
            await graph.resume_plan(project, plan_id)
    await graph.pause_plan(project, plan_id)
    paused = await sample.node(plan_id)
    assert (paused["status"], paused["paused"], "Runnable" in paused["labels"]) == ("in_progress", True, False)
    async with sample.untouched():
        with pytest.raises(Refused, match="paused already"):
            await graph.pause_plan(project, plan_id)
    await graph.resume_plan(project, plan_id)
    resumed = await sample.node(plan_id)
    assert (resumed["paused"], "Runnable" in resumed["labels"]) == (False, True)
    path = ["draft", "proposed", "approved", "in_progress"]
    assert await stages(sample, plan_id) == list(pairwise(path))
