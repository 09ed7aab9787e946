"""The way in: connect to a platform, open a project, start plans in it (docs/sdk.md)."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid4, uuid5

from psg_client.client import Client, client_of
from psg_client.dialog import OpenDialog, Speaker
from psg_client.errors import Conflict, Forbidden, NotFound
from psg_client.generated import (
    CreatePlanPayload,
    Event,
    EventFamily,
    PlanSummary,
    Project,
    TracePayload,
)
from psg_client.plan_builder import Plan, PlanText, plain
from psg_client.run import Approval, Run, brought_to
from psg_client.step_worker import StepWorker
from psg_client.transport import Token
from psg_client.values import Values

RUNS_CONTEXT = "Runs of the SDK"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def connect(
    url: str | None = None, token: Token | None = None, *, actor: str | None = None, **options: Any
) -> Platform:
    """A connection to a platform: ``async with psg_client.connect() as psg``.

    ``url`` is the address of the platform or of its API (default: ``PSG_API_URL``, else that of ``psg up`` on this
    machine), ``token`` the API token (``PSG_API_TOKEN``) or a function that gives the one that holds now, ``actor`` the
    name in which commands are recorded (``PSG_ACTOR``). ``options`` are those of ``Client``: ``timeout_s``,
    ``retry_for_s``, ``silence_s``, ``document_ids``.
    """
    return Platform(client_of(url, token, actor, **options))


class Platform:
    """A connected platform. ``client`` has every operation of the API as a method, for what has no word here."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, trace)

    async def project(self, name: str | None = None, *, create: bool = True) -> OpenProject:
        """Open a project by name or UUID (default: ``PSG_PROJECT``, else ``default``).

        One that is not there is created where ``name`` is no UUID. Raises NotFound, and Forbidden for who may neither
        see nor create it.
        """
        wanted = name or os.environ.get("PSG_PROJECT") or "default"
        found = await self._find(wanted)
        if found is None and (not create or _UUID.fullmatch(wanted)):
            raise NotFound(f"No project is called {wanted!r}, or it is not for you to see.", code="not_found")
        if found is None:
            try:
                found = (await self.client.create_project(name=wanted)).project
            except Conflict:  # somebody else was quicker
                found = await self._find(wanted)
        if found is None:
            raise NotFound(f"The project {wanted!r} is there, but not for you to see.", code="not_found")
        return OpenProject(self.client, found)

    async def projects(self) -> list[Project]:
        """The projects that are there to see."""
        found: list[Project] = []
        after = None
        while True:
            page = await self.client.projects(after=after)
            found += page.nodes
            if not page.page_info.has_next_page:
                return found
            after = page.page_info.end_cursor

    def worker(self, **options: Any) -> StepWorker:
        """A worker on this connection: give it functions with ``@worker.step("name")``, then ``await worker.run()``."""
        return StepWorker(self.client, **options)

    async def _find(self, wanted: str) -> Project | None:
        page = await self.client.projects(name=wanted)
        if page.nodes:
            return page.nodes[0]
        return await self.client.project(id=wanted) if _UUID.fullmatch(wanted) else None


