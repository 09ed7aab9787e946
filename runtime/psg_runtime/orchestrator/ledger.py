"""The effect ledger: what an idempotency key came to is recorded with the result and given back when it comes again."""

from __future__ import annotations

from typing import Any

import anyio

import psg_cypher
from psg.model.codec import loads
from psg_neo4j.database import Database
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome

FIRST_LOOK_S = 0.02
LOOK_S = 0.4


class LedgerGate(Gate):
    """Lets one attempt per key act at a time and answers for those whose key has a result (EXEC-06).

    Only steps whose policy asks for it pay the look; nobody else's attempts touch the ledger.
    """

    def __init__(self, db: Database, project_id: str) -> None:
        self._db = db
        self._project_id = project_id
        self._statement = psg_cypher.statement("effect_begin")

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Take the key for this attempt; wait while another attempt that is under way has it."""
        if not attempt.policy.ledger:
            return None
        key, pause = attempt.action["idempotency_key"], FIRST_LOOK_S
        while True:
            row = await self._asked(attempt, key)
            if row["verdict"] == "recorded":
                notes = {"effect": {"recorded_by": row["step_id"], "at_ms": row["at"]}}
                return Outcome(output=loads(row["output"]), notes=notes)
            if row["verdict"] == "yours":
                attempt.effect = key
                return None
            await anyio.sleep(pause)
            pause = min(pause * 2, LOOK_S)

    async def _asked(self, attempt: Attempt, key: str) -> dict[str, Any]:
        rows = await self._db.write(
            self._statement, project_id=self._project_id, key=key, step_id=attempt.claim["id"],
            fence=attempt.claim["fence"],
        )  # fmt: skip
        return rows[0]
