"""Saving snapshots: each is a number of the log under a name, so its cost does not depend on what it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg.commands.lifecycle import plan_inside
from psg.errors import NotFound, Refused
from psg.graph import Graph
from psg.model.ids import check_id, derived_id, new_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_neo4j.database import Database

FAMILY = "runtime_execution"
LISTED = 100
LAST = 2**62


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A saved state of a project, or with ``plan_id`` of one plan.

    ``seq`` is the last event that belongs to it, ``at`` when it was saved and ``restored_at`` when it was last gone
    back to (``restores`` times in all), in ms since 1970.
    """

    id: str
    project_id: str
    seq: int
    reason: str
    actor: str
    at: int
    plan_id: str | None = None
    restored_at: int | None = None
    restores: int = 0


def _snapshot(row: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        row["id"], row["project_id"], row["seq"], row["reason"], row["actor"], row["at"], row.get("plan"),
        row.get("restored_ms"), row.get("restores", 0),
    )  # fmt: skip


async def take(
    graph: Graph,
    project_id: str,
    *,
    plan_id: str | None = None,
    reason: str = "on demand",
    actor: str = "system",
    command_id: str | None = None,
) -> str:
    """Save a snapshot of a project, or of one plan, and return its id (DD-15).

    Raises ``NotFound`` for an unknown project or plan and ``Refused`` for a plan that is still being loaded.
    """
    taken = await take_command(
        graph, project_id, plan_id=plan_id, reason=reason, actor=actor, command_id=command_id
    )
    return taken.ids["snapshot"]


async def take_command(
    graph: Graph,
    project_id: str,
    *,
    plan_id: str | None = None,
    reason: str = "on demand",
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Do the same and return the whole answer. ids: ``snapshot``."""
    command = Command("take_snapshot", [plan_id, reason], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        if plan_id is not None and (await plan_inside(locked, plan_id))["loading"]:
            raise Refused(f"plan {plan_id} is still being loaded; take the snapshot when it is complete", id=plan_id)
        change = Change(command)
        snapshot_id = await save(locked, command, plan_id, reason)
        label, node_id = ("Plan", plan_id) if plan_id else ("Project", project_id)
        details = {"snapshot": snapshot_id, "to": locked.head_seq, "reason": reason}
        change.note(FAMILY, "snapshot_taken", label, node_id, details, plan=plan_id)
        change.answer = {"snapshot": snapshot_id}
        return change

    return await graph.locked(project_id, command, decide)


async def save(locked: Locked, command: Command, plan_id: str | None, reason: str) -> str:
    """Save a snapshot inside a locked unit of work and return its id."""
    snapshot_id = derived_id("snapshot", command.command_id)
    await locked.read(
        "snapshot_create", snapshot_id=snapshot_id, plan_id=plan_id, reason=reason, actor=command.actor,
        now=locked.now_ms,
    )  # fmt: skip
    return snapshot_id


async def set_policy(
    graph: Graph, project_id: str, *, before_start: bool, actor: str = "system", command_id: str | None = None
) -> Answer:
    """Set whether a project saves a snapshot whenever one of its plans starts; it does unless told not to (L3-56)."""
    command = Command("snapshot_policy", [before_start], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        await locked.read("snapshot_policy", before_start=before_start)
        change = Change(command)
        change.note(FAMILY, "snapshot_policy_set", "Project", project_id, {"before_start": before_start})
        return change

    return await graph.locked(project_id, command, decide)


async def find(db: Database, project_id: str, snapshot_id: str) -> Snapshot:
    """Return one snapshot; raises ``NotFound``, also for a snapshot of another project."""
    check_id(snapshot_id, "snapshot_id")
    statement = psg_cypher.statement("snapshot_one")
    row = await db.read_one(statement, project_id=project_id, snapshot_id=snapshot_id)
    if row is None:
        raise NotFound(
            f"snapshot_id: project {project_id} has no snapshot {snapshot_id}; a snapshot belongs to the project it "
            "was taken of",
            id=snapshot_id, field="snapshot_id",
        )  # fmt: skip
    return _snapshot(row["snapshot"])


async def listing(
    db: Database, project_id: str, *, plan_id: str | None = None, upto: int = LAST, limit: int = LISTED
) -> list[Snapshot]:
    """Return a project's snapshots, or those of one plan, the latest first; ``upto`` is the highest ``seq`` wanted."""
    name = "snapshots_of_project" if plan_id is None else "snapshots_of_plan"
    more = {} if plan_id is None else {"plan_id": plan_id}
    rows = await db.read(psg_cypher.statement(name), project_id=project_id, upto=upto, limit=limit, **more)
    return [_snapshot(row["snapshot"]) for row in rows]
