"""``psg``: the command line of the platform."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from psg_cli.failures import EXIT_STATUS_HELP
from psg_cli.on_demand import group_of
from psg_cli.settings import load_env_file

# In the order of the help.
COMMANDS = {
    "up": "psg_cli.commands.platform:up",
    "run": "psg_cli.commands.plans:run",
    "demo": "psg_cli.commands.demo:demo",
    "plan": "psg_cli.commands.reactions:plan",
    "confirm": "psg_cli.commands.confirms:confirm",
    "events": "psg_cli.commands.events:events",
    "ask": "psg_cli.commands.questions:ask",
    "project": "psg_cli.commands.projects:project",
    "top": "psg_cli.commands.monitoring:top",
    "doctor": "psg_cli.commands.doctor:doctor",
    "health": "psg_cli.commands.monitoring:health",
    "alerts": "psg_cli.commands.monitoring:alerts",
    "kill": "psg_cli.commands.policies:kill",
    "policy": "psg_cli.commands.policies:policy",
    "budget": "psg_cli.commands.budgets:budget",
    "capabilities": "psg_cli.commands.capabilities:capabilities",
    "modules": "psg_cli.commands.modules:modules",
    "resources": "psg_cli.commands.modules:resources",
    "session": "psg_cli.commands.sessions:session",
    "workflow": "psg_cli.commands.workflows:workflow",
    "drift": "psg_cli.commands.drift:drift",
    "snapshot": "psg_cli.commands.snapshots:snapshot",
    "replay": "psg_cli.replay:replay",
    "import": "psg_cli.commands.projects:import_documents",
    "export": "psg_cli.commands.projects:export_documents",
    "backup": "psg_cli.commands.backup:backup",
    "restore": "psg_cli.commands.backup:restore",
    "retain": "psg_cli.retain:retain",
    "token": "psg_cli.commands.accounts:token",
    "access": "psg_cli.commands.accounts:access",
    "audit": "psg_cli.commands.accounts:audit",
    "serve": "psg_cli.commands.platform:serve",
    "orchestrate": "psg_cli.commands.platform:orchestrate",
    "db": "psg_cli.commands.database:db",
    "migrate": "psg_cli.commands.database:migrate",
    "verify": "psg_cli.commands.database:verify",
    "conformance": "psg_cli.commands.conformance:conformance",
    "sandbox": "psg_cli.commands.sandbox:sandbox",
    "config": "psg_cli.commands.development:config",
    "schema": "psg_cli.commands.development:schema",
    "bench": "psg_cli.commands.development:bench",
}

app = typer.Typer(
    name="psg",
    cls=group_of(COMMANDS),
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


def main() -> None:
    """Entry point of the console script."""
    app()
