"""Steps that wait too long to be claimed: looked for while this process has no room, and claimed to be failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psg_cypher
from psg.graph import Graph
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked
from psg_runtime.orchestrator.clocks import elapsed_ms
from psg_runtime.orchestrator.denials import PolicyUnreadable
from psg_runtime.orchestrator.kill_switch import Rules
from psg_runtime.orchestrator.policy import Policies
from psg_runtime.orchestrator.records import result_row
from psg_runtime.orchestrator.time_limits import NOT_QUEUED, queue_timeout, read_pauses

CHUNK = 2_000
AT_ONCE = 50

Row = dict[str, Any]


class QueueWatch:
    """Looks at the waiting steps of one project, a part of one plan at a time, so that a look stays cheap."""

    def __init__(
        self, graph: Graph, project_id: str, session_id: Callable[[], str], rules: Rules, policies: Policies
    ) -> None:
        self._graph = graph
        self._project_id = project_id
        self._session_id = session_id
        self._rules = rules
        self._policies = policies
        self._plan: str | None = None
        self._after = -1

    async def overdue(self) -> list[tuple[Row, int, int]]:
        """Return steps of the next part that waited too long, with what they may and how long they did wait, in ms."""
        plan = await self._next_plan()
        if plan is None:
            return []
        db = self._graph.db
        everything = any("queue_ms" in (text or "") for text in (plan["policy"], self._rules.policy))
        row = await db.read_one(
            psg_cypher.statement("queue_waiting"), project_id=self._project_id, plan_id=plan["id"],
            after=self._after, limit=CHUNK, every=everything,
        )  # fmt: skip
        if row is None:
            return []
        self._after = row["after"]
        late = [(step, limit) for step in row["waiting"] if (limit := self._limit(step, row["now"])) is not None]
        if not late:
            return []
        _, pauses = await read_pauses(db, self._project_id, plan["id"])
        waited = [(step, limit, elapsed_ms(step["ready_ms"], row["now"], pauses)) for step, limit in late]
        return [found for found in waited if found[2] > found[1]][:AT_ONCE]

    async def _next_plan(self) -> Row | None:
        """The plan to look at: the one whose last part was not the end, else the next one of those that can run."""
        plans = await self._graph.db.read(psg_cypher.statement("queue_plans"), project_id=self._project_id)
        ids = [plan["id"] for plan in plans]
        if self._plan not in ids:
            self._after = -1
            at = 0
        else:
            at = ids.index(self._plan) + (1 if self._after < 0 else 0)
        if not plans:
            return None
        found = plans[at % len(plans)]
        self._plan = found["id"]
        return found

    def _limit(self, step: Row, now: int) -> int | None:
        try:
            limit = self._policies.of(step, self._rules.policy).queue_ms
        except PolicyUnreadable:
            return None  # whoever claims it says so
        if limit is None or step["ready_ms"] is None or now - step["ready_ms"] <= limit:
            return None
        return limit

    async def fail(self, step: Row, limit_ms: int, waited_ms: int) -> Row | None:
        """Claim a step that waited too long, if it still does, and return the row of its failure."""
        session_id = self._session_id()
        name = f"queue_timeout:{step['id']}:{step['fence']}:{session_id}"
        command = Command("queue_timeout", [step["id"], step["fence"]], session_id, name)
        claimed: list[Mapping[str, Any]] = []

        async def decide(locked: Locked) -> Change:
            claimed.clear()
            change = Change(command)
            claim = await locked.read_one("queued_step", step_id=step["id"])
            if claim is None or claim["fence"] != step["fence"] or claim["parked"] in NOT_QUEUED:
                change.note("runtime_execution", "queue_timeout_withdrawn", "Step", step["id"], {}, plan=step["plan"])
                return change
            _take(change, claim, session_id, locked.now_ms)
            claimed.append({**claim, "fence": claim["fence"] + 1, "attempt": claim["attempt"] + 1})
            return change

        await self._graph.locked(self._project_id, command, decide)
        if not claimed:
            return None
        error = queue_timeout(limit_ms, waited_ms).to_dict()
        return result_row(claimed[0], claimed[0]["trace_id"], session_id, "failed", None, error, 0)


def _take(change: Change, claim: Mapping[str, Any], session_id: str, now_ms: int) -> None:
    """Do what a claim does to a step, and tell it the same way."""
    fresh = claim["status"] == "pending"
    before = {"fence": claim["fence"], "attempt": claim["attempt"]}
    after = {"fence": claim["fence"] + 1, "attempt": claim["attempt"] + 1}
    operational: dict[str, Any] = {"owner": session_id, "parked": None}
    if fresh:
        operational["started_ms"] = now_ms
        change.transition(
            "Step", claim["id"], "pending", "in_progress", plan=claim["plan"], extra=after, was=before,
            operational=operational, remove=["Ready"],
        )  # fmt: skip
        return
    change.set(
        "Step", claim["id"], before, after, kind="step_resumed", plan=claim["plan"], family="runtime_execution",
        operational=operational, remove=["Ready"],
    )  # fmt: skip
