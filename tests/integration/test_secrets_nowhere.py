"""A secret goes through a real platform in every way we know, and afterwards is looked for everywhere."""

from __future__ import annotations

import base64
import gzip
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import orjson
import pytest
from http_receiver_process import ReceiverProcess, receiver_process
from processes import clean_environment

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(900), pytest.mark.req("EXEC-24")]

# In two halves: what is looked for stands nowhere as a whole but in the environment and the secrets' folder.
SECRETS = {"MARKER": "zq8Kd+7" + "/PvXw2 LmN5tRb=Hs", "FILED": "Jx4Tn-0" + "GcVy6QeUi3AoPz"}
CONTROL = "this-text-is-no-secret-and-must-be-found"
WAIT_S = 240.0

TOOLS = '''
import base64, logging
import structlog
from psg_runtime.ael import tool

CONTROL = "this-text-is-no-secret-and-must-be-found"

@tool("leak.output")
def output(t: str) -> dict:
    """Give it back in many ways."""
    return {t: [t, {"deep": t.encode().hex()}], "coded": base64.b64encode(f"x{t}y".encode()).decode(),
            "control": CONTROL}

@tool("leak.error")
def error(t: str) -> None:
    """Fail with it."""
    raise ValueError(f"{CONTROL}: {t}")

@tool("leak.log")
def log(t: str, ctx) -> str:
    """Tell it to everybody."""
    ctx.report(f"{CONTROL} {t}", t=t)
    structlog.get_logger().warning(f"{CONTROL} {t}", t=t, nested={"a": [t]})
    logging.getLogger("a.library").warning("%s %s", CONTROL, t)
    try:
        raise RuntimeError(t)
    except RuntimeError:
        logging.getLogger("a.library").exception("caught")
    return "logged"

KEPT = []

@tool("leak.later")
def later(t: str = "") -> str:
    """Keep it, give it back in another step."""
    KEPT.append(t)
    return "".join(KEPT)
'''

PLAN = """
title: Tell a secret
objective: See where it goes
params:
  base: {type: string}
steps:
  - id: echo
    name: http.request
    params:
      method: POST
      url: "{{params.base}}/echo/{{secrets.MARKER}}"
      query: {q: "{{secrets.MARKER}}"}
      headers: {X-One: "a {{secrets.FILED}}"}
      auth: {type: basic, username: me, secret: MARKER}
      json: {t: "{{secrets.MARKER}}", u: ["{{secrets.FILED}}"], control: this-text-is-no-secret-and-must-be-found}
  - id: bytes
    name: http.request
    params: {url: "{{params.base}}/echo/x", headers: {X-One: "{{secrets.FILED}}"}, response: base64}
  - id: file
    name: http.request
    params: {url: "{{params.base}}/echo/x", headers: {X-One: "{{secrets.FILED}}"}, file: download.json}
  - id: failing
    name: http.request
    params: {url: "{{params.base}}/echo/500", auth: {type: bearer, secret: FILED}}
    retries: 1
  - id: output
    name: leak.output
    params: {t: "{{secrets.MARKER}}"}
  - id: error
    name: leak.error
    params: {t: "{{secrets.MARKER}}"}
  - id: log
    name: leak.log
    params: {t: "{{secrets.MARKER}}"}
  - id: keep
    name: leak.later
    params: {t: "{{secrets.FILED}}"}
  - id: later
    name: leak.later
    dependencies: [keep]
  - id: loop
    type: foreach
    params: {items: [1, 2], do: {name: leak.output, params: {t: "{{secrets.MARKER}}"}}}
  - id: program
    name: process.run
    params:
      argv: [sh, -c, 'echo "$TOKEN"; cat']
      env: {TOKEN: "{{secrets.MARKER}}"}
      stdin: "{{secrets.FILED}}"
  - id: read
    name: file.read
    params: {path: download.json}
    dependencies: [file]
"""

NODES = """query($project: ID!) {
  plans(projectId: $project, first: 5) { nodes { id title params payload
    steps { nodes { key params output error skipReason status } } } }
  traces(projectId: $project, first: 5) { nodes { payload segments { nodes { attributes label } } } }
}"""
EVENTS = """query($project: ID!, $after: String) { events(projectId: $project, after: $after) {
  ... on EventPage { events { type changes protocol } cursor hasNextPage } } }"""


def spellings(value: str) -> list[bytes]:
    """What is looked for: the value, and what base64, URLs, JSON and hex make of it."""
    raw = value.encode()
    coded = [base64.b64encode(b"\0" * n + raw).decode()[4:-6] for n in range(3)]
    coded += [text.replace("+", "-").replace("/", "_") for text in coded]
    texts = [value, quote(value, safe=""), quote(value), value.replace("/", "\\/"), raw.hex(), raw.hex().upper()]
    texts += coded
    return [text.encode() for text in texts]


