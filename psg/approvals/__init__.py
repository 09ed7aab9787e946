"""Approvals: who has to say yes before a plan starts or a step runs, bound to what was shown to them."""

from psg.approvals.covers import covers_of_plan, covers_of_step
from psg.approvals.deciding import decide, delegate
from psg.approvals.errors import AlreadyDecided, ApprovalExpired, ApprovalMissing, ApprovalVoid, NotEntitled
from psg.approvals.expiry import expire_due
from psg.approvals.plans import approve_plan, propose_plan, require_approved, resume_plan, revise_plan, start_plan
from psg.approvals.requests import ask_for_step, standing_of_step
from psg.approvals.rules import Request, Vote, request_of
from psg.approvals.voiding import void_touched

__all__ = [
    "AlreadyDecided",
    "ApprovalExpired",
    "ApprovalMissing",
    "ApprovalVoid",
    "NotEntitled",
    "Request",
    "Vote",
    "approve_plan",
    "ask_for_step",
    "covers_of_plan",
    "covers_of_step",
    "decide",
    "delegate",
    "expire_due",
    "propose_plan",
    "request_of",
    "require_approved",
    "resume_plan",
    "revise_plan",
    "standing_of_step",
    "start_plan",
    "void_touched",
]
