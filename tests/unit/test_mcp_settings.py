"""The file of MCP servers, what was accepted of them, and lines that are longer than allowed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCResponse

from psg_runtime.mcp_servers.errors import McpSettingsInvalid
from psg_runtime.mcp_servers.pins import Pins, definition_hash
from psg_runtime.mcp_servers.settings import ServersFile, read_servers
from psg_runtime.mcp_servers.stdio import ANSWER_TOO_LARGE, _Reader

ENVIRONMENT = {"TOKEN": "marker-5f2b8c", "HOST": "tools.example.org"}


def read(tmp_path: Path, text: str) -> ServersFile:
    file = tmp_path / "mcp.yaml"
    file.write_text(text)
    return read_servers(file, ENVIRONMENT)


def test_a_file_in_the_form_of_other_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "marker-1")
    found = read(
        tmp_path,
        """{"mcpServers": {
          "files": {"command": "mcp-files", "args": ["--root", "/srv"], "env": {"KEY": "${TOKEN}", "MODE": "r"}},
          "far": {"type": "streamable-http", "url": "https://${HOST}/mcp",
                  "headers": {"Authorization": "Bearer ${TOKEN}"}}
        }}""",
    )
    files, far = found.servers["files"], found.servers["far"]
    assert files.env == {"KEY": "marker-5f2b8c", "MODE": "r"}
    assert files.program_environment.items() >= files.env.items()
    assert "SECRET_OF_OURS" not in files.program_environment
    assert (far.kind, far.url) == ("http", "https://tools.example.org/mcp")
    assert far.headers == {"Authorization": "Bearer marker-5f2b8c"}
    assert set(found.taken) == {"marker-5f2b8c", "tools.example.org"}
    assert "marker" not in repr(found)
    listed = read(tmp_path, "servers: {a: {command: x, env: [TOKEN]}}")
    assert listed.servers["a"].env == {"TOKEN": "marker-5f2b8c"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "the mapping `mcpServers`"),
        ("mcpServers: {}\nservers: {}", "the mapping `mcpServers`"),
        ("mcpServers: {a: 1}", "line 1, column 14: a server is a mapping"),
        ("mcpServers: {a.b: {command: x}}", "a server's name is"),
        ("mcpServers: {a: {}}", "either `command` or `url`"),
        ("mcpServers: {a: {command: x, url: 'http://h/'}}", "either `command` or `url`"),
        ("mcpServers: {a: {type: sse, url: 'http://h/'}}", "stdio or http, not 'sse'"),
        ("mcpServers: {a: {type: http, command: x}}", "goes with `url`"),
        ("mcpServers: {a: {url: 'file:///etc/passwd'}}", "begins with http"),
        ("mcpServers: {a: {url: 'http://u:p@h/'}}", "no user or password"),
        ("mcpServers: {a: {url: 'http://h/', args: [x]}}", "go with `command`"),
        ("mcpServers: {a: {command: x, headers: {A: b}}}", "go with `url`"),
        ('mcpServers: {a: {url: "http://h/", headers: {A: "b\\r\\nC: d"}}}', "cannot hold line breaks"),
        ('mcpServers: {a: {command: "x\\0"}}', "NUL character"),
        ("mcpServers: {a: {command: x, env: {K: '${NOPE}'}}}", "the environment has no NOPE"),
        ("mcpServers: {a: {command: x, env: [NOPE]}}", "the environment has no NOPE"),
        ("mcpServers: {a: {command: x, shell: true}}", "shell: Extra inputs"),
        ("mcpServers: {a: {command: x, call_timeout: 0}}", "call_timeout: "),
        ("mcpServers: {a: {command: x, call_timeout: .inf}}", "not a number JSON has"),
        ("mcpServers: {a: {command: x, start_timeout: 100000}}", "start_timeout: "),
        ("mcpServers: {a: {command: x, max_answer_bytes: -1}}", "max_answer_bytes: "),
        ("mcpServers: {a: {command: 7}}", "command: "),
        ("mcpServers: {a: {command: x, args: '${TOKEN}'}}", "args: "),
        ("{", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_and_quotes_no_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(McpSettingsInvalid, match=message) as caught:
        read(tmp_path, text)
    assert "mcp.yaml" in str(caught.value)
    assert "marker" not in f"{caught.value} {caught.value.details}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(McpSettingsInvalid, match="cannot be read"):
        read_servers(tmp_path / "none.yaml")


def pins_beside(tmp_path: Path) -> Pins:
    (tmp_path / "mcp.yaml").touch()
    return Pins.beside(tmp_path / "mcp.yaml")


def test_what_many_accept_at_once_is_all_kept(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(40)]
    pins_beside(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: Pins.beside(tmp_path / "mcp.yaml").accept(name, {"x": name}), names))
    assert {name: pins_beside(tmp_path).of(name) for name in names} == {name: {"x": name} for name in names}


def test_pins_are_kept_beside_the_file_and_added_to(tmp_path: Path) -> None:
    pins = pins_beside(tmp_path)
    assert pins.of("a") is None
    pins.accept("a", {"x": "1"})
    Pins.beside(tmp_path / "mcp.yaml").accept("b", {"y": "2"})
    pins.accept("a", {"z": "3", "x": "4"})
    assert pins.of("a") == {"x": "4", "z": "3"}
    assert pins.of("b") == {"y": "2"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mcp.yaml", "mcp.yaml.pins.json"]
    pins.accept("empty", {})
    assert pins.of("empty") == {}


@pytest.mark.parametrize(
    "text", ["", "nothing", "[]", '{"format": 2, "servers": {}}', '{"format": 1, "servers": {"a": 1}}']
)
def test_pins_that_cannot_be_read_accept_nothing(tmp_path: Path, text: str) -> None:
    pins = pins_beside(tmp_path)
    (tmp_path / "mcp.yaml.pins.json").write_text(text)
    with pytest.raises(McpSettingsInvalid):
        pins.of("a")
    with pytest.raises(McpSettingsInvalid):
        pins.accept("a", {"x": "1"})
    assert (tmp_path / "mcp.yaml.pins.json").read_text() == text


def test_where_pins_cannot_be_written_the_first_look_holds(tmp_path: Path) -> None:
    pins = Pins.beside(tmp_path / "no such folder" / "mcp.yaml")
    pins.accept("a", {"x": "1"})
    assert pins.of("a") == {"x": "1"}


def test_every_word_of_a_definition_counts() -> None:
    base: dict[str, Any] = {"name": "a", "description": "d", "inputSchema": {"type": "object"}}
    assert definition_hash(base) == definition_hash(dict(reversed(base.items())))
    assert definition_hash(base) != definition_hash(base | {"description": "d."})
    assert definition_hash(base) != definition_hash(base | {"annotations": {"readOnlyHint": True}})


@pytest.mark.anyio
@pytest.mark.parametrize("chunk", [1, 7, 1000, 100_000])
@pytest.mark.parametrize("last", [False, True])
async def test_a_line_over_the_limit_becomes_an_error_for_who_asked(chunk: int, last: bool) -> None:
    sending, receiving = anyio.create_memory_object_stream[SessionMessage | Exception](10)
    reader = _Reader(sending, 20_000)
    body = b'"result":{"id": 9, "text":"' + b"x" * 50_000 + b'"}'
    large = b'{"jsonrpc":"2.0",' + (body + b',"id":4}' if last else b'"id":4,' + body + b"}")
    text = b'{"jsonrpc":"2.0","id":3,"result":{}}\n\n' + large + b'\nnoise\n{"jsonrpc":"2.0","id":5,"result":{}}\n'
    for at in range(0, len(text), chunk):
        await reader.take(text[at : at + chunk])
    with sending, receiving:
        got = [receiving.receive_nowait() for _ in range(receiving.statistics().current_buffer_used)]
    first, large_one, noise, after = got
    assert isinstance(first, SessionMessage) and isinstance(first.message, JSONRPCResponse) and first.message.id == 3
    assert isinstance(large_one, SessionMessage) and isinstance(large_one.message, JSONRPCError)
    assert (large_one.message.id, large_one.message.error.code) == (4, ANSWER_TOO_LARGE)
    assert isinstance(noise, ValueError)
    assert isinstance(after, SessionMessage) and isinstance(after.message, JSONRPCResponse) and after.message.id == 5


@pytest.mark.anyio
async def test_a_line_over_the_limit_that_answers_nobody_is_told() -> None:
    sending, receiving = anyio.create_memory_object_stream[SessionMessage | Exception](10)
    with sending, receiving:
        note = orjson.dumps({"jsonrpc": "2.0", "method": "m"})
        await _Reader(sending, 2_000).take(b"x" * 5_000 + b"\n" + note + b"\n")
        assert isinstance(receiving.receive_nowait(), ValueError)
        assert isinstance(receiving.receive_nowait(), SessionMessage)
