"""What undoing a stretch of the log makes of each kind of event, and what the audit accepts as a restore."""

from __future__ import annotations

from typing import Any

import pytest

from psg.audit import fold
from psg.snapshots.undo import undo

STEP, OTHER, SNAPSHOT = "s", "o", "n"


def changed(seq: int, op: str, **changes: Any) -> list[Any]:
    return [seq, op, "Step", STEP, "p", "x", changes]


def test_the_first_change_of_each_thing_tells_what_was() -> None:
    events = [
        changed(5, "set", before={"status": "pending", "fence": 0}, after={"status": "in_progress", "fence": 1}),
        changed(6, "set", before={}, after={"output": "1"}),
        changed(7, "set", before={"status": "in_progress"}, after={"status": "completed"}),
        changed(8, "unlink", type="DEPENDS_ON", to=OTHER, at=3),
        changed(9, "link", type="DEPENDS_ON", to=OTHER, at=7),
        changed(10, "tombstone"),
    ]
    past = undo(events)[STEP]
    assert past.props == {"status": "pending", "fence": 0, "output": None}
    assert (past.links, past.places) == ({("DEPENDS_ON", OTHER): True}, {("DEPENDS_ON", OTHER): 3})
    assert (past.linked, past.placed) == ({("DEPENDS_ON", OTHER): True}, {("DEPENDS_ON", OTHER): 7})
    assert (past.deleted, past.created) == (False, False)


def test_what_was_created_in_the_stretch_did_not_exist_before() -> None:
    past = undo([changed(5, "create", after={"status": "pending"}), changed(6, "set", after={"status": "skipped"})])
    assert past[STEP].created
    assert past[STEP].props == {}


def test_a_fence_that_was_raised_without_telling_was_one_lower() -> None:
    assert undo([changed(5, "set", before={}, after={"fence": 4})])[STEP].props == {"fence": 3}


def event(seq: int, op: str, family: str = "graph_update", **changes: Any) -> dict[str, Any]:
    return {
        "seq": seq, "op": op, "family": family, "entity": STEP, "entity_type": "Step", "revision": seq,
        "changes": {"op": op, **changes},
    }  # fmt: skip


def a_run() -> list[dict[str, Any]]:
    stage = "pipeline_stage"
    return [
        event(1, "create", after={"status": "pending", "fence": 0, "attempt": 0}),
        event(2, "set", stage, before={"status": "pending", "fence": 0, "attempt": 0},
              after={"status": "in_progress", "fence": 1, "attempt": 1}),
        event(3, "set", stage, before={"status": "in_progress"}, after={"status": "failed"}),
    ]  # fmt: skip


def restored(**changes: Any) -> dict[str, Any]:
    whole = {
        "snapshot": SNAPSHOT, "to": 1, "before": {"status": "failed", "fence": 1, "attempt": 1},
        "after": {"status": "pending", "fence": 2, "attempt": 0},
    }  # fmt: skip
    family = changes.pop("family", "pipeline_stage")
    return event(4, "restore", family, **whole | changes)


def test_the_fold_accepts_a_restore_of_what_was() -> None:
    entity = fold([*a_run(), restored()]).entities[STEP]
    assert entity.faults == []
    assert entity.props == {"status": "pending", "fence": 2, "attempt": 0}


@pytest.mark.parametrize(
    ("changes", "kind", "told"),
    [
        ({"after": {"status": "completed"}}, "transition", "at 1 it was 'pending'"),
        ({"to": 2}, "transition", "at 2 it was 'in_progress'"),
        ({"to": 0}, "log_chain", "did not exist"),
        ({"to": None}, "log_chain", "did not exist"),
        ({"to": 9}, "log_chain", "did not exist"),
        ({"after": {"status": "pending", "attempt": 7}}, "log_chain", "restores attempt as 7"),
        ({"after": {"status": "pending", "fence": 1}}, "log_chain", "does not raise the fence"),
        ({"before": {"status": "skipped"}}, "log_chain", "says that status was 'skipped'"),
        ({"family": "graph_update"}, "transition", "without being a pipeline_stage"),
        ({"deleted": {"before": True, "after": False}}, "log_chain", "is not a tombstone"),
    ],
)
def test_the_fold_tells_of_a_restore_to_anything_else(changes: dict[str, Any], kind: str, told: str) -> None:
    faults = fold([*a_run(), restored(**changes)]).entities[STEP].faults
    assert [k for k, message in faults if told in message] == [kind]


def test_a_tombstone_is_taken_back_only_to_when_there_was_none() -> None:
    gone = [*a_run(), event(4, "tombstone")]
    revival = {"deleted": {"before": True, "after": False}, "snapshot": SNAPSHOT}
    assert fold([*gone, event(5, "restore", to=3, **revival)]).entities[STEP].faults == []
    assert not fold([*gone, event(5, "restore", to=3, **revival)]).entities[STEP].deleted
    (fault,) = fold([*gone, event(5, "restore", to=4, **revival)]).entities[STEP].faults
    assert fault[0] == "log_chain"
    restore = event(5, "restore", to=1, before={"attempt": 1}, after={"attempt": 0})
    (fault,) = fold([*gone, restore]).entities[STEP].faults
    assert "deleted" in fault[1]
