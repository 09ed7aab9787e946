"""Passive detection: an event tells that a file was changed, and its time is compared with the graph's (L3-50, DD-34).

In this order, in one commit: detect drift, update what the graph knows, and say so by a ``graph_update`` (DD-35).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from psg.drift.dependents import living
from psg.drift.model import Expected
from psg.drift.reading import roots
from psg.drift.recording import DETECTED, FAMILY
from psg.drift.settings import DriftClass
from psg.drift.uris import check_root, file_uri, root_uri, shown
from psg.errors import ValidationFailed
from psg.graph import Graph
from psg.model.codec import dumps, moment
from psg.model.ids import derived_id, new_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked

TOPIC = "integration.file_update"
_CHANGES: Mapping[str, DriftClass] = {
    "added": "added", "created": "added", "modified": "modified", "changed": "modified", "deleted": "deleted",
    "removed": "deleted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileUpdate:
    """A ``file_update_event``: ``file_path`` below the tracked directory ``root``, what happened to it, and when."""

    root: str
    file_path: str
    change_type: DriftClass
    timestamp: str
    uri: str
    at_ms: int

    @classmethod
    def of(cls, event: Mapping[str, Any], root: str | None = None) -> FileUpdate:
        """Return the update that an event's payload tells of; raises ``ValidationFailed`` and ``OutsideRoot``."""
        named = {k: event.get(k) for k in ("file_path", "change_type", "timestamp", "root")}
        camel = {"file_path": "filePath", "change_type": "changeType"}
        named |= {k: event[c] for k, c in camel.items() if c in event and named[k] is None}
        for field in ("file_path", "change_type", "timestamp"):
            if not isinstance(named[field], str) or not named[field]:
                raise ValidationFailed(f"{field}: a file update names it, as text", field=field)
        change = _CHANGES.get(str(named["change_type"]))
        if change is None:
            raise ValidationFailed(
                f"change_type: {str(named['change_type'])[:50]!r} is none of {', '.join(get_args(DriftClass))}",
                field="change_type",
            )
        try:
            at = moment(str(named["timestamp"]))
        except ValueError as error:
            raise ValidationFailed(f"timestamp: {error}", field="timestamp") from None
        name = check_root(named["root"] or root or "")
        path = str(named["file_path"])
        return cls(name, path, change, str(named["timestamp"]), file_uri(name, path), int(at.timestamp() * 1000))


async def report_file_update(
    graph: Graph,
    project_id: str,
    event: Mapping[str, Any],
    *,
    root: str | None = None,
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Take in a file update: ``file_path``, ``change_type``, ``timestamp`` (DD-34). ids: ``resource``, ``drifted``.

    Where its time is another than the graph's, the file is flagged as drifted, and whoever watches the directory
    reconciles it; where it is the same, nothing changes. ``root`` names the tracked directory; it can be left out when
    there is one only. The update itself is recorded as ``integration.file_update``. Raises ``ValidationFailed``,
    ``OutsideRoot``, ``UnknownRoot``.
    """
    update = FileUpdate.of(event, root or event.get("root") or await _only_root(graph, project_id))
    payload = {
        "root": update.root, "uri": update.uri, "file_path": update.file_path, "change_type": update.change_type,
        "timestamp": update.timestamp,
    }  # fmt: skip
    command = Command("report_file_update", payload, actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        change = Change(command)
        await living(locked, root_uri(update.root))
        row = await locked.read_one("resource_states", uris=[update.uri])
        known = Expected.of(row["node"]) if row else None
        node_id = known.id if known else derived_id("resource", command.command_id, update.uri)
        change.note(FAMILY, TOPIC, "Resource", node_id, {"event": {"payload": payload, "fields": {}}})
        drifted = differs(known, update)
        if drifted:
            _flag(change, known, node_id, update)
        change.answer = {"resource": node_id if known or drifted else None, "drifted": drifted}
        return change

    return await graph.locked(project_id, command, decide)


def differs(known: Expected | None, update: FileUpdate) -> bool:
    """Whether the time of an update is another than the one that the graph has of the file."""
    if known is None or known.hash is None:
        return update.change_type != "deleted"
    return update.change_type == "deleted" or known.mtime_ms != update.at_ms


def _flag(change: Change, known: Expected | None, node_id: str, update: FileUpdate) -> None:
    payload = {
        "uri": update.uri, "path": shown(update.uri), "root": update.root, "kind": "file", "drift": update.change_type,
        "source": "file_update", "outcome": "flagged", "expected_ms": known.mtime_ms if known else None,
        "found_ms": update.at_ms,
    }  # fmt: skip
    payload = {k: v for k, v in payload.items() if v is not None}
    told = {"mtime_ms": update.at_ms, "change_type": update.change_type, "source": "file_update"}
    after: dict[str, Any] = {"state": "drifted", "found": dumps(told)}
    repeated = known is not None and known.found is not None and known.found.get("mtime_ms") == update.at_ms
    if not repeated:
        change.note(FAMILY, DETECTED, "Resource", node_id, {"event": {"payload": payload, "fields": {}}})
    if known is None:
        change.create("Resource", node_id, {"uri": update.uri, "kind": "file", **after})
    elif known.state == "synced":
        before = {"state": known.row.get("state"), "found": known.row.get("found")}
        change.set("Resource", node_id, before, after, kind="resource_drifted")
    elif known.state == "drifted" and not repeated:
        change.set(
            "Resource", node_id, {"found": known.row.get("found")}, {"found": after["found"]}, kind="resource_drifted"
        )


async def _only_root(graph: Graph, project_id: str) -> str:
    names = sorted(await roots(graph.db, project_id))
    if len(names) != 1:
        listed = ", ".join(names[:20]) or "none"
        raise ValidationFailed(f"root: name one of the tracked directories ({listed})", field="root")
    return names[0]
