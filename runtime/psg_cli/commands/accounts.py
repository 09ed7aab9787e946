"""``psg token``, ``psg access`` and ``psg audit``: accounts, by whoever runs the database (docs/accounts.md).

They work on the database itself, so that the first token can be made when nobody has one.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import anyio
import typer

from psg.accounts import EVERYWHERE, GRANTABLE, Accounts, ApiToken, AuditRecord, Origin
from psg.errors import NotFound
from psg.model.ids import UUID4
from psg.read.nodes import Reader
from psg_cli.commands.database import HomeOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, print_json_line, stderr, stdout, table
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_graphql.global_id import parse_global_id
from psg_neo4j.database import Database
from psg_neo4j.migrations import require_schema

token = typer.Typer(name="token", no_args_is_help=True, help="API tokens: make, list and revoke them.")
access = typer.Typer(name="access", no_args_is_help=True, help="Who may do what: grant roles, take them, list them.")

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PAGE = 500
_FOLLOW_S = 1.0

ActorArgument = Annotated[str, typer.Argument(help="Name of an account: of a person, a worker, a CI job.")]
ProjectsOption = Annotated[
    list[str] | None, typer.Option("--project", "-p", help="Name or id of a project; repeatable. Absent: everywhere.")
]
OneProject = Annotated[
    str | None, typer.Option("--project", "-p", help="Name or id of a project; absent: everywhere.")
]
RolesOption = Annotated[
    list[str] | None, typer.Option("--role", "-r", help=f"{', '.join(GRANTABLE)}; repeatable. Absent: all it has.")
]


@token.command("create")
def create(
    actor: ActorArgument,
    project: ProjectsOption = None,
    role: RolesOption = None,
    expires: Annotated[str, typer.Option("--expires", help="How long it lives: 12h, 90d, 52w, or never.")] = "90d",
    grant: Annotated[bool, typer.Option("--grant", help="Grant these roles to the actor as well, there.")] = False,
    note: Annotated[str | None, typer.Option("--note", help="What it is for.")] = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make an API token and print it: this once, it is kept as a hash only.

    It speaks for the actor, who can do what is granted to it (`psg access`); --project and --role narrow that.

    Examples: psg token create ci --project shop --role agent --grant      psg token create ann --expires 12h
    """

    async def command() -> None:
        life_s = _seconds(expires)
        async with _accounts(home) as (accounts, by, db):
            projects = None if not project else [await _project(db, name) for name in project]
            made = await accounts.create_token(
                actor, by=by, note=note, life_s=life_s, projects=projects, roles=role or None, grant=grant
            )
            granted = await accounts.grants_of(actor)
        if as_json:
            print_json({**_shown(made.token), "token": made.text})
            return
        stdout().print(made.text, markup=False)
        ends = "does not end" if made.token.expires_ms is None else f"ends {_time(made.token.expires_ms)}"
        said = f"token {made.token.id} of {actor}; {ends}; it is not shown again"
        if not granted:
            said += f"\nnothing is granted to {actor} yet: psg access grant {actor} ROLE --project PROJECT"
        stderr().print(said, style="dim", markup=False)

    execute(command, as_json=as_json)


