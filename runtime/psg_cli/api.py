"""The API as the command line uses it: one client, and names where people would rather not type ids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psg.accounts.secret import id_in
from psg.errors import InvalidId
from psg.model.ids import UUID4
from psg_cli.failures import UsageError
from psg_cli.output import stderr
from psg_cli.settings import CliSettings
from psg_client import Client, Conflict, ContextSummary, NotFound, Project
from psg_graphql.global_id import global_id, parse_global_id

# Long enough for an API that is just restarting, short enough for somebody who forgot to start one.
_RETRY_S = 2.0
RUNS_CONTEXT = "Runs of the command line"


@asynccontextmanager
async def open_client(settings: CliSettings, *, retry_for_s: float = _RETRY_S) -> AsyncIterator[Client]:
    """A client of the API at ``PSG_API_URL``."""
    token = settings.api_token.get_secret_value() if settings.api_token else None
    # The token of an account says who acts; another name is for the operator's token, and for who was told one.
    actor = None if _of_account(token) and "actor" not in settings.model_fields_set else settings.actor
    async with Client(settings.api_url, token=token, actor=actor, retry_for_s=retry_for_s) as client:
        yield client


def _of_account(token: str | None) -> bool:
    return token is not None and (id_in(token) is not None or (token.startswith("eyJ") and token.count(".") == 2))


async def find_project(client: Client, name_or_id: str) -> Project:
    """The project of a name, a UUID or a global id. Raises NotFound."""
    if UUID4.fullmatch(name_or_id) is None:
        page = await client.projects(name=name_or_id)
        found = page.nodes[0] if page.nodes else None
    else:
        found = await client.project(id=name_or_id)
    if found is None:
        raise NotFound(
            f"No project is named {name_or_id!r}; `psg project list` shows them all.",
            code="not_found",
            category="validation_error",
        )
    return found


async def ensure_project(client: Client, name_or_id: str) -> Project:
    """The project of a name, created when there is none; an id must exist."""
    try:
        return await find_project(client, name_or_id)
    except NotFound:
        if UUID4.fullmatch(name_or_id):
            raise
    try:
        made = (await client.create_project(name=name_or_id)).project
    except Conflict:  # somebody else was quicker
        return await find_project(client, name_or_id)
    stderr().print(f"project {made.name!r} is new", style="dim", markup=False)  # a name may be misspelt
    return made


async def ensure_context(client: Client, project: Project) -> ContextSummary:
    """The active context in which plans of the command line run, created when there is none."""
    after = None
    while True:
        page = await client.contexts(project_id=project.id, status="active", after=after)
        for context in page.nodes:
            if context.title == RUNS_CONTEXT:
                return context
        if not page.page_info.has_next_page:
            break
        after = page.page_info.end_cursor
    made = await client.create_context(project_id=project.id, title=RUNS_CONTEXT, status="active")
    return made.context


async def node_id(client: Client, settings: CliSettings, label: str, text: str) -> str:
    """The global id for what somebody typed: a global id, or the UUID of a node in the project of the settings."""
    if UUID4.fullmatch(text):
        project = await find_project(client, settings.project)
        return global_id(label, project.uuid, text)
    try:
        parse_global_id(text, label.lower(), label)
    except InvalidId as error:
        raise UsageError(f"{text!r} is neither the UUID nor the global id of a {label.lower()}.") from error
    return text


def uuids(text: str) -> tuple[str, str]:
    """Project and node UUID of a global id."""
    parsed = parse_global_id(text)
    return parsed.project_id, parsed.node_id
