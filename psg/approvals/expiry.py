"""Requests that nobody decided in time: any orchestrator ends them, by the database's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psg_cypher
from psg.approvals.deciding import settle
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

if TYPE_CHECKING:
    from psg.graph import Graph

BATCH = 100


async def expire_due(graph: Graph, actor: str = "system") -> int:
    """End the requests whose time is over, pausing or not: people's clocks go on. Returns how many were found.

    Safe to be called by any number of processes at once: each request is judged again behind its project's lock.
    """
    due = await graph.db.read(psg_cypher.statement("approvals_due"), limit=BATCH)
    for row in due:
        confirm_id = row["id"]
        command = Command("expire_approval", [confirm_id], actor, f"expire:{confirm_id}")

        async def work(locked: Locked, confirm_id: str = confirm_id, command: Command = command) -> Change:
            change = Change(command)
            state = await locked.read_one("approval_state", confirm_id=confirm_id)
            assert state is not None
            expires = state["expires_at"]
            if state["status"] == "pending" and expires is not None and expires <= locked.now_ms:
                settle(change, state, "cancelled")
            else:
                change.adjust(confirm_id, {}, remove=["Expiring"])
                change.note("graph_update", "confirm_not_expired", "Confirm", confirm_id, {}, plan=state["plan_id"])
            return change

        await graph.locked(row["project_id"], command, work)
    return len(due)
