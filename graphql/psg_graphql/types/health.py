"""Health of this server, for people and load balancers."""

from __future__ import annotations

import strawberry


@strawberry.type(description="Health of the API and of what it stands on.")
class Health:
    status: str = strawberry.field(description="ok, or degraded with the problems named.")
    version: str = strawberry.field(description="Version of this server.")
    database: str | None = strawberry.field(description="Version and edition of Neo4j.")
    schema_version: str | None = strawberry.field(description="Last migration of the database.")
    problems: list[str]
