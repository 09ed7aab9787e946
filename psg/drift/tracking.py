"""What is tracked, and what the graph expects of it: directories by name, files and refs below them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psg_cypher
from psg.drift.conflicts import close_request
from psg.drift.dependents import living, mark_dependents
from psg.drift.errors import UnknownRoot
from psg.drift.model import MODE, Expected, content_digest, encode
from psg.drift.settings import DriftSettings, settings_of
from psg.drift.uris import between, parse, root_uri
from psg.errors import StaleRevision, ValidationFailed
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg.model.ids import derived_id, new_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked

FORGET_PAGE = 500


async def track(
    graph: Graph,
    project_id: str,
    root: str,
    settings: Mapping[str, Any] | DriftSettings | None = None,
    *,
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Track a directory under the name ``root``, or set how it is tracked. ids: ``resource``.

    Where it lies is told to the process that scans it: the graph knows no paths of machines. What is in it is found by
    its first scan. Raises ``ValidationFailed``.
    """
    uri, wanted = root_uri(root), settings_of(settings)
    text = dumps(wanted.model_dump(mode="json"))
    command = Command("track_resource", [uri, text], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        change = Change(command)
        row = await locked.read_one("resource_states", uris=[uri])
        if row is None:
            node_id = derived_id("resource", command.command_id, uri)
            props = {"uri": uri, "kind": "directory", "state": "synced", "settings": text}
            change.create("Resource", node_id, props)
        else:
            node_id = row["node"]["id"]
            before = row["node"].get("settings")
            change.set("Resource", node_id, {"settings": before}, {"settings": text}, kind="resource_updated")
        change.answer = {"resource": node_id}
        return change

    return await graph.locked(project_id, command, decide)


async def root_settings(graph: Graph, project_id: str, root: str) -> tuple[str, DriftSettings]:
    """Return id and settings of a tracked directory; raises ``UnknownRoot``."""
    rows = await graph.db.read(psg_cypher.statement("resource_states"), project_id=project_id, uris=[root_uri(root)])
    if not rows:
        raise UnknownRoot(
            f"root: no directory {root!r} is tracked in this project; `psg drift add {root}` begins to", root=root
        )
    node = rows[0]["node"]
    return node["id"], settings_of(loads(node.get("settings")))


async def expect(
    graph: Graph,
    project_id: str,
    uri: str,
    content: bytes | None,
    *,
    mode: int | None = None,
    expected_revision: int | None = None,
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Change what a file is to contain, on the graph's side; ``None``: it is not to be there. ids: ``resource``.

    The file follows with the next reconciliation, unless it was changed too: then that is merged or decided. For a git
    ref ``content`` is the object id. Raises ``UnknownRoot``, ``ValidationFailed``, ``StaleRevision``.
    """
    kind, root, _ = parse(uri)
    if kind == "directory":
        raise ValidationFailed(f"uri: {uri} is a directory; what is expected are its files", field="uri")
    if mode is not None and not 0 <= mode <= 0o777:
        raise ValidationFailed("mode: permission bits from 0 to 0o777 are expected", field="mode")
    digest = None if content is None else _hash(kind, content)
    _, settings = await root_settings(graph, project_id, root)
    if content is not None and len(content) > settings.content_bytes:
        raise ValidationFailed(
            f"content: {len(content)} bytes; up to {settings.content_bytes} are kept of a file in {root!r}",
            field="content",
        )
    command = Command("expect_resource", [uri, digest, mode, expected_revision], actor, command_id or new_id())
    value = None if content is None or kind == "git_ref" else encode(content)

    async def decide(locked: Locked) -> Change:
        change = Change(command)
        row = await locked.read_one("resource_states", uris=[uri])
        after = {
            "hash": digest, "value": value, "size": None if content is None else len(content),
            "mode": None if digest is None else mode or (row and row["node"].get("mode")) or MODE,
        }  # fmt: skip
        if row is None:
            node_id = derived_id("resource", command.command_id, uri)
            change.create("Resource", node_id, {"uri": uri, "kind": kind, "state": "ahead", **after})
        else:
            node_id = row["node"]["id"]
            await _changed(locked, change, Expected.of(row["node"]), after, expected_revision, settings)
        change.answer = {"resource": node_id}
        return change

    return await graph.locked(project_id, command, decide)


async def _changed(
    locked: Locked,
    change: Change,
    now: Expected,
    after: Mapping[str, Any],
    expected_revision: int | None,
    settings: DriftSettings,
) -> None:
    if expected_revision is not None and now.revision != expected_revision:
        raise StaleRevision(
            f"resource {now.id} is at revision {now.revision}, not {expected_revision}; read it again",
            id=now.id, current=now.revision, expected=expected_revision,
        )  # fmt: skip
    if now.confirm is not None:
        await close_request(locked, change, now.confirm, "what the graph expects was changed")
    if now.hash == now.base_hash:  # the last common state is what it was until now
        base = loads(now.row.get("value"))
    else:
        base = (loads(now.row.get("payload")) or {}).get("base")
    back = after["hash"] == now.base_hash
    payload = None if base is None or back else dumps({"base": base})
    props = {
        **after, "payload": payload, "state": "synced" if back else "ahead", "found": None, "confirm": None,
    }  # fmt: skip
    before = {k: now.row.get(k) for k in props}
    change.set("Resource", now.id, before, props, kind="resource_expected")
    if after["hash"] != now.hash:
        await mark_dependents(locked, change, [now], settings)


async def untrack(
    graph: Graph, project_id: str, uri: str, *, actor: str = "system", command_id: str | None = None
) -> Answer:
    """Forget a tracked thing; a directory with all that is below it. No file is touched. ids: ``resource``, ``left``.

    Raises ``NotFound``. A large directory is forgotten in parts, itself last; who is interrupted begins again.
    """
    kind, root, _ = parse(uri)
    if kind == "directory":
        for scheme in ("file", "git"):
            after, before = between(scheme, root)
            while await _forget(graph, project_id, after, before, actor):
                pass
    command = Command("untrack_resource", [uri], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        node = await living(locked, uri)
        change = Change(command)
        await _gone(locked, change, node)
        change.answer = {"resource": node["id"]}
        return change

    return await graph.locked(project_id, command, decide)


async def _forget(graph: Graph, project_id: str, after: str, before: str, actor: str) -> bool:
    """Forget a page of resources; return whether there may be more."""
    command = Command("untrack_resources", [after, before], actor, new_id())
    found: list[Mapping[str, Any]] = []

    async def decide(locked: Locked) -> Change:
        rows = await locked.read(
            "resource_page", after=after, before=before, limit=FORGET_PAGE, states=None, values=False
        )
        found[:] = rows
        change = Change(command)
        for row in rows:
            await _gone(locked, change, row["node"])
        if not rows:
            change.note("graph_update", "resources_untracked", "Project", locked.project_id, {})
        return change

    await graph.locked(project_id, command, decide)
    return len(found) == FORGET_PAGE


async def _gone(locked: Locked, change: Change, node: Mapping[str, Any]) -> None:
    if node.get("confirm") is not None:
        await close_request(locked, change, node["confirm"], "it is not tracked any more")
    values = {"uri": node["uri"], "confirm": node.get("confirm")}
    change.set("Resource", node["id"], values, {"uri": None, "confirm": None}, kind="resource_freed")
    change.tombstone("Resource", node["id"])


def _hash(kind: str, content: bytes) -> str:
    if kind == "file":
        return content_digest(content)
    text = content.decode("ascii", errors="replace").strip()
    if len(text) not in (40, 64) or not all(c in "0123456789abcdef" for c in text):
        raise ValidationFailed("content: the object id that a git ref is to have: 40 or 64 hexadecimal digits")
    return text




async def note_root(graph: Graph, project_id: str, root: str, digest: str, *, actor: str = "drift") -> None:
    """Keep the hash of a whole tracked directory, as a scan came to it; nothing is written when it is known.

    What depends on the directory is marked when it is another one than before.
    """
    uri = root_uri(root)
    rows = await graph.db.read(psg_cypher.statement("resource_states"), project_id=project_id, uris=[uri])
    if not rows or rows[0]["node"].get("hash") == digest:
        return
    command = Command("note_root", [uri, digest], actor, new_id())

    async def decide(locked: Locked) -> Change:
        node = await living(locked, uri)
        change = Change(command)
        before = {"hash": node.get("hash"), "base_hash": node.get("base_hash")}
        change.set("Resource", node["id"], before, {"hash": digest, "base_hash": digest}, kind="resource_updated")
        if before["hash"] not in (None, digest):
            settings = settings_of(loads(node.get("settings")))
            await mark_dependents(locked, change, [Expected.of(node)], settings)
        return change

    await graph.locked(project_id, command, decide)
