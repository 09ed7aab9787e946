"""The data of a whole database to schema 1.1.0: every project by itself, so that one can go on where it was (DD-24)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import psg_cypher
from psg.graph import Graph
from psg_runtime.vsl.errors import SchemaVersionMismatch
from psg_runtime.vsl.graph_store import Neo4jVSL
from psg_runtime.vsl.schema_migration import SCHEMA_KEY, SOURCE, TARGET, migrate_1_0_to_1_1

PROJECT_PAGE = 500


@dataclass(frozen=True, slots=True)
class ProjectsMigration:
    """What was done (with ``dry_run``: would be): how many ``projects`` and ``plans``; ``skipped`` were done before."""

    projects: int
    plans: int
    skipped: int
    version: str
    dry_run: bool = False


async def migrate_projects(graph: Graph, *, dry_run: bool = False, actor: str = "migration") -> ProjectsMigration:
    """Migrate every project that is at 1.0.0, and leave those alone that are at 1.1.0 already.

    Raises ``SchemaVersionMismatch`` before anything is changed when a project is of another version, or when all of
    them are done (DD-25: a second run is refused).
    """
    found: dict[str, int] = {}
    async for project_id in _projects(graph):
        version = await Neo4jVSL(graph, project_id).get(SCHEMA_KEY)
        found[str(version)] = found.get(str(version), 0) + 1
        if version not in (SOURCE, TARGET):
            message = f"Expected v{SOURCE}, found {version} in project {project_id}; nothing was changed"
            raise SchemaVersionMismatch(message, expected=SOURCE, found=version, project_id=project_id)
    if found and SOURCE not in found:
        raise SchemaVersionMismatch(f"Expected v{SOURCE}, found {TARGET}", expected=SOURCE, found=TARGET)
    projects = plans = 0
    async for project_id in _projects(graph):
        vsl = Neo4jVSL(graph, project_id, actor=actor)
        if await vsl.get(SCHEMA_KEY) == SOURCE:
            plans += (await migrate_1_0_to_1_1(vsl, dry_run=dry_run)).plans
            projects += 1
    return ProjectsMigration(projects, plans, found.get(TARGET, 0), TARGET, dry_run)


async def _projects(graph: Graph) -> AsyncIterator[str]:
    after = ""
    while True:
        page = await graph.db.read(psg_cypher.statement("audit_projects"), after=after, limit=PROJECT_PAGE)
        for row in page:
            yield row["id"]
        if len(page) < PROJECT_PAGE:
            return
        after = page[-1]["id"]
