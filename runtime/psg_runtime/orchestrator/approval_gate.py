"""The gate in front of a step that somebody has to approve: it sleeps until then, and asks again after a change."""

from __future__ import annotations

from typing import Any

import psg_cypher
from psg import approvals
from psg.errors import ActionFailed
from psg.model.codec import loads
from psg_neo4j.database import Database
from psg_runtime.ael import Parked
from psg_runtime.ael.failures import ConfirmRejected
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome


class StepApprovalExpired(ActionFailed):
    """Nobody decided about the step in the time that was given."""

    code = "approval_expired"
    retryable = False


class ApprovalGate(Gate):
    """Lets a step pass that is approved as it is now; only steps that need an approval pay the look."""

    def __init__(self, db: Database, project_id: str) -> None:
        self._reads = _Reads(db, project_id)

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Park the step until it is decided; raises ConfirmRejected and StepApprovalExpired."""
        claim = attempt.claim
        if claim["approval"] is None:
            return None
        standing, request = await approvals.standing_of_step(self._reads, claim["id"])
        if standing in ("none", "pending"):
            return Outcome(parked=Parked(confirm=_question(attempt)))
        said = f" by {request['decided_by_role']}" if request.get("decided_by_role") else ""
        why = f": {request['reason']}" if request.get("reason") else ""
        if standing == "rejected":
            raise ConfirmRejected(f"The step was rejected{said}{why}.", confirm_id=request["id"])
        if standing == "expired":
            raise StepApprovalExpired(f"Step {claim['key']!r} was not approved in time.", confirm_id=request["id"])
        decision = {k: request.get(k) for k in ("decided_by_role", "reason", "actor")} | {"status": "approved"}
        # The approval is about the step; what the step itself sleeps for is another thing, but for a confirm step.
        confirming = claim["type"] == "confirm"
        if confirming or (attempt.resumed and claim["resumed"] not in ("timer", "plan", "turn")):
            attempt.action["resumed"] = {"reason": "confirm", "decision": decision} if confirming else None
        return None


def _question(attempt: Attempt) -> dict[str, Any]:
    params, spec = attempt.action["params"], loads(attempt.claim["approval"]) or {}
    role = params.get("requested_by_role") if attempt.claim["type"] == "confirm" else None
    asked = params.get("reason") if attempt.claim["type"] == "confirm" else None
    reason = asked or spec.get("reason") or f"May step {attempt.claim['key']!r} run?"
    return {"reason": reason, "requested_by_role": role or "orchestrator"}


class _Reads:
    """Reads without the lock: a step that is claimed cannot be changed."""

    def __init__(self, db: Database, project_id: str) -> None:
        self._db = db
        self._project_id = project_id

    async def read(self, name: str, **params: Any) -> list[dict[str, Any]]:
        return await self._db.read(psg_cypher.statement(name), project_id=self._project_id, **params)

    async def read_one(self, name: str, **params: Any) -> dict[str, Any] | None:
        rows = await self.read(name, **params)
        return rows[0] if rows else None
