"""The database: whether it answers, its version, schema, indexes, clock, memory, and what runs on it."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio

import psg_cypher
from psg.accounts import Accounts
from psg.encryption import check_keys
from psg.restore_marker import require_whole
from psg_cli.doctor.findings import Finding, fail, ok, warn
from psg_cli.doctor.schema import expected_schema
from psg_cli.settings import CliSettings
from psg_neo4j.database import Database
from psg_neo4j.embedded import held, status
from psg_neo4j.errors import DatabaseUnavailable, PsgError
from psg_neo4j.migrations import schema_state

CONNECT_S = 10.0
CHECK_S = 15.0
"""How long each check may take; what the others found is told all the same."""
MAX_SKEW_MS = 2_000
EXPIRES_SOON_MS = 7 * 86_400_000
STUCK_MS = 60_000
_PAGE = 500
_PROJECTS = 20_000
_TOKENS = 5_000
_RUNS = "5.26"


async def check_database(
    settings: CliSettings, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
) -> list[Finding]:
    """Everything about the database; nothing is started and nothing is written. ``now_ms`` is this machine's clock."""
    try:
        if settings.neo4j_uri is None and status(settings.database_home).state != "running":
            told = f"the embedded Neo4j in {settings.database_home} does not run"
            return [warn("database", told, "`psg up` or `psg db start` starts it; what is in it could not be checked")]
        with anyio.fail_after(CONNECT_S) as connecting:
            async with _connected(settings) as db:
                found = [await _version(db)]
                connecting.deadline = math.inf
                for check in (_schema, _whole, _keys, _indexes, _memory, _sessions, _heads, _tokens):
                    found += await _judged(check, db)
                return found + await _judged(partial(_clock, now_ms=now_ms), db)
    except TimeoutError:
        return [fail("database", f"it did not answer within {CONNECT_S:g} s", "is it overloaded? Look at its logs")]
    except PsgError as error:
        advice = _CANNOT.get(error.code, "start it, or correct PSG_NEO4J_URI")
        return [fail("database", f"{error.code}: {error.message}", advice)]
    except OSError as error:
        told = f"what is needed to connect cannot be read: {error}"
        advice = f"run this as the user who owns {settings.database_home}; what is missing there has to be put back"
        return [fail("database", told, advice)]


_CANNOT = {"database_auth_failed": "correct PSG_NEO4J_USER and PSG_NEO4J_PASSWORD"}


@asynccontextmanager
async def _connected(settings: CliSettings) -> AsyncIterator[Database]:
    if settings.neo4j_uri is not None:
        password = settings.neo4j_password.get_secret_value()
        async with Database.connect(settings.neo4j_uri, settings.neo4j_user, password, settings.neo4j_database) as db:
            yield db
        return
    home = settings.database_home
    password = (home / "password").read_text(encoding="ascii").strip()
    async with held(home) as server:
        if server.uri is None:
            raise DatabaseUnavailable(f"the embedded Neo4j in {home} has just ended")
        async with Database.connect(server.uri, "neo4j", password) as db:
            yield db


async def _judged(check: Callable[[Database], Awaitable[list[Finding]]], db: Database) -> list[Finding]:
    """What a check says; one that breaks or takes too long is a finding itself, and the others are made as well."""
    name = getattr(check, "__name__", "clock").strip("_")
    try:
        with anyio.fail_after(CHECK_S):
            return await check(db)
    except TimeoutError:
        told = f"not checked to the end: it took more than {CHECK_S:g} s"
        return [warn(name, told, "ask again when the database has less to do; a large one may take longer than that")]
    except PsgError as error:
        return [fail(name, f"could not be checked: {error.code}: {error.message}", "look at the database's logs")]
    except OSError as error:
        return [fail(name, f"could not be checked: {error}", "see whether the files can be read")]


async def _version(db: Database) -> Finding:
    server = await db.server_info()
    told = f"Neo4j {server.version} {server.edition} answers"
    if not server.version.startswith(f"{_RUNS}."):
        return warn("database", told, f"this release was tested with Neo4j {_RUNS}")
    return ok("database", told)


async def _schema(db: Database) -> list[Finding]:
    state = await schema_state(db)
    if state.too_new:
        told = f"the database is at V{state.too_new[-1]}, made by a newer release"
        advice = "upgrade this program, or restore a backup of this release into an empty database"
        return [fail("migrations", told, advice)]
    if state.changed:
        return [fail("migrations", "; ".join(state.changed), "restore the files of this release as they were")]
    if state.current is None:
        return [fail("migrations", "the database has no schema yet", "`psg migrate` makes it; `psg up` does, too")]
    if state.pending:
        missing = ", ".join(f"V{one.version}" for one in state.pending)
        told = f"the database is at {state.current}, it lacks {missing}"
        return [fail("migrations", told, "make a backup, then run `psg migrate` (docs/upgrade.md)")]
    return [ok("migrations", f"the schema is at {state.current}")]


async def _whole(db: Database) -> list[Finding]:
    try:
        await require_whole(db)
    except PsgError as error:
        return [fail("restore", error.message, "`psg restore FILE` goes on with the same file")]
    return []


async def _keys(db: Database) -> list[Finding]:
    try:
        await check_keys(db, reading=True)
    except PsgError as error:
        return [fail("encryption", error.message, "set the key; without it nothing starts (docs/encryption.md)")]
    return []


