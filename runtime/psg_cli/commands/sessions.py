"""``psg session``: let several agents take the steps of a plan as turns, and look at how they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from psg_cli.api import ensure_project, find_project, node_id, open_client, uuids
from psg_cli.commands.plans import ApiOption, ProjectOption, RoleOption
from psg_cli.failures import EXIT_FAILURE, EXIT_OK, UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, status_text, stderr, stdout, table
from psg_cli.plan_run import submit
from psg_cli.settings import CliSettings, load_settings
from psg_client import Client, ClientError, NotFound, PlanSummary
from psg_client.generated import ParticipantInput, Session, SessionTurn
from psg_runtime.plan_file import apply_params, load_plan
from psg_runtime.plan_file.document import read_document

session = typer.Typer(name="session", no_args_is_help=True, help="Sessions: several agents take turns on a plan.")
LOOK_S = 0.3
_FIELDS = {"title", "purpose", "mode", "participants", "loop_after"}
_PERSON = {"id", "role", "agent", "kind", "name"}
_KINDS = ("agent", "human", "system", "external")
_FILES = (".yaml", ".yml", ".json")


@session.command("run")
def run(
    plan_ref: Annotated[str, typer.Argument(metavar="PLAN", help="Plan file, or id of a plan approved or paused.")],
    collab_ref: Annotated[str, typer.Option("--collab", help="File with mode and participants, or id of a collab.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="Parameter of the plan as name=value; repeatable.")
    ] = None,
    bind: Annotated[
        list[str] | None, typer.Option("--bind", help="participant=capability that does its turns; repeatable.")
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option("--share", help="name=value that all agents are shown; repeatable.")
    ] = None,
    loop_after: Annotated[
        int | None, typer.Option("--loop-after", min=2, help="Stop when so many turns gave the same output.")
    ] = None,
    project: ProjectOption = None,
    role: RoleOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a session and show its turns. Exit status 0 only when it is completed.

    The file of a collab has `title`, `purpose`, `mode` (broadcast, round_robin, orchestrated, pair, swarm) and
    `participants` (`id`, and `role`, `agent`, `kind`). Roles are made where there is none of that name.

    Example: psg session run plan.yaml --collab collab.yaml -p repo=. --share goal=docs
    """

    async def command() -> int:
        settings = load_settings(project=project, api_url=api_url, role=role)
        described = _collab_file(Path(collab_ref)) if collab_ref.endswith(_FILES) else None
        bindings = {**_agents(described), **_pairs("--bind", bind)}
        async with open_client(settings) as client:
            plan = await _plan(client, settings, plan_ref, _pairs("--param", param))
            collab = await _collab(client, settings, plan, described, collab_ref)
            loops = loop_after if loop_after is not None else (described or {}).get("loop_after")
            try:
                await client.start_session(
                    collab_id=collab, plan_id=plan.id, bindings=bindings or None, loop_after=loops,
                    metadata=_pairs("--share", share) or None,
                )  # fmt: skip
            except ClientError:
                again = f"psg session run {plan.uuid} --collab {uuids(collab)[1]}"
                stderr().print(f"the plan and the collab are stored; once it is mended: {again}", markup=False)
                raise
            over = await _followed(client, collab)
            await _show(client, collab, over, as_json)
        return EXIT_OK if over.state == "completed" else EXIT_FAILURE

    execute(command, as_json=as_json, on_interrupt="The session goes on; `psg session show` shows it.")


