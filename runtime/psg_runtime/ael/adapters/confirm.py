"""Confirmations: somebody decides whether the plan goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.ael.failures import ConfirmRejected
from psg_runtime.ael.port import Action, ActionResult, Parked

DEFAULT_ROLE = "orchestrator"


class ConfirmAdapter:
    """Parks with ``{reason, requested_by_role}``; approval completes the step, anything else fails it."""

    limiter = None

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        if not isinstance(params.get("reason"), str) or not params["reason"].strip():
            raise ValidationFailed("A confirm step needs a `reason`: the question to decide.")

    async def run(self, action: Action) -> ActionResult | Parked:
        if action.resumed is None:
            self.check("confirm", action.params)
            request = {**action.params, "requested_by_role": action.params.get("requested_by_role", DEFAULT_ROLE)}
            return Parked(confirm=request)
        decision = dict(action.resumed.get("decision") or {})
        status = decision.get("status", "not decided")
        if status == "approved":
            return ActionResult(True, {"approved": True, "decision": decision})
        said = f": {decision['reason']}" if decision.get("reason") else ""
        by = f" by {decision['decided_by_role']}" if decision.get("decided_by_role") else ""
        raise ConfirmRejected(f"The confirmation was {status}{by}{said}.", decision=decision)
