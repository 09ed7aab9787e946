"""One run of a plan: await it, watch it, ask why it waits, decide what it asks for, steer it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anyio

from psg_client.client import Client
from psg_client.errors import ClientError, Conflict, Forbidden, NotFound, Refused
from psg_client.generated import (
    ConfirmSummary,
    DecisionStatus,
    Event,
    EventFamily,
    PlanProgress,
    PlanSummary,
    StepInput,
    StepResultsNodes,
    StepSummary,
)
from psg_client.plan_builder import PlannedStep
from psg_client.why import Why, why

OVER = frozenset(("completed", "failed", "cancelled"))
_MESSAGE_ERRORS = 5
_WAY = ("proposed", "approved", "in_progress", *OVER)


class RunFailed(ClientError):
    """The run ended without being completed; ``result`` is how far it came, ``details["steps"]`` the errors by step."""

    def __init__(self, result: Result) -> None:
        errors = {s.key: s.error for s in result.steps if s.status == "failed"}
        first = [f"{key}: {_message(error)}" for key, error in list(errors.items())[:_MESSAGE_ERRORS]]
        told = f": {'; '.join(first)}" if first else ""
        super().__init__(
            f"The run {result.plan.title!r} is {result.plan.status}{told}",
            code=f"run_{result.plan.status}", category="workflow_error", details={"steps": errors},
        )  # fmt: skip
        self.result = result


class RunTimeout(ClientError, TimeoutError):
    """The run was not over in time; it goes on, and can be awaited again."""

    def __init__(self, plan: PlanSummary, timeout_s: float) -> None:
        super().__init__(
            f"The run {plan.title!r} is {plan.status} after {timeout_s:g} s; it goes on",
            code="run_timeout", category="workflow_error", retryable=True, details={"status": plan.status},
        )  # fmt: skip


@dataclass(frozen=True)
class Result(Mapping[str, Any]):
    """How a run ended: what each step answered, by its key; ``plan`` and ``steps`` are the facts."""

    plan: PlanSummary
    steps: Sequence[StepResultsNodes] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_outputs", {s.key: s.output for s in self.steps if s.status == "completed"})

    @property
    def status(self) -> str:
        """How the plan ended."""
        return self.plan.status

    def __getitem__(self, key: str) -> Any:
        return self.__dict__["_outputs"][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__["_outputs"])

    def __len__(self) -> int:
        return len(self.__dict__["_outputs"])


class Approval:
    """Something that waits for a person (or an agent with that right) to decide; ``summary`` has its facts."""

    def __init__(self, client: Client, summary: ConfirmSummary) -> None:
        self._client = client
        self.summary = summary
        self.id = summary.id
        self.step = summary.step.key if summary.step else None
        self.reason = summary.reason

    def __repr__(self) -> str:
        return f"<Approval of {self.step or self.summary.target_type}: {self.reason or 'no reason given'}>"

    async def approve(self, reason: str | None = None, *, role: str | None = None) -> ConfirmSummary:
        """Say yes. Raises Forbidden for who may not, Refused when it is decided already."""
        return await self._decide("approved", reason, role)

    async def reject(self, reason: str | None = None, *, role: str | None = None) -> ConfirmSummary:
        """Say no."""
        return await self._decide("rejected", reason, role)

    async def _decide(self, status: DecisionStatus, reason: str | None, role: str | None) -> ConfirmSummary:
        return (await self._client.decide_confirm(id=self.id, status=status, role=role, reason=reason)).confirm


class Run:
    """A plan in the graph. Commands on it carry ids of their own, so that a lost answer is asked for again safely."""

    def __init__(self, client: Client, plan: PlanSummary, steps: Mapping[str, str], *, starts: bool = False) -> None:
        self.client = client
        self.id = plan.id
        self.uuid = plan.uuid
        self.title = plan.title
        self.project_id = plan.project_id
        self._steps = dict(steps)
        self._starts = starts

    def __repr__(self) -> str:
        return f"<Run {self.title!r} {self.uuid}>"

    # How it stands

    async def plan(self) -> PlanSummary:
        """The plan as it is now. Raises NotFound."""
        found = await self.client.plan(id=self.id)
        if found is None:
            raise NotFound(f"The plan {self.uuid} is not there (any more).", code="not_found")
        return found

    async def status(self) -> str:
        """draft, proposed, approved, in_progress, completed, failed or cancelled."""
        return (await self.plan()).status

    async def result(self, timeout: float | None = None) -> Result:
        """Wait until the run is over and return what its steps answered, by key.

        Raises RunFailed when it ended otherwise than completed, and RunTimeout after ``timeout`` seconds; the run
        itself goes on then.
        """
        plan = await self.wait(timeout)
        result = Result(plan, [step async for step in self._results()])
        if plan.status != "completed":
            raise RunFailed(result)
        return result

    async def wait(self, timeout: float | None = None) -> PlanSummary:
        """Wait until the run is over, however it ends. Raises RunTimeout after ``timeout`` seconds."""
        with anyio.move_on_after(timeout):
            async with aclosing(self.progress()) as progress:
                async for _ in progress:
                    pass
            return await self.plan()
        raise RunTimeout(await self.plan(), timeout or 0.0)

    async def progress(self) -> AsyncGenerator[PlanProgress]:
        """How the run stands, now and each time that this changes, until it is over."""
        async with aclosing(self.client.plan_progress(self.id)) as progress:
            async for now in progress:
                if now.status == "approved" and self._starts:
                    await brought_to("in_progress", self, self.client.start_plan(id=self.id))
                    self._starts = False
                yield now

    async def events(
        self, *, after: str | None = None, families: Sequence[EventFamily] | None = None
    ) -> AsyncGenerator[Event]:
        """The events of this run behind the cursor ``after``, until the run is over; nothing lost, nothing twice.

        Goes on across lost connections and restarts of the server. Keep an event's ``cursor`` to go on after a restart
        of one's own. Raises CursorExpired when the log does not reach back so far.
        """
        wanted = None if families is None else [*dict.fromkeys([*families, "pipeline_stage"])]
        shown = None if families is None else frozenset(families)
        over = (await self.plan()).status in OVER
        if not over:
            async with aclosing(
                self.client.events(self.project_id, after=after, families=wanted, plan_id=self.id)
            ) as events:
                async for event in events:
                    after = event.cursor
                    if shown is None or event.family in shown:
                        yield event
                    if event.entity_id == self.id and event.to_status in OVER:
                        break
        async for event in self._recorded(after, families):  # what came with the end
            yield event

    async def _recorded(self, after: str | None, families: Sequence[EventFamily] | None) -> AsyncIterator[Event]:
        while True:
            page = await self.client.read_events(
                project_id=self.project_id, after=after, families=list(families) if families else None,
                plan_id=self.id,
            )  # fmt: skip
            for event in page.events:
                yield event
            if not page.has_next_page:
                return
            after = page.cursor

    async def steps(self) -> list[StepSummary]:
        """All steps, in the order of the plan."""
        found: list[StepSummary] = []
        after = None
        while True:
            page = await self.client.steps(plan_id=self.id, after=after)
            found += page.nodes
            if not page.page_info.has_next_page:
                return found
            after = page.page_info.end_cursor

    async def frontier(self, first: int = 50) -> list[StepSummary]:
        """The steps that can be taken up now, in scheduling order."""
        return await self.client.frontier(plan_id=self.id, first=first)

    async def output(self, step: str) -> Any:
        """What a step answered; None while it has not."""
        found = await self.client.step_output(id=await self._step_id(step))
        return None if found is None else found.output

    async def why(self, step: str) -> Why:
        """What keeps a step from being done; ``print(await run.why("review"))`` says it in a sentence."""
        facts = await self.client.step_facts(id=await self._step_id(step))
        if facts is None:
            raise NotFound(f"The step {step!r} is not there (any more).", code="not_found")
        return why(facts, await self.plan(), [a.summary for a in await self.approvals()])

    async def approvals(self) -> list[Approval]:
        """What waits for a decision in this run: steps, or the plan itself."""
        found: list[Approval] = []
        after = None
        while True:
            page = await self.client.confirms(project_id=self.project_id, status="pending", after=after)
            found += [Approval(self.client, c) for c in page.nodes if c.plan_id == self.id]
            if not page.page_info.has_next_page:
                return found
            after = page.page_info.end_cursor

    # Steering it

    async def pause(self) -> PlanSummary:
        """Take up no further step; those under way may finish."""
        return (await self.client.pause_plan(id=self.id)).plan

    async def resume(self) -> PlanSummary:
        """Go on after ``pause``."""
        return (await self.client.resume_plan(id=self.id)).plan

    async def cancel(self) -> PlanSummary:
        """Give the run up: its open steps are closed."""
        return (await self.client.cancel_plan(id=self.id)).plan

    async def add_step(self, step: StepInput | PlannedStep) -> StepSummary:
        """Add a step while it runs: one of the plan's builder, or as the API takes it."""
        wanted = step.input if isinstance(step, PlannedStep) else step
        made = (await self.client.add_step(plan_id=self.id, step=wanted)).step
        self._steps[made.key] = made.id
        return made

    async def _results(self) -> AsyncIterator[StepResultsNodes]:
        after = None
        while True:
            page = await self.client.step_results(plan_id=self.id, after=after)
            for step in page.nodes:
                yield step
            if not page.page_info.has_next_page:
                return
            after = page.page_info.end_cursor

    async def _step_id(self, key: str) -> str:
        if key not in self._steps:
            self._steps |= {step.key: step.id for step in await self.steps()}
        if key not in self._steps:
            names = ", ".join(sorted(self._steps)[:20])
            raise NotFound(f"The run {self.title!r} has no step {key!r}; it has {names}.", code="not_found")
        return self._steps[key]


async def brought_to(status: str, run: Run, command: Awaitable[Any]) -> None:
    """Await the command that brings a run to ``status``; who was quicker, or brought it further, is right.

    Raises what the command raises when nobody was.
    """
    try:
        await command
    except (Conflict, Refused, Forbidden):
        if await run.status() not in _WAY[_WAY.index(status) :]:
            raise


def _message(error: Any) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