@session.command("show")
def show(
    collab_ref: Annotated[str, typer.Argument(metavar="COLLAB", help="UUID or global id of a collab.")],
    profile: Annotated[bool, typer.Option("--events", help="Its events as the MAP profile has them, as JSON.")] = False,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the session of a collab: its state, and every turn.

    Examples: psg session show COLLAB      psg session show COLLAB --events
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            collab = await node_id(client, settings, "Collab", collab_ref)
            found = await _session(client, collab)
            if profile:
                told = await client.session_profile_events(id=collab)
                print_json([] if told is None else told.profile_events)
                return
            await _show(client, collab, found, as_json)

    execute(command, as_json=as_json)


async def _plan(client: Client, settings: CliSettings, text: str, params: dict[str, str]) -> PlanSummary:
    if text.endswith(_FILES):
        spec = apply_params(load_plan(Path(text)), params)
        inside = await ensure_project(client, settings.project)
        made = await submit(client, inside, spec, role=settings.role, start=False)
        if made.status != "approved":
            raise UsageError(f"plan {made.uuid} is {made.status}: it says who has to approve it; run it once it is.")
        return made
    found = await client.plan(id=await node_id(client, settings, "Plan", text))
    if found is None:
        raise NotFound(f"There is no plan {text}.", code="not_found", category="validation_error")
    return found


async def _collab(
    client: Client, settings: CliSettings, plan: PlanSummary, described: Mapping[str, Any] | None, text: str
) -> str:
    """The global id of the collab that is named, or made as it is described."""
    if described is None:
        return await node_id(client, settings, "Collab", text)
    roles = await _roles(client, settings, {p["role"] for p in described["participants"] if p.get("role")})
    people = [
        ParticipantInput(
            kind=person.get("kind", "agent"), participant_id=person["id"], display_name=person.get("name"),
            role_id=roles[person["role"]] if person.get("role") else None,
        )
        for person in described["participants"]
    ]  # fmt: skip
    made = await client.create_collab(
        context_id=plan.context_id, mode=described["mode"], participants=people, status="active",
        purpose=described.get("purpose") or plan.objective, title=described.get("title") or plan.title,
    )  # fmt: skip
    return made.collab.id


async def _roles(client: Client, settings: CliSettings, names: set[str]) -> dict[str, str]:
    """Global ids of roles by name, made where there is none."""
    inside = await find_project(client, settings.project)
    found: dict[str, str] = {}
    after, more = None, bool(names)
    while more:
        page = await client.role_names(project_id=inside.id, after=after)
        found |= {role.name: role.id for role in page.nodes if role.name in names}
        after, more = page.page_info.end_cursor, page.page_info.has_next_page
    for name in sorted(names - set(found)):
        found[name] = (await client.create_role(project_id=inside.id, name=name)).role.id
    return found


async def _session(client: Client, collab: str, after: int = 0) -> Session:
    found = await client.session(id=collab, after_number=after)
    if found is None:
        raise NotFound("There is no such collab.", code="not_found", category="validation_error")
    return found


async def _followed(client: Client, collab: str) -> Session:
    """Tell each turn on stderr as it ends, until the session is over."""
    told: set[str] = set()
    while True:
        found = await _session(client, collab)
        for turn in await _turns(client, collab, found):
            if turn.status in ("completed", "failed", "skipped") and turn.turn_id not in told:
                told.add(turn.turn_id)
                stderr().print(plain(f"  {turn.number}. {turn.step_key} by {turn.participant_id}: {turn.status}"))
        if found.state != "running":
            return found
        await anyio.sleep(LOOK_S)


async def _turns(client: Client, collab: str, found: Session) -> list[SessionTurn]:
    turns = list(found.turns)
    while len(turns) < found.turn_count and turns:
        more = (await _session(client, collab, turns[-1].number)).turns
        if not more:
            break
        turns += more
    return turns


async def _show(client: Client, collab: str, found: Session, as_json: bool) -> None:
    turns = await _turns(client, collab, found)
    if as_json:
        print_json({**asdict(found), "turns": [asdict(turn) for turn in turns]})
        return
    rows = table("turn", "step", "participant", "agent", "status")
    for turn in turns:
        rows.add_row(
            str(turn.number), plain(turn.step_key), plain(turn.participant_id), plain(turn.agent or "-"),
            status_text(turn.status),
        )  # fmt: skip
    stdout().print(rows)
    reason = f": {found.reason}" if found.reason else ""
    left = ", its plan is paused with steps left" if found.plan_paused else ""
    stdout().print(plain(f"session {found.uuid} ({found.mode}) {found.state}{reason}{left}"))


def _collab_file(path: Path) -> Mapping[str, Any]:
    """The description of a collab; raises ``PlanFileInvalid`` with file, line and column, ``UsageError``."""
    try:
        document = read_document(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: the file cannot be read: {error.strerror}.") from None
    data = document.data
    if not isinstance(data, dict) or not {"mode", "participants"} <= set(data) <= _FIELDS:
        raise document.invalid((), f"a collab has `mode` and `participants`; known are {', '.join(sorted(_FIELDS))}")
    people = data["participants"]
    if not isinstance(people, list) or not people:
        raise document.invalid(("participants",), "a list of participants is expected")
    for index, person in enumerate(people):
        wrong = _wrong(person)
        if wrong is not None:
            raise document.invalid(("participants", index), wrong)
    return data


def _wrong(person: Any) -> str | None:
    """What is wrong with the description of a participant."""
    if not isinstance(person, dict) or not set(person) <= _PERSON or not isinstance(person.get("id"), str):
        return f"a participant has an `id`; known are {', '.join(sorted(_PERSON))}"
    if not all(isinstance(value, str) and value for value in person.values()):
        return "what a participant says are texts"
    if person.get("kind", "agent") not in _KINDS:
        return f"`kind` is one of {', '.join(_KINDS)}"
    return None


def _agents(described: Mapping[str, Any] | None) -> dict[str, str]:
    people = [] if described is None else described["participants"]
    return {person["id"]: person["agent"] for person in people if person.get("agent")}


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    found = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {text!r}: write it as name=value.")
        found[name] = value
    return found
