"""Sessions in memory, against the algorithms of the specification (002 §5.2, §5.3) and their readings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from psg.errors import DependencyCycle, ReferenceMissing, ValidationFailed
from psg.model.ids import UUID4, new_id
from psg_runtime.ael import ActionResult, AdapterLayer, CapabilityRegistry, InMemoryAEL
from psg_runtime.bus import InMemoryEventBus
from psg_runtime.coordination import (
    MapInvariantViolated,
    SessionRefused,
    broadcast_coordination,
    coordinate,
    round_robin_coordination,
)
from psg_runtime.single_agent import RuntimeContext

pytestmark = pytest.mark.anyio

ROLES = [new_id() for _ in range(3)]


class Layer:
    """Answers by participant, remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.actions: list[Any] = []
        self.running = self.most = 0

    async def execute(self, action: Any, /) -> Any:
        self.actions.append(action)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await anyio.lowlevel.checkpoint()
            answer = self.answers.get(action["participant_id"], {"by": action["participant_id"]})
            if isinstance(answer, Exception):
                raise answer
            return await answer(action) if callable(answer) else answer
        finally:
            self.running -= 1


def collab(mode: str = "broadcast", people: int = 2, **fields: Any) -> dict[str, Any]:
    participants = [{"participant_id": f"p{i}", "role_id": ROLES[i], "kind": "agent"} for i in range(people)]
    return {"collab_id": new_id(), "mode": mode, "participants": participants, **fields}


def step(name: str, role: int | str | None = 0, *dependencies: str, **fields: Any) -> dict[str, Any]:
    made = {
        "step_id": name, "description": name, "status": "pending", "dependencies": list(dependencies),
        "agent_role": ROLES[role] if isinstance(role, int) else role, **fields,
    }  # fmt: skip
    return {k: v for k, v in made.items() if v is not None}


def plan(*steps: Any) -> dict[str, Any]:
    return {"plan_id": new_id(), "steps": list(steps)}


async def refused(error: type[Exception], session: Any, of: Any, run: Any = broadcast_coordination) -> str:
    """The message of a session that is refused; nothing was dispatched, emitted or changed."""
    layer, told = Layer(), list[Any]()
    with pytest.raises(error) as caught:
        await run(session, of, layer, emit_event=told.append, update_psg_node=told.append)
    assert layer.actions == [] and told == []
    return str(caught.value)


@pytest.mark.req("DD-48")
@pytest.mark.parametrize("people", [0, 1])
async def test_a_broadcast_needs_two(people: int) -> None:
    message = await refused(SessionRefused, collab(people=people), plan(step("a")))
    assert "at least 2 participants" in message


@pytest.mark.req("DD-48", "DD-55")
@pytest.mark.parametrize(
    ("run", "mode"), [(broadcast_coordination, "round_robin"), (round_robin_coordination, "broadcast")]
)
async def test_another_mode_is_refused(run: Any, mode: str) -> None:
    assert mode in await refused(SessionRefused, collab(mode), plan(step("a")), run)


@pytest.mark.req("DD-55")
async def test_a_round_robin_needs_two() -> None:
    why = await refused(SessionRefused, collab("round_robin", 1), plan(step("a")), round_robin_coordination)
    assert "at least 2 participants, this one has 1" in why


@pytest.mark.req("DD-49")
async def test_a_broadcast_dispatches_exactly_what_waits_for_nothing() -> None:
    steps = plan(step("a"), step("b", 1), step("c", 0, "a"), step("d", 1, "c"))
    result = await broadcast_coordination(collab(), steps, layer := Layer())
    assert [turn.step_id for turn in result.turns] == ["a", "b"] and len(layer.actions) == 2
    assert [s["status"] for s in steps["steps"]] == ["completed", "completed", "pending", "pending"]


@pytest.mark.req("DD-50")
async def test_a_step_goes_to_who_has_its_role() -> None:
    session = collab(people=3)
    session["participants"].append({"participant_id": "again", "role_id": ROLES[1]})
    names = {ROLES[2]: "writer"}
    steps = plan(step("x", 1), step("y", 0), step("z", "writer"))
    result = await broadcast_coordination(session, steps, Layer(), roles=names)
    assert {t.step_id: t.participant_id for t in result.turns} == {"x": "p1", "y": "p0", "z": "p2"}


@pytest.mark.req("DD-50")
async def test_a_role_id_goes_before_a_role_of_that_name() -> None:
    result = await broadcast_coordination(collab(), plan(step("a", 1)), Layer(), roles={ROLES[0]: ROLES[1]})
    assert [t.participant_id for t in result.turns] == ["p1"]