class OpenProject:
    """A project: its runs, values, dialogs, events and open decisions."""

    def __init__(self, client: Client, facts: Project) -> None:
        self.client = client
        self.id = facts.id
        self.uuid = facts.uuid
        self.name = facts.name
        self.values = Values(client, facts.id)
        self._context: str | None = None

    def __repr__(self) -> str:
        return f"<project {self.name!r} {self.uuid}>"

    # Runs

    async def start(
        self,
        plan: Plan | PlanText,
        *,
        key: str | None = None,
        params: Mapping[str, Any] | None = None,
        approve: bool = True,
    ) -> Run:
        """Store a plan, propose, approve and start it; returns the run.

        ``key`` names the run: started again under the same key with the same plan, by this program or by one that took
        its place, it is the same run, however far it or others brought it. A plan that says who has to approve it, and
        one that the caller may not approve (or with ``approve`` False), is left as proposed; the run that this returns
        starts it once it is approved, while one waits for its result or watches its progress.
        ``params`` are values for a plan from text. Raises ValidationError naming what is wrong with the plan, with line
        and column for a text, and Refused when nobody offers what a step needs.
        """
        name = key or str(uuid4())
        ids = {verb: str(uuid5(NAMESPACE_URL, f"psg:{self.uuid}:{name}:{verb}")) for verb in _VERBS}
        made = await self._create(plan, params or {}, ids["create"])
        run = Run(self.client, made.plan, made.step_ids, starts=True)
        await brought_to("proposed", run, self.client.propose_plan(id=run.id, command_id=ids["propose"]))
        if not approve or await self._approved_by_others(plan, run):
            return run
        approving = self.client.approve_plan(id=run.id, reason="started by its author", command_id=ids["approve"])
        try:
            await brought_to("approved", run, approving)
        except Forbidden:
            return run
        await brought_to("in_progress", run, self.client.start_plan(id=run.id, command_id=ids["start"]))
        return run

    async def run(self, plan_id: str) -> Run:
        """A run of this project by the global id of its plan. Raises NotFound."""
        found = await self.client.plan(id=plan_id)
        if found is None:
            raise NotFound(f"There is no plan {plan_id!r} here.", code="not_found")
        return Run(self.client, found, {})

    async def runs(self, first: int = 50) -> list[PlanSummary]:
        """The latest ``first`` (1 to 100) plans of this project, the latest first; one request.

        ``client.plans(project_id=…, latest_first=True, after=…)`` has the others. A run that is to be found again is
        started with a ``key``, or its ``id`` is kept for ``run()``.
        """
        return (await self.client.plans(project_id=self.id, latest_first=True, first=first)).nodes

    async def _create(self, plan: Plan | PlanText, params: Mapping[str, Any], command_id: str) -> CreatePlanPayload:
        context = await self.context()
        if isinstance(plan, PlanText):
            return await self.client.create_plan_from_text(
                context_id=context, text=plan.text, source=plan.source, params=plain({**plan.params, **params}),
                command_id=command_id,
            )  # fmt: skip
        fields = plan.fields()
        if params:
            fields["params"] = {**(fields["params"] or {}), **plain(params)}
        return await self.client.create_plan(context_id=context, command_id=command_id, **fields)

    async def _approved_by_others(self, plan: Plan | PlanText, run: Run) -> bool:
        if isinstance(plan, Plan):
            return plan.approval is not None
        found = await self.client.plan_approval(id=run.id)
        return found is not None and found.approval is not None

    async def context(self) -> str:
        """Global id of the context in which this project's runs are made; it is made when there is none.

        For who may not make one (the role ``agent``) it is the first active one there is.
        """
        if self._context is None:
            ours, other = await self._find_contexts()
            try:
                self._context = ours or await self._make_context()
            except Forbidden:
                if other is None:
                    raise
                self._context = other
        return self._context

    async def _find_contexts(self) -> tuple[str | None, str | None]:
        """The active context of runs, and the first active one of whatever title."""
        after = first = None
        while True:
            page = await self.client.contexts(project_id=self.id, status="active", after=after)
            for context in page.nodes:
                first = first or context.id
                if context.title == RUNS_CONTEXT:
                    return context.id, first
            if not page.page_info.has_next_page:
                return None, first
            after = page.page_info.end_cursor

    async def _make_context(self) -> str:
        """One context, however many programs begin at once: they all give the same command."""
        command_id = str(uuid5(NAMESPACE_URL, f"psg:{self.uuid}:context:{RUNS_CONTEXT}"))
        made = await self.client.create_context(
            project_id=self.id, title=RUNS_CONTEXT, status="active", command_id=command_id
        )
        if made.context.status != "active":  # that one was closed since
            made = await self.client.create_context(project_id=self.id, title=RUNS_CONTEXT, status="active")
        return made.context.id

    # What it records

    def events(
        self, *, after: str | None = None, families: Sequence[EventFamily] | None = None
    ) -> AsyncGenerator[Event]:
        """The project's events behind the cursor ``after``, without end, gaps or repeats (``Client.events``)."""
        return self.client.events(self.id, after=after, families=families)

    async def record(
        self,
        family: EventFamily,
        type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        fields: Mapping[str, Any] | None = None,
        run: Run | None = None,
        correlation_id: str | None = None,
    ) -> Event:
        """Record an event of one of the protocol's families, such as ``("cost_budget", "tokens_spent", {…})``."""
        made = await self.client.record_event(
            project_id=self.id, family=family, type=type, payload=None if payload is None else dict(payload),
            fields=None if fields is None else dict(fields), plan_id=None if run is None else run.id,
            correlation_id=correlation_id,
        )  # fmt: skip
        return made.event

    async def record_trace(
        self, segments: Sequence[Mapping[str, Any]], *, run: Run | None = None, status: str = "completed"
    ) -> TracePayload:
        """Record a trace of what happened elsewhere: segments as the protocol has them (id, label, status, …)."""
        return await self.client.create_trace(
            context_id=await self.context(), segments=[dict(s) for s in segments], status=status,
            plan_id=None if run is None else run.id,
        )  # fmt: skip

    async def approvals(self, *, actor: str | None = None, role: str | None = None) -> list[Approval]:
        """What waits for a decision in this project; with ``actor`` or ``role`` what that one may decide."""
        found: list[Approval] = []
        after = None
        while True:
            page = await self.client.inbox(project_id=self.id, actor=actor, role=role, after=after)
            found += [Approval(self.client, confirm) for confirm in page.nodes]
            if not page.page_info.has_next_page:
                return found
            after = page.page_info.end_cursor

    async def dialog(self, first: str | None = None, *, speaker: Speaker = "user") -> OpenDialog:
        """Begin a dialog, perhaps with its first message."""
        made = await self.client.create_dialog(context_id=await self.context())
        opened = OpenDialog(self.client, made.dialog)
        if first is not None:
            await opened.say(first, speaker=speaker)
        return opened

    async def open_dialog(self, dialog_id: str) -> OpenDialog:
        """A dialog by its global id. Raises NotFound."""
        found = await self.client.dialog(id=dialog_id)
        if found is None:
            raise NotFound(f"There is no dialog {dialog_id!r} here.", code="not_found")
        return OpenDialog(self.client, found)


_VERBS = ("create", "propose", "approve", "start")
