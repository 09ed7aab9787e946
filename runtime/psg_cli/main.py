"""``psg``: the command line of the platform."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from psg_cli.commands import confirms, database, demo, development, events, plans, platform, projects
from psg_cli.commands.backup import backup, restore
from psg_cli.commands.budgets import budget
from psg_cli.commands.capabilities import capabilities
from psg_cli.commands.conformance import conformance
from psg_cli.commands.drift import drift
from psg_cli.commands.monitoring import alerts, health, top
from psg_cli.commands.policies import kill, policy
from psg_cli.commands.reactions import compensate, rerun
from psg_cli.commands.sandbox import sandbox
from psg_cli.commands.sessions import session
from psg_cli.commands.snapshots import snapshot
from psg_cli.failures import EXIT_STATUS_HELP
from psg_cli.replay import replay
from psg_cli.retain import retain
from psg_cli.settings import load_env_file

app = typer.Typer(
    name="psg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "The Project Semantic Graph: plans, approvals, traces and events in one Neo4j graph, run from its frontier.\n\n"
        "Begin with `psg up`, then `psg run PLAN.yaml` in another terminal.\n\n"
        "Settings: flags, PSG_* variables, a .env file here; `psg config show` tells them all.\n\n" + EXIT_STATUS_HELP
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"psg {version('psg-platform')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    load_env_file()


for command in (platform.up, platform.serve, platform.orchestrate, database.migrate, database.verify):
    app.command()(command)
app.add_typer(database.db)
app.add_typer(projects.project)
app.command("import")(projects.import_documents)
app.command("export")(projects.export_documents)
app.command("run")(plans.run)
plans.plan.command("compensate")(compensate)
plans.plan.command("rerun")(rerun)
app.add_typer(plans.plan)
app.add_typer(confirms.confirm)
app.add_typer(events.events)
app.add_typer(snapshot)
app.add_typer(kill)
app.add_typer(policy)
app.add_typer(budget)
app.add_typer(alerts)
app.command("health")(health)
app.command("top")(top)
app.add_typer(drift)
app.add_typer(capabilities)
app.add_typer(session)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("replay")(replay)
app.add_typer(retain)
app.command("conformance")(conformance)
app.command("sandbox")(sandbox)
app.command("demo")(demo.demo)
app.command("bench")(development.bench)
app.command("schema")(development.schema)
app.add_typer(development.config)


def main() -> None:
    """Entry point of the console script."""
    app()
