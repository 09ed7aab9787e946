"""The audit of a live graph: pages of nodes and events by index, suspects judged again under the project's lock.

Reading takes no lock, so that the platform runs on; what looks wrong may be a race of reading. Only what is still
wrong when it is read behind the head's lock, a few nodes at a time, is a violation (DESIGN §4, §5).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping

import psg_cypher
from psg.audit.accounts import audit_accounts
from psg.audit.alerts import audit_alerts
from psg.audit.messages import audit_messages
from psg.audit.project import AuditProject
from psg.audit.report import Report, Violation
from psg.audit.resources import audit_resources
from psg.errors import NotFound
from psg.model.ids import check_id
from psg_neo4j.database import Database

PROJECT_PAGE = 500
_SCHEMA = re.compile(r"CREATE (CONSTRAINT|INDEX) (\w+) .*FOR \(n:(\w+)\) (?:REQUIRE|ON) (.*)")
_DROPPED = re.compile(r"DROP (CONSTRAINT|INDEX) (\w+)")
_PROPERTY = re.compile(r"n\.(\w+)")

Progress = Callable[[Mapping[str, int]], object]


async def verify(db: Database, project_id: str | None = None, *, progress: Progress | None = None) -> Report:
    """Audit one project, or all of them, and return every violation of ``report.KINDS``.

    ``progress`` is called after each page with what was checked so far. Work is linear in nodes and events and memory
    bounded by a page; it is meant to run while the platform does. Raises ``NotFound`` for an unknown ``project_id``,
    ``InvalidId`` for one that is none, and the errors of ``psg_neo4j``.
    """
    report = Report()
    if project_id is not None:
        check_id(project_id, "project_id")
    await _schema(db, report)
    if project_id is None:
        for row in await db.read(psg_cypher.statement("audit_headless")):
            message = f"project {row['name']!r} has no head: nothing can be written to it"
            report.violations.append(Violation("head", row["id"], row["id"], message))
        await audit_resources(db, report)
        await audit_alerts(db, report)
        await audit_accounts(db, report)
    async for found in _projects(db, project_id):
        report.checked["projects"] += 1
        await AuditProject(db, found, report, progress or _silent).run()
        await audit_messages(db, found, report)
    if project_id is not None and not report.checked["projects"]:
        raise NotFound(f"project {project_id} does not exist", project_id=project_id)
    return report


def _silent(checked: Mapping[str, int]) -> None:
    return None


async def _projects(db: Database, project_id: str | None) -> AsyncIterator[str]:
    """The projects to audit, in pages, so that ten thousand of them are no list."""
    if project_id is not None:
        if await db.read_one(psg_cypher.statement("audit_head"), project_id=project_id) is not None:
            yield project_id
        return
    after = ""
    while True:
        page = await db.read(psg_cypher.statement("audit_projects"), after=after, limit=PROJECT_PAGE)
        for row in page:
            yield row["id"]
        if len(page) < PROJECT_PAGE:
            return
        after = page[-1]["id"]


async def _schema(db: Database, report: Report) -> None:
    """Constraints keep ids, event numbers and command ids unique; without them no check by index means anything.

    They are told by what they hold, not by name: one made by hand serves as well.
    """
    present = {
        kind: {(r["label"], tuple(r["properties"])) for r in await db.read(psg_cypher.statement(name))}
        for kind, name in (("CONSTRAINT", "audit_constraints"), ("INDEX", "audit_indexes"))
    }
    for (kind, name), (label, properties, version) in _demanded().items():
        if (label, properties) not in present[kind]:
            what = f"{kind.lower()} {name} on {label} ({', '.join(properties)})"
            report.violations.append(Violation("schema", "", name, f"the {what} of migration {version} is missing"))


def _demanded() -> dict[tuple[str, str], tuple[str, tuple[str, ...], str]]:
    """What all migrations together come to: a later one may drop what an earlier one made."""
    wanted: dict[tuple[str, str], tuple[str, tuple[str, ...], str]] = {}
    for migration in psg_cypher.migrations():
        for text in migration.statements:
            for kind, name in _DROPPED.findall(text):
                wanted.pop((kind, name), None)
            for kind, name, label, rest in _SCHEMA.findall(text):
                wanted[kind, name] = (label, tuple(_PROPERTY.findall(rest)), migration.version)
    return wanted
