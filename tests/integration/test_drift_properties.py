"""Random edits on both sides: afterwards both agree, and nothing is lost but what two people changed at once (L3-55).

A file is five lines that are edited, apart from each other, so that edits of different lines never overlap; each edit
is unique. The model below says what must come out; the disk and the graph are compared with it after every scan.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from conftest import Neo4jServer
from drift_world import ROOT, DriftWorld
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from world import World

from psg import drift
from psg_neo4j import Database

pytestmark = pytest.mark.neo4j

NAMES = ("a.txt", "dir/ü b.txt")
GAP = "-\n" * 4
Lines = tuple[str, ...]
NAME = st.sampled_from(NAMES)
LINE = st.integers(0, 4)
TOKENS = itertools.count()
MERGES: list[int] = []
"""One for each merge that a model has seen: a test without any would say little."""


def text(lines: Lines | None) -> str | None:
    return None if lines is None else GAP.join(f"{line}\n" for line in lines)


@dataclass
class Model:
    """One file: the last common state, and both sides; ``seen`` is the other side's state that was put to a person."""

    base: Lines | None = None
    graph: Lines | None = None
    disk: Lines | None = None
    seen: tuple[Lines | None, str] | None = None

    def edit_graph(self, lines: Lines | None) -> None:
        self.graph = lines
        self.seen = None

    def agree(self, lines: Lines | None) -> None:
        self.base = self.graph = self.disk = lines
        self.seen = None

    def scan(self) -> None:
        """What a scan has to make of it."""
        if self.graph == self.disk:
            self.agree(self.disk)
        elif self.seen is not None and self.seen[0] == self.disk:
            self._decided(self.seen[1])
        elif self.disk == self.base:
            self.agree(self.graph)
        elif self.graph == self.base:
            self.agree(self.graph if self.disk is None else self.disk)
        elif self.disk is None:
            self.agree(self.graph)
        else:
            self._merge()

    def _decided(self, status: str) -> None:
        if status == "approved":
            self.agree(self.disk)
        elif status == "rejected":
            self.agree(self.graph)

    def _merge(self) -> None:
        merged = []
        if self.graph is None or self.disk is None or self.base is None:
            self.seen = (self.disk, "pending")
            return
        for base, one, other in zip(self.base, self.graph, self.disk, strict=True):
            if one not in (base, other) and other != base:
                self.seen = (self.disk, "pending")
                return
            merged.append(other if one == base else one)
        MERGES.append(1)
        self.agree(tuple(merged))


class Machine(RuleBasedStateMachine):
    """Edits on both sides, scans by one or two processes' monitors, decisions."""

    portal: BlockingPortal
    database: Database

    def _call(self, doing: Callable[[], Awaitable[Any]]) -> Any:
        return self.portal.call(doing)

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.files = {name: Model() for name in NAMES}
        world = self._call(lambda: World.create(self.database))
        self.drift = self._call(lambda: DriftWorld.create(world, Path(self.folder.name, "tree")))
        self.other = self.drift.another()
        for name in NAMES:
            self._edit_file(name, 0)
        self.scan()

    def _write(self, name: str, lines: Lines) -> None:
        self.files[name].disk = lines
        self.drift.write(name, text(lines) or "")

    @rule(edits=st.lists(st.tuples(NAME, LINE, st.booleans()), min_size=1, max_size=6))
    def edit(self, edits: list[tuple[str, int, bool]]) -> None:
        """Edit lines of files, on disk or in the graph."""
        for name, line, on_disk in edits:
            if on_disk:
                self._edit_file(name, line)
            else:
                self._edit_in_graph(name, line)

    def _edit_file(self, name: str, line: int) -> None:
        now = self.files[name].disk or ("0", "1", "2", "3", "4")
        self._write(name, (*now[:line], f"disk {next(TOKENS)}", *now[line + 1 :]))

    def _edit_in_graph(self, name: str, line: int) -> None:
        now = self.files[name].graph or ("0", "1", "2", "3", "4")
        lines = (*now[:line], f"graph {next(TOKENS)}", *now[line + 1 :])
        self.files[name].edit_graph(lines)
        self._call(lambda: self.drift.expect(name, text(lines)))

    @rule(name=NAME, one=LINE, other=LINE)
    def edit_both_sides_of_a_common_state(self, name: str, one: int, other: int) -> None:
        self.scan()
        self._edit_file(name, one)
        self._edit_in_graph(name, other)
        self.scan()

    @rule(name=NAME, on_disk=st.booleans())
    def delete(self, name: str, on_disk: bool) -> None:
        model = self.files[name]
        if on_disk:
            model.disk = None
            (self.drift.path / name).unlink(missing_ok=True)
        elif model.graph is not None:
            model.edit_graph(None)
            self._call(lambda: self.drift.expect(name, None))

    @rule(name=NAME, at=st.integers(1, 2_000_000_000))
    def touch(self, name: str, at: int) -> None:
        if self.files[name].disk is not None:
            os.utime(self.drift.path / name, (at, at))

    @rule(name=NAME, status=st.sampled_from(("approved", "rejected", "cancelled")))
    def decide(self, name: str, status: str) -> None:
        seen = self.files[name].seen
        if seen is None or seen[1] != "pending":
            return
        self.files[name].seen = (seen[0], status)

        async def decided() -> None:
            known = await self.drift.known(name)
            assert known.confirm is not None
            await self.drift.world.graph.decide_confirm(self.drift.world.project_id, known.confirm, status)

        self._call(decided)

    @rule()
    def scan(self) -> None:
        self._call(self.drift.monitor.scan)
        self._settle()

    @rule()
    def scan_twice_at_once(self) -> None:
        async def both() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.drift.monitor.scan)
                tasks.start_soon(self.other.scan)

        self._call(both)
        self._call(self.other.scan)  # what one was too late for
        self._settle()

    def _settle(self) -> None:
        for name, model in self.files.items():
            model.scan()
            path = self.drift.path / name
            assert (path.read_text() if path.exists() else None) == text(model.disk), name
            known = self._call(lambda name=name: self._graph(name))
            assert known == text(model.graph), name
            assert model.graph == model.disk or model.seen is not None

    async def _graph(self, name: str) -> str | None:
        found = await drift.resources_by_uri(self.drift.world.db, self.drift.world.project_id, [self.drift.uri(name)])
        content = found[self.drift.uri(name)].content() if found else None
        return None if content is None else content.decode()

    def teardown(self) -> None:
        if not hasattr(self, "drift"):
            return
        self._call(self.other.scan)
        self._settle()
        left = [n for n in os.listdir(self.drift.path) if n.startswith(".psg")]
        assert left == [], ROOT
        self._call(self.drift.verified)
        self.folder.cleanup()


def check(server: Neo4jServer, **chosen: Any) -> None:
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(server.database()) as database,
    ):
        machine = type("BoundMachine", (Machine,), {"portal": portal, "database": database})
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            machine,
            settings=settings(
                deadline=None, suppress_health_check=list(HealthCheck), database=None, phases=[Phase.generate], **chosen
            ),
        )


@pytest.mark.req("L3-48", "L3-51", "L3-52", "L3-53", "L3-54", "L3-55")
def test_after_random_edits_both_sides_agree_and_nothing_is_lost(neo4j_server: Neo4jServer) -> None:
    MERGES.clear()
    check(neo4j_server, max_examples=10, stateful_step_count=20, derandomize=True)
    assert len(MERGES) > 3


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_random_edits_for_long(neo4j_server: Neo4jServer) -> None:
    check(neo4j_server, max_examples=60, stateful_step_count=40)
