"""Sessions on the graph: turns by the rules of each mode, told in the log, and carried on by any orchestrator."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from kit_oracle import invariants_of, oracle
from sample_graph import KIT, needs_kit
from sessions import Sessions, agents, begin, clean, turn, who
from world import World, step

from psg.documents.bundle import export_bundle
from psg.documents.files import write_json
from psg.documents.importing import import_documents
from psg.errors import InvalidTransition, NotFound, UnknownCapability, ValidationFailed
from psg.events.models import check_event
from psg.model.cipher import Cipher
from psg.model.codec import using
from psg.model.ids import UUID4, new_id
from psg_neo4j import Database
from psg_runtime import GraphReplay
from psg_runtime.ael import ActionContext, ActionResult, CapabilityRegistry
from psg_runtime.coordination import (
    SessionRefused,
    current_turn,
    session_events,
    session_profile_events,
)
from psg_runtime.replay import redecide

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


@pytest.fixture
def sessions(world: World) -> Sessions:
    return Sessions(world)


async def untouched(world: World, plan: str, error: type[Exception], collab: str, **options: Any) -> str:
    """The message with which a session is refused; nothing was written."""
    before = await world.head_seq()
    with pytest.raises(error) as caught:
        await begin(world, collab, plan, **options)
    assert await world.head_seq() == before
    return str(caught.value)


@pytest.mark.req("DD-49", "DD-51", "DD-54")
async def test_a_broadcast_is_one_round_of_what_waits_for_nothing(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("broadcast", {"a": "searcher", "b": "writer"})
    plan = await world.approved(
        turn("s1", agent_role="searcher"), turn("s2", agent_role=await sessions.role("writer")),
        turn("s3", "s1", agent_role="writer"),
    )  # fmt: skip
    async with world.running(agents(searcher=who, writer=who)):
        answer = await begin(world, collab, plan)
        assert (answer.ids["session"], answer.ids["number"], answer.ids["turns"]) == (collab, 1, 2)
        view = await sessions.over(collab)
    assert (view.state, view.reason, view.plan_status, view.plan_paused) == ("completed", None, "in_progress", True)
    steps = await world.steps(plan)
    assert {k: (s["status"], s["output"], s.get("executed_by")) for k, s in steps.items()} == {
        "s1": ("completed", {"by": "a", "step": "s1"}, "a"), "s2": ("completed", {"by": "b", "step": "s2"}, "b"),
        "s3": ("pending", None, None),
    }  # fmt: skip
    dispatched, completed = [await sessions.happened(f"map_turn_{x}") for x in ("dispatched", "completed")]
    assert [(d["session_id"], d["participant_id"], d["step_id"]) for d in dispatched] == [
        (collab, "a", steps["s1"]["id"]), (collab, "b", steps["s2"]["id"]),
    ]  # fmt: skip
    assert {d["turn_id"] for d in dispatched} == {c["turn_id"] for c in completed}
    assert all(UUID4.fullmatch(d["turn_id"]) for d in dispatched)
    await clean(world)


@pytest.mark.req("DD-51")
async def test_what_a_broadcast_dispatches_is_told_in_the_commit_that_starts_it(
    world: World, sessions: Sessions
) -> None:
    collab = await sessions.collab("broadcast", {"a": "x", "b": "y"})
    plan = await world.approved(turn("s1", agent_role="x"), turn("s2", agent_role="y"))
    answer = await begin(world, collab, plan, check_offers=False)
    assert len(await sessions.happened("map_turn_dispatched")) == 2
    assert await world.plan_status(plan) == "in_progress"
    again = await begin(world, collab, plan, check_offers=False, command_id=answer.command_id)
    assert again.replayed and len(await sessions.happened("map_turn_dispatched")) == 2
    await clean(world)


async def test_another_round_goes_on_where_the_last_ended(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("broadcast", {"a": "x", "b": "y"})
    plan = await world.approved(turn("s1", agent_role="x"), turn("s2", "s1", agent_role="y"))
    async with world.running(agents(x=who, y=who)):
        await begin(world, collab, plan)
        await sessions.over(collab)
        answer = await begin(world, collab, plan)
        assert answer.ids["number"] == 2
        view = await sessions.over(collab)
    assert (view.state, view.number, view.plan_status) == ("completed", 2, "completed")
    assert [t.step_key for t in view.turns] == ["s2"]
    events = [e["event_type"] for e in await session_events(world.db, world.project_id, collab)]
    assert Counter(events)["map_turn_completed"] == 2
    assert (await world.graph.export_document(world.project_id, "collab", collab))["status"] == "completed"
    await clean(world)


@pytest.mark.req("DD-56", "DD-57")
async def test_round_robin_on_the_graph(world: World, sessions: Sessions) -> None:
    running: list[str] = []
    most: list[int] = []

    async def work(ctx: ActionContext) -> dict[str, Any]:
        running.append(ctx.step_key)
        most.append(len(running))
        await anyio.sleep(0.01)
        running.remove(ctx.step_key)
        return await who()

    collab = await sessions.collab("round_robin", {"a": None, "b": None, "c": None})
    plan = await world.approved(
        turn("d", "b", order_index=1), turn("a", order_index=7), turn("b", order_index=4), turn("c", order_index=4)
    )
    async with world.running(agents(a=work, b=work, c=work)):
        await begin(world, collab, plan)
        view = await sessions.over(collab)
    assert (view.state, view.plan_status) == ("completed", "completed")
    assert [(t.step_key, t.participant_id) for t in view.turns] == [("b", "b"), ("d", "b"), ("c", "b"), ("a", "b")]
    assert max(most) == 1
    assert {s["executed_by"] for s in (await world.steps(plan)).values()} == {"b"}
    _, run = await GraphReplay(world.graph, world.project_id).history(plan)
    assert redecide(run).difference is None
    await clean(world)


@needs_kit
@pytest.mark.req("DD-56", "DD-57")
@pytest.mark.parametrize("side", ["input", "expected"])
async def test_the_golden_flow_of_turns(db: Database, tmp_path: Path, side: str) -> None:
    kit = oracle()
    folder = KIT / "golden/map-flow-01-turn-taking" / side
    documents = {module: kit.load(folder / f"{module}.json") for module in ("context", "plan", "collab")}
    world = await World.create(db)
    sessions = Sessions(world)
    await import_documents(world.graph, world.project_id, list(documents.items()))
    plan, collab = documents["plan"]["plan_id"], documents["collab"]["collab_id"]
    await world.graph.propose_plan(world.project_id, plan)
    await world.graph.approve_plan(world.project_id, plan)
    async with world.running(agents(agent_a_planner=who, agent_b_reviewer=who)):
        await begin(world, collab, plan)
        view = await sessions.over(collab)
    assert view.state == "completed"
    assert [t.participant_id for t in view.turns] == ["agent-a-planner", "agent-b-reviewer", "agent-a-planner"]
    for event in await session_events(db, world.project_id, collab):
        check_event(event)
    profile = await session_profile_events(db, world.project_id, collab)
    assert kit.event_errors(profile) == []
    assert Counter(e["event_type"] for e in profile) == {
        "MAPSessionStarted": 1, "MAPRolesAssigned": 1, "MAPTurnDispatched": 3, "MAPTurnCompleted": 3,
        "MAPSessionCompleted": 1,
    }  # fmt: skip
    await export_bundle(db, world.project_id, plan, tmp_path)
    write_json(tmp_path / "collab.json", await world.graph.export_document(world.project_id, "collab", collab))
    with (tmp_path / "events.ndjson").open("ab") as file:
        file.write(b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in profile))
    assert kit.bundle_errors(str(tmp_path), "MAP", invariants_of(folder)) == []
    await clean(world)


@pytest.mark.req("DD-48", "DD-55")
@pytest.mark.parametrize("mode", ["broadcast", "round_robin", "orchestrated", "swarm", "pair"])
async def test_one_participant_is_no_session(world: World, sessions: Sessions, mode: str) -> None:
    collab = await sessions.collab(mode, {"a": "x"})
    plan = await world.approved(turn("s", agent_role="x"))
    assert "2 participants" in await untouched(world, plan, SessionRefused, collab, check_offers=False)
    assert (await world.graph.export_document(world.project_id, "collab", collab))["mode"] == mode


@pytest.mark.req("DD-50")
async def test_without_a_participant_for_every_step_nothing_is_dispatched(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("broadcast", {"a": "x", "b": None})
    plan = await world.approved(turn("s1", agent_role="x"), turn("s2", agent_role="y"), turn("s3"))
    message = await untouched(world, plan, SessionRefused, collab, check_offers=False)
    assert "'s2' (agent_role 'y')" in message and "'s3'" in message and "b (without a role)" in message
    assert await world.plan_status(plan) == "approved"


async def test_what_cannot_be_a_session_is_refused(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("round_robin", {"a": "x", "b": "y"})
    plan = await world.approved(turn("s"))
    draft = await world.draft(turn("s"))
    waits = await world.approved(step("w", type="wait", params={"duration_ms": 1}))
    gone = await sessions.collab("round_robin", {"a": "x", "b": "y"}, status="cancelled")
    free = {"check_offers": False}
    await untouched(world, draft, InvalidTransition, collab, **free)
    await untouched(world, new_id(), NotFound, collab, **free)
    await untouched(world, plan, NotFound, new_id(), **free)
    await untouched(world, plan, SessionRefused, gone, **free)
    assert "nobody's turn" in await untouched(world, waits, SessionRefused, collab, **free)
    await untouched(world, plan, SessionRefused, collab, bindings={"nobody": "x"}, **free)
    await untouched(world, plan, ValidationFailed, collab, bindings={"a": ""}, **free)
    await untouched(world, plan, ValidationFailed, collab, loop_after=1, **free)
    await untouched(world, plan, ValidationFailed, collab, metadata={"n": float("nan")}, **free)
    await untouched(world, plan, ValidationFailed, collab, metadata={"n": "x" * 70_000}, **free)
    message = await untouched(world, plan, UnknownCapability, collab)
    assert "participant a needs" in message and "nothing was dispatched" in message
    await begin(world, collab, plan, **free)
    other = await sessions.collab("round_robin", {"a": "x", "b": "y"})
    assert "coordinated already" in await untouched(world, plan, SessionRefused, other, **free)
    more = await world.approved(turn("s"))
    assert "has a session already" in await untouched(world, more, SessionRefused, collab, **free)
    runs = await world.started(turn("s"))
    assert "pause it first" in await untouched(world, runs, SessionRefused, other, **free)


@pytest.mark.req("DD-52")
async def test_the_layer_is_asked_for_an_agent_execution(world: World, sessions: Sessions) -> None:
    actions: list[Mapping[str, Any]] = []

    class Layer:
        async def execute(self, action: Any, /) -> ActionResult:
            actions.append(action)
            return ActionResult(True, action["participant_id"])

    collab = await sessions.collab("broadcast", {"a": "x", "b": "y"})
    plan = await world.approved(turn("s1", agent_role="x"), turn("s2", agent_role="y"))
    async with world.running(ael=Layer()):
        await begin(world, collab, plan, check_offers=False, metadata={"goal": 1})
        view = await sessions.over(collab)
    assert {(a["type"], a["participant_id"], a["session_id"]) for a in actions} == {
        ("agent_execution", "a", collab), ("agent_execution", "b", collab),
    }  # fmt: skip
    assert {a["turn_id"] for a in actions} == {t.turn_id for t in view.turns}
    assert all(a["context"]["metadata"] == {"goal": 1} and a["context"]["step"]["key"] for a in actions)
    assert {s["output"] for s in (await world.steps(plan)).values()} == {"a", "b"}


@pytest.mark.req("L3-34")
async def test_agents_share_metadata_over_the_run(world: World, sessions: Sessions) -> None:
    async def add(turn: dict[str, Any]) -> dict[str, Any]:
        said = {**turn["metadata"], f"turn_{turn['turn_number']}": turn["participant_id"]}
        return {"saw": turn["metadata"], "before": turn["before"], "coordination": {"metadata": said}}

    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(*(turn(f"s{i}", order_index=i) for i in range(3)))
    async with world.running(agents(a=add, b=add)):
        await begin(world, collab, plan, metadata={"goal": "one"})
        view = await sessions.over(collab)
    steps = await world.steps(plan)
    assert steps["s0"]["output"]["saw"] == {"goal": "one"} and steps["s0"]["output"]["before"] is None
    assert steps["s2"]["output"]["saw"] == {"goal": "one", "turn_1": "a", "turn_2": "b"}
    assert steps["s2"]["output"]["before"]["participant_id"] == "b"
    assert view.metadata == {"goal": "one", "turn_1": "a", "turn_2": "b", "turn_3": "a"}
    await clean(world)


async def test_an_orchestrated_session_and_its_first_participant(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("orchestrated", {"lead": "lead", "a": "x", "b": "y"}, status="draft")
    plan = await world.approved(
        turn("a", agent_role="x"), turn("b", "a"), turn("c", "a", agent_role="y"), turn("d", "b", "c"),
        turn("e", "a", condition="steps.a.output == 'never'"),
    )  # fmt: skip
    async with world.running(agents(lead=who, x=who, y=who)):
        await begin(world, collab, plan)
        view = await sessions.over(collab)
    assert (view.state, view.plan_status) == ("completed", "completed")
    assert {t.step_key: t.participant_id for t in view.turns} == {
        "a": "a", "b": "lead", "c": "b", "d": "lead", "e": "lead"
    }  # fmt: skip
    assert (await world.steps(plan))["e"]["status"] == "skipped"
    await clean(world)


async def test_a_swarm_keeps_everybody_at_work(world: World, sessions: Sessions) -> None:
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def work() -> str:
        turn = current_turn()
        assert turn is not None
        busy[turn.participant_id] += 1
        most[turn.participant_id] = max(most[turn.participant_id], busy[turn.participant_id])
        await anyio.sleep(0.01)
        busy[turn.participant_id] -= 1
        return turn.step["key"]

    collab = await sessions.collab("swarm", {"a": "x", "b": "x", "c": "y"})
    plan = await world.approved(*(turn(f"s{i}", agent_role="x" if i % 3 else None) for i in range(9)))
    async with world.running(agents(x=work, y=work)):
        await begin(world, collab, plan)
        view = await sessions.over(collab)
    assert view.state == "completed" and set(most.values()) == {1}
    mine = {t.participant_id for t in view.turns if int(t.step_key[1:]) % 3}
    assert mine <= {"a", "b"} and len({t.participant_id for t in view.turns}) == 3
    await clean(world)


async def test_agents_of_any_kind_take_turns(world: World, sessions: Sessions) -> None:
    """A participant bound to a capability, a step that names its own, and one found by its role's name."""
    registry = CapabilityRegistry()
    registry.register(name="bound", type="tool", call=who)
    registry.register(name="own", type="tool", call=who)
    registry.register(name="by role", type="agent", call=who)
    collab = await sessions.collab("round_robin", {"a": None, "b": "by role"})
    plan = await world.approved(
        turn("s0", name="own", order_index=0), turn("s1", name="own", order_index=1), turn("s3", order_index=3)
    )
    async with world.running(registry):
        await begin(world, collab, plan, bindings={"a": "bound"})
        view = await sessions.over(collab)
    assert view.state == "completed"
    assert [(t.step_key, t.agent) for t in view.turns] == [("s0", "bound"), ("s1", "own"), ("s3", "by role")]


async def test_what_agents_share_is_encrypted_where_there_is_a_key(world: World, sessions: Sessions) -> None:
    with using(Cipher(os.urandom(32).hex())):
        collab = await sessions.collab("pair", {"a": None, "b": None})
        plan = await world.approved(turn("s1"))
        await begin(world, collab, plan, check_offers=False, metadata={"word": "marker-in-metadata"})
        assert (await sessions.view(collab)).metadata == {"word": "marker-in-metadata"}
        stored = await world.query("MATCH (n) WHERE n.project_id = $project_id RETURN properties(n) AS p")
        assert "marker-in-metadata" not in str(stored)
        await clean(world)
    await clean(world)
