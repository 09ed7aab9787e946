"""Every snippet of README.md and docs/**/*.md does what it says: run in the order of its document on one platform.

Programs run as processes; fragments run here, with top-level ``await`` and the names of ``given`` below; ``$ psg``
lines run through the command line's own entry and what they print is compared by shape. How fences say what they are:
``tests/snippets.py``.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
import snippets
from anyio.abc import TaskGroup
from anyio.from_thread import BlockingPortal, start_blocking_portal
from conftest import Neo4jServer
from graphql import OperationType, parse
from graphql.language.ast import OperationDefinitionNode
from graphql_api import running_api
from processes import clean_environment
from snippets import ROOT, Line, Snippet
from typer.testing import CliRunner
from world import World, statement, step

from psg_cli.main import app
from psg_client import Client
from psg_graphql.global_id import global_id
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.orchestrator import Orchestrator

pytestmark = pytest.mark.neo4j

DEFAULT_URL = "http://127.0.0.1:8765"
# They judge or change a whole database, and this one is shared; or they go on until they are stopped. Each has tests.
ONLY_READ = {"health", "backup", "restore", "retain", "migrate", "doctor", "verify", "kill", "conformance", "bench",
             "db", "top", "up", "serve", "orchestrate", "demo", "drift", "token", "access", "audit"}  # fmt: skip
OTHER_PROGRAMS = {"make", "pip", "docker", "export", "cp", "python", "python3", ".", "cd", "curl", "openssl", "ls",
                  "git", "npm", "mkdir", "cat"}  # fmt: skip
LOOKS = re.compile(r"\b(show|list|inbox)\b")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@dataclass
class Platform:
    """A running API and orchestrator, what snippets are given, and the folder that files go to."""

    url: str
    world: World
    workers: Workers
    server: Neo4jServer
    project: str
    plan_id: str
    portal: BlockingPortal
    known: dict[str, str] = field(default_factory=dict)
    aside: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        return {
            "PSG_API_URL": f"{self.url}/graphql", "PSG_PROJECT": self.project, "PSG_ACTOR": "user:ann", "NO_COLOR": "1",
            "PSG_NEO4J_URI": self.server.uri, "PSG_NEO4J_USER": self.server.user,
            "PSG_NEO4J_PASSWORD": self.server.password, "COLUMNS": "160",
        }  # fmt: skip


class Workers:
    """The one orchestrator of the documents' project; others with more tools take its place."""

    def __init__(self, world: World, tasks: TaskGroup, folder: Path) -> None:
        self._world, self._tasks, self._folder = world, tasks, folder
        self._worker: Orchestrator | None = None

    async def offer(self, references: Sequence[str]) -> None:
        """Run steps with what every installation offers, ``noop``, and these modules and files."""
        self.stop()
        registry = CapabilityRegistry()
        registry.load_entry_points()
        registry.register(name="noop", type="tool", call=lambda: None)
        for reference in references:
            registry.load(reference)
        layer = AdapterLayer(registry, AelSettings(file_root=self._folder))
        self._worker = Orchestrator(self._world.graph, layer, self._world._settings({}))
        await self._tasks.start(self._worker.run)

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()


@asynccontextmanager
async def running(server: Neo4jServer, folder: Path) -> AsyncIterator[tuple[str, World, Workers, str, str]]:
    async with server.database() as db, running_api(db) as api, anyio.create_task_group() as tasks:
        world = await World.create(db)
        world.graph = api.graph
        workers = Workers(world, tasks, folder)
        await workers.offer(())
        plan_id = await world.started(step("fetch"), step("review", "fetch"), title="Review")
        await world.finished(plan_id)
        yield api.url, world, workers, await project_name(world), plan_id
        workers.stop()


@pytest.fixture(scope="module")
def platform(neo4j_server: Neo4jServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("documents")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running(neo4j_server, folder)) as made:
        url, world, workers, name, plan_id = made
        yield Platform(url, world, workers, neo4j_server, name, plan_id, portal)


async def project_name(world: World) -> str:
    found = "MATCH (p:PsgNode:Project {project_id: $project_id, id: $project_id}) RETURN p.name AS name"
    rows = await world.query(found)
    return rows[0]["name"]


