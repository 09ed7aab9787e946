"""``psg run`` and ``psg plan``: plans, from the file to the end of their run."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from psg_cli.api import ensure_project, find_project, node_id, open_client, uuids
from psg_cli.browser_link import browser_link
from psg_cli.failures import EXIT_FAILURE, EXIT_OK, EXIT_WAITING, UsageError, execute
from psg_cli.output import JsonFlag, plain, plan_status, print_json, print_json_line, status_text, stderr, stdout, table
from psg_cli.plan_end import end_of, tell_end
from psg_cli.plan_run import (
    Decide,
    Outcome,
    all_steps,
    always_approve,
    ask,
    follow,
    leave_waiting,
    pending_confirms,
    question,
    submit,
)
from psg_cli.plan_view import print_plan, show_past
from psg_cli.progress import plan_view
from psg_cli.settings import CliSettings, load_settings
from psg_client import Client, ConfirmSummary, NotFound, PlanSummary
from psg_runtime.plan_file import apply_params, load_plan

plan = typer.Typer(name="plan", no_args_is_help=True, help="Plans of a project: list, show, approve, start, stop.")
ProjectOption = Annotated[
    str | None, typer.Option("--project", help="Name or UUID of the project (PSG_PROJECT, default: default).")
]
ApiOption = Annotated[str | None, typer.Option("--api-url", help="Address of the API (PSG_API_URL).")]
PlanArgument = Annotated[str, typer.Argument(help="UUID or global id of the plan.", metavar="PLAN")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Approve whatever the plan asks for.")]
RoleOption = Annotated[str | None, typer.Option("--role", help="Role in which you decide (PSG_ROLE).")]


def run(
    file: Annotated[Path, typer.Argument(help="Plan file (YAML or JSON).", metavar="PLAN.yaml")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="Parameter of the plan as name=value; repeatable.")
    ] = None,
    yes: YesFlag = False,
    project: ProjectOption = None,
    role: RoleOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a plan file through the API and show how it advances. Exit status 0 only when the plan is completed.

    Where the plan waits for a person: --yes approves, a terminal asks, anything else leaves the plan waiting, prints
    the command that decides and exits with 3. Leaving with Ctrl-C does not stop the plan.

    Examples: psg run plan.yaml -p repo=.      psg run plan.yaml --yes --json
    """

    async def command() -> int:
        settings = load_settings(project=project, role=role, api_url=api_url)
        spec = apply_params(load_plan(file), _parameters(param or []))
        async with open_client(settings) as client:
            inside = await ensure_project(client, settings.project)
            started = await submit(client, inside, spec, role=settings.role)
            return await watch_run(client, settings, started, decide=decide_by(yes), as_json=as_json)

    execute(command, as_json=as_json, on_interrupt="The plan goes on; `psg plan list` shows it.")


