"""Plans and steps that depend on a tracked thing: named to it, marked stale when it changes, refreshed when redone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import psg_cypher
from psg.drift.model import Expected
from psg.drift.settings import DriftSettings, OnDrift
from psg.errors import NotFound, ReferenceMissing, ValidationFailed
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg.model.ids import check_id, new_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_neo4j.database import Database

FAMILY = "external_integration"
DEPENDENTS_MAX = 1_000


async def mark_dependents(
    locked: Locked, change: Change, resources: Sequence[Expected], settings: DriftSettings
) -> list[str]:
    """Mark what depends on resources that are not what they were, and note what is due about it, in the same change.

    Returns the uris of those about whose dependents something is to be done.
    """
    if not resources:
        return []
    by_id = {r.id: r for r in resources}
    rows = await locked.read("resource_dependents", ids=list(by_id))
    due: dict[str, dict[str, Any]] = {}
    for row in rows:
        resource = by_id[row["resource"]]
        wanted = (loads(resource.row.get("on_drift")) or {}).get(row["id"], settings.on_drift)
        change.adjust(row["id"], {"stale_ms": locked.now_ms})
        payload = {"uri": resource.uri, "dependent": row["id"], "label": row["label"], "on_drift": wanted}
        details = {"event": {"payload": payload, "fields": {}}}
        change.note(FAMILY, "dependent_stale", row["label"], row["id"], details, plan=row["plan"])
        if wanted != "mark":
            # What is still to be done from before is done once.
            due.setdefault(resource.id, resource.due()).setdefault(row["id"], {"do": wanted, "since": locked.now_ms})
    for resource_id, wanted in due.items():
        set_due(change, by_id[resource_id].row, wanted)
    return [by_id[resource_id].uri for resource_id in due]


def set_due(change: Change, row: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Note what is to be done about dependents; nothing: it is all done."""
    before, after = row.get("due"), dumps(dict(wanted)) if wanted else None
    if before != after:
        change.set("Resource", row["id"], {"due": before}, {"due": after}, kind="resource_due")


async def depend_on(
    graph: Graph,
    project_id: str,
    uri: str,
    node_id: str,
    *,
    on_drift: OnDrift | None = None,
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Say that a plan or step depends on what ``uri`` names. ids: ``resource``, ``dependent``.

    From then on it is marked stale when that changes outside, and ``on_drift`` (absent: what the tracked directory
    says) happens: ``mark`` nothing more, ``gate`` its plan pauses until somebody confirms, ``replan`` its plan is ended
    and made anew as a draft, ``compensate`` its plan is ended and undone. Raises ``NotFound`` for the uri,
    ``ReferenceMissing`` for the node, ``ValidationFailed``.
    """
    check_id(node_id, "id")
    if on_drift is not None and on_drift not in get_args(OnDrift):
        raise ValidationFailed(f"on_drift: {on_drift!r} is none of {', '.join(get_args(OnDrift))}", field="on_drift")
    command = Command("depend_on_resource", [uri, node_id, on_drift], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        node = await living(locked, uri)
        dependent = await locked.read_one("resource_dependent", node_id=node_id)
        if dependent is None:
            raise ReferenceMissing(f"id: {node_id} is no plan or step of this project", id=node_id)
        change = Change(command)
        have = {row["id"] for row in await locked.read("resource_dependents", ids=[node["id"]])}
        if node_id not in have:
            if len(have) >= DEPENDENTS_MAX:
                raise ValidationFailed(f"uri: at most {DEPENDENTS_MAX} plans and steps depend on one resource", uri=uri)
            change.require(node_id, [dependent["label"]], "id")
            change.link("Resource", node["id"], "AFFECTS", node_id)
        said: dict[str, Any] = loads(node.get("on_drift")) or {}
        after = {k: v for k, v in {**said, node_id: on_drift}.items() if v is not None}
        if after != said:
            before, text = {"on_drift": node.get("on_drift")}, dumps(after) if after else None
            change.set("Resource", node["id"], before, {"on_drift": text}, kind="resource_updated")
        if not change.events:
            change.note("graph_update", "resource_unchanged", "Resource", node["id"], {})
        change.answer = {"resource": node["id"], "dependent": node_id}
        return change

    return await graph.locked(project_id, command, decide)


async def refresh(
    graph: Graph, project_id: str, node_id: str, *, actor: str = "system", command_id: str | None = None
) -> Answer:
    """Say that a stale plan or step was looked at: it is no longer stale. ids: ``dependent``."""
    check_id(node_id, "id")
    command = Command("refresh_dependent", [node_id], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        dependent = await locked.read_one("resource_dependent", node_id=node_id)
        if dependent is None:
            raise NotFound(f"id: {node_id} is no plan or step of this project", id=node_id)
        change = Change(command)
        change.adjust(node_id, {"stale_ms": None})
        details = {"event": {"payload": {"dependent": node_id}, "fields": {}}}
        change.note(FAMILY, "dependent_refreshed", dependent["label"], node_id, details, plan=dependent["plan"])
        change.answer = {"dependent": node_id}
        return change

    return await graph.locked(project_id, command, decide)


async def living(locked: Locked, uri: str) -> Mapping[str, Any]:
    """Read the stored resource of a uri inside the lock; raises ``NotFound``."""
    row = await locked.read_one("resource_states", uris=[uri])
    if row is None:
        raise NotFound(f"uri: {uri[:200]} is not tracked in this project", uri=uri[:200])
    node: Mapping[str, Any] = row["node"]
    return node


async def dependent_state(db: Database, project_id: str, node_id: str) -> Mapping[str, Any] | None:
    """Return a plan or step with the state of its plan, ``None`` when it is gone."""
    statement = psg_cypher.statement("resource_dependent")
    return await db.read_one(statement, project_id=project_id, node_id=node_id)
