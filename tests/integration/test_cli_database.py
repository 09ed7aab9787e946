"""``psg db``, ``psg migrate`` and ``psg verify`` on an embedded database of their own; no API needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from processes import clean_environment

pytestmark = pytest.mark.neo4j

Psg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def psg(tmp_path: Path) -> Iterator[Psg]:
    """Calls ``psg`` with a home of this test; the database is stopped at the end."""
    environment = clean_environment(PSG_HOME=str(tmp_path / "home"), COLUMNS="200")

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=tmp_path, env={**environment, **more},
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        )  # fmt: skip

    yield call
    call("db", "stop")


@pytest.mark.timeout(400)
@pytest.mark.long
def test_the_database_lives_until_it_is_stopped_and_verify_starts_it_again(psg: Psg, tmp_path: Path) -> None:
    assert psg("db", "status").returncode == 1
    assert psg("db", "path").stdout.strip() == str(tmp_path / "home" / "neo4j")
    started = psg("db", "start", "--json")
    assert started.returncode == 0, started.stderr
    facts = orjson.loads(psg("db", "status", "--json").stdout)
    assert facts["state"] == "running" and facts["kept"] is True, "it outlives the command that started it"

    early = psg("serve", "--port", "0")
    assert early.returncode == 1 and early.stderr.startswith("schema_not_migrated:"), early.stderr
    planned = orjson.loads(psg("migrate", "--dry-run", "--json").stdout)
    assert planned["applied"] and orjson.loads(psg("migrate", "--json").stdout)["applied"] == planned["applied"]
    assert "nothing to do" in psg("migrate").stdout

    assert psg("db", "stop").stdout.strip() == "stopped"
    assert psg("db", "status").returncode == 1
    audited = psg("verify", "--json")
    assert audited.returncode == 0, audited.stderr
    assert orjson.loads(audited.stdout)["violations"] == []


def test_what_only_reads_makes_no_database_where_there_is_none(psg: Psg, tmp_path: Path) -> None:
    reading = (["verify"], ["backup", str(tmp_path / "kept.gz")], ["workflow", "list"], ["drift", "list"])
    for command in reading:
        done = psg(*command, "--home", str(tmp_path / "typo"))
        assert done.returncode == 1 and done.stderr.startswith("no_database:"), done.stderr
    assert not (tmp_path / "typo").exists() and not (tmp_path / "kept.gz").exists()


def test_a_server_that_is_away_or_refuses_the_password_is_told_apart(psg: Psg) -> None:
    away = psg("migrate", PSG_NEO4J_URI="bolt://127.0.0.1:9")
    assert away.returncode == 4 and away.stderr.startswith("database_unavailable:")
    assert "Traceback" not in away.stderr


def test_db_commands_do_not_pretend_to_control_a_server_of_somebody_else(psg: Psg) -> None:
    done = psg("db", "start", PSG_NEO4J_URI="bolt://127.0.0.1:9")
    assert done.returncode == 2 and "PSG_NEO4J_URI" in done.stderr


def test_when_no_api_answers_the_way_to_start_one_is_told(psg: Psg, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("objective: o\nsteps: [{id: a, type: wait, params: {duration_ms: 1}}]\n", "utf-8")
    done = psg("run", str(plan), "--api-url", "http://127.0.0.1:9/graphql")
    assert done.returncode == 4 and done.stderr.startswith("api_unavailable:") and "psg up" in done.stderr


def test_the_settings_are_shown_and_no_secret_among_them(psg: Psg) -> None:
    secrets = {
        "PSG_NEO4J_PASSWORD": "hunter2hunter2",
        "PSG_API_TOKEN": "token-token-token-token",
        "PSG_LLM_API_KEY": "sk-secret-secret",
    }
    uri = "bolt://neo4j:inline-pass@db:7687"
    done = psg("config", "show", "--json", PSG_NEO4J_URI=uri, PSG_PROJECT="mine", **secrets)
    shown = {row["name"]: row for row in orjson.loads(done.stdout)}
    assert shown["PSG_PROJECT"]["value"] == "mine" and shown["PSG_PROJECT"]["set"] is True
    assert all(shown[name]["value"] == "********" for name in secrets)
    assert not any(secret in done.stdout for secret in [*secrets.values(), "inline-pass"])


def test_beyond_loopback_the_api_refuses_to_ask_nobody_who_they_are(psg: Psg, tmp_path: Path) -> None:
    done = psg("up", "--host", "0.0.0.0", "--port", "0", PSG_AUTH="none")
    assert done.returncode == 1 and "PSG_AUTH" in done.stderr
    assert not (tmp_path / "home").exists()


def test_the_schema_is_the_one_that_is_checked_in(psg: Psg) -> None:
    checked_in = Path(__file__).parents[2] / "graphql" / "schema.graphql"
    assert psg("schema").stdout == checked_in.read_text("utf-8")


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("run",), ("plan", "list", "--nonsense"), ("events", "tail", "--after", "x")]
)
def test_wrong_usage_is_2(psg: Psg, arguments: tuple[str, ...]) -> None:
    done = psg(*arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr
