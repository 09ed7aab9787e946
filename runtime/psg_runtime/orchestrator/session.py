"""The life sign of an orchestrator process: one lease, by the database's clock (EVIDENCE B6)."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import anyio
import structlog

import psg_cypher
from psg.errors import LeaseLost, PsgError
from psg.model.ids import new_id
from psg_neo4j.database import Database

log = structlog.get_logger(__name__)


class Session:
    """One lease for all the steps of a process; a restarted process is a new session."""

    def __init__(
        self, db: Database, lease_ms: int, capabilities: Sequence[str], roles: Sequence[str], capacity: int = 0
    ) -> None:
        self._db = db
        self._lease_ms = lease_ms
        self._facts = {
            "capabilities": list(capabilities), "roles": list(roles), "host": socket.gethostname(), "pid": os.getpid(),
            "capacity": capacity,
        }  # fmt: skip
        self.id: str = new_id()

    async def open(self) -> None:
        """Register the session with a lease."""
        await self._db.write(
            psg_cypher.statement("session_open"), session_id=self.id, lease_ms=self._lease_ms, facts=self._facts
        )

    async def renew_forever(self) -> None:
        """Renew the lease three times in its length; raises ``LeaseLost`` when somebody ended the session."""
        while True:
            await anyio.sleep(self._lease_ms / 3000)
            try:
                rows = await self._db.write(
                    psg_cypher.statement("session_renew"), session_id=self.id, lease_ms=self._lease_ms
                )
            except PsgError as error:
                log.warning("lease_not_renewed", session=self.id, code=error.code, error=str(error))
                continue
            if not rows:
                raise LeaseLost(f"session {self.id} was ended: its lease had run out")

    async def end(self) -> None:
        """End the session, so that whatever it still owns can run elsewhere at once."""
        await self._db.write(psg_cypher.statement("session_end"), session_id=self.id, expired_only=False)
