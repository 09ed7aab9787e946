"""``psg plan compensate`` and ``psg plan rerun``: what can be done about a plan that is over."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from psg_cli.api import node_id, open_client
from psg_cli.commands.plans import (
    ApiOption,
    PlanArgument,
    ProjectOption,
    RoleOption,
    YesFlag,
    decide_by,
    plan,
    watch_run,
)
from psg_cli.failures import EXIT_OK, execute
from psg_cli.output import JsonFlag, print_json_line, stdout
from psg_cli.settings import load_settings


@plan.command()
def compensate(
    plan_ref: PlanArgument,
    follow_it: Annotated[bool, typer.Option("--follow/--no-follow", help="Show it to its end.")] = True,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Undo a finished plan: the inverses of its completed steps run, last first, as a plan of its own.

    Repeated, it shows the one that is there already. Exit status 0 only when everything was undone.

    Example: psg plan compensate PLAN
    """

    async def command() -> int:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Plan", plan_ref)
            done = await client.compensate_plan(id=wanted)
            if follow_it:
                return await watch_run(client, settings, done.plan, decide=decide_by(False), as_json=as_json)
        if as_json:
            print_json_line(asdict(done.plan))
        else:
            stdout().print(f"plan {done.plan.uuid} undoes it")
        return EXIT_OK

    execute(command, as_json=as_json)


@plan.command()
def rerun(
    plan_ref: PlanArgument,
    from_step: Annotated[
        str | None, typer.Option("--from", metavar="STEP", help="Key of the step from which on everything runs again.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Leave it a draft, to be edited before it starts.")] = False,
    yes: YesFlag = False,
    project: ProjectOption = None,
    role: RoleOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a finished plan again, as a new plan. What lies before keeps its results and is not executed again.

    Without --from: of a plan that failed or was cancelled what did not complete, of a completed one everything.

    Examples: psg plan rerun PLAN --from publish      psg plan rerun PLAN --draft
    """

    async def command() -> int:
        settings = load_settings(project=project, api_url=api_url, role=role)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Plan", plan_ref)
            done = await client.rerun_plan(id=wanted, from_step=from_step)
            if not draft:
                await client.propose_plan(id=done.plan.id)
                await client.approve_plan(id=done.plan.id, role=settings.role, reason="run again with `psg plan rerun`")
                started = (await client.start_plan(id=done.plan.id)).plan
                return await watch_run(client, settings, started, decide=decide_by(yes), as_json=as_json)
        if as_json:
            print_json_line({**asdict(done.plan), "reused": done.reused})
        else:
            stdout().print(f"plan {done.plan.uuid} {done.plan.status}, {done.reused} steps keep their results")
        return EXIT_OK

    execute(command, as_json=as_json)
