"""The address that opens a plan in Neo4j Browser (ECOSYSTEM 2.6: ``?cmd=edit&arg=<statement>``)."""

from __future__ import annotations

from urllib.parse import quote

import psg_cypher
from psg.model.ids import check_id


def browser_link(http_url: str, project_id: str, plan_id: str) -> str:
    """A link into the Neo4j Browser at ``http_url`` with the statement that shows the run of a plan as a graph.

    A link carries no parameters, so the ids stand in the text; they are checked to be UUIDs first (InvalidId).
    """
    statement = psg_cypher.asset("plan_run.cypher").read_text("utf-8")
    for name, value in (("project_id", project_id), ("plan_id", plan_id)):
        statement = statement.replace(f"${name}", f"'{check_id(value, name)}'")
    return f"{http_url.rstrip('/')}/browser/?cmd=edit&arg={quote(statement.strip(), safe='')}"
