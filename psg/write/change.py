"""A change: guards, writes and events of one command, collected in Python and carried out by one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psg.model.codec import content_hash, dumps, logged_value, sealed, sealed_props
from psg.model.entities import ENTITIES
from psg.model.ids import new_id
from psg.model.lifecycle import status_labels
from psg.write.command import Command

Link = tuple[str, str, Mapping[str, Any]]
"""Relationship type, id of the target, properties of the relationship."""


class Change:
    """Collects what one command demands and does; ``row()`` is its parameter for the statement ``command_apply``.

    Every structural write made through it also notes the event that explains it, so that folding the log gives the
    state (DESIGN §5): there is no way to write without saying so.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        self.guards: list[dict[str, Any]] = []
        self.fields: list[str] = []
        self.creates: list[dict[str, Any]] = []
        self.sets: list[dict[str, Any]] = []
        self.links: list[dict[str, Any]] = []
        self.unlinks: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.contents: dict[str, str] = {}
        self.answer: dict[str, Any] = {}

    @property
    def weight(self) -> int:
        """Number of elements written, to keep one transaction small."""
        return len(self.creates) + len(self.sets) + len(self.links) + len(self.unlinks) + len(self.events)

    def require(
        self,
        node_id: str,
        labels: Sequence[str],
        field: str,
        *,
        revision: int | None = None,
        status: Sequence[str] | None = None,
        holds: Mapping[str, Any] | None = None,
        unneeded: Sequence[Mapping[str, str]] | None = None,
        target: str | None = None,
    ) -> None:
        """Demand that ``node_id`` is alive and one of ``labels``, judged after the lock.

        ``revision`` demands exactly that revision, ``status`` one of these, ``holds`` these property values (absent
        counts as ``False``), ``unneeded`` that no living node of these types points to it by these relationships.
        ``target`` is the status it is to go to, for the message of a refused transition.
        """
        self.guards.append(
            {
                "id": node_id, "labels": list(labels), "revision": revision, "status": status and list(status),
                "holds": holds and dict(holds), "unneeded": unneeded and list(unneeded), "absent": False,
                "target": target,
            }
        )  # fmt: skip
        self.fields.append(field)

    def create(
        self,
        label: str,
        node_id: str,
        props: Mapping[str, Any],
        links: Iterable[Link] = (),
        *,
        plan: str | None = None,
        extra_labels: Sequence[str] = (),
    ) -> None:
        """Create a node with its outgoing relationships; its id must be free in the project."""
        entity = ENTITIES[label]
        links = list(links)
        self.guards.append({"id": node_id, "labels": [], "absent": True})
        self.fields.append(entity.id_field)
        stored = sealed_props({k: v for k, v in props.items() if v is not None})
        stored |= {"id": node_id, "project_id": None, "revision": 1}
        shown = status_labels(label, stored.get("status"))
        self.creates.append({"labels": [label, *extra_labels, *shown], "props": stored})
        for kind, target, rel_props in links:
            self.links.append({"from": node_id, "to": target, "type": kind, "props": dict(rel_props)})
        logged = entity.logged
        after = {k: logged_value(v) for k, v in stored.items() if k in logged}
        changes = {"op": "create", "after": after, "links": [[kind, target] for kind, target, _ in links]}
        self._event(
            "graph_update", f"{label.lower()}_created", "create", label, node_id, plan, changes,
            update_kind="node_add", node_delta=1, edge_delta=len(links),
        )  # fmt: skip

    def set(
        self,
        label: str,
        node_id: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        *,
        kind: str,
        plan: str | None = None,
        family: str = "graph_update",
        operational: Mapping[str, Any] | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Change properties of a node; ``None`` removes one. ``operational`` ones are derived and not logged.

        ``before`` holds the stored values: a long one, of which the log keeps the hash only, is kept as content, so
        that it can be gone back to.
        """
        self._keep(before)
        after = sealed_props(after)
        self.sets.append(
            {
                "id": node_id, "props": {**after, **(operational or {})}, "bump": 1,
                "add": list(add), "remove": list(remove),
            }
        )  # fmt: skip
        changes = {"op": "set", "before": _logged(before), "after": _logged(after)} | dict(details or {})
        self._event(family, kind, "set", label, node_id, plan, changes, **_deltas(family))

    def restore(
        self,
        label: str,
        node_id: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        *,
        source: Mapping[str, Any],
        plan: str | None = None,
        operational: Mapping[str, Any] | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> None:
        """Take properties of a node back to what they were; the only change of a status outside its table.

        ``source`` is ``{"snapshot": id, "to": seq}``: the log shows, and the audit checks, that each value is the one
        of that moment. Like any other change of a Plan's or Step's status it is one ``pipeline_stage`` event. Values
        are taken as they were stored then, encrypted or not.
        """
        self._keep(before)
        self.sets.append(
            {
                "id": node_id, "props": {**after, **(operational or {})}, "bump": 1,
                "add": list(add), "remove": list(remove),
            }
        )  # fmt: skip
        staged = label in ("Plan", "Step") and "status" in after
        family = "pipeline_stage" if staged else "graph_update"
        changes = {"op": "restore", "before": _logged(before), "after": _logged(after), **source}
        self._event(
            family, f"{label.lower()}_restored", "restore", label, node_id, plan, changes, **_deltas(family)
        )

    def revive(self, label: str, node_id: str, *, source: Mapping[str, Any], plan: str | None = None) -> None:
        """Take a tombstone back; ``source`` as for ``restore``."""
        self.sets.append({"id": node_id, "props": {}, "bump": 1, "add": [], "remove": ["Tombstone", "Closing"]})
        changes = {"op": "restore", "deleted": {"before": True, "after": False}, **source}
        self._event(
            "graph_update", f"{label.lower()}_restored", "restore", label, node_id, plan, changes,
            update_kind="node_add", node_delta=1, edge_delta=0,
        )  # fmt: skip

    def adjust(
        self, node_id: str, operational: Mapping[str, Any], add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> None:
        """Change derived or operational properties and labels only: no revision, no event."""
        self.sets.append(
            {"id": node_id, "props": dict(operational), "bump": 0, "add": list(add), "remove": list(remove)}
        )

    def transition(
        self,
        label: str,
        node_id: str,
        current: str,
        target: str,
        *,
        plan: str | None = None,
        extra: Mapping[str, Any] | None = None,
        was: Mapping[str, Any] | None = None,
        operational: Mapping[str, Any] | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Change a status: exactly one ``pipeline_stage`` event for a Plan or Step, ``graph_update`` for others.

        ``extra`` properties change with it; ``was`` are their values until now, where they had any.
        """
        stage = label in ("Plan", "Step")
        self.set(
            label, node_id, {"status": current, **(was or {})}, {"status": target, **(extra or {})},
            kind=f"{label.lower()}_{target}", plan=plan, family="pipeline_stage" if stage else "graph_update",
            operational=operational, details=details, add=[*add, *status_labels(label, target)],
            remove=[*remove, *status_labels(label, current)],
        )  # fmt: skip

    def link(
        self, label: str, node_id: str, kind: str, target: str, *, plan: str | None = None, **props: Any
    ) -> None:
        """Add one relationship between existing nodes."""
        self.links.append({"from": node_id, "to": target, "type": kind, "props": props})
        self._edge("link", "edge_add", 1, label, node_id, kind, target, plan, props.get("at"))

    def unlink(
        self, label: str, node_id: str, kind: str, target: str, *, plan: str | None = None, at: int | None = None
    ) -> None:
        """Remove one relationship between existing nodes; ``at`` was its place in a list."""
        self.unlinks.append({"from": node_id, "to": target, "type": kind})
        self._edge("unlink", "edge_delete", -1, label, node_id, kind, target, plan, at)

    def tombstone(self, label: str, node_id: str, *, plan: str | None = None) -> None:
        """Delete softly: the node stays and references to it resolve, ordinary reads no longer list it (DD-07)."""
        self.sets.append(
            {
                "id": node_id, "props": {}, "bump": 1, "add": ["Tombstone"],
                "remove": ["Ready", "Undecided", "Timer", "Runnable"],
            }
        )  # fmt: skip
        self._event(
            "graph_update", f"{label.lower()}_deleted", "tombstone", label, node_id, plan, {"op": "tombstone"},
            update_kind="node_delete", node_delta=-1, edge_delta=0,
        )  # fmt: skip

    def note(
        self, family: str, kind: str, label: str, node_id: str, details: Mapping[str, Any], *, plan: str | None = None
    ) -> None:
        """Record a fact about a node without changing it (for example evidence of a refused result).

        With an encryption key all that it says is encrypted.
        """
        self._event(family, kind, "note", label, node_id, plan, {"op": "note", **details})

    def row(self, project_id: str) -> dict[str, Any]:
        """Return the parameter row of ``command_apply``; the first event carries the command."""
        for create in self.creates:
            create["props"]["project_id"] = project_id
        command = self.command
        self.events[0] |= {
            "command_id": command.command_id,
            "command_hash": command.fingerprint,
            "answer": dumps(self.answer),
        }
        return {
            "command_id": command.command_id, "command_hash": self.events[0]["command_hash"],
            "answer": self.events[0]["answer"], "guards": self.guards, "creates": self.creates, "sets": self.sets,
            "links": self.links, "unlinks": self.unlinks, "events": self.events,
            "contents": [{"hash": key, "text": sealed(text)} for key, text in self.contents.items()],
        }  # fmt: skip

    def _keep(self, before: Mapping[str, Any]) -> None:
        for value in before.values():
            key = content_hash(logged_value(value))
            if key is not None:
                self.contents[key] = value

    def _edge(
        self, op: str, update_kind: str, delta: int, label: str, node_id: str, kind: str, target: str,
        plan: str | None, at: int | None,
    ) -> None:  # fmt: skip
        changes: dict[str, Any] = {"op": op, "type": kind, "from": node_id, "to": target}
        if at is not None:
            changes["at"] = at
        name = f"{label.lower()}_{op}ed"
        self._event(
            "graph_update", name, op, label, node_id, plan, changes,
            update_kind=update_kind, node_delta=0, edge_delta=delta,
        )  # fmt: skip

    def _event(
        self, family: str, kind: str, op: str, label: str, node_id: str, plan: str | None,
        changes: Mapping[str, Any], **more: Any,
    ) -> None:  # fmt: skip
        said = dumps(changes)
        said = sealed(said) if op == "note" else said
        self.events.append(
            {
                "event_id": new_id(), "family": family, "type": kind, "op": op, "entity_type": label,
                "entity": node_id, "plan": plan, "actor": self.command.actor,
                "correlation_id": self.command.correlation_id, "changes": said, **more,
            }
        )  # fmt: skip


def _logged(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: logged_value(v) for k, v in values.items()}


def _deltas(family: str) -> dict[str, Any]:
    if family != "graph_update":
        return {}
    return {"update_kind": "node_update", "node_delta": 0, "edge_delta": 0}
