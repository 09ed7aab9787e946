"""Reconciles a tracked directory, scan by scan, until nothing is left to do; tests start many of it and kill some."""

from __future__ import annotations

import os

import anyio

from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.drift import DriftMonitor


async def main() -> None:
    given = os.environ
    async with Database.connect(given["PSG_TEST_URI"], given["PSG_TEST_USER"], given["PSG_TEST_PASSWORD"]) as db:
        project_id, root, path = given["PSG_TEST_PROJECT"], given["PSG_TEST_ROOT"], given["PSG_TEST_PATH"]
        monitor = DriftMonitor(Graph(db), project_id, root, path, lease_ms=400)
        print("ready", flush=True)
        quiet = 0
        while quiet < 2:
            report = await monitor.scan()
            quiet = 0 if report.results else quiet + 1


anyio.run(main)
