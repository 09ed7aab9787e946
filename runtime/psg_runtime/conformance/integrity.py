"""The checklist's items about the graph: integrity (referential, DAG, immutability) and the transitions of L2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from psg.audit import verify
from psg.errors import (
    DependencyCycle,
    DuplicateId,
    ImmutableHistory,
    InvalidTransition,
    NotEditable,
    PlanInvalid,
    PsgError,
    ReferenceMissing,
    Refused,
)
from psg.model.codec import dumps
from psg.model.ids import new_id
from psg.model.lifecycle import PLAN
from psg.plan.spec import StepSpec
from psg_runtime.conformance.site import ACTOR, META, Site, Watched, demand, plan_document

Ask = Callable[[], Awaitable[Any]]
ROLE = {"requested_by_role": "checker", "requested_at": "2026-01-01T00:00:00.000Z"}


async def check_integrity(site: Site, watched: Watched) -> list[str]:
    """Graph integrity tests: referential, DAG, immutability; then the audit of everything (L3-04 … L3-06)."""
    dangling = await _check_references(site)
    cycles = await _check_dag(site)
    attempts, size = await _check_history(site, watched.plans["completed"])
    report = await verify(site.graph.db, site.project_id)
    shown = "; ".join(f"{v.kind}: {v.message}" for v in report.violations[:3])
    demand(report.ok, f"the audit finds {len(report.violations)} violations: {shown}")
    return [
        f"referential: {dangling} writes with a dangling *_id refused, nothing stored",
        f"DAG: {cycles} cyclic plans and edges refused, nothing stored",
        f"immutability: {attempts} attempts on a Trace with {size} segments refused, stored bytes the same",
        "audit: 0 violations in " + ", ".join(f"{count} {what}" for what, count in report.checked.items() if count),
    ]


async def refused(site: Site, kind: type[PsgError] | tuple[type[PsgError], ...], what: str, ask: Ask) -> None:
    """Demand that ``ask`` is refused with ``kind`` and leaves nothing, not even an event."""
    before = await site.size(), await site.head()
    try:
        await ask()
    except kind:
        pass
    except PsgError as error:
        demand(False, f"{what}: refused as {error.code}, which is not why: {error}")
    else:
        demand(False, f"{what}: was accepted")
    demand((await site.size(), await site.head()) == before, f"{what}: refused, but it left something")


async def _check_references(site: Site) -> int:
    trace_id, nobody = new_id(), new_id()
    documents: list[tuple[str, dict[str, Any]]] = [
        ("plan", plan_document(nobody)),
        (
            "trace",
            {
                "meta": META, "trace_id": trace_id, "context_id": site.context_id, "plan_id": nobody,
                "status": "pending", "root_span": {"trace_id": trace_id, "span_id": new_id()},
            },
        ),
        (
            "confirm",
            {
                "meta": META, "confirm_id": new_id(), "target_type": "plan", "target_id": nobody,
                "status": "pending", **ROLE,
            },
        ),
        ("plan", _with_dependency(plan_document(site.context_id), nobody)),
    ]  # fmt: skip
    for module, document in documents:
        store = partial(site.graph.create_document, site.project_id, module, document, actor=ACTOR)
        await refused(site, (ReferenceMissing, PlanInvalid), f"a {module} with a dangling id", store)
    return len(documents)


def _with_dependency(plan: dict[str, Any], step_id: str) -> dict[str, Any]:
    plan["steps"][0]["dependencies"] = [step_id]
    return plan


async def _check_dag(site: Site) -> int:
    def steps(**dependencies: list[str]) -> list[StepSpec]:
        return [StepSpec(key=k, type="conditional", dependencies=d) for k, d in dependencies.items()]

    cyclic = (steps(a=["c"], b=["a"], c=["b"]), steps(a=["a"]))
    for number, bad in enumerate(cyclic):
        await refused(site, DependencyCycle, f"cyclic plan {number}", partial(site.draft, "cyclic", bad))
    plan_id = await site.draft("a chain", steps(a=[], b=["a"], c=["b"]))
    first, _, last = (step["id"] for step in await site.steps(plan_id))
    await refused(
        site, DependencyCycle, "an edge that closes a cycle",
        lambda: site.graph.add_dependency(site.project_id, first, last, actor=ACTOR),
    )  # fmt: skip
    return len(cyclic) + 1


async def _check_history(site: Site, plan_id: str) -> tuple[int, int]:
    graph, project = site.graph, site.project_id
    (trace,) = await site.reader.traces(project, "", 10, plan_id=plan_id)
    trace_id = trace["id"]
    before = await _segments(site, trace_id)
    demand(len(before) > 0, "the run left no Trace segments")
    document = await graph.export_document(project, "trace", trace_id)
    document["segments"][0]["status"] = "failed"
    segment_id = document["segments"][0]["segment_id"]
    attempts: list[tuple[type[PsgError], str, Ask]] = [
        (ImmutableHistory, "deleting a segment", lambda: graph.delete(project, "TraceSegment", segment_id)),
        (ImmutableHistory, "deleting a Trace", lambda: graph.delete(project, "Trace", trace_id)),
        (NotEditable, "editing a Trace", lambda: graph.update_document(project, "trace", trace_id, {"segments": []})),
        (DuplicateId, "storing it anew", lambda: graph.create_document(project, "trace", document)),
        (Refused, "reopening it", lambda: graph.transition(project, "Trace", trace_id, "running")),
    ]
    for kind, what, ask in attempts:
        await refused(site, kind, what, ask)
    demand(await _segments(site, trace_id) == before, "the stored segments are no longer the same")
    return len(attempts), len(before)


async def _segments(site: Site, trace_id: str) -> list[str]:
    return [dumps(row) for row in await site.reader.segments(site.project_id, trace_id, -(2**53), 1_000)]


async def check_transitions(site: Site) -> list[str]:
    """Reject invalid transitions: every pair of Plan statuses that the table does not have, on stored plans (DD-10)."""
    invalid = 0
    for current, allowed in PLAN.items():
        document = plan_document(site.context_id, current)
        await site.graph.create_document(site.project_id, "plan", document, actor=ACTOR)
        plan_id = document["plan_id"]
        for target in PLAN:
            if target in allowed:
                continue
            head = await site.head()
            message = await _refused_transition(site, plan_id, target)
            as_such = message.startswith(f"Invalid transition: {current}")
            demand(as_such, f"{current} → {target}: {message}")
            demand(await site.status("Plan", plan_id) == current, f"{current} → {target}: the status changed")
            demand(await site.head() == head, f"{current} → {target}: refused, but events were recorded")
            invalid += 1
    valid = sum(map(len, PLAN.values()))
    return [
        f"{invalid} of {len(PLAN) ** 2} pairs of Plan statuses rejected as `Invalid transition`, unchanged, no event",
        f"the other {valid} are those of the table; the watched runs took them",
    ]


async def _refused_transition(site: Site, plan_id: str, target: str) -> str:
    try:
        await site.graph.transition(site.project_id, "Plan", plan_id, target, actor=ACTOR)
    except InvalidTransition as error:
        return str(error)
    except PsgError as error:
        return f"{error.code}: {error}"
    return "accepted"
