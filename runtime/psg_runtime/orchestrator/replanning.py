"""Going on after a failure with a new plan: derived, bounded in number, a draft unless settings trust it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import psg_cypher
from psg.commands import reactions
from psg.commands.lifecycle import META, run_name
from psg.commands.plans import store_records
from psg.derivation import StoredPlan, plan_props, spec_of, stored_plan, taken_over
from psg.errors import Refused
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg.model.ids import derived_id
from psg.plan.spec import PlanSpec
from psg.write.command import Command
from psg_neo4j.database import Database
from psg_runtime.contracts.conversion import from_spec, to_spec
from psg_runtime.expressions import check_references

REPLANS_MAX = 3


class Replanner(Protocol):
    """Makes a new plan of one that failed."""

    async def replan(self, plan: PlanSpec, failed_step: str, error: Mapping[str, Any]) -> PlanSpec:
        """Return a plan without the step ``failed_step``; steps that stay keep their keys."""


class WithoutFailedStep:
    """Plans again by leaving out what failed, and what cannot be without it (ORCH-29)."""

    async def replan(self, plan: PlanSpec, failed_step: str, error: Mapping[str, Any]) -> PlanSpec:
        """Return the plan without the step; raises ``ReplanImpossible`` when nothing is left."""
        # Here, because the planner is built on the decisions of the orchestrator itself.
        from psg_runtime.planning import Planner

        made = await Planner().replan(from_spec(plan), failed_step, dict(error))
        return to_spec(made)


async def replan(
    graph: Graph, project_id: str, plan_id: str, replanner: Replanner, *, approved: bool = False
) -> str:
    """Derive a new plan from a failed one and return its id; what completed is taken over with its results.

    It is a draft; with ``approved`` it begins at once, unless it asks for an approval itself. However often it is asked
    for, there is one. Raises ``Refused`` when no step failed, or when ``REPLANS_MAX`` plans in a row came of failures.
    """
    origin = await stored_plan(graph.db, project_id, plan_id)
    failed = await graph.db.read(
        psg_cypher.statement("failed_steps"), project_id=project_id, plan_id=plan_id
    )
    if not failed:
        raise Refused(f"plan {plan_id} cannot be replanned: none of its steps failed", id=plan_id)
    await _check_number(graph.db, project_id, plan_id)
    new_plan = derived_id("replan", run_name(plan_id, origin.props.get("restores") or 0))
    stored = f"replan:{new_plan}"
    found = await graph.db.read_one(
        psg_cypher.statement("command_find"), project_id=project_id, command_id=f"{stored}:derive"
    )
    if found is None:
        spec = await replanner.replan(spec_of(origin), failed[0]["key"], loads(failed[0]["error"]) or {})
        check_references(spec)
        await _store(graph, project_id, new_plan, origin, spec, Command("replan", [plan_id], "system", stored))
        # A plan that people have to approve is not begun by a setting.
        begins = approved and spec.approval is None and origin.props.get("approval") is None
        await _derive(graph, project_id, new_plan, plan_id, begins, f"{stored}:derive")
    return new_plan


async def _store(
    graph: Graph, project_id: str, new_plan: str, origin: StoredPlan, spec: PlanSpec, command: Command
) -> None:
    props = plan_props(origin) | {"params": dumps(spec.params) if spec.params else None, "title": spec.title}
    props |= {"status": "draft", "paused": False, "payload": dumps({"meta": META})}
    records = taken_over(new_plan, origin, spec)
    await graph.load_plan(project_id, store_records(new_plan, origin.context_id, props, records, command))


async def _derive(
    graph: Graph, project_id: str, new_plan: str, plan_id: str, approved: bool, command_id: str
) -> None:
    command = Command("derive_replan", [new_plan, plan_id], "system", command_id)
    reason = f"goes on after the failure of plan {plan_id}"

    async def decide(locked: Any) -> Any:
        if approved:
            return await reactions.start_derived(locked, new_plan, plan_id, "replan", reason, command)
        return await reactions.mark_derived(locked, new_plan, plan_id, "replan", command)

    await graph.locked(project_id, command, decide)


async def _check_number(db: Database, project_id: str, plan_id: str) -> None:
    number, at = 0, plan_id
    while number < REPLANS_MAX:
        row = await db.read_one(psg_cypher.statement("reaction_plan"), project_id=project_id, plan_id=at)
        if row is None or row["derivation"] != "replan" or row["derived_from"] is None:
            return
        number, at = number + 1, row["derived_from"]
    raise Refused(f"plan {plan_id} is the last of {REPLANS_MAX} replans in a row: somebody has to look", id=plan_id)
