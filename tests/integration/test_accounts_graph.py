"""Tokens, grants and the audit trail in the graph: what is kept, what is refused, what many at once come to."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio
import pytest

import psg_cypher
from psg.accounts import Accounts, AuditRecord, LastAdmin, Origin, TokenTaken, TokenUnknown, scoped
from psg.accounts import accounts as kept
from psg.accounts import trail as trails
from psg.audit.accounts import audit_accounts
from psg.audit.report import Report
from psg.backup.taking import LEFT_OUT, RECORDS
from psg.errors import NotFound, ValidationFailed
from psg.graph import Graph
from psg_cypher import parse_statements
from psg_neo4j import Database, database
from psg_neo4j.errors import DatabaseUnavailable, OutcomeUnknown

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

T = TypeVar("T")

RAW = {
    item.name: item
    for item in parse_statements(
        """
// name: forget :write :none
CALL () { MATCH (n:ApiToken) WHERE n.actor STARTS WITH $mark DETACH DELETE n }
CALL () { MATCH (n:Grant) WHERE n.actor STARTS WITH $mark DETACH DELETE n }
CALL () { MATCH (n:AuditRecord) WHERE n.actor STARTS WITH $mark DETACH DELETE n }
// name: everything :read :many
MATCH (n) WHERE any(l IN labels(n) WHERE l IN ['ApiToken', 'Grant', 'AuditRecord']) AND n.actor STARTS WITH $mark
RETURN properties(n) AS props
// name: age :write :none
MATCH (n:AuditRecord) WHERE n.actor STARTS WITH $mark SET n.at = n.at - $ms
// name: spoil :write :none
CALL () { MATCH (n:Grant) WHERE n.actor STARTS WITH $mark SET n.role = 'owner' }
CALL () { MATCH (n:ApiToken {id: $id}) REMOVE n.hash }
// name: expire :write :none
MATCH (n:ApiToken {id: $id}) SET n.expires_ms = n.created_ms
""",
        "accounts_raw.cypher",
    )
}


class Away:
    """A database that does not answer."""

    async def in_transaction(self, work: object, **options: object) -> None:
        raise DatabaseUnavailable("away")


@dataclass
class World:
    db: Database
    accounts: Accounts
    mark: str
    project: str

    @property
    def by(self) -> Origin:
        return Origin(f"{self.mark}boss", request_id="r1")

    def name(self, name: str) -> str:
        return self.mark + name

    async def told(self, **asked: object) -> list[AuditRecord]:
        found = await self.accounts.audit_records(first=1_000, latest=True, **asked)  # type: ignore[arg-type]
        return [record for record in reversed(found) if record.actor.startswith(self.mark)]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    mark = f"t{uuid.uuid4().hex[:10]}."
    made = await Graph(db).create_project(f"accounts {mark}", actor="t")
    try:
        yield World(db, Accounts(db), mark, made.ids["project"])
    finally:
        await db.write(RAW["forget"], mark=mark)


async def test_a_token_speaks_for_its_actor_until_it_is_revoked_or_ends(world: World) -> None:
    accounts, actor = world.accounts, world.name("ci")
    made = await accounts.create_token(actor, by=world.by, note="for CI", projects=[world.project], roles=["agent"])
    known = await accounts.whose(made.text)
    assert known is not None
    assert (known.token, known.grants) == (made.token, {})
    assert known.token.live(known.now_ms)
    assert made.token.expires_ms == made.token.created_ms + 90 * 86_400_000
    await accounts.grant(actor, world.project, "agent", by=world.by)
    now = await accounts.whose(made.text)
    assert now is not None
    assert now.grants == {world.project: {"agent"}}
    assert await accounts.revoke_token(made.token.id, by=world.by) == [made.token.id]
    assert await accounts.revoke_token(made.token.id, by=world.by) == []
    gone = await accounts.whose(made.text)
    assert gone is not None
    assert not gone.token.live(gone.now_ms)
    assert gone.token.revoked_by == world.by.actor
    short = await accounts.create_token(actor, by=world.by, life_s=60)
    await world.db.write(RAW["expire"], id=short.token.id)
    over = await accounts.whose(short.text)
    assert over is not None
    assert not over.token.live(over.now_ms)
    endless = await accounts.create_token(actor, by=world.by, life_s=None)
    assert endless.token.expires_ms is None
    assert {t.id for t in await accounts.tokens(actor=actor)} == {made.token.id, short.token.id, endless.token.id}


async def test_what_was_made_with_a_lost_token_is_revoked_with_it_when_told_so(world: World) -> None:
    first = await world.accounts.create_token(world.name("a"), by=world.by)
    second = await world.accounts.create_token(world.name("a/b"), by=replace(world.by, token_id=first.token.id))
    third = await world.accounts.create_token(world.name("a/c"), by=replace(world.by, token_id=second.token.id))
    other = await world.accounts.create_token(world.name("a"), by=world.by)
    assert await world.accounts.revoke_token(first.token.id, by=world.by) == [first.token.id]
    ended = await world.accounts.revoke_token(first.token.id, by=world.by, with_made=True)
    assert ended == [second.token.id, third.token.id]
    assert (await world.accounts.token(other.token.id)).revoked_ms is None
    assert await world.accounts.token_count(actor=world.name("a")) == 4
    assert len(await world.accounts.tokens(actor=world.name("a"))) == 4


async def test_secrets_of_tokens_are_kept_nowhere(world: World) -> None:
    made = await world.accounts.create_token(world.name("a"), by=world.by)
    secret = made.text.rsplit("_", 1)[1]
    rows = await world.db.read(RAW["everything"], mark=world.mark)
    assert any(row["props"].get("hash") for row in rows)
    assert secret not in repr(rows)
    assert made.text not in repr(made)
    assert secret not in repr(await world.told())


async def test_what_only_looks_like_a_token_is_nobody(world: World) -> None:
    made = await world.accounts.create_token(world.name("a"), by=world.by)
    wrong = made.text[:-1] + ("0" if made.text[-1] != "0" else "1")
    for text in (wrong, "", "psg__", made.text + "0", made.text.upper(), f" {made.text}", made.text + "\n",
                 f"psg_{'0' * 16}_{'0' * 64}"):  # fmt: skip
        assert await world.accounts.whose(text) is None, text
    with pytest.raises(TokenUnknown):
        await world.accounts.revoke_token("0" * 16, by=world.by)


async def test_a_repeated_command_makes_no_second_token(world: World) -> None:
    command = str(uuid.uuid4())
    made = await world.accounts.create_token(world.name("a"), by=world.by, command_id=command)
    with pytest.raises(TokenTaken, match=made.token.id):
        await world.accounts.create_token(world.name("a"), by=world.by, command_id=command)
    other = replace(world.by, actor=world.name("other"))
    another = await world.accounts.create_token(world.name("a"), by=other, command_id=command)
    assert another.token.id != made.token.id


async def test_grants_are_given_and_taken_once_and_told(world: World) -> None:
    accounts, actor = world.accounts, world.name("eve")
    assert await accounts.grant(actor, world.project, "operator", by=world.by)
    assert not await accounts.grant(actor, world.project, "operator", by=world.by)
    assert await accounts.grant(actor, "*", "viewer", by=world.by)
    assert await accounts.grants_of(actor) == {world.project: {"operator"}, "*": {"viewer"}}
    assert [(g.project_id, g.role) for g in await accounts.grants(actor=actor)] == [
        ("*", "viewer"), (world.project, "operator"),
    ]  # fmt: skip
    first, second = (await accounts.grants(project_id=world.project, first=10), await accounts.grants(actor=actor))
    assert [g.actor for g in first] == [actor]
    assert await accounts.grants((second[0].project_id, actor, second[0].role), actor=actor) == second[1:]
    assert await accounts.revoke(actor, world.project, "operator", by=world.by)
    assert not await accounts.revoke(actor, world.project, "operator", by=world.by)
    told = [(r.act, r.project_id, r.details["role"], r.outcome, r.request_id) for r in await world.told()]
    assert told == [
        ("grant.give", world.project, "operator", "allowed", "r1"), ("grant.give", None, "viewer", "allowed", "r1"),
        ("grant.take", world.project, "operator", "allowed", "r1"),
    ]  # fmt: skip


async def test_a_backup_reads_the_grants_of_a_project_page_by_page(world: World) -> None:
    for actor in ("a", "a/b", "a.b"):
        for role in ("viewer", "agent"):
            await world.accounts.grant(world.name(actor), world.project, role, by=world.by)
    await world.accounts.grant(world.name("a"), "*", "admin", by=world.by)
    found, after = [], ""
    while page := await world.db.read(
        psg_cypher.statement("backup_grants"), project_id=world.project, after=after, limit=1
    ):
        found += [row["props"] for row in page]
        after = page[-1]["key"]
    assert len(found) == 6
    assert {(row["actor"], row["role"]) for row in found} == {
        (world.name(actor), role) for actor in ("a", "a/b", "a.b") for role in ("viewer", "agent")
    }
    assert set(RECORDS) >= {"Grant"}
    assert {"ApiToken", "AuditRecord"} <= LEFT_OUT


@pytest.mark.parametrize("at", ["before_commit", "after_commit"])
async def test_an_attempt_cut_off_is_made_again_to_the_same_effect_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """The connection is lost around the commit: nobody knows whether it was made."""
    broken: list[str] = []

    def cut(point: str, name: str = "") -> None:
        if point == at and not broken:
            broken.append(point)
            raise OutcomeUnknown

    async def once(work: Awaitable[T]) -> T:
        broken.clear()
        monkeypatch.setattr(database.faults, "at", cut)
        done = await work
        monkeypatch.undo()
        assert broken == [at]
        return done

    accounts, actor = world.accounts, world.name("eve")
    assert await once(accounts.grant(actor, world.project, "agent", by=world.by)) is True
    made = await once(accounts.create_token(actor, by=world.by))
    assert await once(accounts.revoke(actor, world.project, "agent", by=world.by)) is True
    assert await once(accounts.revoke_token(made.token.id, by=world.by)) == [made.token.id]
    assert [r.act for r in await world.told()] == ["grant.give", "token.create", "grant.take", "token.revoke"]
    assert [r.count for r in await world.told()] == [1] * 4


@pytest.mark.parametrize(
    ("project", "role", "error"),
    [("", "viewer", ValidationFailed), ("*", "owner", ValidationFailed), (None, "cypher", ValidationFailed),
     ("5f0c1c58-1e0b-4f38-9a54-0d1b6a3f9d11", "viewer", NotFound), ("* ", "viewer", ValidationFailed)],
)  # fmt: skip
async def test_what_cannot_be_granted(world: World, project: str | None, role: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await world.accounts.grant(world.name("x"), world.project if project is None else project, role, by=world.by)
    with pytest.raises(ValidationFailed):
        await world.accounts.grant("no name", "*", "viewer", by=world.by)
    assert await world.told() == []


async def test_a_token_may_be_granted_what_it_is_for_in_one_go(world: World) -> None:
    actor = world.name("worker")
    made = await world.accounts.create_token(
        actor, by=world.by, projects=[world.project], roles=["agent"], grant=True
    )
    known = await world.accounts.whose(made.text)
    assert known is not None
    assert scoped(known.grants, known.token.projects, known.token.roles) == {world.project: {"agent"}}
    with pytest.raises(NotFound):
        await world.accounts.create_token(
            world.name("b"), by=world.by, projects=[str(uuid.uuid4())], roles=["agent"], grant=True
        )
    assert await world.accounts.grants_of(world.name("b")) == {}


async def test_many_who_grant_and_revoke_the_same_change_it_once_each_time(world: World) -> None:
    """As many grants as were taken back, whatever the order; the trail tells each change and no other."""
    actor, changes = world.name("race"), Counter[str]()

    async def act(n: int) -> None:
        for _ in range(6):
            change = world.accounts.revoke if n % 2 else world.accounts.grant
            done = await change(actor, world.project, "agent", by=world.by)
            changes["take" if n % 2 else "give"] += done

    async with anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(act, n)
    left = await world.accounts.grants_of(actor)
    assert changes["give"] - changes["take"] == len(left)
    acts = [record.act for record in await world.told()]
    assert acts == ["grant.give", "grant.take"] * changes["take"] + ["grant.give"] * len(left)


async def test_of_two_at_once_who_take_the_last_admins_one_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "EVERYWHERE", world.project)  # others may be admins everywhere in this database
    admins = [world.name("a"), world.name("b")]
    for actor in admins:
        await world.accounts.grant(actor, world.project, "admin", by=world.by)
    refused: list[str] = []

    async def take(actor: str) -> None:
        try:
            await world.accounts.revoke(actor, world.project, "admin", by=world.by)
        except LastAdmin:
            refused.append(actor)

    async with anyio.create_task_group() as tasks:
        for actor in admins:
            tasks.start_soon(take, actor)
    (left,) = [actor for actor in admins if await world.accounts.grants_of(actor)]
    assert refused == [left]
    assert await world.accounts.revoke(left, world.project, "admin", by=world.by, keep_admin=False)


async def test_denials_of_a_minute_are_one_record_with_their_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trails.time, "time", lambda: 1_000_000.0)
    denied = AuditRecord(world.name("eve"), "Mutation.deleteNode", "denied", world.project, reason="forbidden")
    other = Accounts(world.db)
    for _ in range(50):
        await world.accounts.record(denied)
    await other.record(replace(denied, actor=f"{denied.actor}/made-up"))
    await world.accounts.flush()
    assert [(r.count, r.act, r.actor) for r in await world.told()] == [(51, denied.act, denied.actor)]
    monkeypatch.setattr(trails.time, "time", lambda: 1_000_060.0)
    await world.accounts.record(denied)
    assert [r.count for r in await world.told()] == [51, 1]
    assert [r.count for r in await world.told(project_id=world.project, outcome="denied")] == [51, 1]
    assert await world.told(project_id=world.project, outcome="allowed") == []


async def test_counts_that_could_not_be_written_are_written_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = AuditRecord(world.name("eve"), "Mutation.deleteNode", "denied", world.project)
    trail = trails.Trail(world.db)
    monkeypatch.setattr(trails.time, "time", lambda: 1_000_000.0)
    working = trail._db
    monkeypatch.setattr(trail, "_db", Away())
    for _ in range(3):
        await trail.record(denied)
    with pytest.raises(DatabaseUnavailable):
        await trail.flush()
    with pytest.raises(DatabaseUnavailable):
        await trail.record(replace(denied, outcome="allowed"))
    monkeypatch.setattr(trail, "_db", working)
    await trail.record(denied)
    await trail.flush()
    assert [(r.outcome, r.count) for r in await world.told()] == [("denied", 4)]


async def test_who_leaves_while_a_record_is_written_takes_nobody_else_along(world: World) -> None:
    trail, left = trails.Trail(world.db), anyio.CancelScope()

    async def leave() -> None:
        with left:
            await trail.record(AuditRecord(world.name("gone"), "act", "allowed"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave)
        for n in range(20):
            tasks.start_soon(trail.record, AuditRecord(world.name("stays"), f"act{n}", "allowed"))
        await anyio.wait_all_tasks_blocked()
        left.cancel()
    acts = [r.act for r in await world.told() if r.actor == world.name("stays")]
    assert sorted(acts) == sorted(f"act{n}" for n in range(20))


async def test_denials_of_one_actor_are_bounded_however_many_acts_and_projects(world: World) -> None:
    eve = world.name("eve")
    for n in range(trails.PER_ACTOR + 40):
        await world.accounts.record(AuditRecord(eve, "Query.project", "denied", str(uuid.UUID(int=n, version=4))))
    await world.accounts.flush()
    found = await world.told()
    assert len(found) == trails.PER_ACTOR + 1
    assert (found[-1].act, found[-1].count, found[-1].reason) == ("*", 40, "several")


async def test_old_denials_are_forgotten_what_was_allowed_is_kept(world: World) -> None:
    await world.accounts.record(AuditRecord(world.name("eve"), "Mutation.deleteNode", "denied"))
    await world.accounts.record(AuditRecord(world.name("eve"), "Mutation.deleteNode", "allowed"))
    await world.db.write(RAW["age"], mark=world.mark, ms=trails.KEEP_DENIED_MS + 1_000)
    assert await trails.Trail(world.db).prune() >= 1
    assert [r.outcome for r in await world.told()] == ["allowed"]


async def test_records_of_many_at_once_are_numbered_in_the_order_in_which_they_are_seen(world: World) -> None:
    seen: list[int] = []
    writing = anyio.Event()

    async def write(n: int) -> None:
        for i in range(8):
            await world.accounts.record(AuditRecord(world.name(f"w{n}"), f"act{i}", "allowed"))

    async def follow() -> None:
        after = max((r.seq for r in await world.accounts.audit_records(first=1, latest=True)), default=0)
        while True:
            over = writing.is_set()
            page = await world.accounts.audit_records(after, 1_000)
            seen.extend(r.seq for r in page if r.actor.startswith(world.mark))
            after = page[-1].seq if page else after
            if over and not page:
                return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        async with anyio.create_task_group() as writers:
            for n in range(6):
                writers.start_soon(write, n)
        writing.set()
    assert len(seen) == 48
    assert seen == sorted({r.seq for r in await world.told()})


async def test_verify_sees_what_nothing_here_would_make(world: World) -> None:
    await world.accounts.grant(world.name("a"), world.project, "viewer", by=world.by)
    made = await world.accounts.create_token(world.name("a"), by=world.by)

    async def found() -> list[str]:
        report = Report()
        await audit_accounts(world.db, report)
        ours = (world.mark, made.token.id)
        return [v.message for v in report.violations if v.node_id.startswith(ours) and v.kind == "account"]

    assert await found() == []
    await world.db.write(RAW["spoil"], mark=world.mark, id=made.token.id)
    told = await found()
    assert len(told) == 2
    assert "owner" in told[0] + told[1]
    assert "hash" in told[0] + told[1]
