"""Sub-plans of steps: stored, begun and heard of in commits that can be repeated, so that there is exactly one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ValidationError

import psg_cypher
from psg.commands import reactions
from psg.commands.lifecycle import run_name
from psg.errors import ActionFailed, CommandReused, NotFound, PlanInvalid, PsgError
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import derived_id
from psg.plan.spec import PlanSpec
from psg.write.command import Command
from psg_neo4j.database import Database
from psg_neo4j.errors import Category
from psg_runtime.ael import failure_of
from psg_runtime.launch import check_capabilities

DEPTH_MAX = 8
LEAVES_MAX = 1_000


class SubplanTooDeep(ActionFailed):
    """Sub-plans are nested too deep, or a template begins itself again."""

    code = "subplan_too_deep"
    category: ClassVar[Category] = "validation_error"
    retryable = False


async def park_subplan(
    graph: Graph,
    project_id: str,
    session_id: str,
    claim: Mapping[str, Any],
    request: Mapping[str, Any],
) -> bool:
    """Begin the sub-plan that a step asks for and let the step sleep; ``False`` when the step is no longer ours.

    ``request`` is ``Parked.plan``: ``spec``, the ``template`` it is from, and how deep sub-plans may be (``depth``).
    Where it cannot begin, the step goes on at once and fails with the reason. Raises retryable errors only: then it is
    to be called again.
    """
    try:
        child_id = await _stored(graph, project_id, session_id, claim, request)
        await check_capabilities(graph, None, project_id, child_id)
        command = Command("start_subplan", [child_id], session_id, f"subplan:{child_id}:{claim['fence']}")
        answer = await graph.locked(
            project_id, command,
            lambda locked: reactions.start_subplan(locked, claim, session_id, child_id, command),
        )  # fmt: skip
    except PsgError as error:
        if error.retryable:
            raise
        failure = failure_of(error)
        command = Command("refuse_subplan", [claim["id"]], session_id, f"no_subplan:{claim['id']}:{claim['fence']}")
        answer = await graph.locked(
            project_id, command,
            lambda locked: reactions.refuse_subplan(locked, claim, session_id, failure, command),
        )  # fmt: skip
    return bool(answer.ids.get("ours"))


async def _stored(
    graph: Graph,
    project_id: str,
    session_id: str,
    claim: Mapping[str, Any],
    request: Mapping[str, Any],
) -> str:
    """Store the sub-plan as a draft, once for each failed attempt; a takeover finds the one that is there."""
    parent = await _plan(graph.db, project_id, claim["plan"])
    depth = request.get("depth", DEPTH_MAX)
    await _check_depth(graph.db, project_id, claim["plan"], request.get("template"), depth)
    child_id = derived_id("subplan", run_name(claim["plan"], parent["restores"]), claim["id"], str(claim["failures"]))
    try:
        spec = PlanSpec.model_validate(request["spec"])
    except ValidationError as error:
        raise PlanInvalid(f"Invalid Plan: the sub-plan of step {claim['key']!r}: {error.errors()[0]['msg']}") from error
    try:
        await graph.create_plan(
            project_id, parent["context_id"], spec, plan_id=child_id, actor=session_id,
            command_id=f"subplan:{child_id}",
        )  # fmt: skip
    except CommandReused:
        pass  # its template was changed since the attempt before this one: what was stored first is what begins
    return child_id


async def _plan(db: Database, project_id: str, plan_id: str) -> dict[str, Any]:
    row = await db.read_one(psg_cypher.statement("reaction_plan"), project_id=project_id, plan_id=plan_id)
    if row is None:
        raise NotFound(f"id: plan {plan_id} does not exist in this project", id=plan_id)
    return row


async def _check_depth(db: Database, project_id: str, plan_id: str, template: str | None, depth_max: int) -> None:
    """Refuse a sub-plan below ``depth_max`` others, and a template that is under way already above it."""
    depth, above = 1, plan_id
    while True:
        row = await db.read_one(psg_cypher.statement("subplan_parent"), project_id=project_id, plan_id=above)
        if row is None:
            return
        depth += 1
        params = loads(row["params"]) or {}
        if template is not None and params.get("plan") == template:
            raise SubplanTooDeep(f"plan template {template!r} would begin itself again: that never ends")
        if depth > depth_max:
            raise SubplanTooDeep(f"sub-plans are nested more than {depth_max} deep", depth_max=depth_max)
        above = row["plan_id"]


async def subplan_outcome(db: Database, project_id: str, step_id: str) -> dict[str, Any]:
    """Return what the sub-plan of a step came to: id, status, outputs of its last steps by key, what failed.

    ``{"error": …}`` when it could not begin.
    """
    refused = await db.read_one(psg_cypher.statement("subplan_refused"), project_id=project_id, step_id=step_id)
    if refused is not None and refused["error"] is not None:
        return {"error": loads(refused["error"])}
    row = await db.read_one(
        psg_cypher.statement("subplan_outcome"), project_id=project_id, step_id=step_id, limit=LEAVES_MAX
    )
    if row is None:
        return {"id": None, "status": "missing"}
    failed = [{"key": f["key"], **(loads(f["error"]) or {})} for f in row["failed"]]
    return {
        "id": row["id"], "status": row["status"],
        "outputs": {leaf["key"]: loads(leaf["output"]) for leaf in row["leaves"]},
        "failed": [{k: f.get(k) for k in ("key", "code", "message")} for f in failed],
    }  # fmt: skip
