"""``psg ask`` against a running API."""

from __future__ import annotations

import csv
import io
import sys
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api
from typer.testing import CliRunner

from psg_cli.main import app
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


async def psg(api: Api, *arguments: str, given: bytes = b"") -> tuple[int, str, str]:
    """Exit status, what was printed, and what was told besides."""
    command = [sys.executable, "-m", "psg_cli", "ask", *arguments, "--api-url", f"{api.url}/graphql"]
    done = await anyio.run_process(command, input=given, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_questions_by_text_and_by_name(db: Database) -> None:
    async with running_api(db) as api:
        project_id, plan_id, _ = await api.running_plan({"a": [], "b": ["a"]})
        project, plan = parse_global_id(project_id).project_id, parse_global_id(plan_id).node_id
        found: dict[str, Any] = {}

        async def run(name: str, *arguments: str, given: bytes = b"") -> None:
            found[name] = await psg(api, *arguments, given=given)

        text = "MATCH (s:Step {project_id: $p, plan: $l}) RETURN s.key AS key, $n + 1 AS n"
        text += ", date('2026-01-02') AS day, [1] AS l ORDER BY key"
        asked = [text, "-P", f"p={project}", "-P", f"l={plan}", "-P", "n=2"]
        why = ["--saved", "why_not_running", "-P", f"plan_id={plan}", "-P", "step_key=b", "--project", project]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, "json", *asked, "--json")
            tasks.start_soon(run, "csv", *asked, "--csv")
            tasks.start_soon(run, "table", *why)
            tasks.start_soon(run, "list", "--list", "--json")
            tasks.start_soon(lambda: run("stdin", "-", "--limit", "1", given=b"UNWIND [1, 2] AS x RETURN x"))
            tasks.start_soon(run, "refused", "CREATE (n) RETURN n")
    day = {"$type": "Date", "value": "2026-01-02"}
    told = orjson.loads(found["json"][1])
    assert told == {
        "columns": ["key", "n", "day", "l"], "rows": [["a", 3, day, [1]], ["b", 3, day, [1]]], "truncated": False
    }  # fmt: skip
    rows = list(csv.reader(io.StringIO(found["csv"][1])))
    assert rows == [["key", "n", "day", "l"], ["a", "3", "2026-01-02", "[1]"], ["b", "3", "2026-01-02", "[1]"]]
    assert "it waits for steps that are not finished" in found["table"][1]
    assert "what_led_to_it" in {q["name"] for q in orjson.loads(found["list"][1])}
    assert found["stdin"][1].split() == ["x", "1"] and "more than these 1" in found["stdin"][2]
    status, printed, besides = found["refused"]
    assert status != 0 and printed == "" and "only read" in besides and "Traceback" not in besides, found["refused"]


def test_what_makes_no_question_is_told_before_anything_is_asked() -> None:
    for arguments, says in {
        (): "give one of", ("RETURN 1", "--saved", "runs"): "give one of", ("RETURN 1", "-P", "x"): "name=value",
        ("RETURN 1", "--csv", "--json"): "exclude each other",
    }.items():  # fmt: skip
        result = CliRunner().invoke(app, ["ask", *arguments])
        assert result.exit_code != 0 and says in result.output and "Traceback" not in result.output, result.output
