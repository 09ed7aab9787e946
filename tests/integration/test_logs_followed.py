"""Log lines of real processes: one request followed from its answer to the step; formats; hostile text; secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import anyio
import httpx2
import orjson
import pytest
from sample_graph import quiet_server
from world import World, step

from psg_graphql.global_id import global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
# Nobody else may run what is followed here.
neo4j_server = quiet_server

TOOLS = '''
import structlog
from psg_runtime.ael import tool

@tool("logs.speak")
def speak() -> str:
    """Say something in the log."""
    structlog.get_logger("mine").warning("spoke")
    return "said"

@tool("logs.fail")
def fail() -> None:
    """Fail."""
    raise RuntimeError("a message that quotes s3cret")
'''
START = "mutation($id: ID!) { startPlan(input: {id: $id}) { __typename ... on PlanPayload { commandId } } }"


def environment(server: Any, **more: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
    named = {"PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password}
    return {**kept, **named, "PSG_LOG_LEVEL": "info", "PSG_LOG_FORMAT": "json", "PSG_POLL_MS": "20", **more}


class Service:
    """A ``psg`` process whose lines are read when it has ended."""

    def __init__(self, folder: Path, env: dict[str, str], *arguments: str) -> None:
        self._errors = (folder / f"{arguments[0]}.log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=folder, env=env, stdout=subprocess.PIPE,
            stderr=self._errors, text=True,
        )  # fmt: skip

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    async def ready(self) -> list[str]:
        assert self._process.stdout is not None
        said: list[str] = []
        while not said or said[-1] != "ready\n":
            with anyio.fail_after(60):
                said.append(await anyio.to_thread.run_sync(self._process.stdout.readline))
            assert said[-1], self.lines()
        return said

    def lines(self) -> list[dict[str, Any]]:
        """Every line of stderr; each of them is JSON."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=30)
        self._errors.seek(0)
        text = self._errors.read().splitlines()
        return [orjson.loads(line) for line in text if not line.startswith(b"SIGTERM:")]


async def test_a_request_is_followed_from_its_answer_to_the_lines_of_its_steps(
    neo4j_server: Any, db: Database, tmp_path: Path
) -> None:
    (tmp_path / "log_tools.py").write_text(TOOLS, "utf-8")
    world = await World.create(db)
    (row,) = await world.query("MATCH (p:Project {id: $project_id}) RETURN p.name AS name")
    env = environment(neo4j_server)
    with (
        Service(tmp_path, env, "serve", "--port", "0", "--tools", "log_tools") as serve,
        Service(tmp_path, env, "orchestrate", "--tools", "log_tools", "--project", row["name"]) as run,
    ):
        await followed(serve, run, world)


async def followed(serve: Service, run: Service, world: World) -> None:
    url = next(line.split()[1] for line in await serve.ready() if line.startswith("GraphQL "))
    await run.ready()
    plan = await world.approved(step("speak", name="logs.speak"), step("fail", "speak", name="logs.fail"))
    incoming = f"00-{uuid.uuid4().hex}-00f067aa0ba902b7-01"
    other = await world.approved(step("speak", name="logs.speak"))
    async with httpx2.AsyncClient(timeout=60) as http:
        for one, headers in ((plan, {}), (other, {"traceparent": incoming})):
            variables = {"id": global_id("Plan", world.project_id, one)}
            answer = await http.post(url, json={"query": START, "variables": variables}, headers=headers)
            assert answer.json()["data"]["startPlan"]["__typename"] == "PlanPayload", answer.text
            if one == plan:
                request_id = answer.headers["x-request-id"]
                command_id = answer.json()["data"]["startPlan"]["commandId"]
    await world.finished(plan)
    await world.finished(other)
    served, ran = serve.lines(), run.lines()

    (request,) = [line for line in served if line.get("request_id") == request_id]
    assert (request["event"], request["status"], request["command_id"]) == ("request", 200, command_id)
    trace = request["trace_id"]
    assert trace == request_id.replace("-", "")
    attempts = [line for line in ran if line["event"] == "step_attempted" and line["trace_id"] == trace]
    told = [(a["step"], a["outcome"], a["plan_id"], a["project_id"], a["attempt"]) for a in attempts]
    assert told == [(k, o, plan, world.project_id, 1) for k, o in (("speak", "completed"), ("fail", "failed"))]
    assert [line["step"] for line in ran if line["event"] == "spoke" and line["trace_id"] == trace] == ["speak"]
    assert sorted(line["plan_id"] for line in ran if line["event"] == "spoke") == sorted([plan, other])
    # A caller's own trace goes on, in the request and in what it caused.
    theirs = incoming.split("-")[1]
    assert [line["event"] for line in served if line.get("trace_id") == theirs] == ["request"]
    assert {line["plan_id"] for line in ran if line.get("trace_id") == theirs} == {other}
    assert "s3cret" not in str(attempts)
    events = await world.query("MATCH (e:Event {project_id: $project_id, command_id: $c}) RETURN e.correlation_id AS c",
                               c=command_id)  # fmt: skip
    assert [event["c"].split("-")[1] for event in events] == [trace]


HOSTILE = """
import logging, structlog
from psg_cli.logs import configure_logs
from psg_runtime.secrets.mask import KNOWN
KNOWN.add(["hunter2hunter2"])
configure_logs("info")
bad = "x\\n2026-01-01T00:00:00Z [error    ] forged\\r\\x1b[2J\\u2028{\\"event\\": \\"forged\\"}"
log = structlog.get_logger("t")
log.info("hostile", text=bad, nested={"a": [bad]}, **{"key\\n": 1})
log.info(bad)
try:
    raise ValueError(bad)
except ValueError:
    log.exception("broke", password="hunter2hunter2")
logging.getLogger("other").warning("from elsewhere %s hunter2hunter2", bad)
log.debug("not told")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_hostile_text_forges_no_line_and_secrets_are_masked(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], env={**os.environ, "PSG_LOG_FORMAT": form}, capture_output=True, check=True
    )
    assert b"hunter2" not in done.stderr and b"not told" not in done.stderr and b"\x1b" not in done.stderr
    lines = done.stderr.decode().split("\n")[:-1]
    assert not any("\r" in line or "\u2028" in line for line in lines)
    if form == "json":
        told = [orjson.loads(line) for line in lines]
        assert len(told) == 4 and [line["level"] for line in told] == ["info", "info", "error", "warning"]
        assert all(line["event"] != "forged" for line in told)
        return
    beginnings = [line for line in lines if not line.startswith("  | ")]
    assert len(beginnings) == 4 and all("forged" not in line[:45] for line in beginnings), lines
    assert any("ValueError: x" in line for line in lines)


def test_a_format_or_level_that_is_none_is_refused(tmp_path: Path) -> None:
    for name, value in (("PSG_LOG_FORMAT", "xml"), ("PSG_LOG_LEVEL", "loud")):
        env = {**os.environ, "PSG_NEO4J_URI": "bolt://127.0.0.1:1", name: value}
        command = [sys.executable, "-m", "psg_cli", "serve"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and name in done.stderr, done.stderr
