"""What has to be written to bring nodes back: from what they are and what they were to the parts of a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from psg.model.codec import logged_value
from psg.model.lifecycle import STATUS_LABELS, TERMINAL_STEP, status_labels
from psg.snapshots.past import value_of
from psg.snapshots.undo import Link, Past
from psg.write.change import Change

Write = Callable[[Change], None]
DEPENDS_ON = "DEPENDS_ON"
AT_WORK = ("Ready", "Undecided", "Timer", "Unlocking", "Offered")
IDLE: Mapping[str, Any] = {
    "owner": None, "due_at": None, "parked": None, "resumed": None, "failures": 0, "unlock_after": None,
    "turn_id": None,
}  # fmt: skip


class Reversal:
    """Collects the writes of a restore, in the three phases in which they have to be made.

    ``states`` are what lives again, its values, and relationships that go; ``links`` those that come; ``ends`` what is
    deleted again. ``changed`` are the ids of the nodes concerned, ``rewired`` the plans whose dependencies change,
    ``plans`` what plans come to: status, paused, deleted.
    """

    def __init__(self, source: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        self._source = source
        self._texts = texts
        self.states: list[Write] = []
        self.links: list[Write] = []
        self.ends: list[Write] = []
        self.changed: list[str] = []
        self.rewired: set[str] = set()
        self.plans: dict[str, dict[str, Any]] = {}

    def add(self, node: Mapping[str, Any], deleted: bool, past: Past) -> None:
        """Add what brings ``node``, which is ``deleted`` or not now, to its ``past``.

        What was a tombstone becomes one as it is: its values are those of no living state.
        """
        node_id = node["id"]
        ends_deleted = True if past.created else deleted if past.deleted is None else past.deleted
        after = {} if ends_deleted else self._values(node, past)
        if past.label == "Plan":
            end = {name: after.get(name, node.get(name)) for name in ("status", "paused")}
            self.plans[node_id] = end | {"deleted": ends_deleted}
        if ends_deleted:
            if not deleted:
                self.changed.append(node_id)
                if past.label == "Resource":  # its uri is given back before the one that had it then takes it
                    self.states.insert(0, partial(_free, node))
                self.ends.append(partial(_end, past, node_id))
            return
        gone, come = _links(past)
        if not (deleted or after or gone or come):
            return
        self.changed.append(node_id)
        if deleted:
            self.states.append(partial(self._revive, past, node_id))
        if after:
            self.states.append(partial(self._restore, past, node, after))
        self._rewire(past, node_id, gone, come)

    def _values(self, node: Mapping[str, Any], past: Past) -> dict[str, Any]:
        """The properties that change with their values then; the fence of work given out since goes up (DESIGN §5)."""
        after = {
            name: value_of(logged, self._texts, f"{past.label} {node['id']}.{name}")
            for name, logged in past.props.items()
            if name != "fence" and logged_value(node.get(name)) != logged
        }
        if past.label == "Step":
            given_out = node.get("status") == "in_progress" and ("status" in after or "fence" in past.props)
            if given_out or (after and "fence" in past.props):
                after["fence"] = node["fence"] + 1
        return after

    def _revive(self, past: Past, node_id: str, change: Change) -> None:
        change.revive(past.label, node_id, source=self._source, plan=past.plan)

    def _restore(self, past: Past, node: Mapping[str, Any], after: Mapping[str, Any], change: Change) -> None:
        before = {name: node.get(name) for name in after}
        status = after.get("status", node.get("status"))
        add: list[str] = []
        remove: list[str] = []
        operational: dict[str, Any] = {}
        if "status" in after:
            add = status_labels(past.label, status)
            remove = [label for label in STATUS_LABELS.values() if label not in add]
        if past.label == "Step" and ("status" in after or "fence" in after):
            operational, remove = dict(IDLE), [*remove, *AT_WORK]
            if status not in TERMINAL_STEP:
                operational["finished_ms"] = None
            if status == "pending":
                operational["started_ms"] = None
        change.restore(
            past.label, node["id"], before, after, source=self._source, plan=past.plan, operational=operational,
            add=add, remove=remove,
        )  # fmt: skip

    def _rewire(
        self, past: Past, node_id: str, gone: Mapping[Link, int | None], come: Mapping[Link, int | None]
    ) -> None:
        for (kind, target), at in gone.items():
            self.states.append(partial(_unlink, past, node_id, kind, target, at))
        for (kind, target), at in come.items():
            self.links.append(partial(_link, past, node_id, kind, target, at))
        if past.plan is not None and any(kind == DEPENDS_ON for kind, _ in (*gone, *come)):
            self.rewired.add(past.plan)


def _free(node: Mapping[str, Any], change: Change) -> None:
    change.set("Resource", node["id"], {"uri": node["uri"]}, {"uri": None}, kind="resource_freed")


def _links(past: Past) -> tuple[dict[Link, int | None], dict[Link, int | None]]:
    """The relationships that go and those that come; one that came back at another place does both."""
    gone: dict[Link, int | None] = {}
    come: dict[Link, int | None] = {}
    for link, there in past.links.items():
        now = past.linked[link]
        if now == there and (not there or past.placed[link] == past.places[link]):
            continue
        if now:
            gone[link] = past.placed[link]
        if there:
            come[link] = past.places[link]
    return gone, come


def _link(past: Past, node_id: str, kind: str, target: str, at: int | None, change: Change) -> None:
    props = {} if at is None else {"at": at}
    change.link(past.label, node_id, kind, target, plan=past.plan, **props)


def _unlink(past: Past, node_id: str, kind: str, target: str, at: int | None, change: Change) -> None:
    change.unlink(past.label, node_id, kind, target, plan=past.plan, at=at)


def _end(past: Past, node_id: str, change: Change) -> None:
    change.tombstone(past.label, node_id, plan=past.plan)
    if past.label == "Step":
        change.adjust(node_id, IDLE, remove=["Unlocking"])
