"""Plans that a language model proposes: data of a stranger, checked like any other, and a draft until approved."""

from __future__ import annotations

import re
from typing import Any

import orjson

from psg.errors import PsgError
from psg_runtime.ael import AdapterLayer
from psg_runtime.contracts import OrchestratorGoal, OrchestratorPlan
from psg_runtime.planning.checking import check_plan
from psg_runtime.planning.errors import PlanProposalInvalid

STEP_TYPES = ("tool", "agent", "llm", "wait", "conditional", "confirm")
MAX_DESCRIPTIONS_BYTES = 200_000
_FIELDS = ("id", "type", "name", "description", "params", "dependencies", "timeout", "retries", "condition")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_SYSTEM = """\
You plan work for an orchestrator. Answer with one JSON object and nothing else: {"steps": [...]}.
A step has: id (letters, digits, _ or -), type (tool, agent, llm, wait, conditional or confirm), name (one of the \
capabilities below; for llm, wait, conditional and confirm the type itself), description, params (an object that fits \
the capability's input schema), dependencies (ids of steps that must be completed before), and optionally timeout \
(milliseconds for one attempt), retries, and condition (an expression that must hold for the step to run).
Params may hold {{ID.output.FIELD}} for what a step it depends on gave, and {{params.NAME}} for the context below.
A wait has params {"duration_ms": N}; a confirm has params {"reason": "question to a person"}; an llm step has params \
{"prompt": "..."}. Use only the capabilities listed. No cycles."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "type": {"type": "string", "enum": list(STEP_TYPES)},
                    "name": {"type": "string"},
                    "description": {"type": "string"},
                    "params": {"type": "object"},
                    "dependencies": {"type": "array", "items": {"type": "string"}},
                    "timeout": {"type": "integer"},
                    "retries": {"type": "integer"},
                    "condition": {"type": "string"},
                },
                "required": ["id", "type", "name", "description", "params", "dependencies"],
            },
        }
    },
    "required": ["steps"],
}


class LlmPlanner:
    """Asks the language model of a layer for a plan.

    An answer that is none is sent back with what is wrong, ``attempts`` times in all. Answers have at most
    ``max_answer_chars`` characters and ``max_steps`` steps; ``model`` and ``max_tokens`` as in llm steps.
    """

    def __init__(
        self,
        layer: AdapterLayer,
        *,
        attempts: int = 2,
        max_answer_chars: int = 200_000,
        max_steps: int = 200,
        model: str | None = None,
        max_tokens: int | None = None,
        timeout_ms: int = 120_000,
    ) -> None:
        self._layer = layer
        self._attempts = max(1, attempts)
        self._max_answer_chars = max_answer_chars
        self._max_steps = max_steps
        self._timeout_ms = timeout_ms
        given = {"model": model, "max_tokens": max_tokens}
        self._options = {name: value for name, value in given.items() if value is not None}

    async def propose(self, goal: OrchestratorGoal) -> OrchestratorPlan:
        """Return a draft for the goal.

        Raises ``PlanProposalInvalid`` telling what is wrong with the last answer, ``CapabilityDenied`` when no model is
        configured, ``LlmUnavailable`` or ``LlmRefused`` when it does not answer.
        """
        messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": self._question(goal)}]
        problem: PlanProposalInvalid | None = None
        for _ in range(self._attempts):
            text = await self._ask(goal, messages)
            try:
                return self._plan(goal, text)
            except PlanProposalInvalid as error:
                problem = error
                messages += [
                    {"role": "assistant", "content": text[: self._max_answer_chars]},
                    {"role": "user", "content": f"That cannot be used: {error.message} Answer with the whole object."},
                ]
        assert problem is not None
        raise problem

    def _question(self, goal: OrchestratorGoal) -> str:
        capabilities = [
            {k: c[k] for k in ("name", "type", "description", "input_schema") if k in c}
            for c in self._layer.registry.describe()
            if c["enabled"]
        ]
        told = orjson.dumps(capabilities)
        if len(told) > MAX_DESCRIPTIONS_BYTES:
            told = orjson.dumps([{k: c[k] for k in ("name", "type", "description")} for c in capabilities])
        return f"Goal:\n{orjson.dumps(goal.to_dict()).decode()}\n\nCapabilities:\n{told.decode()}"

    async def _ask(self, goal: OrchestratorGoal, messages: list[dict[str, str]]) -> str:
        action = {
            "type": "llm_call", "step_id": goal.id, "step_key": "plan", "timeout_ms": self._timeout_ms,
            "params": {"messages": messages, "output_schema": SCHEMA, **self._options},
            "idempotency_key": f"{goal.id}:{len(messages)}",
        }  # fmt: skip
        result: Any = await self._layer.execute(action)
        return str(result.output["text"])

    def _plan(self, goal: OrchestratorGoal, text: str) -> OrchestratorPlan:
        proposed = self._parsed(text)
        steps = proposed.get("steps") if set(proposed) == {"steps"} else None
        if not isinstance(steps, list) or not steps:
            raise PlanProposalInvalid('The answer is not an object {"steps": [...]} with at least one step.')
        if len(steps) > self._max_steps:
            raise PlanProposalInvalid(f"The proposed plan has {len(steps)} steps; the limit is {self._max_steps}.")
        for index, step in enumerate(steps):
            _check_step(index, step)
        try:
            plan = OrchestratorPlan.parse(
                {
                    "goal_id": goal.id, "title": goal.description[:200], "objective": goal.description, "steps": steps,
                    "params": goal.context or {}, "draft": True,
                }
            )  # fmt: skip
            check_plan(plan, self._layer)
        except PsgError as error:
            raise PlanProposalInvalid(f"The proposed plan: {error.message}", cause=error.code) from error
        return plan

    def _parsed(self, text: str) -> dict[str, Any]:
        if len(text) > self._max_answer_chars:
            raise PlanProposalInvalid(
                f"The answer has {len(text)} characters; the limit is {self._max_answer_chars}."
            )
        fenced = _FENCE.match(text)
        try:
            found = orjson.loads(fenced[1] if fenced else text)
        except orjson.JSONDecodeError as error:
            raise PlanProposalInvalid(f"The answer is no JSON: {error}.") from None
        if not isinstance(found, dict):
            raise PlanProposalInvalid("The answer is no JSON object.")
        return found


def _check_step(index: int, step: Any) -> None:
    if not isinstance(step, dict):
        raise PlanProposalInvalid(f"Step {index} of the proposed plan is no object.")
    if unknown := sorted(set(step) - set(_FIELDS)):
        field = str(unknown[0])[:50]
        raise PlanProposalInvalid(f"Step {index} of the proposed plan has `{field}`, which a proposal cannot set.")
    if step.get("type") not in STEP_TYPES:
        told = ", ".join(STEP_TYPES)
        kind = str(step.get("type"))[:50]
        raise PlanProposalInvalid(f"Step {index} of the proposed plan has type `{kind}`: give one of {told}.")