@dataclass(frozen=True)
class Platform:
    """A running ``psg up``, its folder, and how commands are called beside it."""

    folder: Path
    environment: dict[str, str]

    def psg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command; what it prints is kept to be searched."""
        done = subprocess.run(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=self.folder, env=self.environment, capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=WAIT_S, check=False,
        )  # fmt: skip
        with (self.folder / "printed.txt").open("a") as file:
            file.write(f"{done.stdout}\n{done.stderr}\n")
        return done


@pytest.fixture
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with receiver_process(tmp_path_factory.mktemp("receiver")) as made:
        yield made


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    (tmp_path / "leaky_tools.py").write_text(TOOLS)
    vault = tmp_path / "vault"
    vault.mkdir(mode=0o700)
    (vault / "FILED").write_text(SECRETS["FILED"] + "\n")
    (vault / "FILED").chmod(0o600)
    files = tmp_path / "files"
    files.mkdir()
    environment = {
        **clean_environment(), "PSG_HOME": str(tmp_path / "home"), "COLUMNS": "300", "PSG_LOG_LEVEL": "debug",
        "PSG_SECRET_MARKER": SECRETS["MARKER"], "PSG_SECRETS_PATH": str(vault), "PSG_HTTP_ALLOW": "127.0.0.1",
        "PSG_HTTP_ALLOW_PRIVATE": "127.0.0.1", "PSG_FILE_ROOT": str(files), "PSG_ALLOW_PROCESS": "sh",
        "PSG_PROCESS_ENV": "PATH,TOKEN", "PSG_PROJECT": "leaks",
    }  # fmt: skip
    ready = tmp_path / "ready.json"
    arguments = ["up", "--port", "0", "--tools", "leaky_tools", "--ready-file", str(ready)]
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + WAIT_S
            while not ready.exists():
                assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "up.log").read_text()
                time.sleep(0.05)
            # Commands beside it do not have the secrets, as those of other people would not.
            beside = {n: v for n, v in environment.items() if not n.startswith("PSG_SECRET")}
            yield Platform(tmp_path, beside | {"PSG_API_URL": orjson.loads(ready.read_bytes())["api_url"]})
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(WAIT_S)


@pytest.mark.long
def test_no_store_log_answer_or_file_holds_a_secret(platform: Platform, receiver: ReceiverProcess) -> None:
    folder = platform.folder
    plan = folder / "plan.yaml"
    plan.write_text(PLAN)
    done = platform.psg("run", str(plan), "--json", "-p", f"base={receiver.base}")
    steps = {step["key"]: step for step in _shown(platform, orjson.loads(done.stdout)["plan"]["uuid"])}
    assert {key for key, step in steps.items() if step["status"] == "failed"} == {"failing", "error"}
    assert {step["status"] for step in steps.values()} == {"failed", "completed"}
    assert any(quote(SECRETS["MARKER"], safe="") in entry["path"] for entry in receiver.log()), "it was really sent"

    answers = _answers(platform)
    (folder / "graphql.json").write_bytes(orjson.dumps(answers))
    assert platform.psg("events", "tail", "--after", "0", "--json").returncode == 0
    assert platform.psg("export", str(folder / "exported"), "--direct", "--events").returncode == 0
    assert platform.psg("verify", "--json").returncode == 0
    made = platform.psg("backup", str(folder / "all.backup.gz"))
    assert made.returncode == 0, made.stderr
    platform.psg("db", "stop")
    (folder / "all.backup").write_bytes(gzip.decompress((folder / "all.backup.gz").read_bytes()))

    found, control = _search(folder)
    assert found == []
    assert all(b"[REDACTED]" in (folder / name).read_bytes() for name in ("graphql.json", "up.log", "all.backup"))
    places = {str(path.relative_to(folder)).split("/")[0] for path in control}
    assert {"graphql.json", "printed.txt", "up.log", "exported", "all.backup", "home"} <= places, "the search works"
    store = [path for path in control if "neostore" in path.name or "transaction" in str(path)]
    assert store, "the database's own files were searched"


def _shown(platform: Platform, plan: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = orjson.loads(platform.psg("plan", "show", plan, "--json").stdout)["steps"]
    return steps


def _answers(platform: Platform) -> Any:
    url = platform.environment["PSG_API_URL"]
    with httpx2.Client() as client:

        def ask(query: str, **variables: Any) -> Any:
            answer = client.post(url, json={"query": query, "variables": variables}).json()
            assert "errors" not in answer, answer["errors"]
            return answer["data"]

        project = ask('{ projects(name: "leaks") { nodes { id } } }')["projects"]["nodes"][0]["id"]
        answers = [ask(NODES, project=project)]
        cursor, more = None, True
        while more:
            answers.append(ask(EVENTS, project=project, after=cursor)["events"])
            cursor, more = answers[-1]["cursor"], answers[-1]["hasNextPage"]
    return answers


def _search(folder: Path) -> tuple[list[str], list[Path]]:
    """Where secrets were found, and which files have the text that is none."""
    wanted = {name: spellings(value) for name, value in SECRETS.items()}
    found, control = [], []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or "vault" in path.parts or path.suffix == ".py":
            continue
        data = path.read_bytes()
        found += [f"{path}: {name} as {form!r}" for name, forms in wanted.items() for form in forms if form in data]
        if CONTROL.encode() in data:
            control.append(path)
    return found, control
