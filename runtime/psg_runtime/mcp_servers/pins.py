"""What the tools of MCP servers looked like when they were accepted (decision 0041)."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import structlog

from psg_runtime.mcp_servers.errors import McpSettingsInvalid

try:
    import fcntl
except ImportError:  # Windows: there who accepts last wins
    fcntl = None  # type: ignore[assignment]

log = structlog.get_logger(__name__)

_FORMAT = 1
_MAX_BYTES = 16 * 1024 * 1024


def definition_hash(definition: Mapping[str, Any]) -> str:
    """SHA-256 of everything a server says about a tool, so that no word of it can change unseen."""
    return hashlib.sha256(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Pins:
    """The accepted definitions, by server and tool, in a file beside the file of the servers.

    A server seen for the first time is accepted as it is (trust on first use); after that only ``accept`` changes
    anything. Where the file cannot be written, what was seen first holds until this process ends.
    """

    def __init__(self, path: Path, servers: Path) -> None:
        self._path = path
        self._servers = servers
        self._unsaved: dict[str, dict[str, str]] = {}

    @classmethod
    def beside(cls, servers: Path) -> Pins:
        """The pins that belong to a file of servers: ``mcp.yaml`` → ``mcp.yaml.pins.json``."""
        return cls(servers.with_name(f"{servers.name}.pins.json"), servers)

    def of(self, server: str) -> dict[str, str] | None:
        """The accepted hashes of a server's tools, None for a server never seen. Raises McpSettingsInvalid."""
        found = self._read().get(server)
        return self._unsaved.get(server) if found is None else found

    def accept(self, server: str, hashes: Mapping[str, str]) -> None:
        """Accept these definitions of a server's tools, instead of what was accepted of them before."""
        try:
            with self._alone():
                # Read again: another process may have accepted something meanwhile.
                everything = self._read()
                everything[server] = {**everything.get(server, {}), **hashes}
                self._write(everything)
        except OSError as error:
            self._unsaved[server] = {**self._unsaved.get(server, {}), **hashes}
            log.warning("mcp_pins_not_saved", path=str(self._path), reason=error.strerror)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time over all processes, by a lock on the file of the servers, which stays as it is."""
        with self._servers.open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            with self._path.open("rb") as file:
                text = file.read(_MAX_BYTES + 1)
            data = orjson.loads(text) if len(text) <= _MAX_BYTES else None
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise McpSettingsInvalid(f"{self._path}: the accepted tools cannot be read: {error}.") from None
        servers = data.get("servers") if isinstance(data, dict) and data.get("format") == _FORMAT else None
        if not isinstance(servers, dict) or not all(_is_hashes(hashes) for hashes in servers.values()):
            message = f"{self._path}: this is no file of accepted tools; remove it to accept all tools anew."
            raise McpSettingsInvalid(message)
        return servers

    def _write(self, servers: dict[str, dict[str, str]]) -> None:
        part = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            with part.open("xb") as file:
                file.write(orjson.dumps({"format": _FORMAT, "servers": servers}, option=orjson.OPT_INDENT_2))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _is_hashes(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
