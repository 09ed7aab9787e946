"""``psg demo`` on git repositories that are made here: from nothing to the report, and audited after."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from processes import clean_environment

pytestmark = pytest.mark.neo4j

SECRET = "AKIA" + "QWERTYUIOPASDFGH"


def psg(home: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(PSG_HOME=str(home))
    return subprocess.run(
        [sys.executable, "-m", "psg_cli", *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=150, check=False,
    )  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with a cycle of imports, a long file, a likely secret and a file that is no text."""
    folder = tmp_path / "repo with spaces"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "one.py").write_text("import two\n", "utf-8")
    (folder / "two.py").write_text("import one\n" + "x = 1\n" * 900, "utf-8")
    (folder / "settings.py").write_text(f'key = "{SECRET}"\n', "utf-8")
    (folder / "picture.bin").write_bytes(bytes(range(256)) * 4)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


@pytest.mark.timeout(400)
def test_the_demo_ends_completed_with_a_report_and_a_clean_database(tmp_path: Path, repository: Path) -> None:
    home = tmp_path / "home"
    done = psg(home, "demo", "--yes", "--json", "--repo", str(repository), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert told["plan"]["status"] == "completed" and "cmd=edit" in told["links"]["Browser"]
    report = (home / "reports" / "repo-health.md").read_text("utf-8")
    assert "two.py" in report and SECRET not in report, "findings are named, secrets are masked"
    assert "summary" in done.stderr and "PSG_LLM_API_KEY" in done.stderr, "the step without a key says why"
    assert str(home / "reports" / "repo-health.md") in done.stderr
    audited = psg(home, "verify", "--json", folder=tmp_path)
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_a_folder_that_is_no_repository_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = psg(tmp_path / "home", "demo", "--yes", "--repo", str(tmp_path), folder=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("usage:") and str(tmp_path) in done.stderr
    assert not (tmp_path / "home").exists()