@pytest.mark.req("DD-50")
@pytest.mark.parametrize("role", ["nobody", None])
async def test_without_a_match_nothing_is_dispatched(role: str | None) -> None:
    message = await refused(SessionRefused, collab(), plan(step("a"), step("b", role)))
    assert "'b'" in message and "p0" in message and "nothing was dispatched" in message


async def test_a_participant_without_a_role_matches_nobody() -> None:
    session = collab()
    del session["participants"][1]["role_id"]
    message = await refused(SessionRefused, session, plan(step("a", 1)))
    assert "p1 (without a role)" in message


@pytest.mark.req("DD-51")
async def test_every_turn_is_announced_before_any_runs() -> None:
    told: list[dict[str, Any]] = []
    before: list[int] = []

    async def look(action: Any) -> str:
        before.append(sum(e["event_type"] == "map_turn_dispatched" for e in told))
        return "done"

    session = collab()
    result = await broadcast_coordination(
        session, plan(step("a"), step("b", 1)), Layer(p0=look, p1=look), emit_event=told.append
    )
    assert before == [2, 2]
    events = [e for e in told if e["event_type"] == "map_turn_dispatched"]
    assert {e["event_family"] for e in events} == {"external_integration"}
    assert {e["session_id"] for e in events} == {session["collab_id"]}
    assert [(e["participant_id"], e["step_id"]) for e in events] == [("p0", "a"), ("p1", "b")]
    ids = [e["turn_id"] for e in events]
    assert len(set(ids)) == 2 and all(UUID4.fullmatch(i) for i in ids)
    profile = [e for e in result.profile_events if e["event_type"] == "MAPTurnDispatched"]
    assert [(e["payload"]["role_id"], e["payload"]["turn_number"]) for e in profile] == [(ROLES[0], 1), (ROLES[1], 2)]


@pytest.mark.req("DD-52")
async def test_turns_of_a_broadcast_run_at_the_same_time() -> None:
    here, gone = anyio.Event(), anyio.Event()

    async def first(action: Any) -> str:
        here.set()
        await gone.wait()
        return "first"

    async def second(action: Any) -> str:
        await here.wait()
        gone.set()
        return "second"

    layer = Layer(p0=first, p1=second)
    with anyio.fail_after(10):
        await broadcast_coordination(collab(), plan(step("a"), step("b", 1)), layer)
    done = {(a["type"], a["participant_id"]) for a in layer.actions}
    assert done == {("agent_execution", "p0"), ("agent_execution", "p1")}
    assert all(isinstance(a["context"], Mapping) for a in layer.actions)


@pytest.mark.req("DD-53")
@pytest.mark.parametrize(
    "bad", [RuntimeError("broken"), {"success": False}, {"status": "failed"}, ActionResult(False, error={"code": "x"})]
)
async def test_a_turn_that_does_not_complete_violates_the_invariant(bad: Any) -> None:
    told: list[dict[str, Any]] = []
    steps = plan(step("a"), step("b", 1))
    with pytest.raises(MapInvariantViolated) as caught:
        await broadcast_coordination(collab(), steps, Layer(p1=bad), emit_event=told.append)
    turn = next(e["turn_id"] for e in told if e["event_type"] == "map_turn_dispatched" and e["step_id"] == "b")
    assert caught.value.message == f"MAP invariant violated: turn {turn} did not complete"
    completed = [e["turn_id"] for e in told if e["event_type"] == "map_turn_completed"]
    assert turn not in completed and len(completed) == 1


@pytest.mark.req("DD-54")
async def test_each_result_is_merged_into_its_own_step() -> None:
    async def late(action: Any) -> Any:
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        return {"answer": 1}

    nodes: list[Any] = []
    steps = plan(step("a"), step("b", 1), step("c", 2))
    with pytest.raises(MapInvariantViolated):
        await broadcast_coordination(
            collab(people=3), steps, Layer(p0=late, p1=RuntimeError("no"), p2="plain"), update_psg_node=nodes.append
        )
    a, b, c = steps["steps"]
    assert (a["status"], a["output"], c["status"], c["output"]) == ("completed", {"answer": 1}, "completed", "plain")
    assert b["status"] == "failed" and "output" not in b and "no" in b["error"]["message"]
    assert nodes == [a, b, c]


@pytest.mark.req("DD-54")
async def test_objects_are_changed_as_the_specification_does_it() -> None:
    people = [SimpleNamespace(participant_id=f"p{i}", role_id=ROLES[i]) for i in range(2)]
    session = SimpleNamespace(collab_id=new_id(), mode="broadcast", participants=people)
    steps = [SimpleNamespace(step_id=n, agent_role=ROLES[i], dependencies=[]) for i, n in enumerate("ab")]
    await broadcast_coordination(session, SimpleNamespace(steps=steps), InMemoryAEL())
    await broadcast_coordination(collab(), documents := plan(step("a"), step("b", 1)), InMemoryAEL())
    assert "executed" in json.dumps(documents) and [s.status for s in steps] == ["completed", "completed"]
    assert [s.output["action"]["participant_id"] for s in steps] == ["p0", "p1"]


