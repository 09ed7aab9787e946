"""The gate of steps that are turns of a session: it says whose they are, and to which agent they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psg_cypher
from psg_neo4j.database import Database
from psg_runtime.coordination.stored import RUNNING
from psg_runtime.coordination.turns import take, turn_of
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome


class TurnGate(Gate):
    """Makes the action of a turn ``agent_execution`` of its participant; steps that are no turns pass as they are."""

    def __init__(self, db: Database, project_id: str, ael: object) -> None:
        self._db = db
        self._project_id = project_id
        self._registry = getattr(ael, "registry", None)

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Bind the action to the participant whose turn it is."""
        turn_id = attempt.claim.get("turn")
        if turn_id is None:
            return None
        binding = await self._db.read_one(
            psg_cypher.statement("turn_binding"), project_id=self._project_id, step_id=attempt.claim["id"]
        )
        if binding is None or binding["turn_id"] != turn_id or binding["state"] != RUNNING:
            return None  # the session is over: it is a step like any other
        take(attempt.action, turn_of(attempt.claim, binding), self._agent(binding), self._registry)
        attempt.notes |= {"turn_id": turn_id, "participant_id": binding["participant_id"]}
        return None

    def _agent(self, binding: Mapping[str, Any]) -> str | None:
        """Who does the turn: what was found when the session began, else what has the participant's id here."""
        agent: str | None = binding["agent"]
        mine = binding["participant_id"]
        if agent is None and self._registry is not None and self._registry.type_of(mine) is not None:
            return str(mine)
        return agent
