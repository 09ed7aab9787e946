"""The commands of the documents that judge or change a whole database, given one after the other on one of our own.

The others are run by ``test_documentation_snippets.py``; what goes on until it is stopped has tests of its own.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import snippets
from processes import clean_environment

pytestmark = [pytest.mark.neo4j, pytest.mark.long, pytest.mark.timeout(900)]
GIVEN = {"verify", "token", "access", "audit", "retain", "migrate", "health"}
FOLLOWED = "docs/how-to/back-up-and-restore.md"  # by test_wheel.py
PLAN = "{title: Wait, objective: Be there, steps: [{id: nap, type: wait, params: {duration_ms: 1}}]}"
WAIT_S = 180.0


def psg(folder: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "psg_cli", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=WAIT_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def env(folder: Path) -> Iterator[dict[str, str]]:
    """``psg up`` with a Neo4j of its own, the projects that the documents talk about, and a plan that ran."""
    ready, log = folder / "ready.json", folder / "up.log"
    env = clean_environment(PSG_HOME=str(folder / "home"), PSG_ACTOR="user:ann")
    command = [sys.executable, "-m", "psg_cli", "up", "--port", "0", "--ready-file", str(ready)]
    with log.open("w") as out, subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out) as process:
        try:
            deadline = time.monotonic() + WAIT_S
            while not ready.exists():
                assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.1)
            env |= {"PSG_API_URL": json.loads(ready.read_text("utf-8"))["api_url"]}
            (folder / "plan.json").write_text(PLAN, "utf-8")
            for project in ("default", "shop", "billing"):
                psg(folder, env, "project", "create", project)
                ran = psg(folder, env, "run", "plan.json", "--json", "--project", project)
                assert ran.returncode == 0, ran.stderr
                env["DOCUMENTED_PLAN"] = json.loads(ran.stdout)["plan"]["uuid"]
            yield env
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.mark.parametrize("name", [n for n in snippets.documents() if n != FOLLOWED and snippets.of("console", n)])
def test_what_is_about_a_whole_database_works(name: str, folder: Path, env: dict[str, str]) -> None:
    for fence in snippets.of("console", name):
        for line in snippets.console_lines(fence.code):
            words = snippets.psg_words(line.words)
            if words is None or words[0] not in GIVEN:
                continue
            text = line.words.replace("PLAN", env["DOCUMENTED_PLAN"])
            given = shlex.split(text.partition("psg ")[2], comments=True)
            done = psg(folder, env, *given)
            assert done.returncode == 0, f"{fence.place}: {line.words}\n{done.stdout}{done.stderr}"