async def test_the_spelling_of_the_interfaces_is_understood() -> None:
    session = {
        "collabId": new_id(), "mode": "broadcast",
        "participants": [{"participantId": f"p{i}", "roleId": ROLES[i]} for i in range(2)],
    }  # fmt: skip
    steps = {"steps": [{"stepId": "a", "agentRole": ROLES[1]}, {"stepId": "b", "agentRole": ROLES[0]}]}
    result = await broadcast_coordination(session, steps, Layer())
    assert [(t.step_id, t.participant_id) for t in result.turns] == [("a", "p1"), ("b", "p0")]


@pytest.mark.req("DD-56")
async def test_round_robin_is_by_order_index_and_strictly_one_after_the_other() -> None:
    steps = plan(
        step("d", None, "b", order_index=1), step("a", None, order_index=7), step("b", None, order_index=4),
        step("c", None, order_index=4),
    )  # fmt: skip
    layer = Layer()
    result = await round_robin_coordination(collab("round_robin", 3), steps, layer)
    # b and c before a (4 < 7), d after b though its index is the lowest
    assert [t.step_id for t in result.turns] == ["b", "d", "c", "a"]
    assert [t.participant_id for t in result.turns] == ["p1", "p1", "p1", "p1"]
    assert layer.most == 1


@pytest.mark.req("DD-56")
async def test_round_robin_is_no_running_counter() -> None:
    steps = plan(*(step(f"s{i}", None, order_index=2 * i) for i in range(4)))
    result = await round_robin_coordination(collab("round_robin"), steps, Layer())
    assert {t.participant_id for t in result.turns} == {"p0"}


@pytest.mark.req("DD-57")
async def test_the_action_of_a_round_robin_and_what_it_leaves() -> None:
    nodes, layer = list[Any](), Layer()
    one, two = step("a", None, order_index=0), step("b", None, "a", order_index=1)
    await round_robin_coordination(collab("round_robin"), plan(one, two), layer, update_psg_node=nodes.append)
    assert [set(a) for a in layer.actions] == [{"type", "participant_id", "step"}] * 2
    assert [a["step"]["step_id"] for a in layer.actions] == ["a", "b"]
    assert [(n["status"], n["executed_by"]) for n in nodes] == [("completed", "p0"), ("completed", "p1")]


@pytest.mark.req("DD-53")
async def test_nothing_follows_a_turn_that_failed_in_a_round_robin() -> None:
    steps = plan(step("a", None), step("b", None), step("c", None))
    with pytest.raises(MapInvariantViolated):
        await round_robin_coordination(collab("round_robin"), steps, Layer(p1=RuntimeError("no")))
    assert [s["status"] for s in steps["steps"]] == ["completed", "failed", "pending"]


async def test_an_agent_that_never_answers_fails_its_turn() -> None:
    async def never(action: Any) -> None:
        await anyio.sleep_forever()

    steps = plan(step("a"), step("b", 1))
    with anyio.fail_after(10), pytest.raises(MapInvariantViolated) as caught:
        await broadcast_coordination(collab(), steps, Layer(p0=never), turn_timeout_ms=20)
    assert caught.value.details["participant_id"] == "p0"
    assert caught.value.details["error"]["code"] == "action_timeout"


async def test_who_answers_the_turn_of_another_completes_neither() -> None:
    async def other(action: Any) -> Any:
        return {"turn_id": new_id(), "output": "mine"}

    steps = plan(step("a"), step("b", 1))
    with pytest.raises(MapInvariantViolated) as caught:
        await broadcast_coordination(collab(), steps, Layer(p0=other))
    assert caught.value.details["error"]["code"] == "turn_conflict"
    assert [s["status"] for s in steps["steps"]] == ["failed", "completed"]


async def test_a_thousand_turns_lose_none() -> None:
    steps = plan(*(step(f"s{i}", i % 3) for i in range(1_000)))
    layer = Layer()
    result = await broadcast_coordination(collab(people=3), steps, layer)
    assert len({t.turn_id for t in result.turns}) == len(layer.actions) == 1_000
    assert all(s["output"] == {"by": f"p{i % 3}"} for i, s in enumerate(steps["steps"]))


