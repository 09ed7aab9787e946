"""The fold of an event log: what it makes of each kind of event, and what it says of a log that contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psg.audit import fold
from psg.model.codec import dumps
from psg.write.change import Change
from psg.write.command import Command

STEP, OTHER, PLAN = "s", "o", "p"


def event(seq: int, op: str, entity: str = STEP, label: str = "Step", **more: Any) -> dict[str, Any]:
    """An event with ``changes`` as JSON text, as it is stored."""
    changes = more.pop("changes", {})
    return {
        "seq": seq, "op": op, "entity": entity, "entity_type": label, "family": "graph_update", "revision": 1,
        "changes": dumps({"op": op, **changes}), **more,
    }  # fmt: skip


def created(seq: int = 1, **after: Any) -> dict[str, Any]:
    changes = {"after": {"status": "pending", **after}, "links": [["IN_PLAN", PLAN], ["DEPENDS_ON", OTHER]]}
    return event(seq, "create", changes=changes, node_delta=1, edge_delta=2)


def changed(seq: int, before: dict[str, Any], after: dict[str, Any], **more: Any) -> dict[str, Any]:
    return event(seq, "set", changes={"before": before, "after": after}, **more)


def edge(seq: int, op: str, target: str, delta: int) -> dict[str, Any]:
    return event(seq, op, changes={"type": "DEPENDS_ON", "from": STEP, "to": target}, edge_delta=delta)


def test_a_creation_gives_properties_links_and_deltas() -> None:
    entity = fold([created(key="a")]).entities[STEP]
    assert entity.props == {"status": "pending", "key": "a"}
    assert list(entity.links) == [("IN_PLAN", PLAN), ("DEPENDS_ON", OTHER)]
    assert (entity.label, entity.nodes, entity.edges, entity.deleted, entity.faults) == ("Step", 1, 2, False, [])


def test_changes_follow_each_other_and_none_removes_a_property() -> None:
    events = [
        created(key="a"),
        changed(2, {"status": "pending"}, {"status": "in_progress", "fence": 1}, family="pipeline_stage", revision=2),
        changed(3, {"key": "a"}, {"key": None}, revision=3),
    ]
    entity = fold(events).entities[STEP]
    assert entity.props == {"status": "in_progress", "fence": 1}
    assert (entity.revision, entity.faults) == (3, [])


def test_edges_come_and_go_in_order() -> None:
    state = fold([created(), edge(2, "link", "x", 1), edge(3, "unlink", OTHER, -1)])
    assert state.edges == {(STEP, "IN_PLAN", PLAN), (STEP, "DEPENDS_ON", "x")}
    assert state.entities[STEP].edges == 2 and state.entities[STEP].faults == []


def test_a_tombstone_keeps_what_was_and_a_note_changes_nothing() -> None:
    note = event(3, "note", changes={"after": {"x": 1}})
    events = [created(), event(2, "tombstone", node_delta=-1, revision=2), note]
    entity = fold(events).entities[STEP]
    assert entity.deleted and entity.nodes == 0 and entity.revision == 2
    assert entity.props == {"status": "pending"} and entity.faults == []


@pytest.mark.parametrize(
    ("events", "kind", "message"),
    [
        ([created(), changed(2, {"status": "completed"}, {})], "log_chain", "says that status was 'completed'"),
        ([changed(1, {}, {"key": "a"})], "log_chain", "not created yet"),
        ([created(), created(2)], "log_chain", "a second time"),
        ([created(), event(2, "tombstone"), changed(3, {}, {"key": "a"})], "log_chain", "is deleted by the log"),
        ([created(), edge(2, "link", OTHER, 1)], "log_chain", "which it has already"),
        ([created(), edge(2, "unlink", "x", -1)], "log_chain", "which it does not have"),
        ([created(), event(2, "explode")], "log_chain", "unknown op 'explode'"),
        (
            [created(), changed(2, {"status": "pending"}, {"status": "completed"}, family="pipeline_stage")],
            "transition",
            "from pending to completed",
        ),
        (
            [created(), changed(2, {"status": "pending"}, {"status": "skipped"})],
            "transition",
            "without being a pipeline_stage event",
        ),
        ([created(key="a"), changed(2, {}, {"key": "b"})], "log_chain", "does not say that key was 'a'"),
    ],
)
def test_a_log_that_contradicts_itself_is_told(events: list[dict[str, Any]], kind: str, message: str) -> None:
    faults = fold(events).entities[STEP].faults
    assert [k for k, _ in faults] == [kind] and message in faults[0][1]


def test_events_of_other_entities_do_not_mix() -> None:
    other = event(2, "create", OTHER, "Step", changes={"after": {"key": "o"}, "links": []}, node_delta=1)
    state = fold([created(key="a"), other])
    assert (state.entities[STEP].props["key"], state.entities[OTHER].props["key"]) == ("a", "o")


LONG = ["x" * 5_000, "é" * 4_097]
VALUES = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=4), st.sampled_from(LONG))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(["description", "output", "params"]), VALUES, min_size=1), max_size=6))
def test_whatever_a_change_sets_the_fold_of_its_events_says(updates: list[dict[str, Any]]) -> None:
    """Through the class that writes: long texts by hash, ``None`` as absence."""
    change = Change(Command("k", None))
    change.create("Step", STEP, {"status": "pending"}, [("IN_PLAN", PLAN, {})])
    stored: dict[str, Any] = {"status": "pending"}
    for after in updates:
        change.set("Step", STEP, {k: stored.get(k) for k in after}, after, kind="step_updated")
        stored = {k: v for k, v in {**stored, **after}.items() if v is not None}
    entity = fold([{**e, "seq": i} for i, e in enumerate(change.events)]).entities[STEP]
    assert entity.faults == [] and entity.props.keys() == stored.keys()
    short = {k: v for k, v in stored.items() if not isinstance(v, str) or len(v) <= 4096}
    assert {k: entity.props[k] for k in short} == short
    assert all(entity.props[k]["bytes"] == len(stored[k].encode()) for k in stored.keys() - short.keys())
