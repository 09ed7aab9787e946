"""What ``psg doctor`` says of settings, packages, ports and disk, each really broken."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

import psg_cypher
from psg_cli.doctor.environment import (
    _within,
    check_packages,
    check_python,
    check_settings,
    known_variables,
)
from psg_cli.doctor.findings import Finding
from psg_cli.doctor.machine import NO_DISK, check_disk, check_embedded, check_ports
from psg_cli.doctor.schema import expected_schema
from psg_cli.settings import CliSettings
from psg_graphql.settings import ApiSettings

SECRET = "correct-horse-battery-staple"
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PSG_") and name != "PSG_CACHE_DIR"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def told(findings: list[Finding], level: str) -> str:
    return " | ".join(f"{one.message} → {one.advice}" for one in findings if one.level == level)


def test_a_sound_installation_is_told_as_such() -> None:
    found = [*check_python(), *check_packages(), *check_settings({})]
    assert {one.level for one in found} == {"ok"}, found


@pytest.mark.parametrize(
    ("there", "bounds", "holds"),
    [
        ("3.11.9", "<4,>=3.11", True), ("4.0", "<4,>=3.11", False), ("3.9.1", "<4,>=3.11", False),
        ("21.0.8.1", "", True),
        ("0.341.2", "<0.342,>=0.341", True), ("2.0.0rc1", ">=2", True), ("1.2", "==1.2.0", True),
        ("1.3", "!=1.3", False),
    ],
)  # fmt: skip
def test_versions_are_compared_number_by_number(there: str, bounds: str, holds: bool) -> None:
    assert _within(there, bounds) is holds


def test_packages_that_are_missing_or_too_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = __import__("psg_cli.doctor.environment", fromlist=["version"]).version
    old = {"starlette": "0.1.0"}
    monkeypatch.setattr("psg_cli.doctor.environment.version", lambda name: old.get(name) or real(name))
    assert "starlette 0.1.0 is not >=0.48 → pip install" in told(list(check_packages()), "fail")


def test_variables_that_nobody_reads_or_that_contradict_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PSG_HOEM": "x", "PSG_SECRET_MINE": SECRET, "PSG_API_TOKEN": SECRET, "PSG_AUTH": "none", "PSG_NEO4J_HEAP": "1g",
        "PSG_NEO4J_URI": "neo4j://there:7687", "PSG_OIDC_ISSUER": "https://issuer.test", "PSG_CAPACITY": "many",
        "PSG_FAULT": "nowhere:raise",
    }  # fmt: skip
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    found = list(check_settings(wrong))
    warned, failed = told(found, "warn"), told(found, "fail")
    for text in (
        "PSG_HOEM is set, and nothing reads it → did you mean PSG_HOME?", "PSG_NEO4J_HEAP are about the embedded",
        "without PSG_NEO4J_PASSWORD", "it protects nothing", "PSG_AUTH does not name oidc", "PSG_FAULT is set",
    ):  # fmt: skip
        assert text in warned, text
    assert "PSG_CAPACITY" in failed and "many" not in failed
    assert SECRET not in repr(found) and "PSG_SECRET_MINE" not in repr(found)


def test_every_variable_that_the_sources_speak_of_is_known() -> None:
    """A setting that is read somewhere else than by the classes of settings has to be added to the list."""
    known = known_variables()
    spoken: set[str] = set()
    for package in ("psg", "cypher", "runtime", "graphql/psg_graphql", "graphql/psg_client"):
        for path in (CHECKOUT / package).rglob("*.py"):
            spoken |= set(re.findall(r"\bPSG_[A-Z0-9_]*[A-Z0-9]\b(?!_|…)", path.read_text(encoding="utf-8")))
    free = {name for name in spoken if name.startswith(("PSG_SECRET", "PSG_HOEM"))}
    assert spoken - known - free == set()
    assert len(known) > 80


def test_a_port_that_is_taken_is_told_with_who_has_it() -> None:
    settings = CliSettings()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        api = ApiSettings(port=port)
        (found,) = check_ports(settings, api, api_answers=False)
        assert found.level == "fail" and f"port {port} is in use" in found.message
        if sys.platform == "linux":
            assert f"(process {os.getpid()})" in found.message
        (ours,) = check_ports(settings, api, api_answers=True)
        assert ours.level == "ok"
    (free,) = check_ports(settings, api, api_answers=False)
    assert free.level == "ok"


def test_a_disk_that_is_full_or_cannot_be_written_is_told(tmp_path: Path) -> None:
    settings = CliSettings(home=tmp_path / "not" / "yet")
    assert [one.level for one in check_disk(settings)] == ["ok"]
    for left, level in ((NO_DISK - 1, "fail"), (NO_DISK + 1, "warn")):
        found = next(iter(check_disk(settings, free=lambda _, left=left: left)))  # type: ignore[misc]
        assert found.level == level


def test_jars_that_are_missing_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_CACHE_DIR", str(tmp_path))
    found = list(check_embedded(CliSettings()))
    assert re.search(r"0 of \d+ jars of Neo4j .* → `psg db start` downloads", told(found, "warn"))


def test_the_schema_that_is_expected_is_that_of_the_migrations() -> None:
    items = expected_schema()
    assert items["psg_node_id"].properties == ("project_id", "id") and items["psg_node_id"].constraint
    assert not items["step_ready"].constraint and len(items["step_ready"].properties) == 5
    text = " ".join(" ".join(x.split()) for m in psg_cypher.migrations() for x in m.statements)
    made, dropped = re.findall(r"CREATE (?:CONSTRAINT|INDEX) (\w+)", text), re.findall(r"DROP \w+ (\w+)", text)
    assert set(items) == set(made) - set(dropped)
    assert len(expected_schema(psg_cypher.migrations()[:2])) < len(items)


def test_it_works_where_nothing_runs_and_prints_no_secret(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PSG_") or k == "PSG_CACHE_DIR"},
        "PSG_API_TOKEN": SECRET, "PSG_API_PORT": port, "PSG_NEO4J_PASSWORD": SECRET, "PSG_TYPO": SECRET,
        "PSG_API_URL": f"http://user:{SECRET}@127.0.0.1:{port}/graphql?token={SECRET}",
    }  # fmt: skip

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "psg_cli", "doctor", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = run("--json")
    found = orjson.loads(done.stdout)
    levels = {one["check"]: one["level"] for one in found["findings"]}
    assert (done.returncode, found["fail"]) == (1, 0), done.stdout
    assert levels["database"] == levels["api"] == "warn" and not list(tmp_path.iterdir())
    assert SECRET not in done.stdout + done.stderr
    environment["PSG_CAPACITY"] = "none"
    assert run().returncode == 2
