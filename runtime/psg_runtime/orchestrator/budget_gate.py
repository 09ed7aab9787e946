"""The gate in front of a budget: a share is reserved before the call, and what was used comes with the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psg.budgets import Reservation, Spend, reserve, usage_of
from psg.graph import Graph
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome
from psg_runtime.orchestrator.kill_switch import Rules

Prices = Mapping[str, Mapping[Any, float]]


class BudgetGate(Gate):
    """Asks only for attempts that a budget of their step, plan or project covers; nobody else pays for it."""

    def __init__(self, graph: Graph, project_id: str, rules: Rules, prices: Prices) -> None:
        self._graph = graph
        self._project_id = project_id
        self._rules = rules
        self._prices = prices
        self._held: dict[tuple[str, int], Reservation] = {}

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Reserve what the attempt may use; raises BudgetExhausted."""
        claim = attempt.claim
        if not (claim["budget"] or claim["plan_budget"] or self._rules.budget):
            return None
        asked = {"calls": 1}
        tokens = attempt.action["params"].get("max_tokens") if claim["type"] == "llm" else None
        if isinstance(tokens, int) and tokens > 0:
            asked["tokens"] = tokens
        reservation = await reserve(self._graph, self._project_id, attempt.session_id, claim, asked)
        self._held[claim["id"], claim["fence"]] = reservation
        return None

    async def after(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """Say what was used; a parked step used nothing, and its share is free as soon as it sleeps."""
        reservation = self._held.pop((attempt.claim["id"], attempt.claim["fence"]), None)
        if reservation is None or outcome.parked is not None:
            return outcome
        used = usage_of(outcome.output, outcome.duration_ms, self._prices)
        return replace(outcome, spend=Spend(reservation, used))
