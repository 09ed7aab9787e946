"""``psg retain``: what a project need not keep any more is removed, by a policy that is part of the project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from psg_cli.commands.database import HomeOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, stderr, stdout, table
from psg_cli.settings import CliSettings, load_settings
from psg_cli.store import open_store

if TYPE_CHECKING:
    from psg.graph import Graph
    from psg.retention import Outcome, Policy

retain = typer.Typer(
    name="retain", invoke_without_command=True, help="Remove what the retention policy of a project does not keep."
)
ProjectFlag = Annotated[str | None, typer.Option("--project", help="Name or UUID of a project.")]
DaysFlag = Annotated[
    float | None, typer.Option("--older-than-days", min=0, help="What ended longer ago than this may go.")
]
LastFlag = Annotated[
    int | None, typer.Option("--keep-last", min=0, help="So many of the latest finished plans stay whole.")
]
Advance = Callable[[str, int, int], object]


@retain.callback()
def run(
    context: typer.Context,
    project: ProjectFlag = None,
    older_than_days: DaysFlag = None,
    keep_last: LastFlag = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Audit the project first; a damaged log is not cut.")
    ] = True,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Cut the logs of projects at a checkpoint and leave stubs of their finished plans, also while they are at work.

    Without --project every project that has a policy. Flags take the place of the policy for this time. Interrupted, it
    goes on when it is called again.

    Examples: psg retain --dry-run      psg retain --project billing --older-than-days 90 --keep-last 20
    """
    if context.invoked_subcommand is not None:
        return

    async def command() -> None:
        wanted = _wanted(older_than_days, keep_last, project)
        settings = load_settings(home=home, project=project)
        done: list[Any] = []
        async with open_store(settings) as store:
            from psg.accounts import Accounts, AuditRecord
            from psg.graph import Graph
            from psg_neo4j.migrations import require_schema

            await require_schema(store.db)
            graph, accounts = Graph(store.db), Accounts(store.db)
            async for project_id in _projects(graph, project):
                if not dry_run:
                    await accounts.record(AuditRecord(settings.actor, "retain", "allowed", project_id))
                outcome = await _one(graph, project_id, wanted, settings, dry_run, check, as_json)
                done.append(asdict(outcome))
                if not as_json:
                    _say(outcome)
        if as_json:
            print_json(done)
        elif not done:
            stdout().print("no project has a retention policy; `psg retain policy --project NAME` sets one")

    execute(
        command, as_json=as_json, on_interrupt="interrupted; what stays is consistent, `psg retain` goes on from here"
    )


