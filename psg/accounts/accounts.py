"""Tokens, grants and audit records of an installation, in the graph (docs/accounts.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import psg_cypher
from psg.accounts.errors import LastAdmin, TokenTaken, TokenUnknown
from psg.accounts.model import (
    EVERYWHERE,
    ApiToken,
    AuditRecord,
    Grant,
    Outcome,
    check_actor,
    check_grant,
    check_scope,
    collected,
    token_of,
)
from psg.accounts.secret import fits, id_in, new_token
from psg.accounts.standing import Origin, check_standing
from psg.accounts.trail import Trail, append, audit_row
from psg.errors import NotFound, ValidationFailed
from psg.model.ids import new_id
from psg_neo4j.database import Database, Row, Transaction

T = TypeVar("T")

LOCK = "accounts"
LOCK_SECONDS = 10.0
LIFE_S = 90 * 86_400.0
"""How long a token lives unless somebody says otherwise."""
MAX_LIFE_S = 10 * 366 * 86_400.0
PAGE = 1_000
_NOTE_CHARS = 200


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was made; ``text`` is shown now and is nowhere else."""

    token: ApiToken
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.token!r})"


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a token stands for: the token, what is granted to its actor, and the database's clock."""

    token: ApiToken
    grants: Mapping[str, frozenset[str]]
    now_ms: int


