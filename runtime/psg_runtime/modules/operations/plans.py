"""The plan and core modules: plans are made, taken through their life, and executed by the one engine there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
from pydantic import ValidationError

from psg.errors import ActionTimeout, InvalidTransition, PlanInvalid, Refused, StaleRevision
from psg.model.codec import loads
from psg.plan.spec import PlanSpec, StepSpec
from psg.read.nodes import FIRST_POSITION, Reader, Row
from psg_runtime.ael.failures import SubplanCancelled, SubplanFailed
from psg_runtime.launch import add_step, create_plan, start_plan
from psg_runtime.modules.operation_names import with_snake_keys
from psg_runtime.modules.operations.documents import Documents
from psg_runtime.modules.operations.inputs import Request

DEFAULT_WAIT_MS = 300_000
MOST_WAIT_MS = 7 * 24 * 3600 * 1000
POLL_S = 0.25
OVER = ("completed", "failed", "cancelled")
NO_STEPS = ({"key": "begin", "type": "wait", "params": {"duration_ms": 0}},)


class Plans(Documents):
    """Plans by the platform's own commands."""

    def __init__(self) -> None:
        super().__init__("plan")

    async def create(self, request: Request) -> dict[str, Any]:
        """Store a draft: ``contextId``, ``title``, ``objective``, ``steps`` and what else a plan has.

        A plan without steps (as the specification's workflow makes it) gets one that waits for nothing.
        """
        context_id = request.id("context_id")
        plan_id = request.take("plan_id", "id")
        title = request.text("title", "name", default="plan")
        steps = request.take("steps", default=NO_STEPS)
        objective = request.text("objective", default=title)
        if not isinstance(steps, list | tuple) or not all(isinstance(step, Mapping) for step in steps):
            raise request.refused("steps", "a list of steps")
        fields = {k: v for k, v in request.rest.items() if v is not None}
        request.rest = {}
        spec = _plan(title, objective, steps, fields)
        answer = await create_plan(
            request.graph, request.project_id, context_id, spec, plan_id=plan_id, **request.command()
        )
        ids = answer.ids
        return self.answer(ids["plan"], {"title": title, "status": "draft"}, contextId=context_id, steps=ids["steps"])

    async def add_step(self, request: Request) -> dict[str, Any]:
        """Add a step to a plan that is not finished."""
        plan_id = request.id("plan_id")
        step = _step(request.fields("step"))
        request.done()
        answer = await add_step(request.graph, request.project_id, plan_id, step, **request.command())
        return self.answer(plan_id, {}, stepId=answer.ids["step"])

    async def propose(self, request: Request) -> dict[str, Any]:
        """draft → proposed."""
        return await self._command(request, "propose_plan", "proposed")

    async def approve(self, request: Request) -> dict[str, Any]:
        """One approval of a proposed plan by the actor who asks."""
        role, reason = request.text("role", default="approver"), request.take("reason")
        plan_id = request.id("plan_id", "id")
        request.done()
        answer = await request.graph.approve_plan(
            request.project_id, plan_id, role=role, reason=reason, **request.command()
        )
        plan = await Reader(request.graph.db).one("Plan", request.project_id, plan_id)
        return self.answer(plan_id, {"status": plan["status"]}, confirmId=answer.ids.get("confirm"))

    async def pause(self, request: Request) -> dict[str, Any]:
        """Claim no more steps of a running plan."""
        return await self._command(request, "pause_plan", "in_progress", paused=True)

    async def resume(self, request: Request) -> dict[str, Any]:
        """Go on with a paused plan."""
        return await self._command(request, "resume_plan", "in_progress", paused=False)

    async def cancel(self, request: Request) -> dict[str, Any]:
        """Cancel a running plan."""
        return await self._command(request, "cancel_plan", "cancelled")

    async def _command(self, request: Request, name: str, status: str, **more: Any) -> dict[str, Any]:
        plan_id = request.id("plan_id", "id")
        request.done()
        await getattr(request.graph, name)(request.project_id, plan_id, **request.command())
        return self.answer(plan_id, {"status": status}, **more)

    async def context_updated(self, request: Request) -> dict[str, Any]:
        """Tell which plans a change of a context touches: those of it that are not over."""
        context_id, changes = request.id("context_id"), request.take("changes", default=[])
        request.done()
        rows = await Reader(request.graph.db).plans(request.project_id, "", 1_000, None, context_id)
        plans = [{"planId": r["id"], "status": r["status"]} for r in rows if r["status"] not in OVER]
        return {"contextId": context_id, "changes": changes, "plans": plans}

    async def execute(self, request: Request) -> dict[str, Any]:
        """Take a plan to its start and wait for its end: ``planId``, ``timeoutMs``, ``wait``.

        A draft is proposed and approved on the way unless it asks for approvals: those are given by others. Repeated
        for a plan that runs or is over, it only waits and tells. With ``wait: false`` it returns once the plan runs.
        Raises ``Refused``, ``UnknownCapability``, ``SubplanFailed``, ``SubplanCancelled``, ``ActionTimeout``.
        """
        plan_id = request.id("plan_id", "id")
        limit = request.number("timeout_ms", DEFAULT_WAIT_MS, 1, MOST_WAIT_MS)
        wait = bool(request.take("wait", default=True))
        request.done()
        plan = await self._begun(request, plan_id)
        try:
            with anyio.fail_after(limit / 1000):
                while wait and plan["status"] not in OVER:
                    signals, project = request.graph.signals, request.project_id
                    await signals.wait(project, signals.latest(project), POLL_S)
                    plan = await Reader(request.graph.db).one("Plan", project, plan_id)
        except TimeoutError:
            message = f"plan {plan_id} was not over after {limit} ms; it goes on"
            raise ActionTimeout(message, id=plan_id, timeout_ms=limit) from None
        return await self._outcome(request, plan)

    async def _begun(self, request: Request, plan_id: str) -> Row:
        """Take the next step of the plan's life until it runs, whoever else does so at the same time."""
        reader = Reader(request.graph.db)
        for _ in range(20):
            plan = await reader.one("Plan", request.project_id, plan_id)
            if plan["status"] not in ("draft", "proposed", "approved"):
                return plan
            if plan["status"] == "proposed" and plan.get("approval") is not None:
                raise Refused(f"plan {plan_id} waits for its approvals; execute it when it has them", id=plan_id)
            try:
                await self._further(request, plan)
            except (InvalidTransition, StaleRevision):
                continue
        raise Refused(f"plan {plan_id} could not be started: others keep changing it", id=plan_id)

    async def _further(self, request: Request, plan: Row) -> None:
        graph, project, plan_id = request.graph, request.project_id, plan["id"]
        asked: dict[str, Any] = {"actor": request.invocation.actor}
        if plan["status"] == "draft":
            await graph.propose_plan(project, plan_id, **asked)
        elif plan["status"] == "proposed":
            await graph.approve_plan(project, plan_id, role="core", reason="executePlan", **asked)
        else:
            await start_plan(graph, None, project, plan_id, **asked)

    async def _outcome(self, request: Request, plan: Row) -> dict[str, Any]:
        plan_id, status = plan["id"], plan["status"]
        steps = await self._steps(request, plan_id) if status in OVER else []
        if status in ("failed", "cancelled"):
            failed = [{"key": s["key"], **(loads(s["error"]) or {})} for s in steps if s["status"] == "failed"]
            what = "; ".join(f"{f['key']}: {f.get('message', '')}" for f in failed[:3])
            kind = SubplanFailed if status == "failed" else SubplanCancelled
            raise kind(f"plan {plan_id} {status}" + (f": {what}" if what else ""), plan_id=plan_id, failed=failed)
        outputs = {s["key"]: loads(s.get("output")) for s in steps if s["status"] == "completed"}
        return self.answer(plan_id, {"status": status}, outputs=outputs)

    async def _steps(self, request: Request, plan_id: str) -> list[Row]:
        reader, found, after = Reader(request.graph.db), [], FIRST_POSITION
        while rows := await reader.steps(request.project_id, plan_id, after, 1_000):
            found += rows
            after = rows[-1]["position"]
        return found


def _plan(title: str, objective: str, steps: Any, fields: dict[str, Any]) -> PlanSpec:
    try:
        whole = {"title": title, "objective": objective, "steps": [with_snake_keys(s) for s in steps], **fields}
        return PlanSpec.model_validate(whole)
    except ValidationError as error:
        raise _invalid(error) from None


def _step(fields: dict[str, Any]) -> StepSpec:
    try:
        return StepSpec.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> PlanInvalid:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return PlanInvalid(f"Invalid Plan: {place}: {first['msg']}", field=place)
