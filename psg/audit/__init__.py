"""The audit of a live graph: is what is stored still what the invariants and the event log say?"""

from __future__ import annotations

from psg.audit.fold import FoldedEntity, State, fold
from psg.audit.report import KINDS, Report, Violation
from psg.audit.verify import verify

__all__ = ["KINDS", "FoldedEntity", "Report", "State", "Violation", "fold", "verify"]
