"""Says why an embedded server does not come up, from what it left in its logs and its system database."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import psg_cypher
from psg_neo4j.database import Database
from psg_neo4j.embedded.config import ServerSettings
from psg_neo4j.embedded.home import Home
from psg_neo4j.errors import (
    DatabaseError,
    EmbeddedServerFailed,
    HomeInUse,
    PortTaken,
    StoreDamaged,
)

_LAST_LINES = 8


async def check_databases(home: Home, uri: str, user: str, password: str) -> bool:
    """True when database neo4j answers.

    A damaged store comes up silently: the process lives and Bolt answers, but the database stays offline, and
    only the system database knows why. Raises StoreDamaged then, and DatabaseError while the server is still
    starting.
    """
    try:
        async with Database.connect(uri, user, password, connection_timeout=2.0):
            return True
    except DatabaseError:
        async with Database.connect(uri, user, password, "system", retry_deadline=2.0, verify=False) as system:
            rows = await system.read(psg_cypher.statement("server_databases"))
        for row in rows:
            if row["name"] == "neo4j" and row["statusMessage"] and row["currentStatus"] != "online":
                raise StoreDamaged(
                    f"the database in {home.folder} stays {row['currentStatus']}: {row['statusMessage']}; restore a "
                    "backup or run `psg doctor`",
                    home=str(home.folder),
                ) from None
        raise


def explain_exit(home: Home, settings: ServerSettings) -> EmbeddedServerFailed:
    """The error for a JVM that ended while it was starting."""
    logs = [file for file in (home.log_file, home.console_file) if file.exists()]
    text = "\n".join(file.read_text(errors="replace") for file in logs)
    lines = [*tail(home.log_file), *tail(home.console_file)]
    facts = {"home": str(home.folder), "log": lines}
    if "Address already in use" in text or "BindException" in text or "is already bound" in text:
        ports = f"{settings.bolt_port or 'any'} (Bolt), {settings.http_port or 'any'} (HTTP)"
        return PortTaken(f"a port that Neo4j needs is taken by another program; ports: {ports}", **facts)
    if "store_lock" in text or "Lock file has been locked" in text:
        return HomeInUse(f"another Neo4j uses {home.folder}; stop it, or choose another folder", **facts)
    words = "\n".join(lines) or "(none)"
    return EmbeddedServerFailed(
        f"Neo4j in {home.folder} ended while it was starting; its last words:\n{words}", **facts
    )


def tail(file: Path) -> list[str]:
    """The last lines of a log file, without stack frames; none when it does not exist."""
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            told = (line.rstrip() for line in lines)
            return list(deque((line for line in told if line and not line.startswith("\tat ")), _LAST_LINES))
    except OSError:
        return []
