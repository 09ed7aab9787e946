"""``psg backup`` and ``psg restore`` as an operator uses them, from one embedded database to another."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import orjson
import pytest
from conftest import in_other_loop
from sample_graph import make_sample

from psg.graph import Graph
from psg_neo4j.embedded import embedded

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]
Psg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def psg(tmp_path: Path) -> Iterator[Psg]:
    """Calls ``psg`` with a home of this test; its databases are stopped at the end."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_") or n == "PSG_CACHE_DIR"}
    environment = {**kept, "PSG_HOME": str(tmp_path / "home"), "NO_COLOR": "1", "COLUMNS": "200"}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=tmp_path, env=environment, capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=240, check=False,
        )  # fmt: skip

    yield call
    for home in ("home", "other"):
        call("db", "stop", "--home", str(tmp_path / home))


async def _fill(home: Path) -> str:
    async with embedded(home / "neo4j") as server, server.database() as db:
        await Graph(db).warm()
        sample = await make_sample(db)
        await sample.running_plan({"a": (), "b": ("a",)})
        return sample.project_id


@pytest.mark.long
def test_one_file_from_one_database_to_another(psg: Psg, tmp_path: Path) -> None:
    file, other = tmp_path / "psg.backup.gz", str(tmp_path / "other")
    for home in (str(tmp_path / "home"), other):
        assert psg("db", "start", "--home", home).returncode == 0
    assert psg("migrate").returncode == 0
    project = in_other_loop(partial(_fill, tmp_path / "home"))

    made = psg("backup", str(file), "--json")
    assert made.returncode == 0, made.stderr
    facts = orjson.loads(made.stdout)
    assert facts["counts"]["projects"] == 1 and facts["counts"]["nodes"] > 5 and len(facts["sha256"]) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and not list(tmp_path.glob("*.part"))
    again = psg("backup", str(file))
    assert again.returncode == 2 and "exists" in again.stderr, "nobody's backup is overwritten"
    assert "whole: 1 projects" in psg("restore", str(file), "--check").stdout

    bad = tmp_path / "bad.gz"
    bad.write_bytes(file.read_bytes()[:-20])
    refused = psg("restore", str(bad), "--home", other)
    assert refused.returncode == 1 and refused.stderr.startswith("backup_invalid:"), refused.stderr
    stored = psg("restore", str(file), "--home", other)
    assert stored.returncode == 0 and "0 violations" in stored.stdout, stored.stderr + stored.stdout
    twice = psg("restore", str(file), "--home", other)
    assert twice.returncode == 1 and twice.stderr.startswith("database_not_empty:"), "it is done: nothing to go on with"

    audited = orjson.loads(psg("verify", "--project", project, "--home", other, "--json").stdout)
    assert audited["violations"] == [] and audited["checked"]["nodes"] == facts["counts"]["nodes"]
    copy = psg("backup", str(tmp_path / "copy.gz"), "--home", other, "--json")
    assert orjson.loads(copy.stdout)["counts"] == facts["counts"]
