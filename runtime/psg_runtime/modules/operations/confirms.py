"""The confirm module: requests are validated and decided by those who may, and by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psg.approvals.errors import AlreadyDecided, NotEntitled
from psg.errors import Refused
from psg.model.codec import loads
from psg.read.nodes import Reader, Row
from psg_runtime.modules.operations.documents import Documents
from psg_runtime.modules.operations.inputs import Request
from psg_runtime.modules.operations.roles import role_of

DECISIONS = ("approved", "rejected", "cancelled")


class Confirms(Documents):
    """Confirms of a project."""

    def __init__(self) -> None:
        super().__init__("confirm")

    async def validate(self, request: Request) -> dict[str, Any]:
        """Tell that a request (``requestId``) can be decided; raises ``NotFound`` or ``Refused`` when it cannot."""
        confirm = await self._confirm(request, request.id("request_id", "confirm_id", "id"))
        request.done()
        self._check_open(confirm)
        return {
            "requestId": confirm["id"], "valid": True, "status": confirm["status"], "targetId": confirm["target_id"],
            "targetType": confirm["target_type"], "quorum": _quorum(confirm),
        }  # fmt: skip

    async def process(self, request: Request) -> dict[str, Any]:
        """Record the decision of ``approvers`` (those found valid) about ``requestId``: ``approved`` unless said.

        Each is recorded as one who decided, until the request's quorum is reached; who is not entitled by the request
        itself is told in ``refused``. ``quorum`` asks for so many of them where the request itself asks for one. With
        nobody valid it is refused.
        """
        confirm_id = request.id("request_id", "confirm_id", "id")
        approvers = _distinct(request.take("approvers", default=()), request)
        decision = request.text("decision", "status", default="approved")
        reason, least = request.take("reason"), request.number("quorum", 1, 1, 100)
        request.done()
        if decision not in DECISIONS:
            raise request.refused("decision", f"one of {', '.join(DECISIONS)}")
        confirm = await self._confirm(request, confirm_id)
        if not self._decided_by_us(request, confirm):
            self._check_open(confirm)
        if len(approvers) < least:
            raise NotEntitled(
                f"request {confirm_id} needs {least} who may decide it; there are {len(approvers)}", id=confirm_id
            )
        refused = await self._decide(request, confirm_id, approvers, decision, reason)
        return await self._told(request, confirm_id, refused)

    async def _decide(
        self, request: Request, confirm_id: str, approvers: Sequence[tuple[str, str]], decision: str, reason: str | None
    ) -> list[dict[str, str]]:
        refused: list[dict[str, str]] = []
        together = reason or f"decided by {', '.join(actor for actor, _ in approvers)}"
        for actor, role in approvers:
            asked = {**request.command(f"{confirm_id} {actor}"), "actor": actor}
            try:
                await request.graph.decide_confirm(
                    request.project_id, confirm_id, decision, role=role, reason=together, **asked
                )
            except (NotEntitled, AlreadyDecided) as error:
                refused.append({"approver": actor, "reason": error.message})
                if len(refused) == len(approvers):
                    raise
                continue
            if (await self._confirm(request, confirm_id))["status"] != "pending":
                break
        return refused

    async def _told(self, request: Request, confirm_id: str, refused: list[dict[str, str]]) -> dict[str, Any]:
        confirm = await self._confirm(request, confirm_id)
        decisions = [
            {"decisionId": d["id"], "approver": d.get("actor"), "role": d["decided_by_role"], "status": d["status"]}
            for d in confirm["decisions"]
        ]
        return {
            "requestId": confirm_id, "status": confirm["status"], "approved": confirm["status"] == "approved",
            "approvals": len({d["approver"] for d in decisions if d["status"] == "approved"}),
            "quorum": _quorum(confirm), "decisions": decisions, "refused": refused,
        }  # fmt: skip

    async def _confirm(self, request: Request, confirm_id: str) -> Row:
        return await Reader(request.graph.db).one("Confirm", request.project_id, confirm_id)

    @staticmethod
    def _check_open(confirm: Row) -> None:
        if confirm["deleted"]:
            raise Refused(f"request {confirm['id']} was deleted", id=confirm["id"])
        if confirm.get("voided"):
            raise Refused(f"request {confirm['id']} is void: what it asks about has changed", id=confirm["id"])
        if confirm["status"] != "pending":
            raise Refused(f"request {confirm['id']} is {confirm['status']} already", id=confirm["id"])

    @staticmethod
    def _decided_by_us(request: Request, confirm: Row) -> bool:
        """Whether an earlier run of this same invocation may have decided it: then its answers are given again."""
        return request.invocation.idempotency_key is not None and confirm["status"] != "pending"


def _quorum(confirm: Row) -> int:
    return int((loads(confirm.get("approval")) or {}).get("quorum", 1))


def _distinct(approvers: Any, request: Request) -> list[tuple[str, str]]:
    """Actors with the roles in which they decide; each counts once."""
    if not isinstance(approvers, Sequence) or isinstance(approvers, str):
        raise request.refused("approvers", "a list")
    found: dict[str, str] = {}
    for approver in approvers:
        named = role_of(approver)
        if named is None:
            raise request.refused("approvers", "names, or actors with their roles")
        found.setdefault(*named)
    return list(found.items())
