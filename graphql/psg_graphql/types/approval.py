"""An approval request in the API: what it demands, and how far it is."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.scalars import JSON

from psg.approvals import Request, request_of
from psg_graphql.scalars import Timestamp
from psg_graphql.types.node import Row, moment


@strawberry.type(description="What a request demands before it counts as approved, and how far it is.")
class Approval:
    quorum: int = strawberry.field(description="Different actors who have to approve.")
    approvals: int = strawberry.field(description="Different actors who did.")
    approvers: list[str] = strawberry.field(description="Actors who may decide now, after what was handed over.")
    roles: list[str] = strawberry.field(description="Roles that may decide; with no approvers and no roles, anybody.")
    separation_of_duty: bool = strawberry.field(description="Whether who proposed may not approve.")
    reason_required: bool
    proposed_by: str | None
    expires_at: Timestamp | None
    voided: bool = strawberry.field(description="Whether what it covers was changed since.")
    covers_hash: str | None = strawberry.field(description="Hash of what it covers.")
    delegations: JSON = strawberry.field(description="Who handed over to whom: actor to actor.")


def request_of_confirm(row: Row) -> Request | None:
    """Return the request of a stored Confirm with its decisions; ``None`` for a Confirm that demands nothing."""
    if row.get("approval") is None:
        return None
    facts: dict[str, Any] = {k: row.get(k) for k in ("approval", "proposed_by", "expires_at", "voided", "delegations")}
    votes = [{"actor": d.get("actor"), "status": d["status"]} for d in row["decisions"]]
    return request_of({**facts, "votes": votes})


def approval_from(row: Row) -> Approval | None:
    """Return the request of a stored Confirm as the API tells it."""
    request = request_of_confirm(row)
    if request is None:
        return None
    return Approval(
        quorum=request.spec.quorum,
        approvals=request.approvals(),
        approvers=sorted(request.holders()),
        roles=list(request.spec.roles),
        separation_of_duty=request.spec.separation_of_duty,
        reason_required=request.spec.reason_required,
        proposed_by=request.proposed_by,
        expires_at=moment(request.expires_at),
        voided=request.voided,
        covers_hash=row.get("covers_hash"),
        delegations=JSON(dict(request.delegations)),
    )
