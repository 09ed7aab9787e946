"""``psg budget``: what a project or a plan may spend, has spent, and has reserved for what runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from psg_cli.api import find_project, node_id, open_client
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import execute
from psg_cli.output import JsonFlag, print_json, stdout, table
from psg_cli.settings import load_settings
from psg_client import NotFound
from psg_client.generated import BudgetInput, Spending

budget = typer.Typer(name="budget", no_args_is_help=True, help="Budgets: limit, spent, reserved, remaining.")
PlanOption = Annotated[
    str | None, typer.Option("--plan", help="UUID or global id of a plan; without it, the whole project.")
]
DIMENSIONS = (("tokens", "tokens"), ("cost", "cost"), ("calls", "calls"), ("wall_ms", "wall time (ms)"))


@budget.command("show")
def show(
    plan_ref: PlanOption = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the account of a project, or of one plan.

    Example: psg budget show --plan PLAN
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            if plan_ref is None:
                project_account = await client.project_spending(id=(await find_project(client, settings.project)).id)
                account = None if project_account is None else project_account.spending
            else:
                plan_account = await client.plan_spending(id=await node_id(client, settings, "Plan", plan_ref))
                if plan_account is None:
                    raise NotFound(f"There is no plan {plan_ref}.", code="not_found", category="validation_error")
                account = plan_account.spending
        _print(account, as_json)

    execute(command, as_json=as_json)


@budget.command("set")
def set_budget(
    plan_ref: PlanOption = None,
    tokens: Annotated[int | None, typer.Option("--tokens", min=0, help="At most so many tokens.")] = None,
    cost: Annotated[float | None, typer.Option("--cost", min=0, help="At most so much money.")] = None,
    calls: Annotated[int | None, typer.Option("--calls", min=0, help="At most so many calls.")] = None,
    wall_ms: Annotated[int | None, typer.Option("--wall-ms", min=0, help="At most so much time of attempts.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Lift the budget.")] = False,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Set the budget of a project, or of one plan, also while it runs; what is spent stays.

    Examples: psg budget set --cost 20      psg budget set --plan PLAN --tokens 100000 --calls 50
    """
    limits = BudgetInput(tokens=tokens, cost=cost, calls=calls, wall_ms=wall_ms)
    if none == any(value is not None for value in (tokens, cost, calls, wall_ms)):
        raise typer.BadParameter("give limits, or --none to lift them")

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            if plan_ref is None:
                node = (await find_project(client, settings.project)).id
            else:
                node = await node_id(client, settings, "Plan", plan_ref)
            done = await client.set_budget(id=node, budget=None if none else limits)
        _print(done.spending, as_json)

    execute(command, as_json=as_json)


def _print(account: Spending | None, as_json: bool) -> None:
    told = None if account is None else asdict(account)
    if as_json:
        print_json(told)
        return
    rows = table("", "limit", "spent", "reserved", "remaining")
    for name, shown in DIMENSIONS:
        values = [None if told is None else told[part][name] for part in ("limit", "spent", "reserved", "remaining")]
        rows.add_row(shown, *("-" if value is None else f"{value:g}" for value in values))
    stdout().print(rows)
