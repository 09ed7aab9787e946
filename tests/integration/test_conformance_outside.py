"""``psg conformance`` as a user runs it, and the kit's own oracle on the evidence that it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import Neo4jServer
from kit_oracle import oracle
from typer.testing import CliRunner

from psg.documents import export_bundle
from psg.graph import Graph
from psg_cli.main import app
from psg_cli.store import Store
from psg_neo4j import Database
from psg_runtime.conformance import ItemResult, Report
from psg_runtime.conformance.site import Site
from psg_runtime.metadata import runtime_metadata

pytestmark = pytest.mark.neo4j


def run(server: Neo4jServer, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
    environment = {
        **kept, "PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password,
        "NO_COLOR": "1",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "psg_cli", "conformance", *arguments], cwd=folder, env=environment,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=170, check=False,
    )  # fmt: skip


@pytest.mark.req("L3-14", "DD-28")
def test_the_command_prints_seven_of_seven_with_evidence(neo4j_server: Neo4jServer, tmp_path: Path) -> None:
    done = run(neo4j_server, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "7 of 7" and sum(line.startswith("met ") for line in lines) == 7
    for name, value in runtime_metadata().items():
        shown = ", ".join(value) if isinstance(value, list) else value
        assert any(line.split() == [name, *shown.split()] for line in lines), name
    assert "Traceback" not in done.stderr


def test_json_is_all_that_scripts_get_and_an_item_that_fails_is_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """How a report is shown; the report is given, so no database is needed."""
    items = (ItemResult("A", "by hand", True, ("seen",)), ItemResult("B", "by eye", False, problem="not there"))

    async def fails(*_: Any, **more: Any) -> Report:
        for item in items:
            if more.get("progress"):
                more["progress"](item)
        return Report(runtime_metadata(), "p", items)

    @asynccontextmanager
    async def nowhere(*_: Any) -> AsyncIterator[Store]:
        yield Store(None, None)  # type: ignore[arg-type]

    async def sound(*_: Any) -> None:
        return None

    monkeypatch.setattr("psg_runtime.conformance.run_checklist", fails)
    monkeypatch.setattr("psg_cli.commands.conformance.open_store", nowhere)
    monkeypatch.setattr("psg_neo4j.migrations.require_schema", sound)
    # Logs would go to the captured stream from then on, also those of tests after this one.
    monkeypatch.setattr("psg_cli.commands.conformance.configure_logs", lambda _: None)
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, ["conformance"])
    assert shown.exit_code == 1 and "NOT MET B — by eye\n        not there" in shown.stdout
    assert shown.stdout.rstrip().endswith("1 of 2")
    data = CliRunner().invoke(app, ["conformance", "--json"])
    assert data.exit_code == 1
    assert orjson.loads(data.stdout) == Report(runtime_metadata(), "p", items).to_dict() | {
        "items": [
            {"requirement": "A", "verification": "by hand", "met": True, "evidence": ["seen"], "problem": None},
            {"requirement": "B", "verification": "by eye", "met": False, "evidence": [], "problem": "not there"},
        ]
    }


@pytest.mark.anyio
@pytest.mark.req("L3-14", "L3-43", "L3-46")
async def test_the_oracle_accepts_the_watched_runs_for_the_sa_profile(db: Database, tmp_path: Path) -> None:
    kit = oracle()
    site = await Site.create(Graph(db))
    watched = await site.watch_runs()
    for status, plan_id in watched.plans.items():
        folder = tmp_path / status
        await export_bundle(db, site.project_id, plan_id, folder)
        assert kit.load(folder / "plan.json")["status"] == status
        assert kit.bundle_errors(str(folder), "SA") == [], status
    assert kit.event_errors([dict(e) for e in watched.events], family_required=True) == []
