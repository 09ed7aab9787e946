"""Taking a turn that is offered, under the project's lock (0072)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

import psg_cypher
from psg.commands.reactions import NothingLeft
from psg.errors import ValidationFailed
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import check_id, new_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_neo4j import faults
from psg_runtime.orchestrator.denials import KillSwitchActive
from psg_runtime.turns.answering import give_back
from psg_runtime.turns.holding import Row, check_name, check_switches, is_over, state_of

LEASE_MS = 30_000
LEASE_LEAST_MS, LEASE_MOST_MS = 500, 3_600_000
AGENTS_MOST = 100
LOOK_S = 0.5
"""How often a claim that waits looks for turns that other processes offered."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A step that a worker holds until ``lease_until`` (milliseconds, the database's clock) under a ``fence``.

    ``params`` are resolved; ``idempotency_key`` is the same for every attempt of the step, whoever makes it. ``lost``
    is how many workers disappeared with it before. ``until`` is when the attempt is over whatever happens.
    """

    project_id: str
    plan_id: str
    step_id: str
    step_key: str
    agent: str
    worker: str
    fence: int
    attempt: int
    lost: int
    type: str
    name: str | None
    agent_role: str | None
    description: str
    params: dict[str, Any]
    idempotency_key: str
    plan_title: str
    objective: str
    lease_until: int
    lease_ms: int
    until: int | None


class _Killed(Exception):
    """A kill switch is on for the turn that would be taken."""

    def __init__(self, row: Row) -> None:
        super().__init__(row["id"])
        self.row = row


async def claim_turn(
    graph: Graph,
    agents: Sequence[str],
    *,
    worker: str,
    project_id: str | None = None,
    plan_id: str | None = None,
    lease_ms: int = LEASE_MS,
    wait_ms: int = 0,
    actor: str | None = None,
    command_id: str | None = None,
    stopped: Callable[[], Awaitable[bool]] | None = None,
    among: Callable[[], Collection[str] | None] = lambda: None,
) -> Turn | None:
    """Take the next turn that is offered to one of ``agents``; ``None`` when none came within ``wait_ms``.

    Without ``project_id`` in whatever project there is one, or only in those that ``among`` names. The turn is
    held for ``lease_ms`` milliseconds, and longer by ``heartbeat_turn``; after that it is offered again. A repeated
    ``command_id`` gives the same turn again, in whatever project it was, as long as it is held. It waits no longer
    once ``stopped()`` says so: what is granted to who is gone comes back with the end of its lease only. Raises
    ValidationFailed.
    """
    _check_names([*agents], worker, lease_ms)
    if project_id is not None:
        check_id(project_id, "project_id")
    asked = _Claim(graph, list(agents), worker, plan_id, lease_ms, actor or worker, command_id or new_id(),
                   repeated=command_id is not None, among=among)  # fmt: skip
    until = time.monotonic() + wait_ms / 1000
    project_id = project_id or await asked.taken_in()
    while stopped is None or not await stopped():
        seen = -1 if project_id is None else graph.signals.latest(project_id)
        for found in [project_id] if project_id is not None else await asked.projects():
            turn = await asked.take(found)
            if turn is not None:
                return turn
        left = until - time.monotonic()
        if left <= 0:
            return None
        if project_id is None:
            await anyio.sleep(min(left, LOOK_S))
        else:
            await graph.signals.wait(project_id, seen, min(left, LOOK_S))
    return None


class _Claim:
    """One request for a turn."""

    def __init__(
        self,
        graph: Graph,
        agents: list[str],
        worker: str,
        plan_id: str | None,
        lease_ms: int,
        actor: str,
        command_id: str,
        *,
        repeated: bool,
        among: Callable[[], Collection[str] | None],
    ) -> None:
        self._graph = graph
        self._agents = agents
        self._worker = worker
        self._plan_id = plan_id
        self._lease_ms = lease_ms
        payload = [sorted(agents), worker, plan_id, lease_ms]
        self._command = Command("claim_turn", payload, actor, command_id)
        self._repeated = repeated
        self._among = among

    async def taken_in(self) -> str | None:
        """The project in which this command took a turn before, whether or not more is offered there."""
        if not self._repeated:
            return None
        among = self._among()
        row = await self._graph.db.read_one(
            psg_cypher.statement("turn_command"), command_id=self._command.command_id,
            among=None if among is None else sorted(among),
        )  # fmt: skip
        self._repeated = row is not None
        return None if row is None else row["project_id"]

    async def projects(self) -> list[str]:
        """The projects in which something is offered now."""
        among = self._among()
        rows = await self._graph.db.read(
            psg_cypher.statement("turn_projects"), agents=self._agents, among=None if among is None else sorted(among)
        )
        return [row["project_id"] for row in rows]

    async def take(self, project_id: str) -> Turn | None:
        """Take a turn of this project, if there is one; looks before it locks."""
        db = self._graph.db
        wanted = {"agents": self._agents, "plan_id": self._plan_id}
        while True:
            found = await db.read_one(psg_cypher.statement("turn_next"), project_id=project_id, **wanted)
            if found is None and not await self._taken_before(project_id):
                return None
            try:
                answer = await self._graph.locked(project_id, self._command, self._decide)
            except NothingLeft:
                return None
            except _Killed as killed:
                await give_back(self._graph, project_id, killed.row, self._command.actor, "kill_switch")
                continue
            faults.at("after_turn_taken", answer.ids["step"])
            return await self._turn(project_id, answer)

    async def _taken_before(self, project_id: str) -> bool:
        """Whether this is a repetition; asked once, at the first look."""
        if not self._repeated:
            return False
        self._repeated = False
        row = await self._graph.db.read_one(
            psg_cypher.statement("command_find"), project_id=project_id, command_id=self._command.command_id
        )
        return row is not None

    async def _decide(self, locked: Locked) -> Change:
        row = await locked.read_one("turn_next", agents=self._agents, plan_id=self._plan_id)
        if row is None:
            raise NothingLeft
        try:
            await check_switches(locked, row)
        except KillSwitchActive as killed:
            raise _Killed(row) from killed
        change = Change(self._command)
        now, lease = locked.now_ms, self._lease_ms
        until = None if row["attempt_ms"] is None else now + row["attempt_ms"]
        beat = None if row["heartbeat_ms"] is None else now + row["heartbeat_ms"]
        held = {
            "turn_worker": self._worker, "turn_lease": now + lease, "turn_lease_ms": lease, "turn_beat": now,
            "turn_until": until, "turn_answer": None,
            "due_at": min(at for at in (now + lease, until, row["total"], beat) if at is not None),
        }  # fmt: skip
        change.set(
            "Step", row["id"], {"fence": row["fence"]}, {"fence": row["fence"] + 1}, kind="turn_taken",
            plan=row["plan"], family="runtime_execution", operational=held, add=["Timer"], remove=["Offered"],
            details={"worker": self._worker, "executor_kind": "external"},
        )  # fmt: skip
        change.answer = {"step": row["id"], "fence": row["fence"] + 1}
        return change

    async def _turn(self, project_id: str, answer: Answer) -> Turn | None:
        row = await state_of(self._graph, project_id, answer.ids["step"])
        if is_over(row, answer.ids["fence"]) or row["worker"] != self._worker or row["answer"] is not None:
            return None
        return turn_of(project_id, row)


def turn_of(project_id: str, row: Row) -> Turn:
    """Return the turn of a row of ``turn_state`` whose worker holds it."""
    action = loads(row["turn"])
    return Turn(
        project_id=project_id, plan_id=row["plan"], step_id=row["id"], step_key=row["key"], agent=row["offered_to"],
        worker=row["worker"], fence=row["fence"], attempt=row["attempt"], lost=row["lost"] or 0, type=action["type"],
        name=action["name"], agent_role=row["agent_role"], description=row["description"] or "",
        params=action["params"], idempotency_key=action["idempotency_key"], plan_title=row["plan_title"],
        objective=row["objective"], lease_until=row["lease"], lease_ms=row["lease"] - row["beat"],
        until=row["until"],
    )  # fmt: skip


def _check_names(agents: list[str], worker: str, lease_ms: int) -> None:
    if not 0 < len(agents) <= AGENTS_MOST:
        raise ValidationFailed(f"agents: 1 to {AGENTS_MOST} names are expected", field="agents")
    for agent in agents:
        check_name("agents", agent)
    check_name("worker", worker)
    if not LEASE_LEAST_MS <= lease_ms <= LEASE_MOST_MS:
        raise ValidationFailed(f"lease_ms: {LEASE_LEAST_MS} to {LEASE_MOST_MS} are expected", field="lease_ms")