@pytest.mark.req("L3-34")
async def test_what_agents_share_is_there_for_the_next() -> None:
    seen: list[Any] = []

    async def add(action: Any) -> Any:
        seen.append(dict(shared))
        return {"coordination": {"metadata": {action["participant_id"]: len(seen)}}}

    run = RuntimeContext.new({"goal": "one"})
    shared = run.coordination.metadata
    await round_robin_coordination(
        collab("round_robin"), plan(step("a", None), step("b", None)), Layer(p0=add, p1=add), metadata=shared
    )
    assert seen == [{"goal": "one"}, {"goal": "one", "p0": 1}]
    assert run.coordination.metadata == {"goal": "one", "p0": 1, "p1": 2}


async def test_events_go_over_the_bus() -> None:
    got: list[str] = []

    async def take(event: Any) -> None:
        got.append(event["event_type"])

    project = new_id()
    async with InMemoryEventBus.running() as bus:
        bus.subscribe(take)
        for _ in range(2):
            steps = plan(step("a", None), step("b", None))
            await round_robin_coordination(collab("round_robin"), steps, Layer(), bus=bus, project_id=project)
        await bus.drained()
    one = ["map_session_started", "map_roles_assigned", *["map_turn_dispatched", "map_turn_completed"] * 2]
    assert got == [*one, "map_session_completed"] * 2


async def test_agents_are_capabilities_of_a_layer() -> None:
    known = CapabilityRegistry()
    known.register(name="search", type="agent", call=lambda: {"found": 3})
    known.register(name="write", type="agent", call=lambda: {"text": "x"})
    steps, agents = plan(step("a"), step("b", 1)), {"p0": "search", "p1": "write"}
    await broadcast_coordination(collab(), steps, AdapterLayer(known), agents=agents)
    assert [s["output"] for s in steps["steps"]] == [{"found": 3}, {"text": "x"}]


async def test_a_session_that_changes_nothing_stops() -> None:
    layer = Layer(p0="same", p1="same")
    steps = plan(*(step(f"s{i}", None) for i in range(10)))
    result = await round_robin_coordination(collab("round_robin"), steps, layer, loop_after=3)
    assert len(layer.actions) == 3
    assert result.events[-1]["payload"]["status"] == "stopped"
    all_at_once = plan(*(step(f"s{i}", i % 2) for i in range(10)))
    result = await broadcast_coordination(collab(), all_at_once, layer, loop_after=3)
    assert result.events[-1]["payload"]["status"] == "completed"


async def test_a_pair_alternates() -> None:
    steps = plan(*(step(f"s{i}", None, order_index=2 * i) for i in range(4)))
    result = await coordinate(collab("pair"), steps, Layer())
    assert [t.participant_id for t in result.turns] == ["p0", "p1", "p0", "p1"]
    await refused(SessionRefused, collab("pair", 3), plan(step("a", None)), coordinate)


async def test_an_orchestrated_session_runs_the_whole_plan_by_roles() -> None:
    steps = plan(step("a", 1), step("b", None, "a"), step("c", 1, "a"), step("d", 2, "b", "c"))
    result = await coordinate(collab("orchestrated", 3), steps, Layer())
    assert {t.step_id: t.participant_id for t in result.turns} == {"a": "p1", "b": "p0", "c": "p1", "d": "p2"}
    assert result.turns[0].step_id == "a" and result.turns[-1].step_id == "d"


async def test_a_swarm_gives_each_step_to_who_is_free() -> None:
    steps = plan(*(step(f"s{i}", None) for i in range(6)))
    layer = Layer()
    result = await coordinate(collab("swarm", 3), steps, layer)
    assert layer.most == 3
    assert sorted(t.participant_id for t in result.turns) == ["p0", "p0", "p1", "p1", "p2", "p2"]


@pytest.mark.parametrize(
    ("session", "of", "error"),
    [
        (collab("round_table"), plan(step("a")), ValidationFailed),
        (collab(participants=[{"participant_id": "x"}] * 2), plan(step("a")), ValidationFailed),
        (collab(participants=[{"role_id": "x"}, {"participant_id": "y"}]), plan(step("a")), ValidationFailed),
        (collab(collab_id=""), plan(step("a")), ValidationFailed),
        (collab(), plan(), SessionRefused),
        (collab(), plan(step("a"), step("a")), ValidationFailed),
        (collab(), plan(step("a", 0, "b"), step("b", 0, "a")), DependencyCycle),
        (collab(), plan(step("a", type="wait")), SessionRefused),
        (collab(), plan({"description": "nameless"}), ValidationFailed),
        (collab(), plan(step("a", 0, "b")), ReferenceMissing),
        (collab(), plan(step("a", order_index="1")), ValidationFailed),
    ],
)
async def test_bad_input_is_refused_before_anything_happens(session: Any, of: Any, error: type[Exception]) -> None:
    await refused(error, session, of)
