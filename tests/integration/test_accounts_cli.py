"""``psg token``, ``psg access`` and ``psg audit`` on a database, beside an API that asks for tokens."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson
import pytest
from click.testing import Result
from conftest import Neo4jServer
from graphql_api import running_api
from typer.testing import CliRunner

from psg.graph import Graph
from psg_cli.main import app
from psg_cypher import parse_statements
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

FORGET = parse_statements(
    """
// name: forget :write :none
MATCH (n) WHERE any(l IN labels(n) WHERE l IN ['ApiToken', 'Grant', 'AuditRecord']) AND n.actor CONTAINS $mark DELETE n
""",
    "accounts_cli.cypher",
)[0]

Psg = Callable[..., Any]


@pytest.fixture
async def mark(db: Database) -> AsyncIterator[str]:
    made = uuid.uuid4().hex[:10]
    try:
        yield made
    finally:
        await db.write(FORGET, mark=made)


@pytest.fixture
def environment(neo4j_server: Neo4jServer, tmp_path: Path, mark: str) -> dict[str, str]:
    return {
        "PSG_NEO4J_URI": neo4j_server.uri, "PSG_NEO4J_USER": neo4j_server.user, "PSG_ACTOR": f"op.{mark}",
        "PSG_NEO4J_PASSWORD": neo4j_server.password, "PSG_HOME": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "200",
    }  # fmt: skip


@pytest.fixture
def psg(environment: dict[str, str]) -> Psg:
    """Calls ``psg`` in this process, which is quicker; nothing may be logged meanwhile."""

    async def call(*arguments: str) -> Result:
        return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(app, list(arguments), env=environment))

    return call


@pytest.fixture
def client(environment: dict[str, str], tmp_path: Path) -> Psg:
    """Calls ``psg`` as a process of its own."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}

    async def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        named = {n: v for n, v in {**environment, "PSG_ACTOR": "", **more}.items() if v}
        return await anyio.to_thread.run_sync(lambda: subprocess.run(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**kept, **named}, stdin=subprocess.DEVNULL, timeout=60,
        ))  # fmt: skip

    return call


async def test_the_first_token_is_made_without_any_and_lets_its_actor_in(
    psg: Psg, client: Psg, db: Database, mark: str
) -> None:
    project = f"cli {mark}"
    await Graph(db).create_project(project, actor="t")
    ann = f"ann.{mark}"
    made = await psg("token", "create", ann, "--expires", "1d")
    assert made.exit_code == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("psg_") and "\n" not in token
    assert token not in made.stderr
    assert f"psg access grant {ann}" in made.stderr
    granted = await psg("access", "grant", ann, "operator", "--project", project)
    assert granted.stdout.strip() == f"granted: {ann} is operator in {project}"
    async with running_api(db, auth="token") as api:
        asked = {"PSG_API_URL": f"{api.url}/graphql", "PSG_API_TOKEN": token}
        seen = await client("project", "list", "--json", **asked)
        assert [p["name"] for p in orjson.loads(seen.stdout)] == [project], seen.stderr
        told = await client("project", "list", **asked, PSG_ACTOR="somebody")
        assert (told.returncode, told.stderr.partition(":")[0]) == (1, "actor_refused"), told.stderr
    revoked = await psg("token", "revoke", token)
    assert revoked.stdout.strip() == f"revoked {token.split('_')[1]}"
    async with running_api(db, auth="token") as api:
        gone = await client("project", "list", PSG_API_URL=f"{api.url}/graphql", PSG_API_TOKEN=token)
        assert (gone.returncode, gone.stderr.partition(":")[0]) == (1, "unauthenticated"), gone.stderr
    trail = await psg("audit", "--actor", f"op.{mark}", "--json")
    records = [orjson.loads(line) for line in trail.stdout.splitlines()]
    assert [r["act"] for r in records] == ["token.create", "grant.give", "token.revoke"]
    shown = await psg("token", "list", "--actor", ann)
    assert "revoked" in shown.stdout
    assert token.split("_")[2] not in trail.stdout + shown.stdout


async def test_grants_are_listed_taken_and_told(psg: Psg, db: Database, mark: str) -> None:
    made = await Graph(db).create_project(f"cli {mark}", actor="t")
    token = await psg("token", "create", f"ci.{mark}", "-p", f"cli {mark}", "-r", "agent", "--grant", "--json")
    facts = orjson.loads(token.stdout)
    assert (facts["projects"], facts["roles"]) == ([made.ids["project"]], ["agent"])
    listed = orjson.loads((await psg("access", "list", "--project", f"cli {mark}", "--json")).stdout)
    assert [(g["actor"], g["role"], g["granted_by"]) for g in listed] == [(f"ci.{mark}", "agent", f"op.{mark}")]
    taken = await psg("access", "revoke", f"ci.{mark}", "agent", "-p", f"cli {mark}", "--json")
    assert orjson.loads(taken.stdout)["changed"] is True
    again = await psg("access", "revoke", f"ci.{mark}", "agent", "-p", f"cli {mark}")
    assert again.stdout.startswith("was not granted")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["token", "create", "a name"], "validation_failed"), (["token", "create", "x", "--expires", "soon"], "usage"),
     (["token", "create", "x", "--expires", "9999w"], "validation_failed"), (["token", "create", "x", "--grant"],
     "validation_failed"), (["token", "revoke", "psg_1_2"], "token_unknown"),
     (["access", "grant", "x", "owner"], "validation_failed"), (["access", "grant", "x", "viewer", "-p", "?"],
     "not_found"), (["audit", "--outcome", "x"], "usage")],
)  # fmt: skip
async def test_what_makes_no_sense_is_said_by_name(psg: Psg, arguments: list[str], code: str) -> None:
    done = await psg(*arguments)
    assert done.exit_code in (1, 2)
    assert done.stderr.startswith(f"{code}:"), done.stderr


async def test_an_api_that_everybody_could_use_does_not_start(client: Psg) -> None:
    done = await client("serve", "--port", "0", "--host", "0.0.0.0", PSG_AUTH="none")
    assert done.returncode == 1
    assert "PSG_AUTH=none" in done.stderr, done.stderr
