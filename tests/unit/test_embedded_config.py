"""Settings, configuration file, password and boot diagnosis of the embedded server."""

from __future__ import annotations

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from psg_neo4j.embedded.config import (
    ServerSettings,
    ensure_password,
    java_command,
    neo4j_conf,
    password_hash,
    write_private,
)
from psg_neo4j.embedded.diagnosis import explain_exit
from psg_neo4j.embedded.home import Home
from psg_neo4j.errors import EmbeddedServerFailed, HomeInUse, PortTaken


def conf(settings: ServerSettings) -> dict[str, str]:
    return dict(line.split("=", 1) for line in neo4j_conf(settings, 7001, 7002).splitlines())


def test_the_server_listens_on_loopback_and_tells_nobody() -> None:
    lines = conf(ServerSettings())
    assert lines["server.bolt.listen_address"] == "127.0.0.1:7001"
    assert lines["server.http.listen_address"] == "127.0.0.1:7002"
    assert all(value.startswith("127.0.0.1") for name, value in lines.items() if name.endswith("_address"))
    assert lines["dbms.usage_report.enabled"] == lines["client.allow_telemetry"] == "false"
    assert lines["dbms.security.auth_enabled"] == "true"
    assert lines["db.transaction.timeout"] == "15000ms"
    assert lines["db.tx_log.preallocate"] == "false"


@pytest.mark.parametrize(
    ("heap", "half"), [("512m", "256m"), ("2g", "1g"), ("3g", "1536m"), ("385m", "197120k"), ("3000001K", "1500000k")]
)
def test_one_transaction_holds_half_of_the_heap_at_most(heap: str, half: str) -> None:
    assert conf(ServerSettings(heap=heap))["db.memory.transaction.max"] == half


def test_the_browser_opens_guide_and_style_of_the_api() -> None:
    assert "browser.post_connect_cmd" not in conf(ServerSettings())
    lines = conf(ServerSettings(api_url="http://127.0.0.1:8000/"))
    assert lines["browser.post_connect_cmd"] == (
        "style http://127.0.0.1:8000/browser/psg.grass; play http://127.0.0.1:8000/browser/guide.html"
    )
    assert {"127.0.0.1", "localhost"} <= set(lines["browser.remote_content_hostname_whitelist"].split(","))


def test_every_setting_that_is_shown_is_read() -> None:
    environment = {
        "PSG_NEO4J_HEAP": "1g", "PSG_NEO4J_PAGECACHE": "1m", "PSG_NEO4J_BOLT_PORT": "1", "PSG_NEO4J_HTTP_PORT": "2",
        "PSG_NEO4J_TRANSACTION_TIMEOUT": "3.5", "PSG_NEO4J_LINGER": "4", "PSG_NEO4J_JAVA_OPTIONS": "-Dx=y",
    }  # fmt: skip
    settings = ServerSettings.from_environment(environment, api_url="http://localhost:1")
    unread = [f.name for f in fields(settings) if getattr(settings, f.name) == getattr(ServerSettings(), f.name)]
    assert unread == []


def test_settings_come_from_the_environment_and_survive_the_way_to_the_supervisor() -> None:
    environment = {"PSG_NEO4J_HEAP": "1g", "PSG_NEO4J_PAGECACHE": "256m", "PSG_NEO4J_BOLT_PORT": "7687"}
    settings = ServerSettings.from_environment(environment, api_url="http://localhost:1")
    assert (settings.heap, settings.pagecache, settings.bolt_port, settings.http_port) == ("1g", "256m", 7687, 0)
    assert ServerSettings.from_json(settings.to_json()) == settings
    assert ServerSettings.from_environment({}) == ServerSettings()
    command = java_command(Path("jars"), Path("home"), settings)
    assert "-Xmx1g" in command and "jars/*" in command


@pytest.mark.parametrize(
    "environment",
    [
        {"PSG_NEO4J_HEAP": "much"}, {"PSG_NEO4J_HEAP": "512m\nx=y"}, {"PSG_NEO4J_BOLT_PORT": "bolt"},
        {"PSG_NEO4J_LINGER": "long"}, {"PSG_NEO4J_TRANSACTION_TIMEOUT": "15s"},
    ],
)
def test_bad_settings_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(EmbeddedServerFailed):
        ServerSettings.from_environment(environment)


def test_a_line_break_in_the_api_address_cannot_add_a_setting() -> None:
    with pytest.raises(EmbeddedServerFailed, match="line break"):
        ServerSettings(api_url="http://x\ndbms.security.auth_enabled=false")


def test_the_password_is_set_before_the_first_boot_and_kept(tmp_path: Path) -> None:
    password = ensure_password(tmp_path)
    assert len(password) >= 32
    kept, set_for = tmp_path / "password", tmp_path / "data" / "dbms" / "auth.ini"
    assert [stat.S_IMODE(file.stat().st_mode) for file in (kept, set_for)] == [0o600, 0o600]
    user, _, rest = set_for.read_text().partition(":")
    kind, digest, salt, rounds = rest.strip().rstrip(":").split(",")
    assert (user, kind, rounds) == ("neo4j", "SHA-256", "1024")
    value = hashlib.sha256(bytes.fromhex(salt) + password.encode()).digest()
    for _ in range(1023):
        value = hashlib.sha256(value).digest()
    assert value.hex() == digest.lower()
    assert ensure_password(tmp_path) == password
    assert password not in set_for.read_text()


def test_the_hash_depends_on_the_salt() -> None:
    assert password_hash("word", b"a") != password_hash("word", b"b")


def test_the_store_of_another_neo4j_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "data" / "databases" / "system").mkdir(parents=True)
    with pytest.raises(EmbeddedServerFailed, match="PSG_NEO4J_URI"):
        ensure_password(tmp_path)
    assert not (tmp_path / "password").exists() and not (tmp_path / "data" / "dbms").exists()


@pytest.mark.parametrize(
    ("log", "kind", "words"),
    [
        ("ERROR Failed to start\nCaused by: java.net.BindException: Address already in use", PortTaken, "taken"),
        (
            "Caused by: FileLockException: Lock file has been locked by another process: x/store_lock",
            HomeInUse,
            "another",
        ),
        ("line one\n\tat some.java.Frame\nERROR something new", EmbeddedServerFailed, "something new"),
        ("", EmbeddedServerFailed, "none"),
    ],
)
def test_the_reason_of_a_failed_boot_is_read_from_the_logs(
    tmp_path: Path, log: str, kind: type[Exception], words: str
) -> None:
    home = Home(tmp_path)
    home.create()
    home.log_file.write_text(log)
    error = explain_exit(home, ServerSettings())
    assert type(error) is kind
    assert words in error.message
    assert "some.java.Frame" not in error.message
    home.fail(error)
    assert type(home.failure_since(0)) is kind


def test_many_writers_of_one_private_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Clients that start at the same moment all write the settings for the supervisor."""
    file = tmp_path / "settings.json"
    texts = [str(number) * 5000 for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda text: [write_private(file, text) for _ in range(20)], texts))
    assert file.read_text() in texts
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]
