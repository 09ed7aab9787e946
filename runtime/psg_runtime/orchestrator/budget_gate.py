"""The gate in front of a budget: a share is reserved before the call, and what was used comes with the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psg.budgets import Amounts, Spend, reserve, usage_of
from psg.graph import Graph
from psg_runtime.ael.usage import Meter, measure
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome
from psg_runtime.orchestrator.kill_switch import Rules

Prices = Mapping[str, Mapping[Any, float]]
FREE = frozenset(("wait", "confirm", "conditional", "plan"))
"""Actions of the engine itself, which call nobody; the steps of a sub-plan ask for themselves."""


class BudgetGate(Gate):
    """Asks only for attempts that a budget of their step, plan or project covers; nobody else pays for it."""

    def __init__(self, graph: Graph, project_id: str, rules: Rules, prices: Prices) -> None:
        self._graph = graph
        self._project_id = project_id
        self._rules = rules
        self._prices = prices

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Reserve what the attempt may use; raises BudgetExhausted."""
        claim, action = attempt.claim, attempt.action
        if not (claim["budget"] or claim["plan_budget"] or self._rules.budget):
            return None
        if action["type"] == "custom_action" and action["name"] in FREE:
            return None
        attempt.reservation = await reserve(
            self._graph, self._project_id, attempt.session_id, claim, asked_of(claim["type"], action["params"])
        )
        attempt.meter = Meter(self._prices)
        measure(attempt.meter)
        return None

    async def after(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """Say what was used; who called nobody, or sleeps, used nothing, and the share is free with that."""
        if attempt.reservation is None or attempt.meter is None or not attempt.called or outcome.parked is not None:
            return outcome
        used = attempt.meter.added_to(usage_of(outcome.output, outcome.duration_ms, self._prices))
        return replace(outcome, spend=Spend(attempt.reservation, used))


def asked_of(step_type: str, params: Mapping[str, Any]) -> Amounts:
    """Return what an attempt is known to use before it is made: a call, and the tokens that a model may answer with.

    A loop asks for as much for each of its items.
    """
    if step_type == "foreach":
        items, do = params.get("items"), params.get("do")
        number = len(items) if isinstance(items, list) else 1
        inner = do if isinstance(do, Mapping) and do.get("type") != "foreach" else {}
        of_one = asked_of(str(inner.get("type")), inner.get("params") or {})
        return {dimension: amount * max(1, number) for dimension, amount in of_one.items()}
    tokens = params.get("max_tokens") if step_type == "llm" and isinstance(params, Mapping) else None
    known = isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0
    return {"calls": 1, "tokens": tokens} if known else {"calls": 1}  # type: ignore[dict-item]