class Accounts:
    """Tokens, grants and audit records. It decides nothing about who may do what; ``psg_graphql.policy`` does."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._trail = Trail(db)

    # Tokens

    async def create_token(
        self,
        actor: str,
        *,
        by: Origin,
        note: str | None = None,
        life_s: float | None = LIFE_S,
        projects: Collection[str] | None = None,
        roles: Collection[str] | None = None,
        grant: bool = False,
        command_id: str | None = None,
    ) -> NewToken:
        """Make a token that speaks for ``actor``, within ``projects`` and ``roles`` (``None``: without such a limit).

        ``life_s`` are seconds until it ends, ``None`` for never. With ``grant`` the roles are granted in the projects
        as well, in the same commit; else it can do what is granted to the actor, now and later. Raises
        ``ValidationFailed``, ``NotFound`` for a project, ``TokenTaken`` for a repeated ``command_id``, and as
        ``check_standing``, which all ask that change something.
        """
        check_actor(actor)
        check_scope(projects, roles)
        facts = _facts(actor, by, note, projects, roles)
        life_ms = _life_ms(life_s)
        if grant and not roles:
            raise ValidationFailed("roles: which are to be granted?", field="roles")
        given = [(p, r) for p in sorted(projects or (EVERYWHERE,)) for r in sorted(roles or ())] if grant else []
        for project_id, role in given:
            check_grant(project_id, role)
        token_id, text, kept = new_token(None if command_id is None else (by.actor, command_id))

        async def work(transaction: Transaction, now: int) -> ApiToken:
            await check_standing(transaction, by, now)
            for project_id in sorted(set(projects or ())):
                await _require_project(transaction, project_id)
            times = {"hash": kept, "created_ms": now, "expires_ms": None if life_ms is None else now + life_ms}
            (row,) = await _run(transaction, "account_token_put", id=token_id, facts={**facts, **times})
            if not fits(text, row["token"]["hash"]):
                raise TokenTaken(f"the command made the token {token_id} before", token_id=token_id)
            for project_id, role in given:
                await _put_grant(transaction, actor, project_id, role, by, now)
            told = {"token_id": token_id, "expires_ms": times["expires_ms"], "granted": grant}
            told |= {name: facts[name] for name in ("actor", "projects", "roles")}
            await self._told(transaction, by, "token.create", None, told, f"token.create|{token_id}")
            return token_of(row["token"])

        return NewToken(await self._locked(work), text)

    async def revoke_token(self, token_id: str, *, by: Origin, with_made: bool = False) -> list[str]:
        """End a token for good, from the next request on; returns the ids of those that this ended.

        ``with_made`` ends what was made with it too, and with that: for a token in wrong hands. Raises
        ``TokenUnknown``.
        """

        call = new_id()

        async def work(transaction: Transaction, now: int) -> list[str]:
            ended, seen = [], [token_id]
            if not await _done(transaction, f"{call}|{token_id}"):  # by then the own token may have ended by this
                await check_standing(transaction, by, now)
            for each in seen:
                rows = await _run(transaction, "account_token_revoke", id=each, now=now, by=by.actor)
                if not rows:
                    raise _unknown(each)
                if rows[0]["changed"] or await _done(transaction, f"{call}|{each}"):
                    ended.append(each)
                    told = {"token_id": each, "actor": rows[0]["token"]["actor"]}
                    await self._told(transaction, by, "token.revoke", None, told, f"{call}|{each}")
                if with_made:
                    made = await _run(transaction, "account_tokens_made", made_with=each)
                    seen += [row["id"] for row in made if row["id"] not in seen]
            return ended

        return await self._locked(work)

    async def token(self, token_id: str) -> ApiToken:
        """Return one token; raises ``TokenUnknown``."""
        row = await self._db.read_one(psg_cypher.statement("account_token_get"), id=token_id)
        if row is None:
            raise _unknown(token_id)
        return token_of(row["token"])

    async def tokens(self, after: str = "", first: int = 100, *, actor: str | None = None) -> list[ApiToken]:
        """Tokens by id, behind ``after``; with ``actor`` its own, and those of ``actor/…``."""
        if actor is None:
            rows = await self._db.read(psg_cypher.statement("account_token_page"), after=after, limit=first)
        else:
            rows = await self._db.read(
                psg_cypher.statement("account_token_page_of"), actor=actor, after=after, limit=first
            )
        return [token_of(row["token"]) for row in rows]

    async def token_count(self, *, actor: str | None = None) -> int:
        """How many tokens there are, live or not; as ``tokens``."""
        return await self._count("account_token_count", actor=actor)

    async def whose(self, text: str) -> Known | None:
        """Whom the text of a token stands for, or ``None`` for one that was never made; it may have ended."""
        token_id = id_in(text)
        if token_id is None:
            return None
        row = await self._db.read_one(psg_cypher.statement("account_by_token"), id=token_id)
        # Compared also when there is none: the answer takes as long.
        if not fits(text, "" if row is None else row["token"].get("hash") or "") or row is None:
            return None
        return _known(row)

    async def again(self, token_id: str) -> Known | None:
        """The same for a token that was shown before, as things stand now."""
        row = await self._db.read_one(psg_cypher.statement("account_by_token"), id=token_id)
        return None if row is None else _known(row)

    # Grants

    async def grant(self, actor: str, project_id: str, role: str, *, by: Origin) -> bool:
        """Grant a role in a project, or everywhere (``*``); ``False`` when it was granted already.

        Raises ``ValidationFailed``, ``InvalidId``, ``NotFound`` for a project.
        """
        check_actor(actor)
        check_grant(project_id, role)
        call = new_id()

        async def work(transaction: Transaction, now: int) -> bool:
            if await _done(transaction, call):
                return True
            await check_standing(transaction, by, now)
            if project_id != EVERYWHERE:
                await _require_project(transaction, project_id)
            changed = await _put_grant(transaction, actor, project_id, role, by, now)
            if changed:
                await self._told(transaction, by, "grant.give", project_id, {"actor": actor, "role": role}, call)
            return changed

        return await self._locked(work)

    async def revoke(self, actor: str, project_id: str, role: str, *, by: Origin, keep_admin: bool = True) -> bool:
        """Take a role back, from the next request on; ``False`` when it was not granted.

        Raises ``LastAdmin`` rather than take the last ``admin`` everywhere, unless ``keep_admin`` is off.
        """
        check_actor(actor)
        check_grant(project_id, role)
        call = new_id()

        async def work(transaction: Transaction, now: int) -> bool:
            if await _done(transaction, call):
                return True
            await check_standing(transaction, by, now)
            if keep_admin and (project_id, role) == (EVERYWHERE, "admin"):
                rows = await _run(transaction, "account_grant_holders", project_id=EVERYWHERE, role=role, limit=2)
                if [row["actor"] for row in rows] == [actor]:
                    raise LastAdmin(f"{actor} is the last who is admin everywhere", actor=actor)
            rows = await _run(transaction, "account_grant_drop", actor=actor, project_id=project_id, role=role)
            if rows:
                await self._told(transaction, by, "grant.take", project_id, {"actor": actor, "role": role}, call)
            return bool(rows)

        return await self._locked(work)

    async def grants_of(self, actor: str) -> dict[str, frozenset[str]]:
        """What is granted to an actor, by project (``*``: everywhere)."""
        rows = await self._db.read(psg_cypher.statement("account_grants"), actor=actor)
        return collected((row["grant"]["project_id"], row["grant"]["role"]) for row in rows)

    async def grants(
        self,
        after: tuple[str, str, str] = ("", "", ""),
        first: int = 100,
        *,
        project_id: str | None = None,
        actor: str | None = None,
    ) -> list[Grant]:
        """Grants by project, actor and role, behind ``after``, of one project, one actor, or all."""
        rows = await self._db.read(
            psg_cypher.statement("account_grant_page"), project_id=after[0] if after[0] or project_id is None
            else project_id, after_actor=after[1], after_role=after[2], of_project=project_id, of_actor=actor,
            limit=first,
        )  # fmt: skip
        return [Grant(**{name: row["grant"][name] for name in Grant.__slots__}) for row in rows]

    async def grant_count(self, *, project_id: str | None = None, actor: str | None = None) -> int:
        """How many grants there are; as ``grants``."""
        return await self._count("account_grant_count", project_id=project_id, actor=actor)

    # Audit

    async def record(self, record: AuditRecord) -> None:
        """Keep an audit record; returns when it is kept, or counted among others of this minute that are.

        The first denial (or failure) of an actor, act and project in a minute is kept at once, further ones are
        counted and written by :meth:`flush`. How many records those of one actor can make in a minute is bounded.
        """
        await self._trail.record(record)

    async def begin(self, record: AuditRecord) -> str:
        """Keep that somebody is let do something by privilege; returns what :meth:`undone` is told when it is not."""
        return await self._trail.begin(record)

    async def undone(self, record: AuditRecord, begun: str) -> None:
        """Keep that it was denied or failed and changed nothing, counted as in :meth:`record`, instead of that."""
        await self._trail.record(record, begun)

    async def flush(self) -> None:
        """Write the counts of denials that were not written yet."""
        await self._trail.flush()

    async def keep_trail(self, interval_s: float = 5.0) -> None:
        """Write counts from time to time and forget old denials, until cancelled; writes what is left then."""
        await self._trail.run(interval_s)

    async def audit_records(
        self,
        after: int = 0,
        first: int = 100,
        *,
        project_id: str | None = None,
        actor: str | None = None,
        outcome: Outcome | None = None,
        latest: bool = False,
    ) -> list[AuditRecord]:
        """Audit records behind the number ``after``; with ``latest`` the latest first, before it (0: from the end)."""
        return await self._trail.page(after, first, project_id, actor, outcome, latest)

    async def audit_count(
        self, *, project_id: str | None = None, actor: str | None = None, outcome: Outcome | None = None
    ) -> int:
        """How many audit records there are; as ``audit_records``."""
        return await self._count("trail_count", project_id=project_id, actor=actor, outcome=outcome)

    async def _count(self, name: str, **parameters: Any) -> int:
        row = await self._db.read_one(psg_cypher.statement(name), **parameters)
        return 0 if row is None else int(row["count"])

    async def _told(
        self,
        transaction: Transaction,
        by: Origin,
        act: str,
        project_id: str | None,
        details: Mapping[str, Any],
        key: str,
    ) -> None:
        """Keep what is done in its own commit; ``key`` is that of the call, which may be made again."""
        details = {**details, **by.told()}
        record = AuditRecord(
            by.actor, act, "allowed", project_id if project_id != EVERYWHERE else None, by.token_id, by.request_id,
            details=details,
        )  # fmt: skip
        await append(transaction, [audit_row(record, key)])

    async def _locked(self, work: Callable[[Transaction, int], Awaitable[T]]) -> T:
        """Do it behind the lock of all accounts; done again whole when its outcome is unknown, to the same effect."""

        async def locked(transaction: Transaction) -> T:
            (row,) = await _run(transaction, "platform_lock", lock_id=LOCK)
            return await work(transaction, row["now"])

        return await self._db.in_transaction(locked, timeout=LOCK_SECONDS)


async def _run(transaction: Transaction, name: str, **parameters: Any) -> list[Row]:
    return await transaction.run(psg_cypher.statement(name), **parameters)


async def _done(transaction: Transaction, call: str) -> bool:
    """Whether an attempt of this call was committed before, of which nobody heard."""
    return bool(await _run(transaction, "trail_known", key=call))


async def _require_project(transaction: Transaction, project_id: str) -> None:
    if not await _run(transaction, "account_project", project_id=project_id):
        raise NotFound(f"project {project_id} does not exist", project_id=project_id)


async def _put_grant(
    transaction: Transaction, actor: str, project_id: str, role: str, by: Origin, now: int
) -> bool:  # fmt: skip
    (row,) = await _run(
        transaction, "account_grant_put", actor=actor, project_id=project_id, role=role, by=by.actor, now=now
    )
    return bool(row["changed"])


def _life_ms(life_s: float | None) -> int | None:
    if life_s is None:
        return None
    if not 1 <= life_s <= MAX_LIFE_S:  # also refuses what is no number
        raise ValidationFailed("expiry: from 1 second to 10 years, or never", field="expires")
    return int(life_s * 1_000)


def _facts(
    actor: str, by: Origin, note: str | None, projects: Collection[str] | None, roles: Collection[str] | None
) -> dict[str, Any]:  # fmt: skip
    if note is not None and len(note) > _NOTE_CHARS:
        raise ValidationFailed(f"note: at most {_NOTE_CHARS} characters", field="note")
    return {
        "actor": actor, "note": note, "projects": None if projects is None else sorted(set(projects)),
        "roles": None if roles is None else sorted(set(roles)), "created_by": by.actor, "made_with": by.token_id,
    }  # fmt: skip


def _known(row: Row) -> Known:
    return Known(token_of(row["token"]), collected((p, r) for p, r in row["grants"]), row["now"])


def _unknown(token_id: str) -> TokenUnknown:
    return TokenUnknown(f"there is no token {token_id[:40]!r}; `psg token list` shows those that there are")
