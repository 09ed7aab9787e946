"""Checks that belong between a plan and its execution: expressions compile, somebody can do what it names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psg_cypher
from psg.errors import PlanInvalid, PsgError, UnknownCapability
from psg.graph import Graph, Progress
from psg.plan.spec import PlanSpec, StepSpec
from psg.write.command import Answer
from psg_runtime.ael import CapabilityRegistry, SubplanAdapter, action_target
from psg_runtime.ael.port import CONTROL_STEPS
from psg_runtime.ael.registry import is_worker_name
from psg_runtime.expressions import check_references, default_engine, step_template
from psg_runtime.plan_file.loops import check_loop

BUILT_IN = frozenset(("process.run", "code.run", "http.request", "file.read", "file.write"))


async def create_plan(
    graph: Graph, project_id: str, context_id: str, spec: PlanSpec, *, progress: Progress | None = None, **request: Any
) -> Answer:
    """Store a plan whose conditions and templates compile and refer to something (as ``Graph.create_plan``)."""
    check_references(spec)
    for step in spec.steps:
        check_params(step)
    return await graph.create_plan(project_id, context_id, spec, progress=progress, **request)


async def add_step(graph: Graph, project_id: str, plan_id: str, step: StepSpec, **request: Any) -> Answer:
    """Add a step whose condition and templates compile (as ``Graph.add_step``)."""
    if step.condition is not None:
        default_engine().compile_condition(step.condition)
    check_params(step)
    step_template(step.type, step.params)
    return await graph.add_step(project_id, plan_id, step, **request)


def check_params(step: StepSpec) -> None:
    """Raise ``PlanInvalid`` for a loop or a sub-plan that could never begin, as a plan file does."""
    try:
        if step.type == "foreach":
            check_loop(step.params)
        elif step.type == "plan":
            SubplanAdapter().check("plan", step.params)
    except PsgError as error:
        raise PlanInvalid(f"Invalid Plan: step `{step.key}`: {error.message}", step=step.key) from error


async def start_plan(
    graph: Graph, registry: CapabilityRegistry | None, project_id: str, plan_id: str, **request: Any
) -> Answer:
    """Start a plan that somebody can do: a live orchestrator, or this process's own ``registry``.

    Raises ``UnknownCapability`` naming every step whose tool, agent or role nobody offers.
    """
    await check_capabilities(graph, registry, project_id, plan_id)
    return await graph.start_plan(project_id, plan_id, **request)


async def check_capabilities(
    graph: Graph, registry: CapabilityRegistry | None, project_id: str, plan_id: str
) -> None:
    """Raise ``UnknownCapability`` naming every step of a stored plan whose tool, agent or role nobody offers."""
    rows = await graph.db.read(
        psg_cypher.statement("plan_capabilities"), project_id=project_id, plan_id=plan_id
    )
    sessions = await graph.db.read(psg_cypher.statement("sessions_live"))
    names, roles = _offered(sessions, registry)
    missing = [m for row in rows for m in _missing(row, names, roles)]
    if missing:
        offers = ", ".join(sorted(names | roles)[:20]) or "nothing"
        raise UnknownCapability(
            f"plan {plan_id} cannot start: {'; '.join(missing[:10])}; live orchestrators offer {offers} "
            "(start one that has it: `psg orchestrate --tools pkg.module`)",
            id=plan_id, missing=missing,
        )  # fmt: skip


def _offered(
    sessions: Iterable[dict[str, Any]], registry: CapabilityRegistry | None
) -> tuple[frozenset[str], frozenset[str]]:
    names: set[str] = set(BUILT_IN)
    roles: set[str] = set()
    for session in sessions:
        names.update(session["capabilities"] or ())
        roles.update(session["roles"] or ())
    if registry is not None:
        names.update(registry.names())
        roles.update(registry.roles())
    return frozenset(names), frozenset(roles)


def _missing(row: dict[str, Any], names: frozenset[str], roles: frozenset[str]) -> list[str]:
    kind, name = action_target(row["type"], row["capability"], row["agent_role"])
    if kind == "llm_call" or (kind == "custom_action" and name in CONTROL_STEPS):
        return []
    if name is not None and (name in names | roles or is_worker_name(name)):
        return []
    if name is None and row["agent_role"] is not None and row["agent_role"] in roles:
        return []
    what = f"capability {name!r}" if name is not None else f"an agent for the role {row['agent_role']!r}"
    if name is None and row["agent_role"] is None:
        what = "a capability or an agent_role, which it does not name"
    return [f"step {row['key']!r} needs {what}"]
