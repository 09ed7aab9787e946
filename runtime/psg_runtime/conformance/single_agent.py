"""The checklist's item about the SA profile: a golden flow executed, judged by the profile's invariants."""

from __future__ import annotations

from typing import Any

from psg.documents.exporting import export_document
from psg.model.ids import UUID4
from psg_runtime.conformance.site import COMPLETED, Site, Watched, demand


async def check_single_agent(site: Site, watched: Watched) -> list[str]:
    """SA golden flow execution: load, run in order, end, and leave documents as the profile demands (L3-46, DD-39)."""
    plan_id = watched.plans["completed"]
    db, project = site.graph.db, site.project_id
    (row,) = await site.reader.traces(project, "", 10, plan_id=plan_id)
    context = await export_document(db, project, "context", site.context_id)
    plan = await export_document(db, project, "plan", plan_id)
    trace = await export_document(db, project, "trace", row["id"])
    held = _invariants(context, plan, trace)
    for name, holds in held.items():
        demand(holds, f"the invariant {name} of the SA profile does not hold")
    statuses = {s["status"] for s in plan["steps"]}
    demand(plan["status"] == trace["status"] == "completed" and statuses == {"completed"}, "the flow did not complete")
    order = [segment["label"] for segment in trace["segments"]]
    demand(order == [step.key for step in COMPLETED], f"the steps ran in the order {order}")
    return [
        f"golden flow of {len(order)} steps: {' → '.join(order)}, plan and Trace completed",
        f"{len(held)} invariants of the SA profile hold on the exported context, plan and trace",
    ]


def _invariants(context: dict[str, Any], plan: dict[str, Any], trace: dict[str, Any]) -> dict[str, bool]:
    steps = plan["steps"]
    return {
        "sa_requires_context": bool(UUID4.fullmatch(context["context_id"])),
        "sa_context_must_be_active": context["status"] == "active",
        "sa_plan_context_binding": plan["context_id"] == context["context_id"],
        "sa_plan_has_steps": len(steps) >= 1,
        "sa_steps_have_valid_ids": all(UUID4.fullmatch(s["step_id"]) for s in steps),
        "sa_steps_agent_role_if_present": all(s.get("agent_role", "x").strip() for s in steps),
        "sa_trace_not_empty": len(trace.get("events", ())) >= 1,
        "sa_trace_context_binding": trace["context_id"] == context["context_id"],
        "sa_trace_plan_binding": trace.get("plan_id") == plan["plan_id"],
    }