def _parameters(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {text!r}: write it as name=value.")
        found[name] = value
    return found


def decide_by(yes: bool) -> Decide:
    """Who answers where a plan waits: ``--yes``, the person at the terminal, or nobody."""
    if yes:
        return always_approve
    return ask if sys.stdin.isatty() and sys.stderr.isatty() else leave_waiting


async def watch_run(
    client: Client,
    settings: CliSettings,
    started: PlanSummary,
    *,
    decide: Decide,
    as_json: bool,
    browser_url: str | None = None,
) -> int:
    """Follow a started plan to its end and tell what came of it; returns the exit status.

    ``browser_url`` is where Neo4j Browser is, when the caller knows.
    """
    if started.status == "proposed":
        stderr().print(f"plan {started.uuid} proposed: {plain(started.title)}")
        outcome = Outcome(started, await pending_confirms(client, started))
    else:
        stderr().print(f"plan {started.uuid} started: {plain(started.title)}")
        with plan_view() as view:
            outcome = await follow(client, started, view, decide, role=settings.role)
    found = outcome.plan
    links = _links(client, browser_url or _local_browser(settings), started)
    if as_json:
        confirms = [asdict(confirm) for confirm in outcome.waiting]
        print_json({"plan": asdict(found), "waiting_for": confirms, "links": links})
    else:
        await _tell(client, settings, outcome)
        for name, link in links.items():
            stdout().print(f"{name:<9}{link}", markup=False)
    if outcome.waiting:
        return EXIT_WAITING
    return EXIT_OK if found.status == "completed" else EXIT_FAILURE


async def _tell(client: Client, settings: CliSettings, outcome: Outcome) -> None:
    console = stdout()
    found = outcome.plan
    if outcome.waiting:
        console.print(f"plan {found.uuid} is waiting for a decision:")
        for confirm in outcome.waiting:
            console.print(plain(f"  {question(confirm)}"))
            console.print(f"  {_deciding_command(settings, confirm)}", markup=False)
        if found.status == "proposed":
            console.print(f"  and when it is approved: psg plan start {found.uuid} --follow", markup=False)
        return
    console.print(f"plan {found.uuid} {status_text(found.status)}, {found.steps_total} steps")
    if found.status != "completed":
        async for step in all_steps(client, found.id):
            if step.status == "failed" and isinstance(step.error, dict):
                console.print(plain(f"  {step.key}: {step.error.get('code')}: {step.error.get('message')}"))


def _deciding_command(settings: CliSettings, confirm: ConfirmSummary) -> str:
    project = "" if settings.project == "default" else f" --project {shlex.quote(settings.project)}"
    return f"psg confirm decide {confirm.uuid} --approve{project}      (or --reject)"


def _links(client: Client, browser_url: str | None, shown: PlanSummary) -> dict[str, str]:
    page = f"/projects/{quote(shown.project_id, safe='')}/plans/{quote(shown.id, safe='')}"
    links = {"Console": client.url.removesuffix("/graphql") + page}
    if browser_url is not None:
        links["Browser"] = browser_link(browser_url, *uuids(shown.id))
    return links


def _local_browser(settings: CliSettings) -> str | None:
    """Where Neo4j Browser is when the API is surely the one of this folder's `psg up`."""
    if settings.neo4j_uri is not None or settings.api_url_given:
        return None
    from psg_neo4j import embedded

    return embedded.status(settings.database_home).http_url


@plan.command("list")
def list_plans(
    status: Annotated[str | None, typer.Option("--status", help="Only plans of this status.")] = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the plans of a project.

    Examples: psg plan list      psg plan list --status in_progress --json
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        found: list[PlanSummary] = []
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            after = None
            while True:
                page = await client.plans(project_id=inside.id, status=_status(status), after=after, first=100)
                found += page.nodes
                if not page.page_info.has_next_page:
                    break
                after = page.page_info.end_cursor
        found.sort(key=lambda one: one.started_at or "9")
        if as_json:
            print_json([asdict(one) for one in found])
            return
        rows = table("plan", "status", "steps", "started", "title")
        for one in found:
            steps = f"{one.steps_total - one.steps_open}/{one.steps_total}"
            status_word = plan_status(one.status, one.paused)
            rows.add_row(one.uuid, status_word, steps, (one.started_at or "")[:19], plain(one.title))
        stdout().print(rows)

    execute(command, as_json=as_json)


def _status(text: str | None) -> Any:
    known = ("draft", "proposed", "approved", "in_progress", "completed", "failed", "cancelled")
    if text is not None and text not in known:
        raise UsageError(f"--status {text!r}: a plan is one of {', '.join(known)}.")
    return text


@plan.command("show")
def show(
    plan_ref: PlanArgument,
    steps: Annotated[bool, typer.Option("--steps/--no-steps", help="With or without the steps.")] = True,
    as_of: Annotated[
        int | None, typer.Option("--as-of", min=0, metavar="SEQ", help="As it was at this number of the event log.")
    ] = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a plan with its steps and what it waits for, now or as it was.

    Examples: psg plan show 7c9e6679-7425-40de-944b-e07fc1f90ae7      psg plan show PLAN --as-of 1200
    """
    if as_of is not None:
        execute(lambda: show_past(load_settings(project=project, api_url=api_url), plan_ref, as_of, steps, as_json),
                as_json=as_json)  # fmt: skip
        return

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Plan", plan_ref)
            found = await client.plan(id=wanted)
            if found is None:
                raise NotFound(f"There is no plan {plan_ref}.", code="not_found", category="validation_error")
            parts = [step async for step in all_steps(client, found.id)] if steps else []
            waiting = await pending_confirms(client, found) if found.status == "in_progress" else []
            links, end = _links(client, _local_browser(settings), found), await end_of(client, found)
        if as_json:
            confirms = [asdict(confirm) for confirm in waiting]
            whole = {**asdict(found), "steps": [asdict(s) for s in parts], "waiting_for": confirms, "links": links}
            print_json(whole | end)
            return
        print_plan(found, parts)
        tell_end(end)
        console = stdout()
        for confirm in waiting:
            console.print(plain(question(confirm)))
            console.print(_deciding_command(settings, confirm), markup=False)
        for name, link in links.items():
            console.print(f"{name:<9}{link}", markup=False)

    execute(command, as_json=as_json)


@plan.command("approve")
def approve(
    plan_ref: PlanArgument,
    role: RoleOption = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; recorded with the decision.")] = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve a proposed plan; a draft is proposed first.

    Example: psg plan approve PLAN --role lead --reason "reviewed"
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url, role=role)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Plan", plan_ref)
            found = await client.plan(id=wanted)
            if found is not None and found.status == "draft":
                await client.propose_plan(id=wanted)
            done = await client.approve_plan(id=wanted, role=settings.role, reason=reason)
            left = await pending_confirms(client, done.plan)
        _changed(done.plan, as_json)
        for confirm in left:
            if confirm.step is None and confirm.approval is not None:
                votes = f"{confirm.approval.approvals} of {confirm.approval.quorum}"
                stderr().print(f"approved by {votes}; the others: psg confirm decide {confirm.uuid}", markup=False)

    execute(command, as_json=as_json)


@plan.command("start")
def start(
    plan_ref: PlanArgument,
    follow_it: Annotated[bool, typer.Option("--follow", "-f", help="Show it to its end, as `psg run`.")] = False,
    yes: YesFlag = False,
    project: ProjectOption = None,
    role: RoleOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Start an approved plan.

    Example: psg plan start PLAN --follow
    """

    async def command() -> int:
        settings = load_settings(project=project, api_url=api_url, role=role)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Plan", plan_ref)
            done = await client.start_plan(id=wanted)
            if follow_it:
                return await watch_run(client, settings, done.plan, decide=decide_by(yes), as_json=as_json)
        _changed(done.plan, as_json)
        return EXIT_OK

    execute(command, as_json=as_json)


@plan.command("pause")
def pause(
    plan_ref: PlanArgument, project: ProjectOption = None, api_url: ApiOption = None, as_json: JsonFlag = False
) -> None:
    """Pause a running plan: steps that run finish, no further one begins.

    Example: psg plan pause PLAN
    """
    _operate("pause_plan", plan_ref, project, api_url, as_json)


@plan.command("resume")
def resume(
    plan_ref: PlanArgument, project: ProjectOption = None, api_url: ApiOption = None, as_json: JsonFlag = False
) -> None:
    """Go on with a paused plan.

    Example: psg plan resume PLAN
    """
    _operate("resume_plan", plan_ref, project, api_url, as_json)


@plan.command("cancel")
def cancel(
    plan_ref: PlanArgument, project: ProjectOption = None, api_url: ApiOption = None, as_json: JsonFlag = False
) -> None:
    """Cancel a running plan for good; its open steps are closed.

    Example: psg plan cancel PLAN
    """
    _operate("cancel_plan", plan_ref, project, api_url, as_json)


def _operate(method: str, plan_ref: str, project: str | None, api_url: str | None, as_json: bool) -> None:
    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Plan", plan_ref)
            done = await getattr(client, method)(id=wanted)
        _changed(done.plan, as_json)

    execute(command, as_json=as_json)


def _changed(found: PlanSummary, as_json: bool) -> None:
    if as_json:
        print_json_line(asdict(found))
        return
    stdout().print(f"plan {found.uuid} {plan_status(found.status, found.paused)}")
