"""Who may decide a request, and when it is decided: pure, judged behind the lock that writes the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psg.approvals.errors import AlreadyDecided, ApprovalExpired, ApprovalVoid, NotEntitled
from psg.errors import ValidationFailed
from psg.model.codec import loads
from psg.plan.policy import ApprovalSpec


@dataclass(frozen=True, slots=True)
class Vote:
    """One decision about a request."""

    actor: str | None
    status: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stands: what it demands, who proposed, until when, who handed over to whom, and the votes."""

    spec: ApprovalSpec
    proposed_by: str | None = None
    expires_at: int | None = None
    voided: bool = False
    delegations: Mapping[str, str] = field(default_factory=dict)
    votes: Sequence[Vote] = ()

    def holders(self) -> frozenset[str]:
        """The actors who may decide by name: each approver, or whom that one handed over to."""
        return frozenset(self._holder(approver) for approver in self.spec.approvers)

    def _holder(self, approver: str) -> str:
        seen = {approver}
        while (after := self.delegations.get(approver)) is not None and after not in seen:
            seen.add(after)
            approver = after
        return approver

    def entitled(self, actor: str, role: str) -> bool:
        """Whether ``actor`` may decide in ``role``; where nobody is named, everybody may."""
        if self.spec.separation_of_duty and actor == self.proposed_by:
            return False
        if not self.spec.approvers and not self.spec.roles:
            return True
        return actor in self.holders() or role in self.spec.roles

    def approvals(self) -> int:
        """How many different actors approved."""
        return len({vote.actor for vote in self.votes if vote.status == "approved"})

    def check_vote(self, actor: str, role: str, reason: str | None, now_ms: int) -> None:
        """Raise when ``actor`` may not decide now: ApprovalVoid, ApprovalExpired, NotEntitled, AlreadyDecided.

        A missing reason is ValidationFailed. Times are milliseconds of the database's clock.
        """
        if self.voided:
            raise ApprovalVoid("what this request is about has changed since it was asked; ask again")
        if self.expires_at is not None and self.expires_at <= now_ms:
            raise ApprovalExpired("the time in which this could be decided is over; ask again")
        if not self.entitled(actor, role):
            raise NotEntitled(self._why_not(actor, role), actor=actor, role=role)
        if any(vote.actor == actor for vote in self.votes):
            raise AlreadyDecided(f"{actor!r} has decided this already; each approver counts once", actor=actor)
        if self.spec.reason_required and not (reason or "").strip():
            raise ValidationFailed("reason: this decision needs a reason", field="reason")

    def _why_not(self, actor: str, role: str) -> str:
        if self.spec.separation_of_duty and actor == self.proposed_by:
            return f"{actor!r} proposed this, so somebody else has to approve it"
        holders, roles = sorted(self.holders()), list(self.spec.roles)
        named = [f"actors {', '.join(holders)}"] * bool(holders) + [f"roles {', '.join(roles)}"] * bool(roles)
        return f"{actor!r} in role {role!r} may not decide this; it is for {' and '.join(named)}"

    def check_delegation(self, actor: str, to: str) -> None:
        """Raise when ``actor`` may not hand over to ``to``: only a named one can, to somebody who may not decide yet.

        A chain never comes back to somebody who handed over, and nobody gets more than one vote by it.
        """
        if self.voided:
            raise ApprovalVoid("what this request is about has changed since it was asked; ask again")
        if actor not in self.holders():
            raise NotEntitled(f"{actor!r} is not named in this request, so there is nothing to hand over", actor=actor)
        if any(vote.actor == actor for vote in self.votes):
            raise AlreadyDecided(f"{actor!r} has decided this already", actor=actor)
        if not to or to == actor or to in self.holders() or to in self.delegations:
            raise ValidationFailed(
                f"to: {to!r} cannot take over from {actor!r}: somebody is needed who may not decide yet and has not "
                "handed over",
                field="to",
            )
        if self.spec.separation_of_duty and to == self.proposed_by:
            raise NotEntitled(f"{to!r} proposed this, so somebody else has to approve it", actor=to)


def request_of(row: Mapping[str, Any]) -> Request:
    """Return the request of a stored row: approval, proposed_by, expires_at, voided, delegations, votes."""
    return Request(
        ApprovalSpec.model_validate(loads(row["approval"]) or {}),
        row["proposed_by"],
        row["expires_at"],
        bool(row["voided"]),
        loads(row["delegations"]) or {},
        [Vote(vote["actor"], vote["status"]) for vote in row["votes"]],
    )
