"""Which MCP servers there are: a YAML or JSON file in the form other MCP hosts use (``mcpServers``)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from psg.errors import PlanFileInvalid
from psg_runtime.mcp_servers.errors import McpSettingsInvalid
from psg_runtime.plan_file.document import Document, Location, read_document

MAX_SERVERS = 100
# What a program of ours gets to know of our environment unless the file names more.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
_SERVER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,63}", re.ASCII)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_DAY = 24 * 3600
_TYPES = {"stdio": "stdio", "http": "http", "streamable-http": "http", "streamable_http": "http"}


class ServerSettings(BaseModel):
    """One server: a ``command`` that speaks over its standard streams, or a ``url`` (streamable HTTP).

    Times are seconds, sizes bytes. ``tools`` names the tools wanted, default all. ``env`` is what the program gets
    besides PATH and the like, as a mapping or as names to hand on; ``${NAME}`` in it, in ``args``, ``url`` and
    ``headers`` stands for a variable of our environment. A server that is not ``required`` may come up later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["stdio", "http"] | None = Field(default=None, validation_alias=AliasChoices("type", "transport"))
    command: str | None = Field(default=None, min_length=1)
    args: tuple[str, ...] = Field(default=(), repr=False)
    env: dict[str, str] = Field(default_factory=dict, repr=False)
    cwd: Path | None = None
    url: str | None = Field(default=None, repr=False)
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    tools: tuple[str, ...] | None = None
    required: bool = True
    disabled: bool = False
    start_timeout: float = Field(default=30.0, gt=0, le=600, allow_inf_nan=False)
    call_timeout: float = Field(default=60.0, gt=0, le=7 * _DAY, allow_inf_nan=False)
    look_again: float = Field(default=300.0, ge=1, le=_DAY, allow_inf_nan=False)
    max_answer_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)

    @model_validator(mode="after")
    def _one_way(self) -> ServerSettings:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either `command` or `url`")
        if self.kind is not None and (self.kind == "http") == (self.url is None):
            raise ValueError(f"`type: {self.kind}` goes with `{'url' if self.kind == 'http' else 'command'}`")
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("`url` begins with http:// or https://")
            if parts.username is not None or parts.password is not None:
                raise ValueError("`url` holds no user or password; use `headers`")
            if self.args or self.env or self.cwd:
                raise ValueError("`args`, `env` and `cwd` go with `command`")
        elif self.headers:
            raise ValueError("`headers` go with `url`")
        if any("\0" in text for text in (self.command or "", *self.args, *self.env, *self.env.values())):
            raise ValueError("a NUL character cannot be handed to a program")
        if any(c in text for text in (*self.headers, *self.headers.values()) for c in "\r\n\0"):
            raise ValueError("a header cannot hold line breaks")
        return self

    @property
    def program_environment(self) -> dict[str, str]:
        """The environment of the program."""
        return {name: os.environ[name] for name in INHERITED if name in os.environ} | self.env


class ServersFile(BaseModel):
    """The servers of a file by name, and the values in it that came out of the environment."""

    model_config = ConfigDict(frozen=True)

    path: Path
    servers: dict[str, ServerSettings]
    taken: tuple[str, ...] = Field(repr=False)


def read_servers(path: Path, environ: Mapping[str, str] | None = None) -> ServersFile:
    """The servers of ``path``; raises McpSettingsInvalid with file, line and column."""
    environ = os.environ if environ is None else environ
    try:
        document = read_document(path.read_bytes(), str(path))
    except OSError as error:
        raise McpSettingsInvalid(f"{path}: the file cannot be read: {error.strerror}.") from None
    except PlanFileInvalid as error:
        raise McpSettingsInvalid(error.message, **error.details) from None
    data = document.data
    names = [key for key in ("mcpServers", "servers") if isinstance(data, dict) and key in data]
    if len(names) != 1 or len(data) != 1 or not isinstance(data[names[0]], dict):
        raise _refused(document, (), "the file is a mapping with the mapping `mcpServers`")
    if len(data[names[0]]) > MAX_SERVERS:
        raise _refused(document, (), f"{len(data[names[0]])} servers are more than {MAX_SERVERS}")
    taken: dict[str, None] = {}
    servers = {}
    for name, entry in data[names[0]].items():
        at = (names[0], name)
        if not _SERVER_NAME.fullmatch(name):
            raise _refused(document, at, "a server's name is a letter, then letters, digits, _ or -, up to 64")
        if not isinstance(entry, dict):
            raise _refused(document, at, "a server is a mapping")
        servers[name] = _server(document, at, entry, environ, taken)
    return ServersFile(path=path, servers=servers, taken=tuple(taken))


def _server(
    document: Document, at: Location, entry: dict[str, Any], environ: Mapping[str, str], taken: dict[str, None]
) -> ServerSettings:
    entry = dict(entry)
    for key in ("type", "transport"):
        if key in entry:
            if not isinstance(entry[key], str) or entry[key] not in _TYPES:
                raise _refused(document, (*at, key), f"`{key}` is stdio or http, not {entry[key]!r}")
            entry[key] = _TYPES[entry[key]]
    if isinstance(entry.get("env"), list):
        entry["env"] = {str(name): f"${{{name}}}" for name in entry["env"]}
    try:
        for key in ("command", "args", "env", "cwd", "url", "headers"):
            if key in entry:
                entry[key] = _filled(entry[key], environ, taken)
    except KeyError as error:
        raise _refused(document, at, f"the environment has no {error.args[0]}") from None
    try:
        return ServerSettings.model_validate(entry)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, e['loc'])) or 'server'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise _refused(document, at, "; ".join(problems)) from None


def _filled(value: Any, environ: Mapping[str, str], taken: dict[str, None]) -> Any:
    if isinstance(value, str):
        for name in _VARIABLE.findall(value):
            taken[environ[name]] = None
        return _VARIABLE.sub(lambda found: environ[found[1]], value)
    if isinstance(value, list):
        return [_filled(item, environ, taken) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, environ, taken) for key, item in value.items()}
    return value


def _refused(document: Document, at: Location, message: str) -> McpSettingsInvalid:
    error = document.invalid(at, message)
    return McpSettingsInvalid(error.message, **error.details)
