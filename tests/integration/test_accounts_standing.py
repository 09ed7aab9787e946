"""Who loses a token or a role while waiting for the turn changes nothing any more; failing fills no trail."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from access_world import FORGET, OPERATOR, World, access_world

from psg.accounts import Accounts, ApiToken, AuditRecord, Origin
from psg.accounts import trail as trails
from psg.errors import Unauthenticated
from psg_cypher import parse_statements
from psg_graphql.global_id import global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

(AGE,) = parse_statements(
    """
// name: age :write :none
MATCH (n:AuditRecord {actor: $actor}) SET n.at = n.at - $ms
""",
    "accounts_standing.cypher",
)


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with access_world(db) as made:
        yield made


def first_of_all(monkeypatch: pytest.MonkeyPatch, change: str, meanwhile: Callable[[], Awaitable[Any]]) -> None:
    """Have something happen between the admission of a request that makes a change and its turn to make it."""
    original = getattr(Accounts, change)

    async def later(self: Accounts, *given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        await meanwhile()
        return await original(self, *given, **named)

    monkeypatch.setattr(Accounts, change, later)


async def test_of_many_made_with_a_token_none_outlives_its_end_with_what_was_made(world: World) -> None:
    eve = await world.person("admin")
    by = Origin(eve.token.actor, eve.token.id)
    made: list[ApiToken] = []
    refused: list[Unauthenticated] = []
    many = anyio.Event()

    async def make() -> None:
        try:
            made.append((await world.accounts.create_token(eve.token.actor, by=by)).token)
            many.set()
        except Unauthenticated as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(24):
            tasks.start_soon(make)
        await many.wait()
        await world.accounts.revoke_token(eve.token.id, by=OPERATOR, with_made=True)
        tasks.start_soon(make)
    assert len(made) + len(refused) == 25
    assert refused
    tokens = await world.accounts.tokens(actor=eve.token.actor)
    assert len(tokens) == len(made) + 1
    assert [token.id for token in tokens if token.revoked_ms is None] == []


@pytest.mark.parametrize("lost", ["token", "role"])
async def test_who_is_admitted_and_loses_token_or_role_before_the_turn_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    for change, where in (
        ("create_token", world.own.project_id), ("grant", world.own.project_id), ("revoke", world.own.project_id),
        ("revoke_token", "*"),
    ):  # fmt: skip
        eve, ann = await world.person("admin", project=where), await world.person("viewer")
        name, project = eve.token.actor, world.own.ids["Project"]

        async def lose(name: str = name, token_id: str = eve.token.id, where: str = where) -> None:
            if lost == "token":
                await world.accounts.revoke_token(token_id, by=OPERATOR, with_made=True)
            else:
                await world.accounts.revoke(name, where, "admin", by=OPERATOR, keep_admin=False)

        field, kind, given = {
            "create_token": ("createApiToken", "CreateApiTokenInput", {
                "actor": f"{name}/w", "projectIds": [project], "roles": ["viewer"], "lifeDays": 1,
            }),
            "grant": ("grantRole", "RoleGrantInput", {
                "actor": ann.token.actor, "projectId": project, "role": "admin",
            }),
            "revoke": ("revokeRole", "RoleGrantInput", {
                "actor": ann.token.actor, "projectId": project, "role": "viewer",
            }),
            "revoke_token": ("revokeApiToken", "RevokeApiTokenInput", {"tokenId": ann.token.id}),
        }[change]  # fmt: skip
        first_of_all(monkeypatch, change, lose)
        answer = await world.told(eve, field, kind, **given)
        assert answer["__typename"] in ("Forbidden", "NotFound"), (change, answer)
        assert await world.accounts.tokens(actor=f"{name}/w") == []
        assert await world.accounts.grants_of(ann.token.actor) == {world.own.project_id: {"viewer"}}
        assert (await world.accounts.token(ann.token.id)).revoked_ms is None


@pytest.mark.parametrize("ahead_s", [-7_200, 7_200])
async def test_what_a_token_makes_ends_no_later_than_it_by_the_clock_of_the_database(
    world: World, monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    name = (await world.person("admin")).token.actor
    eve = await world.accounts.create_token(name, by=OPERATOR, life_s=3_600)
    given = {"actor": f"{name}/w", "projectIds": [world.own.ids["Project"]], "roles": ["viewer"]}
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ahead_s)
    longer = await world.told(eve, "createApiToken", "CreateApiTokenInput", **given, lifeDays=0.1)
    assert (longer["__typename"], longer["code"]) == ("Forbidden", "beyond_scope")
    assert "at most 0.04" in longer["message"]
    made = await world.told(eve, "createApiToken", "CreateApiTokenInput", **given, lifeDays=0.03)
    assert made["__typename"] == "CreatedApiTokenPayload", made
    (token,) = await world.accounts.tokens(actor=f"{name}/w")
    assert token.expires_ms and eve.token.expires_ms and token.expires_ms <= eve.token.expires_ms
    await world.api.graph.db.write(FORGET, actor=token.actor)


async def test_an_admin_may_give_up_the_own_role_and_token(world: World) -> None:
    eve = await world.person("admin")
    project = world.own.ids["Project"]
    done = await world.told(eve, "revokeRole", "RoleGrantInput", actor=eve.token.actor, projectId=project, role="admin")
    assert done["__typename"] == "RoleGrantPayload"
    ended = await world.told(eve, "revokeApiToken", "RevokeApiTokenInput", tokenId=eve.token.id)
    assert ended["__typename"] == "RevokedApiTokenPayload"


async def test_privilege_that_fails_over_and_over_is_one_record_with_its_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trails.time, "time", lambda: 1_000_000.0)
    ann = await world.person("approver")
    missing = global_id("Confirm", world.own.project_id, str(uuid.uuid4()))
    decide = f'decideConfirm(input: {{id: "{missing}", status: approved, role: "approver"}})'
    many = " ".join(f"a{n}: {decide} {{ __typename }}" for n in range(30))
    answer = await world.asked(ann, f"mutation {{ {many} }}")
    assert {it["__typename"] for it in answer["data"].values()} == {"NotFound"}
    await world.accounts.flush()
    (told,) = await world.accounts.audit_records(actor=ann.token.actor)
    assert (told.act, told.outcome, told.reason) == ("Mutation.decideConfirm", "failed", "not_found")
    assert (told.count, told.token_id) == (30, ann.token.id)


async def test_failures_are_bounded_and_forgotten_like_denials(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trails.time, "time", lambda: 1_000_000.0)
    name = f"failing-{uuid.uuid4().hex[:8]}"
    for n in range(trails.PER_ACTOR + 5):
        await world.accounts.record(AuditRecord(name, f"act{n}", "failed", reason="not_found"))
    await world.accounts.flush()
    found = await world.accounts.audit_records(first=1_000, actor=name)
    assert len(found) == trails.PER_ACTOR + 1
    assert (found[-1].act, found[-1].outcome, found[-1].count) == ("*", "failed", 5)
    await world.accounts.record(AuditRecord(name, "act", "allowed"))
    await world.api.graph.db.write(AGE, actor=name, ms=trails.KEEP_DENIED_MS + 1_000)
    assert await trails.Trail(world.api.graph.db).prune() >= len(found)
    assert [record.outcome for record in await world.accounts.audit_records(actor=name)] == ["allowed"]