async def _indexes(db: Database) -> list[Finding]:
    """What the applied migrations make is there, as they make it, and is used."""
    state = await schema_state(db)
    applied = [one for one in psg_cypher.migrations() if one not in state.pending]
    rows = {row["name"]: row for row in await db.read(psg_cypher.statement("doctor_indexes"))}
    expected, found = expected_schema(applied), []
    repair = "make it again: drop what has its name, run the statement of the migration, wait for ONLINE"
    for item in expected.values():
        row, kind = rows.get(item.name), "constraint" if item.constraint else "index"
        if row is None:
            told = f"the {kind} {item.name} on {item.label}({', '.join(item.properties)}) is missing"
            found.append(fail("indexes", told, f"{repair}; until then reads scan, and two may have one id"))
        elif (row["labels"], tuple(row["properties"])) != ([item.label], item.properties) or (
            item.constraint != (row["constraint"] is not None)
        ):
            found.append(fail("indexes", f"the {kind} {item.name} is not what the migrations make", repair))
        elif row["state"] == "POPULATING":
            told = f"the index {item.name} is being filled: {row['percent']:.0f} %"
            found.append(warn("indexes", told, "wait; until then reads are slow"))
        elif row["state"] != "ONLINE":
            found.append(fail("indexes", f"the index {item.name} is {row['state']}: {row['failure']}"[:500], repair))
    strange = sorted(rows.keys() - expected.keys())
    if strange:
        told = f"{', '.join(strange[:10])} {'is' if len(strange) == 1 else 'are'} not of this platform"
        found.append(warn("indexes", told, "each costs time at every write; drop what nobody needs"))
    return found or [ok("indexes", f"{len(expected)} indexes and constraints are ONLINE, as the migrations make them")]


async def _clock(db: Database, now_ms: Callable[[], int]) -> list[Finding]:
    before = now_ms()
    row = await db.read_one(psg_cypher.statement("doctor_clock"))
    assert row is not None
    off = (before + now_ms()) // 2 - row["now"]
    told = f"this machine's clock is {abs(off)} ms {'ahead of' if off >= 0 else 'behind'} the database's"
    if abs(off) > MAX_SKEW_MS:
        advice = "let both follow a time server; leases are the database's, but tokens of an issuer are judged here"
        return [warn("clock", told, advice)]
    return [ok("clock", told)]


async def _memory(db: Database) -> list[Finding]:
    rows = {row["name"]: row["value"] for row in await db.read(psg_cypher.statement("doctor_memory"))}
    heap, cache = rows.get("server.memory.heap.max_size"), rows.get("server.memory.pagecache.size")
    told = f"heap {heap or 'by default'}, page cache {cache or 'by default'}"
    if rows and (not heap or heap == "No Value"):
        return [warn("memory", told, "set server.memory.heap.max_size: the default is a share of the machine")]
    return [ok("memory", told)]


async def _sessions(db: Database) -> list[Finding]:
    live = await db.read(psg_cypher.statement("sessions_live"))
    ended = await db.read(psg_cypher.statement("doctor_ended"), grace_ms=STUCK_MS)
    found = [
        fail(
            "leases", f"{row['steps']} steps belong to {row['host']} (process {row['pid']}), whose lease is over",
            "start an orchestrator: it takes them over; `psg verify` tells the steps",
        )
        for row in ended
    ]  # fmt: skip
    if live:
        hosts = ", ".join(sorted({str(row["host"]) for row in live}))
        found.append(ok("orchestrators", f"{len(live)} hold a lease: {hosts}"))
    else:
        found.append(warn("orchestrators", "none holds a lease", "`psg up` or `psg orchestrate` runs steps"))
    return found


async def _heads(db: Database) -> list[Finding]:
    """Each log ends where its head says; what seems wrong is looked at again, since logs go on meanwhile.

    A commit can be seen in part while it happens; a head that did not move between both looks had none.
    """
    count, after = 0, ""
    suspects: dict[str, int] = {}
    while count < _PROJECTS and (
        page := await db.read(psg_cypher.statement("audit_projects"), after=after, limit=_PAGE)
    ):
        count, after = count + len(page), page[-1]["id"]
        suspects |= await _off_their_heads(db, [row["id"] for row in page])
    again = await _off_their_heads(db, list(suspects)) if suspects else {}
    wrong = [project_id for project_id, seq in again.items() if seq == suspects[project_id]]
    if not wrong:
        return [ok("event_log", f"the logs of {count} projects end at their heads")]
    told = f"the logs of {len(wrong)} projects do not end at their heads, for example {wrong[0]}"
    return [fail("event_log", told, "`psg verify --project ID` tells what is wrong; restore a backup if it is")]


async def _off_their_heads(db: Database, ids: list[str]) -> dict[str, int]:
    """Those of some projects whose log seems to end elsewhere, each with the number its head tells."""
    rows = await db.read(psg_cypher.statement("doctor_heads"), ids=ids)
    return {row["id"]: row["seq"] for row in rows if not row["last"] or row["beyond"]}


async def _tokens(db: Database) -> list[Finding]:
    clock = await db.read_one(psg_cypher.statement("doctor_clock"))
    assert clock is not None
    accounts, after, live, soon = Accounts(db), "", 0, []
    seen = 0
    while seen < _TOKENS and (page := await accounts.tokens(after, 500)):
        seen, after = seen + len(page), page[-1].id
        for token in page:
            if token.revoked_ms is not None or (token.expires_ms is not None and token.expires_ms <= clock["now"]):
                continue
            live += 1
            if token.expires_ms is not None and token.expires_ms - clock["now"] < EXPIRES_SOON_MS:
                soon.append((token.expires_ms, token.actor, token.id))
    if not soon:
        return [ok("tokens", f"{live} API tokens are valid")]
    first, actor, token_id = min(soon)
    hours = max((first - clock["now"]) // 3_600_000, 0)
    told = f"{len(soon)} API tokens end within a week, the first in {hours} h: {token_id} of {actor}"
    return [warn("tokens", told, "`psg token create` makes another; tell whoever uses it")]
