"""What a project keeps, as data of the project: for how long, and how many finished plans at least."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg.errors import NotFound
from psg.graph import Graph
from psg.model.ids import check_id, new_id
from psg.retention.errors import RetentionPolicyInvalid
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_neo4j.database import Database

FAMILY = "runtime_execution"
PROJECT_PAGE = 500
MOST_DAYS = 36_500.0
MOST_PLANS = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """What may go: plans that ended more than ``older_than_days`` ago and are not among the ``keep_last`` latest.

    Where both are given a plan has to meet both. Raises ``RetentionPolicyInvalid`` for a value out of bounds.
    """

    older_than_days: float | None = None
    keep_last: int | None = None

    def __post_init__(self) -> None:
        _bounded("older_than_days", self.older_than_days, MOST_DAYS, (int, float))
        _bounded("keep_last", self.keep_last, MOST_PLANS, (int,))

    @property
    def given(self) -> bool:
        """Whether it says anything; without a policy nothing is ever removed."""
        return self.older_than_days is not None or self.keep_last is not None

    def required(self) -> Policy:
        """Return itself; raises ``RetentionPolicyInvalid`` when it does not say anything."""
        if not self.given:
            raise RetentionPolicyInvalid(
                "the project has no retention policy, so that nothing may be removed; say older_than_days, keep_last "
                "or both, or set a policy"
            )
        return self

    def before_ms(self, now_ms: int) -> int | None:
        """Return the moment before which a plan has to have ended, in ms since 1970."""
        return None if self.older_than_days is None else now_ms - int(self.older_than_days * 86_400_000)


def _bounded(name: str, value: object, most: float, types: tuple[type, ...]) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, types) or not 0 <= value <= most:  # type: ignore[operator]
        raise RetentionPolicyInvalid(f"{name}: {value!r} is no number from 0 to {most:g}", field=name)


def policy_of(row: Mapping[str, Any]) -> Policy:
    """Return the policy that a row of the project's head tells."""
    return Policy(row["older_than_days"], row["keep_last"])


async def policy(db: Database, project_id: str) -> Policy:
    """Return what a project keeps; raises ``NotFound``."""
    check_id(project_id, "project_id")
    row = await db.read_one(psg_cypher.statement("retention_policy"), project_id=project_id)
    if row is None:
        raise NotFound(f"project {project_id} does not exist", project_id=project_id)
    return policy_of(row)


async def with_policy(db: Database) -> AsyncIterator[str]:
    """Yield the projects that have a policy."""
    after = ""
    while page := await db.read(psg_cypher.statement("retention_projects"), after=after, limit=PROJECT_PAGE):
        for row in page:
            if policy_of(row).given:
                yield row["id"]
        after = page[-1]["id"]


async def set_policy(
    graph: Graph, project_id: str, wanted: Policy, *, actor: str = "system", command_id: str | None = None
) -> Answer:
    """Set what a project keeps, recorded in its log; a policy that says nothing keeps everything."""
    said = {"older_than_days": wanted.older_than_days, "keep_last": wanted.keep_last}
    command = Command("retention_policy", said, actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        await locked.read("retention_policy_set", **said)
        change = Change(command)
        change.note(FAMILY, "retention_policy_set", "Project", project_id, said)
        return change

    return await graph.locked(project_id, command, decide)