@pytest.fixture
def place(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which a document's commands are given, with the examples beside it."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in os.environ if n.startswith("PSG_")]:
        monkeypatch.delenv(name)
    for name, value in platform.environment().items():
        monkeypatch.setenv(name, value)
    yield tmp_path
    ended = [process.send_signal(signal.SIGTERM) or process.wait(30) for process in platform.aside]
    platform.aside.clear()
    assert ended == [0] * len(ended), [log.read_text("utf-8") for log in tmp_path.glob("*.log")]


@pytest.mark.parametrize("name", [n for n in snippets.documents() if snippets.snippets(n)])
def test_snippets_do_what_they_say(name: str, platform: Platform, place: Path) -> None:
    platform.known = {"PLAN": platform.plan_id, "RUN": platform.plan_id}
    names: dict[str, Any] = {}
    for snippet in snippets.snippets(name):
        if snippet.reason is not None:
            continue
        file = keep(snippet, place, platform)
        if file is not None and f"python {file}" in (ROOT / name).read_text("utf-8"):
            continue  # a command below runs it
        if snippet.language == "python":
            run_python(snippet, platform, place, names)
        elif snippet.language == "console":
            for line in snippets.console_lines(snippet.code):
                run_line(snippet, line, platform, place)
        elif snippet.language == "graphql":
            run_graphql(snippet, platform)
        elif snippet.language == "cypher":
            platform.portal.call(run_cypher, snippet, platform)


def keep(snippet: Snippet, place: Path, platform: Platform) -> str | None:
    """A fence that the text above introduces as a file (``name.py``: …) is written there; returns its name."""
    lines = (ROOT / snippet.file).read_text("utf-8").splitlines()[: snippet.line - 1]
    above = next((text for text in reversed(lines) if text.strip()), "")
    named = re.findall(r"`([\w-]+\.(?:py|yaml|json))`[^`]*:$", above)
    if named:
        (place / named[-1]).write_text(at_hand(snippet.code, platform), "utf-8")
    return named[-1] if named else None


def at_hand(code: str, platform: Platform) -> str:
    """The snippet with the address and the project of this platform in place of the default ones."""
    return code.replace(DEFAULT_URL, platform.url).replace('name="default"', f'name="{platform.project}"')


def run_python(snippet: Snippet, platform: Platform, place: Path, names: dict[str, Any]) -> None:
    if snippets.PROGRAM in snippet.code or "psg_client.sync" in snippet.code:
        program = place / f"snippet_{snippet.line}.py"
        program.write_text(snippet.before + at_hand(snippet.code, platform), "utf-8")
        done = run_program(program, platform)
        assert done.returncode == 0, f"{snippet.place}\n{done.stdout}{done.stderr}"
    else:
        platform.portal.call(run_fragment, snippet, platform, names)


def run_program(program: Path, platform: Platform) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(**platform.environment(), PYTHONPATH=str(program.parent))
    return subprocess.run(
        [sys.executable, str(program)], cwd=program.parent, env=environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


async def run_fragment(snippet: Snippet, platform: Platform, names: dict[str, Any]) -> None:
    """Run code with top-level ``await``; what it defines stays for the fragments below it in its document."""
    project = platform.world.project_id
    async with Client(f"{platform.url}/graphql", actor="agent:scribe") as client:
        given = {
            "graph": platform.world.graph, "project_id": project, "context_id": platform.world.context_id,
            "plan_id": platform.plan_id, "client": client, "anyio": anyio,
        }  # fmt: skip
        names.update({n: v for n, v in given.items() if n not in names or n == "client"})
        for code in (snippet.before, at_hand(snippet.code, platform)):
            compiled = compile(code, snippet.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            with anyio.fail_after(30):
                came = eval(compiled, names)
                if inspect.isawaitable(came):
                    await came


def run_line(snippet: Snippet, line: Line, platform: Platform, place: Path) -> None:
    words = snippets.psg_words(line.words)
    if words is None:
        program = snippets.ASSIGNED.sub("", line.words).split()[0]
        assert program.rpartition("/")[2] in OTHER_PROGRAMS, f"{snippet.place}: {line.words}"
        if ran := re.fullmatch(r"(?:\S*/)?python (\w+\.py)( &)?", line.words):
            run_file(snippet, line, place / ran[1], platform, aside=ran[2] is not None)
        return
    if words[:1] == ["up"] and "--tools" in words:
        offered = [words[i + 1] for i, word in enumerate(words) if word == "--tools"]
        platform.portal.call(platform.workers.offer, offered)
    if words and words[0] in ONLY_READ:
        return
    text = snippets.ASSIGNED.sub("", line.words).split(None, 1)[1]
    for said, ours in platform.known.items():
        text = re.sub(rf"\b{re.escape(said)}\b", ours, text)
    unbound = re.findall(r"(?<![\w=\"'-])[A-Z]{3,}(?:_ID)?(?![\w=])", re.sub(r"[\"'].*?[\"']", "", text))
    assert not unbound, f"{snippet.place}: what is {unbound} in {line.words!r}?"
    given = text.split(" < ")[0].split(" | ")[0]
    deadline = time.monotonic() + 20
    while True:
        done = CliRunner().invoke(app, shlex.split(given, comments=True))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code in (0, 3), f"{snippet.place}: {line.words}\n{done.stdout}{done.stderr}"
        missing = compare(line, done.stdout + done.stderr, platform)
        # What is running takes its time: a command that only looks may look again.
        if missing is None or not LOOKS.search(given) or time.monotonic() > deadline:
            break
    assert missing is None, f"{snippet.place}: {line.words!r} did not print {missing!r}\n{done.stdout}{done.stderr}"


def run_file(snippet: Snippet, line: Line, file: Path, platform: Platform, *, aside: bool) -> None:
    """``python name.py`` of a file that the document shows; one ``aside`` (&) runs until the end of the document."""
    if aside:
        environment = clean_environment(**platform.environment())
        with (file.parent / f"{file.stem}.log").open("w") as log:
            command = [sys.executable, str(file)]
            platform.aside.append(subprocess.Popen(command, cwd=file.parent, env=environment, stdout=log, stderr=log))
        return
    done = run_program(file, platform)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, f"{snippet.place}: {line.words}\n{printed}"
    missing = compare(line, printed, platform)
    assert missing is None, f"{snippet.place}: {line.words!r} did not print {missing!r}\n{printed}"


def compare(line: Line, printed: str, platform: Platform) -> str | None:
    """The first line that the document shows and that was not printed, in any order (two streams); ids are bound.

    Progress told live, with the time of day in front, may skip states that do not last.
    """
    printed = printed.replace(f" --project {platform.project}", "")
    bound: dict[str, str] = {}
    for shown in line.printed:
        if live := re.match(r"\d\d:\d\d:\d\d (\w+)", shown):
            if not re.search(rf"^\d\d:\d\d:\d\d {live[1]} ", printed, re.MULTILINE):
                return shown
            continue
        pattern, ids = shape(shown, {**platform.known, **bound})
        found = re.search(pattern, printed, re.MULTILINE)
        if not found:
            return shown
        bound.update({said: found[name] for name, said in ids.items()})
    platform.known.update(bound)
    return None


def shape(shown: str, known: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A pattern for a printed line: ids, times, ports and counts vary, all else is as shown; and its ids by group."""
    ids: dict[str, str] = {}
    pattern = ""
    for part in re.split(rf"({UUID}|\d[\d:.]*|\s+)", shown.strip()):
        if re.fullmatch(UUID, part):
            if part in known:
                pattern += re.escape(known[part])
            elif part in ids.values():
                pattern += f"(?P={next(n for n, said in ids.items() if said == part)})"
            else:
                ids[f"id{len(ids)}"] = part
                pattern += f"(?P<id{len(ids) - 1}>{UUID})"
        elif part.isspace():
            pattern += r"\s+"
        elif part and part[0].isdigit():
            pattern += r"0" if part == "0" else r"\d[\d:.]*"
        else:
            pattern += re.escape(part)
    return rf"^\s*{pattern}\s*$", ids


def run_graphql(snippet: Snippet, platform: Platform) -> None:
    """Queries whose variables are all known here are asked; the others are judged by their form."""
    project = platform.world.project_id
    values = {
        "plan": global_id("Plan", project, platform.plan_id), "project": global_id("Project", project, project),
        "first": 10,
    }  # fmt: skip
    for operation in parse(snippet.code).definitions:
        if not isinstance(operation, OperationDefinitionNode) or operation.operation is not OperationType.QUERY:
            continue
        wanted = [v.variable.name.value for v in operation.variable_definitions]
        if all(name in values for name in wanted):
            body = {
                "query": snippet.code, "variables": {n: values[n] for n in wanted},
                "operationName": operation.name.value if operation.name else None,
            }  # fmt: skip
            answer = httpx2.post(f"{platform.url}/graphql", json=body, timeout=30).json()
            assert answer.get("errors") is None, f"{snippet.place}: {answer}"


async def run_cypher(snippet: Snippet, platform: Platform) -> None:
    async with platform.server.database() as db:
        project = platform.world.project_id
        known = {"project_id": project, "project": project, "plan": platform.plan_id}
        used = {n: known[n] for n in re.findall(r"\$(\w+)", snippet.code) if n in known}
        await db.read(statement(snippet.code), **used)


def test_shapes_can_differ() -> None:
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    pattern, ids = shape(f"plan {one} has 3 steps, 0 open, at 10:05:30", {})
    assert ids == {"id0": one}
    assert re.search(pattern, f"plan {two}  has 12 steps, 0 open, at 11:15:31")
    assert not re.search(pattern, f"plan {two} has 3 steps, 2 open, at 11:15:31")
    assert not re.search(pattern, "plan x has 3 steps, 0 open, at 11:15:31")
