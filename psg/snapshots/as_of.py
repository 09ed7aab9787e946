"""A plan as it was: what is there now, with what happened since undone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.audit.checkpoint import beginning
from psg.errors import NotFound
from psg.model.codec import content_hash, loads, logged_value
from psg.model.entities import ENTITIES
from psg.model.ids import check_id
from psg.model.lifecycle import TERMINAL_STEP
from psg.snapshots.past import (
    Read,
    Row,
    changes_between,
    find_places,
    hashes_of,
    head_of,
    reader,
    texts_of,
)
from psg.snapshots.undo import Past, undo
from psg_neo4j.database import Database

STEP_PAGE = 5_000
DEPENDS_ON = "DEPENDS_ON"


async def plan_as_of(db: Database, project_id: str, plan_id: str, seq: int) -> dict[str, Any]:
    """Return a plan with its steps and edges as it was when the project's log ended at ``seq``.

    The plan's logged properties by name, JSON decoded, with ``id``, ``project_id``, ``seq``, ``revision``, ``deleted``,
    ``sys_created_ms``, ``sys_updated_ms``, ``context_id``, ``derived_from``, ``steps_total``, ``steps_open``,
    ``steps_failed``; ``steps`` in the order of the plan, each with its own and ``dependencies`` (ids in their order);
    ``edges`` as pairs (dependent, dependency).
    What is derived or of the moment (ranks, owners, timers) is not in the log and left out. A long text that an
    earlier release overwrote is given as its hash.

    Raises ``NotFound`` for a plan that did not exist then, ``ValidationFailed`` for a ``seq`` beyond the log,
    ``CursorExpired`` for one from before what retention left.
    """
    rows = await plan_rows_as_of(db, project_id, plan_id, seq)
    plan, steps = _decoded("Plan", rows["plan"]), [_decoded("Step", step) for step in rows["steps"]]
    edges = [[step["id"], target] for step in steps for target in step["dependencies"]]
    return plan | {"seq": seq, "steps": steps, "edges": edges}


async def plan_rows_as_of(db: Database, project_id: str, plan_id: str, seq: int) -> dict[str, Any]:
    """Return ``plan`` and ``steps`` as they were, in the shape of the rows of ``psg.read.nodes``; raises as above."""
    check_id(plan_id, "plan_id")
    read = reader(db, project_id)
    await head_of(read, project_id, seq)
    # First what is there, then what happened: an event of a change seen by the first reading is in the second.
    plans = await read("past_plan", plan_id=plan_id)
    steps = await _present_steps(read, plan_id) if plans else []
    head = await head_of(read, project_id, seq)
    pasts = undo(await changes_between(read, plan_id, seq, head))
    if not plans or pasts.get(plan_id, Past("Plan", plan_id)).created:
        raise NotFound(f"id: plan {plan_id} did not exist in this project at {seq}", id=plan_id, seq=seq)
    await find_places(read, pasts, seq)
    revisions = await _revisions(read, [i for i, past in pasts.items() if not past.created], seq)
    texts = await texts_of(read, hashes_of(pasts.values()))
    plan = _past_node("Plan", plans[0], pasts.get(plan_id), texts)
    plan |= {"context_id": plans[0]["context_id"], "derived_from": plans[0]["derived_from"]}
    plan |= revisions.get(plan_id, {})
    then = [
        _past_node("Step", row, pasts.get(row["node"]["id"]), texts)
        | {"plan": plan_id, "dependencies": _dependencies(row, pasts.get(row["node"]["id"]))}
        | revisions.get(row["node"]["id"], {})
        for row in steps
        if not pasts.get(row["node"]["id"], Past("Step", plan_id)).created
    ]
    alive = [step for step in then if not step["deleted"]]
    return {"plan": plan | _counts(alive), "steps": alive if not plan["deleted"] else then}


async def _revisions(read: Read, ids: list[str], seq: int) -> dict[str, dict[str, Any]]:
    (row,) = await read("past_revisions", batch={"ids": ids, "seq": seq})
    found = {i: {"revision": revision, "sys_updated_ms": at} for i, revision, at in row["revisions"]}
    removed = [i for i, known in found.items() if known["revision"] is None]
    if removed:
        log = await beginning(read, removed)
        found |= {i: {"revision": e.revision, "sys_updated_ms": log.at[i]} for i, e in log.entities.items()}
    return found


async def _present_steps(read: Read, plan_id: str) -> list[Row]:
    found: list[Row] = []
    after = -1
    while True:
        (row,) = await read("past_steps", plan_id=plan_id, after=after, limit=STEP_PAGE)
        found += row["steps"]
        if len(row["steps"]) < STEP_PAGE:
            return found
        after = row["steps"][-1]["node"]["position"]


def _past_node(label: str, row: Row, past: Past | None, texts: Mapping[str, str]) -> dict[str, Any]:
    node = row["node"]
    props = {k: v for k, v in node.items() if k in ENTITIES[label].logged}
    for name, logged in (past.props if past else {}).items():
        key = content_hash(logged)
        if key is not None:
            same = logged_value(node.get(name)) == logged
            logged = node[name] if same else texts.get(key, logged)
        props[name] = logged
    deleted = row["deleted"] if past is None or past.deleted is None else past.deleted
    kept = ("id", "project_id", "revision", "sys_created_ms", "sys_updated_ms")
    return {k: v for k, v in props.items() if v is not None} | {k: node[k] for k in kept} | {"deleted": deleted}


def _dependencies(row: Row, past: Past | None) -> list[str]:
    places = {(DEPENDS_ON, target): at for target, at in row["dependencies"]}
    for link, there in (past.links if past else {}).items():
        if link[0] != DEPENDS_ON:
            continue
        places.pop(link, None)
        if there and past is not None:
            places[link] = past.places[link]
    return [target for (_, target), _ in sorted(places.items(), key=lambda item: (item[1] or 0, item[0]))]


def _counts(steps: list[dict[str, Any]]) -> dict[str, int]:
    return {
        "steps_total": len(steps),
        "steps_open": sum(step["status"] not in TERMINAL_STEP for step in steps),
        "steps_failed": sum(step["status"] == "failed" for step in steps),
    }


def _decoded(label: str, row: Mapping[str, Any]) -> dict[str, Any]:
    texts = (*ENTITIES[label].json, "payload")
    return {k: loads(v) if k in texts and isinstance(v, str) else v for k, v in row.items()}