@token.command("list")
def list_tokens(
    actor: Annotated[str | None, typer.Option("--actor", help="Of this one, and of what works under its name.")] = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List API tokens: whose, for what, until when. Never the tokens themselves.

    Example: psg token list --actor ci
    """

    async def command() -> None:
        async with _accounts(home, reading=True) as (accounts, _, _db):
            found: list[ApiToken] = []
            while page := await accounts.tokens(found[-1].id if found else "", _PAGE, actor=actor):
                found += page
        if as_json:
            print_json([_shown(each) for each in found])
            return
        rows = table("id", "actor", "state", "ends", "projects", "roles", "made", "by", "note")
        for each in found:
            ends = "never" if each.expires_ms is None else _time(each.expires_ms)
            scope = ("all" if named is None else " ".join(named) for named in (each.projects, each.roles))
            made = (_time(each.created_ms), plain(each.created_by), plain(each.note or ""))
            rows.add_row(each.id, plain(each.actor), _state(each), ends, *scope, *made)
        stdout().print(rows)

    execute(command, as_json=as_json)


@token.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="Id of the token, as `psg token list` shows it.")],
    with_made: Annotated[
        bool, typer.Option("--with-made", help="And what was made with it: when it got into wrong hands.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """End an API token for good, from the next request on.

    Example: psg token revoke 3f1c0d9e8b7a6655
    """

    async def command() -> None:
        async with _accounts(home) as (accounts, by, _):
            ended = await accounts.revoke_token(_id_of(token_id), by=by, with_made=with_made)
        if as_json:
            print_json({"revoked": ended})
        else:
            stdout().print(f"revoked {' '.join(ended)}" if ended else "was revoked before", markup=False)

    execute(command, as_json=as_json)


@access.command("grant")
def give(
    actor: ActorArgument,
    role: Annotated[str, typer.Argument(help=", ".join(GRANTABLE))],
    project: OneProject = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Grant a role in a project, or without --project everywhere.

    Examples: psg access grant ann approver --project shop      psg access grant root-ann admin
    """
    _change(actor, role, project, home, as_json, give=True)


@access.command("revoke")
def take(
    actor: ActorArgument,
    role: Annotated[str, typer.Argument(help=", ".join(GRANTABLE))],
    project: OneProject = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take a role back, from the next request on.

    Example: psg access revoke ann approver --project shop
    """
    _change(actor, role, project, home, as_json, give=False)


def _change(actor: str, role: str, project: str | None, home: Path | None, as_json: bool, *, give: bool) -> None:
    async def command() -> None:
        async with _accounts(home) as (accounts, by, db):
            project_id = EVERYWHERE if project is None else await _project(db, project)
            if give:
                changed = await accounts.grant(actor, project_id, role, by=by)
            else:
                changed = await accounts.revoke(actor, project_id, role, by=by, keep_admin=False)
        if as_json:
            print_json({"actor": actor, "project_id": project_id, "role": role, "changed": changed})
            return
        where = "everywhere" if project is None else f"in {project}"
        did = ("granted" if give else "taken") if changed else ("was granted before" if give else "was not granted")
        stdout().print(f"{did}: {actor} is {'' if give else 'not '}{role} {where}", markup=False)

    execute(command, as_json=as_json)


@access.command("list")
def list_access(
    project: Annotated[str | None, typer.Option("--project", "-p", help="Name or id; absent: all there is.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only of this one.")] = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what is granted, by project, actor and role. `*` is everywhere.

    Example: psg access list --project shop
    """

    async def command() -> None:
        async with _accounts(home, reading=True) as (accounts, _, db):
            project_id = None if project is None else await _project(db, project)
            found: list[Any] = []
            after = ("", "", "")
            while page := await accounts.grants(after, _PAGE, project_id=project_id, actor=actor):
                found += page
                after = (page[-1].project_id, page[-1].actor, page[-1].role)
        if as_json:
            print_json([asdict(each) for each in found])
            return
        rows = table("project", "actor", "role", "since", "by")
        for each in found:
            when = (_time(each.granted_ms), plain(each.granted_by))
            rows.add_row(each.project_id, plain(each.actor), each.role, *when)
        stdout().print(rows)

    execute(command, as_json=as_json)


def audit(
    project: Annotated[str | None, typer.Option("--project", "-p", help="Name or id; absent: everything.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only of this one.")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="allowed, denied or failed.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=10_000, help="How many, up to the latest.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="And what comes, until Ctrl-C.")] = False,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what was denied, and what was done by privilege: one line each, with --json one JSON object a line.

    Examples: psg audit --outcome denied      psg audit --project shop --follow --json
    """

    async def command() -> None:
        if outcome not in (None, "allowed", "denied", "failed"):
            raise UsageError(f"--outcome {outcome}: one of allowed, denied, failed is expected")
        async with _accounts(home, reading=True) as (accounts, _, db):
            by: dict[str, Any] = {
                "project_id": None if project is None else await _project(db, project), "actor": actor,
                "outcome": cast("Literal['allowed', 'denied', 'failed'] | None", outcome),
            }  # fmt: skip
            newest = await accounts.audit_records(first=1, latest=True)
            after = newest[0].seq if newest else 0
            for record in reversed(await accounts.audit_records(after + 1, last, latest=True, **by)):
                _tell(record, as_json)
            while follow:
                page = await accounts.audit_records(after, _PAGE, **by)
                for record in page:
                    _tell(record, as_json)
                after = page[-1].seq if page else after
                if len(page) < _PAGE:
                    await anyio.sleep(_FOLLOW_S)

    execute(command, as_json=as_json)


def _tell(record: AuditRecord, as_json: bool) -> None:
    if as_json:
        print_json_line(asdict(record))
        return
    where = f" in {record.project_id}" if record.project_id else ""
    times = f" ({record.count} times)" if record.count > 1 else ""
    why = f": {plain(record.reason)}" if record.reason else ""
    what = " ".join(f"{name}={plain(value)}" for name, value in record.details.items() if value is not None)
    said = f"{_time(record.at_ms)} {record.outcome:7} {plain(record.actor)} {plain(record.act)}{where}{why}{times}"
    stdout().print(f"{said} {what}".rstrip())


@asynccontextmanager
async def _accounts(home: Path | None, *, reading: bool = False) -> AsyncIterator[tuple[Accounts, Origin, Database]]:
    settings = load_settings(home=home)
    async with open_store(settings, reading=reading, existing=True) as store:
        await require_schema(store.db)
        yield Accounts(store.db), Origin(settings.actor), store.db


async def _project(db: Database, name_or_id: str) -> str:
    """The id of a project of a name, a UUID or a global id; raises ``NotFound``."""
    if UUID4.fullmatch(name_or_id):
        return name_or_id
    rows = await Reader(db).projects("", 1, name_or_id)
    if rows:
        return str(rows[0]["id"])
    if len(name_or_id) > 80:
        return parse_global_id(name_or_id, "project", "Project").project_id
    raise NotFound(f"No project is named {name_or_id!r}; `psg project list` shows them all.")


def _seconds(text: str) -> float | None:
    if text == "never":
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if found is None:
        raise UsageError(f"--expires {text}: a number with s, m, h, d or w is expected (90d), or never")
    return float(found[1]) * _UNITS[found[2]]


def _id_of(text: str) -> str:
    """The id of a token, also from its whole text: who has that at hand need not take it apart."""
    parts = text.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == "psg" else text


def _shown(each: ApiToken) -> dict[str, Any]:
    return {**asdict(each), "state": _state(each)}


def _state(each: ApiToken) -> str:
    if each.revoked_ms is not None:
        return "revoked"
    return "live" if each.live(int(time.time() * 1_000)) else "expired"


def _time(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1_000))
