"""``psg up`` as a process of its own with an embedded Neo4j, and the commands people give beside it."""

from __future__ import annotations

import os
import pty
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import orjson
import pytest
from processes import clean_environment
from typer.testing import CliRunner

from psg_cli.main import app
from psg_client import Client
from psg_graphql.global_id import global_id
from psg_neo4j.embedded import status as database_status
from psg_neo4j.embedded.supervisor import free_port

pytestmark = pytest.mark.neo4j

WAIT_S = 60.0

TOOLS = '''
from psg_runtime.ael import tool

@tool("test.double")
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number

@tool("test.fail")
def fail() -> None:
    """Fail."""
    raise RuntimeError("no luck")
'''

DOUBLE = """
title: Double twice
objective: Multiply by four
params:
  number: {type: integer, required: true}
steps:
  - id: first
    name: test.double
    params: {number: "{{params.number}}"}
  - id: second
    name: test.double
    params: {number: "{{first.output}}"}
    dependencies: [first]
"""

ASK = """
title: Ask first
objective: Wait for a person
steps:
  - id: ask
    type: confirm
    params: {reason: "go on?", requested_by_role: lead}
  - id: after
    name: test.double
    params: {number: 4}
    dependencies: [ask]
"""

SLOW = """
title: Slow
objective: Be there to be stopped
steps:
  - id: nap
    type: wait
    params: {duration_ms: 600000}
"""


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Up:
    """A running ``psg up`` and how to call the other commands beside it."""

    folder: Path
    environment: dict[str, str]
    facts: dict[str, Any]
    process: subprocess.Popen[bytes]

    def psg(self, *arguments: str, project: str | None = None) -> Answer:
        """One command, in this process: what it prints and its exit status are the same, and it starts at once."""
        environment = {**self.environment, **({"PSG_PROJECT": project} if project else {})}
        done = CliRunner().invoke(app, list(arguments), env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout, done.stderr)

    def plan(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.yaml"
        path.write_text(text, "utf-8")
        return str(path)

    def run_json(self, name: str, text: str, *more: str, project: str) -> dict[str, Any]:
        done = self.psg("run", self.plan(name, text), "--json", *more, project=project)
        assert done.stdout, done.stderr
        return orjson.loads(done.stdout)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "psg_cli", *arguments]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One platform for all tests of this file; they keep apart by project. It has to end in good order."""
    folder = tmp_path_factory.mktemp("up")
    (folder / "cli_test_tools.py").write_text(TOOLS, "utf-8")
    ready = folder / "ready.json"
    environment = clean_environment(PYTHONWARNINGS="error::ResourceWarning", PSG_HOME=str(folder / "home"))
    port = free_port(0)  # a chosen one: it is taken by then, by the platform itself
    arguments = ["up", "--port", str(port), "--tools", "cli_test_tools", "--ready-file", str(ready)]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command(*arguments), cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 180  # the first run on a machine downloads Neo4j
            while not ready.exists():
                assert process.poll() is None and time.monotonic() < deadline, (folder / "up.log").read_text()
                time.sleep(0.05)
            facts = orjson.loads(ready.read_bytes())
            assert facts["api_url"] == f"http://127.0.0.1:{port}/graphql"
            yield Up(folder, {**environment, "PSG_API_URL": facts["api_url"]}, facts, process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_S) == 0, (folder / "up.log").read_text()
            assert "Traceback" not in (folder / "up.log").read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_a_plan_file_runs_to_its_end_and_says_so(up: Up) -> None:
    done = up.psg("run", up.plan("double", DOUBLE), "-p", "number=5", project="runs")
    assert done.returncode == 0, done.stderr
    assert "completed, 2 steps" in done.stdout and "Traceback" not in done.stderr
    assert "second" in done.stderr and "plan completed, 2 of 2 steps done" in done.stderr


def test_its_output_went_from_step_to_step_with_its_type(up: Up) -> None:
    found = up.run_json("double", DOUBLE, "-p", "number=5", project="outputs")
    shown = orjson.loads(up.psg("plan", "show", found["plan"]["uuid"], "--json", project="outputs").stdout)

    async def output() -> Any:
        async with Client(up.facts["api_url"]) as client:
            (second,) = [step for step in shown["steps"] if step["key"] == "second"]
            return (await client.step_output(id=second["id"])).output  # type: ignore[union-attr]

    assert anyio.run(output) == 20


def test_where_nobody_sits_the_plan_is_left_waiting_and_the_printed_command_decides(up: Up) -> None:
    done = up.psg("run", up.plan("ask", ASK), project="waiting")
    assert done.returncode == 3, done.stderr
    line = next(line for line in done.stdout.splitlines() if "psg confirm decide" in line)
    words = shlex.split(line.split("(")[0])
    assert words[0] == "psg"
    assert up.psg(*words[1:]).returncode == 0
    plan_uuid = done.stdout.split()[1]

    async def until_finished() -> str:
        async with Client(up.facts["api_url"]) as client:
            project = (await client.projects(name="waiting")).nodes[0]
            with anyio.fail_after(WAIT_S):
                states = [p async for p in client.plan_progress(global_id("Plan", project.uuid, plan_uuid))]
        return states[-1].status

    assert anyio.run(until_finished) == "completed"
    again = up.psg(*words[1:])
    assert again.returncode == 1 and again.stderr.startswith("invalid_transition:")


def test_yes_approves_whatever_the_plan_asks_for(up: Up) -> None:
    found = up.run_json("ask", ASK, "--yes", project="yes")
    assert found["plan"]["status"] == "completed" and found["waiting_for"] == []


def test_a_project_that_is_new_is_told_as_its_name_may_be_misspelt(up: Up) -> None:
    told = [up.psg("run", up.plan("double", DOUBLE), "-p", "number=1", project="mispelt").stderr for _ in range(2)]
    assert ["project 'mispelt' is new" in text for text in told] == [True, False]


def test_at_a_terminal_the_person_is_asked(up: Up) -> None:
    master, slave = pty.openpty()
    arguments = command("run", up.plan("ask", ASK), "--project", "terminal")
    environment = {**up.environment, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(arguments, cwd=up.folder, env=environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    try:
        seen = read_until(master, b"[l]ater")
        assert b"go on?" in seen
        os.write(master, b"x\na\n")  # a slip, then the answer
        seen = read_until(master, None)
        assert process.wait(WAIT_S) == 0, seen
        assert b"approved in role human" in seen and b"completed" in seen
    finally:
        process.kill()
        process.wait()
        os.close(master)


def read_until(terminal: int, wanted: bytes | None) -> bytes:
    """What the terminal shows up to ``wanted``, or to the end of the program."""
    seen, deadline = b"", time.monotonic() + WAIT_S
    while wanted is None or wanted not in seen:
        readable, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert readable, f"no {wanted!r} in {seen!r}"
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the last writer is gone
            part = b""
        if not part:
            assert wanted is None, f"no {wanted!r} in {seen!r}"
            return seen
        seen += part
    return seen


def test_a_plan_that_fails_ends_with_1_and_the_steps_error(up: Up) -> None:
    text = "title: Bad luck\nobjective: fail\nsteps:\n  - {id: only, name: test.fail}\n"
    done = up.psg("run", up.plan("fail", text), project="failing")
    assert done.returncode == 1
    assert "failed" in done.stdout and "no luck" in done.stdout


BAD_PLANS = {
    "yaml": ("steps:\n  - id: a\n   name: x\n", "plan_file_invalid", "line 3"),
    "unknown dependency": (
        "objective: o\nsteps:\n  - {id: a, name: test.double, dependencies: [ghost], params: {number: 1}}\n",
        None,
        "ghost",
    ),
    "cycle": (
        "objective: o\nsteps:\n  - {id: a, type: wait, params: {duration_ms: 1}, dependencies: [b]}\n"
        "  - {id: b, type: wait, params: {duration_ms: 1}, dependencies: [a]}\n",
        "dependency_cycle",
        "a",
    ),
    "unknown tool": ("objective: o\nsteps:\n  - {id: a, name: test.tripple}\n", "unknown_capability", "test.tripple"),
    "no steps": ("objective: o\nsteps: []\n", "plan_file_invalid", "at least one step"),
    "duplicate id": (
        "objective: o\nsteps:\n  - {id: a, name: test.fail}\n  - {id: a, name: test.fail}\n",
        None,
        "a",
    ),
    "condition": (
        "objective: o\nsteps:\n  - {id: a, type: conditional, name: test.fail, condition: '1 +'}\n",
        "plan_file_invalid",
        "line 3",
    ),
    "reference": (
        "objective: o\nsteps:\n  - {id: a, name: test.double, params: {number: '{{ghost.output}}'}}\n",
        "plan_file_invalid",
        "ghost",
    ),
}


@pytest.mark.parametrize("name", BAD_PLANS)
def test_a_bad_plan_is_refused_with_code_and_place_and_without_traceback(up: Up, name: str) -> None:
    text, code, place = BAD_PLANS[name]
    done = up.psg("run", up.plan("bad", text), project="bad")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert place in done.stderr
    assert code is None or done.stderr.startswith(f"{code}:"), done.stderr


def test_parameters_that_do_not_fit_are_refused_before_anything_is_stored(up: Up) -> None:
    path = up.plan("double", DOUBLE)
    missing, wrong = up.psg("run", path, project="unborn"), up.psg("run", path, "-p", "number=x", project="unborn")
    assert missing.returncode == wrong.returncode == 1
    assert "`number` is required" in missing.stderr and "number" in wrong.stderr
    assert up.psg("run", path, "-p", "number", project="unborn").returncode == 2
    assert up.psg("plan", "list", project="unborn").stderr.startswith("not_found:")


def test_a_running_plan_is_paused_resumed_and_cancelled(up: Up) -> None:
    running = subprocess.Popen(
        command("run", up.plan("slow", SLOW), "--project", "slow"), cwd=up.folder, env=up.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stderr is not None
    try:
        while "nap" not in (line := running.stderr.readline()):
            assert line, "the plan never began to wait"
        (found,) = orjson.loads(up.psg("plan", "list", "--json", project="slow").stdout)
        plan = found["uuid"]
        paused = orjson.loads(up.psg("plan", "pause", plan, "--json", project="slow").stdout)
        assert paused["paused"] is True and paused["status"] == "in_progress"
        assert "paused" in up.psg("plan", "show", plan, project="slow").stdout
        resumed = orjson.loads(up.psg("plan", "resume", plan, "--json", project="slow").stdout)
        assert resumed["paused"] is False
        started = up.psg("plan", "start", plan, project="slow")
        assert started.returncode == 1 and started.stderr.startswith("invalid_transition:")
        cancelled = orjson.loads(up.psg("plan", "cancel", plan, "--json", project="slow").stdout)
        assert cancelled["status"] == "cancelled"
        assert running.wait(WAIT_S) == 1, "a cancelled plan is not a completed one"
    finally:
        running.kill()
        running.wait()
        running.stderr.close()


def test_ctrl_c_leaves_the_watching_and_not_the_plan(up: Up) -> None:
    watching = subprocess.Popen(
        command("run", up.plan("slow", SLOW), "--project", "left"), cwd=up.folder, env=up.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stderr is not None
    try:
        while "nap" not in (line := watching.stderr.readline()):
            assert line, "the plan never began to wait"
        watching.send_signal(signal.SIGINT)
        _, rest = watching.communicate(timeout=WAIT_S)
        assert watching.returncode == 130 and "The plan goes on" in rest and "Traceback" not in rest
        (found,) = orjson.loads(up.psg("plan", "list", "--json", project="left").stdout)
        assert found["status"] == "in_progress"
        assert up.psg("plan", "cancel", found["uuid"], project="left").returncode == 0
    finally:
        watching.kill()
        watching.wait()


def test_the_log_is_printed_without_gaps_and_goes_on_when_followed(up: Up) -> None:
    up.run_json("double", DOUBLE, "-p", "number=1", project="log")
    printed = up.psg("events", "tail", "--after", "0", "--json", project="log").stdout
    whole = [orjson.loads(line) for line in printed.splitlines()]
    assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
    behind = up.psg("events", "tail", "--after", str(len(whole) - 3), "--json", project="log").stdout.splitlines()
    assert [orjson.loads(line)["seq"] for line in behind] == [len(whole) - 2, len(whole) - 1, len(whole)]
    following = subprocess.Popen(
        command("events", "tail", "--after", str(len(whole)), "--follow", "--json", "--project", "log"),
        cwd=up.folder, env=up.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert following.stdout is not None
    try:
        up.run_json("double", DOUBLE, "-p", "number=2", project="log")
        new = [orjson.loads(following.stdout.readline()) for _ in range(10)]
        assert [event["seq"] for event in new] == list(range(len(whole) + 1, len(whole) + 11))
        following.send_signal(signal.SIGINT)
        assert following.wait(WAIT_S) == 130
    finally:
        following.kill()
        following.wait()
        following.stdout.close()


def test_a_reader_that_has_enough_is_no_error(up: Up) -> None:
    up.run_json("double", DOUBLE, "-p", "number=1", project="pipe")
    line = f"{shlex.join(command('events', 'tail', '--after', '0', '--json', '--project', 'pipe'))} | head -n 1"
    pipe = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(pipe, env=up.environment, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0 and done.stderr == ""


def test_exported_documents_come_in_again_equal(up: Up, tmp_path: Path) -> None:
    up.run_json("ask", ASK, "--yes", project="source")
    assert up.psg("export", str(tmp_path / "a"), project="source").returncode == 0
    for _ in range(2):  # the second time nothing is stored twice
        done = up.psg("import", str(tmp_path / "a"), project="target")
        assert done.returncode == 0, done.stderr
    assert up.psg("export", str(tmp_path / "b"), project="target").returncode == 0
    folders = (tmp_path / "a", tmp_path / "b")
    first, second = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*.json")} for f in folders)
    assert first == second and {path.parts[0] for path in first} == {"context", "plan", "trace", "confirm"}


def test_projects_are_created_once(up: Up) -> None:
    assert up.psg("project", "create", "only-one", "--description", "x").returncode == 0
    again = up.psg("project", "create", "only-one")
    assert again.returncode == 1 and again.stderr.startswith("duplicate_id:")
    assert "only-one" in up.psg("project", "list").stdout


def test_errors_are_json_on_stdout_when_asked_for(up: Up) -> None:
    done = up.psg("plan", "list", "--json", project="nowhere")
    assert orjson.loads(done.stdout)["error"]["code"] == "not_found" and done.returncode == 1


def test_the_database_under_it_is_audited_clean(up: Up) -> None:
    up.run_json("double", DOUBLE, "-p", "number=1", project="audit")
    done = up.psg("verify", "--json")
    assert done.returncode == 0, done.stdout
    assert orjson.loads(done.stdout)["violations"] == []


def test_a_taken_port_is_told_before_a_database_is_started(up: Up, tmp_path: Path) -> None:
    port = up.facts["api_url"].split(":")[2].split("/")[0]
    environment = {**up.environment, "PSG_HOME": str(tmp_path / "home")}
    arguments = command("up", "--port", port)
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 1 and done.stderr.startswith("port_taken:") and port in done.stderr
    assert not (tmp_path / "home").exists()


def test_the_browser_link_leads_to_a_browser_that_answers(up: Up) -> None:
    found = database_status(up.folder / "home" / "neo4j")
    assert found.http_url == up.facts["browser_url"]
    host, port = up.facts["browser_url"].removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(f"GET /browser/ HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        assert b"200 OK" in connection.recv(4096)


def test_the_console_is_named_and_knows_the_browser_beside_it(up: Up) -> None:
    base = up.facts["api_url"].removesuffix("/graphql")
    assert f"Console  {base}/\n" in (up.folder / "up.log").read_text("utf-8")
    told = httpx2.get(f"{base}/console/config.json").json()
    assert (told["auth"], told["browser"]) == (["none"], up.facts["browser_url"].rstrip("/"))
    done = up.psg("run", up.plan("double", DOUBLE), "-p", "number=5", project="console")
    link = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("Console"))
    page = httpx2.get(link, headers={"accept": "text/html"})
    assert link.startswith(f"{base}/projects/") and (page.status_code, '<div id="root">' in page.text) == (200, True)
