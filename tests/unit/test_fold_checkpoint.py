"""A log that begins at a checkpoint folds to the same as the whole log, wherever it was cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psg.audit import FoldedEntity, fold
from psg.audit.checkpoint import entity_id, unwritten, written
from psg.write.change import Change
from psg.write.command import Command

IDS = ("a", "b", "c")
LONG = "x" * 5_000
VALUES = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=4), st.just(LONG), st.lists(st.integers(0, 3)))
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("set", "link", "unlink", "tombstone", "revive", "restore", "note")),
        st.sampled_from(IDS),
        st.sampled_from(("description", "output", "key")),
        VALUES,
        st.sampled_from(IDS),
    ),
    max_size=25,
)


class Writer:
    """Makes only events that the platform would: of what is there, with the values that are there."""

    def __init__(self) -> None:
        self.change = Change(Command("k", None))
        self.props: dict[str, dict[str, Any]] = {}
        self.links: dict[str, set[str]] = {}
        self.deleted: set[str] = set()
        for node in IDS:
            self.change.create("Step", node, {"status": "pending", "key": node}, [("IN_PLAN", "p", {})])
            self.props[node], self.links[node] = {"status": "pending", "key": node}, set()

    def act(self, what: str, node: str, name: str, value: Any, target: str) -> None:
        if what == "note":
            self.change.note("runtime_execution", "noted", "Step", node, {"after": {"key": "none of it"}})
        elif what == "revive" and node in self.deleted:
            self.deleted.discard(node)
            self.change.revive("Step", node, source={"snapshot": "s", "to": 3})
        elif node in self.deleted:
            return
        elif what == "tombstone":
            self.deleted.add(node)
            self.change.tombstone("Step", node)
        elif what == "set":
            before = {name: self.props[node].get(name)}
            self.change.set("Step", node, before, {name: value}, kind="step_updated")
            self.props[node][name] = value
        elif what == "link" and target not in self.links[node]:
            self.links[node].add(target)
            self.change.link("Step", node, "DEPENDS_ON", target)
        elif what == "unlink" and target in self.links[node]:
            self.links[node].discard(target)
            self.change.unlink("Step", node, "DEPENDS_ON", target)
        elif what == "restore":
            before = {"key": self.props[node].get("key")}
            self.change.restore("Step", node, before, {"key": node}, source={"snapshot": "s", "to": 3})
            self.props[node]["key"] = node

    @property
    def events(self) -> list[dict[str, Any]]:
        return [{**event, "seq": i, "revision": i} for i, event in enumerate(self.change.events, start=1)]


def comparable(entity: FoldedEntity) -> tuple[Any, ...]:
    return (
        entity.label, {k: v for k, v in entity.props.items() if v is not None}, entity.deleted, entity.links,
        entity.revision, entity.nodes, entity.edges, entity.created, entity.faults,
    )  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ACTIONS, st.data())
def test_a_cut_log_folds_to_the_same_as_the_whole_one(actions: list[Any], data: st.DataObject) -> None:
    writer = Writer()
    for action in actions:
        writer.act(*action)
    events = writer.events
    whole = fold(events).entities
    assert [e.faults for e in whole.values()] == [[], [], []]
    first = data.draw(st.integers(0, len(events)))
    second = data.draw(st.integers(first, len(events)))
    # Two cuts, one after the other, as over the years: the second begins at the first.
    kept = {i: unwritten(written(e), first) for i, e in fold(events[:first]).entities.items()}
    kept = {i: unwritten(written(e), second) for i, e in fold(events[first:second], kept).entities.items()}
    rest = fold(events[second:], kept).entities
    assert {i: comparable(e) for i, e in rest.items()} == {i: comparable(e) for i, e in whole.items()}


def test_a_restore_to_before_the_cut_is_no_contradiction_and_one_to_after_it_is_still_checked() -> None:
    writer = Writer()
    events = writer.events
    kept = {i: unwritten(written(e), 3) for i, e in fold(events).entities.items()}
    after = Change(Command("k", None))
    after.restore("Step", "a", {"key": "a"}, {"key": "other"}, source={"snapshot": "s", "to": 2})
    (event,) = after.events
    assert fold([{**event, "seq": 4}], kept).entities["a"].faults == []
    kept = {i: unwritten(written(e), 3) for i, e in fold(events).entities.items()}
    after = Change(Command("k", None))
    after.restore("Step", "a", {"key": "a"}, {"key": "other"}, source={"snapshot": "s", "to": 3})
    (event,) = after.events
    ((kind, message),) = fold([{**event, "seq": 4}], kept).entities["a"].faults
    assert kind == "log_chain" and "at 3 it was 'a'" in message


@pytest.mark.parametrize(("low", "high"), [(9, 10), (99, 1_000), (1, 2**52)])
def test_ids_of_a_checkpoint_sort_like_their_numbers(low: int, high: int) -> None:
    assert entity_id("e", low) < entity_id("e", high)
