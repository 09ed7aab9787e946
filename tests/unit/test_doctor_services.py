"""What ``psg doctor`` says of a database and of an API that are there, but busy, closed to us or in trouble."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from psg_cli.commands.doctor import examine
from psg_cli.doctor import database
from psg_cli.doctor.findings import Finding, ok
from psg_cli.doctor.service import check_api
from psg_cli.settings import CliSettings
from psg_cypher import Statement
from psg_neo4j.database import Database, ServerInfo

pytestmark = pytest.mark.anyio
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PSG_") and name != "PSG_CACHE_DIR"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


class Logs:
    """A database of two projects whose logs look otherwise at each look."""

    def __init__(self, *looks: dict[str, tuple[int, bool, bool]]) -> None:
        self._looks = list(looks)
        self.asked: list[list[str]] = []

    async def read(self, statement: Statement, /, **params: Any) -> list[Row]:
        if statement.name == "audit_projects":
            return [] if params["after"] else [{"id": "a"}, {"id": "b"}]
        assert statement.name == "doctor_heads"
        self.asked.append(params["ids"])
        names, look = ("seq", "last", "beyond"), self._looks.pop(0)
        return [{"id": one, **dict(zip(names, look[one], strict=True))} for one in params["ids"]]


SOUND = {"a": (3, True, False), "b": (7, True, False)}


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ({}, None, None),
        ({"b": (7, True, True)}, {"b": (8, True, False)}, None),
        ({"b": (7, True, True)}, {"b": (9, False, False)}, None),
        ({"b": (7, False, False)}, {"b": (7, True, False)}, None),
        ({"b": (7, False, False)}, {"b": (7, False, False)}, "b"),
        ({"a": (3, True, True), "b": (7, True, True)}, {"a": (3, True, True), "b": (8, True, True)}, "a"),
    ],
    ids=["sound", "moved on", "seen in part twice", "indexed meanwhile", "an end is missing", "one of both"],
)
async def test_only_a_log_that_is_wrong_twice_at_one_head_is_told(
    first: dict[str, Any], second: dict[str, Any] | None, wrong: str | None
) -> None:
    logs = Logs({**SOUND, **first}, *([second] if second is not None else []))
    (found,) = await database._heads(cast(Database, logs))
    assert logs.asked == [["a", "b"], *([list(first)] if first else [])]
    assert found.level == ("ok" if wrong is None else "fail")
    assert wrong is None or found.message == f"the logs of 1 projects do not end at their heads, for example {wrong}"


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> CliSettings:
    """Settings of a database that answers; its checks find nothing."""

    async def server_info() -> ServerInfo:
        return ServerInfo("5.26.1", "community")

    @asynccontextmanager
    async def connected(_: CliSettings) -> AsyncIterator[Any]:
        yield SimpleNamespace(server_info=server_info)

    async def nothing(*_: object, **__: object) -> list[Finding]:
        return []

    for name in ("_schema", "_whole", "_keys", "_indexes", "_memory", "_sessions", "_heads", "_tokens", "_clock"):
        monkeypatch.setattr(database, name, nothing)
    monkeypatch.setattr(database, "_connected", connected)
    return CliSettings(neo4j_uri="bolt://there:7687")


async def test_each_check_has_its_own_time_and_what_others_found_is_kept(
    connected: CliSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def _sessions(_: Database) -> list[Finding]:
        left = anyio.current_effective_deadline() - anyio.current_time()
        return [ok("orchestrators", "long enough" if left > database.CONNECT_S else f"{left} s are left")]

    monkeypatch.setattr(database, "_sessions", _sessions)
    found = await database.check_database(connected)
    assert [one.message for one in found][1:] == ["long enough"]

    async def _heads(_: Database) -> list[Finding]:
        await anyio.sleep_forever()
        raise AssertionError

    async def _keys(_: Database) -> list[Finding]:
        raise PermissionError(13, "Permission denied", "keys")

    monkeypatch.setattr(database, "_heads", _heads)
    monkeypatch.setattr(database, "_keys", _keys)
    monkeypatch.setattr(database, "CHECK_S", 0.0)
    found = await database.check_database(connected)
    assert [(one.check, one.level) for one in found] == [
        ("database", "ok"), ("keys", "fail"), ("orchestrators", "ok"), ("heads", "warn"),
    ]  # fmt: skip
    assert "Permission denied" in found[1].message and "not checked to the end" in found[3].message


async def test_a_database_that_does_not_answer_is_told_in_time(
    connected: CliSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def never(_: CliSettings) -> AsyncIterator[Any]:
        await anyio.sleep_forever()
        yield

    monkeypatch.setattr(database, "_connected", never)
    monkeypatch.setattr(database, "CONNECT_S", 0.0)
    (found,) = await database.check_database(connected)
    assert found.level == "fail" and "it did not answer within 0 s" in found.message


def refuse(*_: object) -> Any:
    raise PermissionError(13, "Permission denied", "supervisor.lock")


@pytest.mark.parametrize("status", [lambda _: SimpleNamespace(state="running", uri="bolt://127.0.0.1:1"), refuse])
async def test_files_that_cannot_be_read_are_a_finding_beside_all_others(
    status: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The password is missing, or the folder belongs to somebody else."""
    for module in ("database", "machine"):
        monkeypatch.setattr(f"psg_cli.doctor.{module}.status", status)
    monkeypatch.setattr("psg_cli.doctor.machine.check_embedded", lambda _: iter(()))
    settings = CliSettings(home=tmp_path / "home", api_url="http://127.0.0.1:9/graphql")
    found = await examine(lambda: settings)
    (told,) = [one for one in found if one.check == "database"]
    assert told.level == "fail" and ("password" in told.message or "supervisor.lock" in told.message)
    assert f"the user who owns {settings.database_home}" in told.advice
    assert found[-1].check == "api"


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server that answers everything with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize("status", [503, 429, 401, 500])
async def test_an_api_that_answers_with_a_status_is_there(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status) as port:
        monkeypatch.setenv("PSG_API_PORT", str(port))
        settings = CliSettings(api_url=f"http://127.0.0.1:{port}/graphql")
        found = await examine(lambda: settings)
    assert found[-1].level == "fail" and "nothing answers" not in found[-1].message
    assert status not in (503, 429) or f"answers with HTTP {status}" in found[-1].message
    ports = [one for one in found if one.check == "ports"]
    assert ports[0].level == "ok" and "is used by the API that answers" in ports[0].message


@pytest.mark.parametrize(("url", "level"), [("http://127.0.0.1:9/graphql", "warn"), ("http://[::1/graphql", "fail")])
async def test_where_nobody_is_nobody_answers(url: str, level: str) -> None:
    found, answers = await check_api(CliSettings(api_url=url))
    assert (found.level, answers) == (level, False)
