"""Bringing a plan to its end through the API: submit it, follow it, have a person decide where it waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import anyio.to_thread
import typer

from psg.plan.policy import authored
from psg.plan.spec import PlanSpec, StepSpec
from psg_cli.api import ensure_context
from psg_cli.progress import PlanView
from psg_client import (
    Client,
    ConfirmSummary,
    Forbidden,
    PlanSummary,
    Project,
    Refused,
    StepInput,
    StepSummary,
    ValidationError,
)

Decision = Literal["approved", "rejected", "later"]
Decide = Callable[[ConfirmSummary], Awaitable[Decision]]


@dataclass(slots=True)
class Outcome:
    """How far a run was followed: the plan at that moment, and the confirms it waits for (none: it is finished)."""

    plan: PlanSummary
    waiting: list[ConfirmSummary] = field(default_factory=list)


async def submit(
    client: Client, project: Project, spec: PlanSpec, *, role: str, start: bool = True
) -> PlanSummary:
    """Store the plan with all its steps, propose and approve it in ``role``, and, with ``start``, start it.

    A plan that says who has to approve it comes back as proposed: it is started by whoever sees its approval.
    """
    context = await ensure_context(client, project)
    made = await client.create_plan(
        context_id=context.id,
        title=spec.title,
        objective=spec.objective,
        goal_id=spec.goal_id,
        params=spec.params,
        estimated_duration_ms=spec.estimated_duration_ms,
        estimated_cost=spec.estimated_cost,
        policy=authored(spec.policy),
        approval=authored(spec.approval),
        budget=authored(spec.budget),
        on_failure=spec.on_failure,
        success_criteria=list(spec.success_criteria) or None,
        steps=[_step_input(step) for step in spec.steps],
    )
    proposed = (await client.propose_plan(id=made.plan.id)).plan
    if spec.approval is not None:
        return proposed
    approved = await client.approve_plan(id=made.plan.id, role=role, reason="submitted with `psg run`")
    return (await client.start_plan(id=made.plan.id)).plan if start else approved.plan


def _step_input(step: StepSpec) -> StepInput:
    return StepInput(
        key=step.key,
        type=step.type,
        name=step.name,
        description=step.description,
        params=step.params,
        dependencies=step.dependencies,
        timeout_ms=step.timeout_ms,
        retries=step.retries,
        agent_role=step.agent_role,
        order_index=step.order_index,
        urgency=step.urgency,
        condition=step.condition,
        join=step.join,
        **{name: authored(getattr(step, name)) for name in ("policy", "approval", "budget", "compensation")},
    )


async def all_steps(client: Client, plan_id: str) -> AsyncIterator[StepSummary]:
    """The steps of a plan in its order, page by page."""
    after = None
    while True:
        page = await client.steps(plan_id=plan_id, after=after)
        for step in page.nodes:
            yield step
        if not page.page_info.has_next_page:
            return
        after = page.page_info.end_cursor


async def pending_confirms(client: Client, plan: PlanSummary) -> list[ConfirmSummary]:
    """The confirms that steps of this plan wait for."""
    found, after = [], None
    while True:
        page = await client.confirms(project_id=plan.project_id, status="pending", after=after)
        found += [confirm for confirm in page.nodes if confirm.plan_id == plan.id]
        if not page.page_info.has_next_page:
            return found
        after = page.page_info.end_cursor


async def follow(client: Client, plan: PlanSummary, view: PlanView, decide: Decide, *, role: str) -> Outcome:
    """Show the plan until it is finished, or until it waits for a decision that ``decide`` leaves for later."""
    first = True
    async with aclosing(client.plan_progress(plan.id)) as progress:
        async for now in progress:
            steps = now.changed_steps
            if first or now.truncated:
                steps = [step async for step in all_steps(client, plan.id)]
            first = False
            view.show(plan.title, now.status, now.paused, now.counts, steps)
            if now.finished:
                break
            if any(step.parked == "confirm" for step in steps):
                left = await _decide_all(client, plan, view, decide, role)
                if left:
                    return Outcome(await _plan_now(client, plan), left)
    return Outcome(await _plan_now(client, plan))


async def _decide_all(
    client: Client, plan: PlanSummary, view: PlanView, decide: Decide, role: str
) -> list[ConfirmSummary]:
    left = []
    for confirm in await pending_confirms(client, plan):
        view.hush()
        decision = await decide(confirm)
        if decision == "later":
            left.append(confirm)
            continue
        try:
            await client.decide_confirm(id=confirm.id, status=decision, role=role)
            view.note(f"{confirm.step.key if confirm.step else 'confirm'}: {decision} in role {role}")
        except Refused:  # somebody else decided while we asked
            view.note("it was decided elsewhere in the meantime")
        except (Forbidden, ValidationError) as error:  # it is for somebody else, or needs a reason
            view.note(str(error))
            left.append(confirm)
    return left


async def _plan_now(client: Client, plan: PlanSummary) -> PlanSummary:
    return await client.plan(id=plan.id) or plan


async def always_approve(confirm: ConfirmSummary) -> Decision:
    """What ``--yes`` answers."""
    return "approved"


async def leave_waiting(confirm: ConfirmSummary) -> Decision:
    """What is answered where nobody sits."""
    return "later"


async def ask(confirm: ConfirmSummary) -> Decision:
    """Ask at the terminal."""
    typer.echo(f"\n{question(confirm)}", err=True)
    answers: dict[str, Decision] = {"a": "approved", "r": "rejected", "l": "later"}
    while True:
        prompt = partial(typer.prompt, "[a]pprove, [r]eject or [l]ater", err=True)
        try:
            text = await anyio.to_thread.run_sync(prompt, abandon_on_cancel=True)
        except typer.Abort:
            return "later"
        if decision := answers.get(str(text).strip().lower()[:1]):
            return decision


def question(confirm: ConfirmSummary) -> str:
    """What is to be decided, on one line."""
    step = f"step {confirm.step.key}" if confirm.step else confirm.target_type
    return f"{step} waits for a decision ({confirm.requested_by_role} asks): {confirm.reason or 'no reason given'}"