@retain.command("policy")
def policy_command(
    project: ProjectFlag = None,
    older_than_days: DaysFlag = None,
    keep_last: LastFlag = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Take the policy away: nothing is removed.")] = False,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a project keeps, or set it.

    Examples: psg retain policy --project billing      psg retain policy --project billing --older-than-days 90
    """

    async def command() -> None:
        from psg.graph import Graph
        from psg.retention import Policy, policy, set_policy

        settings = load_settings(home=home, project=project)
        wanted = Policy(older_than_days, keep_last)
        if keep_all and wanted.given:
            raise UsageError("--keep-all and a policy at the same time")
        async with open_store(settings) as store:
            graph = Graph(store.db)
            project_id = await _named(graph, settings.project)
            if keep_all or wanted.given:
                await set_policy(graph, project_id, wanted, actor=settings.actor)
            found = await policy(store.db, project_id)
        if as_json:
            print_json({"project_id": project_id, **asdict(found)})
        else:
            stdout().print(f"{settings.project}: {_told(found)}", markup=False)

    execute(command, as_json=as_json)


@retain.command("facts")
def facts_command(
    project: ProjectFlag = None,
    plan: Annotated[str | None, typer.Option("--plan", help="UUID of a plan; without it, the whole project.")] = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Go on behind this number of the log.")] = 0,
    first: Annotated[int, typer.Option("--first", min=1, max=1000, help="How many, the earliest first.")] = 100,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what audit keeps of removed events: who asked for what and when, statuses, costs, a hash of the rest.

    Example: psg retain facts --project billing --plan PLAN
    """

    async def command() -> None:
        from psg.graph import Graph
        from psg.retention import facts

        settings = load_settings(home=home, project=project)
        async with open_store(settings) as store:
            project_id = await _named(Graph(store.db), settings.project)
            found = await facts(store.db, project_id, plan_id=plan, after=after, limit=first)
        if as_json:
            print_json(found)
            return
        rows = table("seq", "what", "of", "actor", "status", "sha256")
        for one in found:
            status = " → ".join(s for s in (one.get("from_status"), one.get("to_status")) if s)
            what = f"{one['entity_type']} {one['entity']}"
            rows.add_row(str(one["seq"]), one["type"], what, plain(one["actor"]), status, one["sha256"][:12])
        stdout().print(rows)

    execute(command, as_json=as_json)


def _wanted(older_than_days: float | None, keep_last: int | None, project: str | None) -> Policy | None:
    from psg.retention import Policy

    said = Policy(older_than_days, keep_last)
    if said.given and project is None:
        raise UsageError("a policy given by flags is for one project: say --project")
    return said if said.given else None


async def _named(graph: Graph, name: str) -> str:
    from psg.model.ids import UUID4
    from psg.read.events import EventLog

    if not UUID4.fullmatch(name):
        return await graph.project_named(name)
    await EventLog(graph.db).head(name)  # NotFound when there is none
    return name


async def _projects(graph: Graph, project: str | None) -> AsyncIterator[str]:
    """The one that was named, else all that have a policy."""
    from psg.retention import with_policy

    if project is not None:
        yield await _named(graph, project)
        return
    async for project_id in with_policy(graph.db):
        yield project_id


async def _one(
    graph: Graph, project_id: str, wanted: Policy | None, settings: CliSettings, dry_run: bool, check: bool, quiet: bool
) -> Outcome:
    from psg.retention import retain as carry_out

    with _shown(quiet or dry_run) as show:
        return await carry_out(
            graph, project_id, wanted, dry_run=dry_run, check=check, actor=settings.actor, progress=show
        )


def _told(policy: Policy) -> str:
    if not policy.given:
        return "keeps everything"
    parts = []
    if policy.older_than_days is not None:
        parts.append(f"what ended more than {policy.older_than_days:g} days ago may go")
    if policy.keep_last is not None:
        parts.append(f"the {policy.keep_last} latest finished plans stay whole")
    return "; ".join(parts)


def _say(outcome: Outcome) -> None:
    console, forecast = stdout(), outcome.forecast
    if outcome.dry_run:
        counted = ", ".join(f"{forecast[name]} {name}" for name in ("events", "plans", "steps", "snapshots"))
        console.print(f"{outcome.project_id}: would remove {counted} (plans and steps keep a stub)", markup=False)
    else:
        counted = ", ".join(f"{count} {what}" for what, count in outcome.removed.items() if count) or "nothing"
        console.print(
            f"{outcome.project_id}: removed {counted}; {outcome.pruned} plans are stubs; the log begins behind "
            f"{outcome.begins_behind}",
            markup=False,
        )
    for hold in forecast["holds"]:
        stderr().print(
            f"  the log stays from {hold['seq'] + 1} on for plan {hold['plan_id']}: {hold['reason']}", markup=False
        )


@contextmanager
def _shown(quiet: bool) -> Iterator[Advance]:
    """A bar for each kind of work at a terminal, a line when each is done elsewhere; on stderr."""
    console = stderr()
    if quiet:
        yield lambda what, done, total: None
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            tasks: dict[str, TaskID] = {}

            def advance(what: str, done: int, total: int) -> None:
                task = tasks.get(what)
                if task is None:
                    task = tasks[what] = bar.add_task(what, total=total)
                bar.update(task, completed=done, total=total)

            yield advance
    else:
        yield lambda what, done, total: console.print(f"{done} {what}", style="dim") if done == total else None
