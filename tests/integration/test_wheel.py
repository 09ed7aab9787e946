"""The built wheel, installed outside the clone with the locked requirements, brings everything up and runs a plan."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.neo4j, pytest.mark.long]
ROOT = Path(__file__).parents[2]
PLAN = """
title: From the wheel
objective: Run one plan
steps:
  - {id: nap, type: wait, params: {duration_ms: 10}}
  - {id: hello, type: tool, name: file.write, dependencies: [nap], params: {path: hello.txt, content: "hello"}}
"""


def run(*command: str | Path, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.timeout(900)
def test_the_installed_wheel_passes_psg_up_and_psg_run(tmp_path: Path) -> None:
    env = {n: v for n, v in os.environ.items() if not n.startswith(("PSG_", "PYTHON")) or n == "PSG_CACHE_DIR"}
    env |= {"PSG_HOME": str(tmp_path / "home"), "PSG_FILE_ROOT": str(tmp_path), "NO_COLOR": "1"}
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    built = run(*pip, ROOT, folder=tmp_path, env=env)
    assert built.returncode == 0, built.stderr
    venv = tmp_path / "venv"
    for step in (
        [sys.executable, "-m", "venv", venv],
        [venv / "bin/pip", "install", "-q", "--require-hashes", "-r", ROOT / "requirements.lock"],
        [venv / "bin/pip", "install", "-q", "--no-deps", *tmp_path.glob("*.whl")],
    ):
        done = run(*step, folder=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
    (tmp_path / "plan.yaml").write_text(PLAN, "utf-8")
    ready = tmp_path / "ready.json"
    command = [str(venv / "bin/psg"), "up", "--port", "0", "--ready-file", str(ready)]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as up:
        try:
            deadline = time.monotonic() + 180
            while not ready.exists():
                assert up.poll() is None and time.monotonic() < deadline, up.stderr and up.stderr.read()
                time.sleep(0.1)
            addresses = json.loads(ready.read_text("utf-8"))
            env["PSG_API_URL"] = next(v for k, v in addresses.items() if "graphql" in str(v))
            ran = run(venv / "bin/psg", "run", "plan.yaml", folder=tmp_path, env=env)
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert (tmp_path / "hello.txt").read_text("utf-8") == "hello"
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(60)
    verified = run(venv / "bin/psg", "verify", folder=tmp_path, env=env)
    assert verified.returncode == 0, verified.stdout + verified.stderr
