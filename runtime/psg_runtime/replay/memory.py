"""``PlanReplay``: what executions in this process did, kept in memory (ORCH-21 to ORCH-26)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from psg.errors import DuplicateId, ValidationFailed
from psg_runtime.ael.masking import SecretMask
from psg_runtime.contracts.model import ContractModel
from psg_runtime.contracts.moments import now
from psg_runtime.contracts.record import Record
from psg_runtime.replay.errors import ReplayUnknown
from psg_runtime.replay.history import Callback, entry, exported, imported, replay, stats, timeline


class PlanReplay:
    """Records executions plan by plan and plays them back. Secrets this process knows are masked when recorded.

    Histories stay until ``forget``. Every method raises ``ReplayUnknown`` for a plan of which nothing was recorded.
    """

    def __init__(self) -> None:
        self._entries: dict[str, list[Record]] = {}
        self._mask = SecretMask()

    def record(
        self,
        plan_id: str,
        event: str,
        data: Mapping[str, Any] | ContractModel | None = None,
        *,
        timestamp: str | None = None,
    ) -> Record:
        """Append an entry; ``timestamp`` is an RFC 3339 date-time, not before the last entry's (default: now).

        Raises ``ValidationFailed`` for an unknown event or data that is no JSON.
        """
        if not isinstance(plan_id, str) or not plan_id:
            raise ValidationFailed("A replay entry belongs to a plan: give its id.")
        plain = data.to_dict() if isinstance(data, ContractModel) else dict(data or {})
        try:
            kept = orjson.loads(orjson.dumps(self._mask.value(plain)))
        except (TypeError, ValueError) as error:
            raise ValidationFailed(f"The data of a replay entry is not JSON: {error}.", event=event) from None
        entries = self._entries.setdefault(plan_id, [])
        last = entries[-1]["timestamp"] if entries else ""
        made = entry(event, kept, timestamp or max(now(), last))
        entries.append(made)
        return made

    def knows(self, plan_id: str) -> bool:
        """Whether anything was recorded of a plan."""
        return bool(self._entries.get(plan_id))

    def plan_ids(self) -> list[str]:
        """The plans of which something was recorded, in the order of their first entries."""
        return [plan_id for plan_id, entries in self._entries.items() if entries]

    def entries(self, plan_id: str) -> list[Record]:
        """The entries of a plan in the order in which they were recorded."""
        if not self.knows(plan_id):
            raise ReplayUnknown(f"Nothing was recorded of plan {plan_id}.", id=plan_id)
        return list(self._entries[plan_id])

    async def replay(self, plan_id: str, callback: Callback) -> int:
        """Call ``callback(entry)`` for every entry in order, awaiting each; returns how many there were (ORCH-22)."""
        return await replay(self.entries(plan_id), callback)

    def get_timeline(self, plan_id: str) -> list[Record]:
        """Timestamp, event, duration (ms) and step of every entry, chronological (ORCH-24)."""
        return timeline(self.entries(plan_id))

    def get_stats(self, plan_id: str) -> Record:
        """totalDuration, averageStepDuration (ms) and eventCounts (ORCH-25)."""
        return stats(self.entries(plan_id))

    def export(self, plan_id: str) -> str:
        """The history as JSON text that ``import_`` reads (ORCH-26)."""
        return exported(plan_id, self.entries(plan_id))

    def import_(self, text: str | bytes, *, replace: bool = False) -> str:
        """Take over an exported history; returns the plan's id.

        Raises ``ReplayUnreadable`` for what is no whole export, ``DuplicateId`` when there is another history of that
        plan already and ``replace`` is not said.
        """
        plan_id, entries, _ = imported(text)
        known = self._entries.get(plan_id)
        if known and known != entries and not replace:
            raise DuplicateId(f"There is another history of plan {plan_id} already; say replace=True.", id=plan_id)
        self._entries[plan_id] = entries
        return plan_id

    def forget(self, plan_id: str) -> None:
        """Drop the history of a plan."""
        self._entries.pop(plan_id, None)
