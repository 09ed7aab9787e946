"""``psg up``, ``psg serve`` and ``psg orchestrate``: the processes of the platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psg_cli.commands.capabilities import McpOption
from psg_cli.commands.database import HomeOption
from psg_cli.failures import execute
from psg_cli.logs import configure_logs
from psg_cli.settings import CliSettings, load_settings

ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tools", help="Tools and agents: pkg.module[:attribute] or a YAML file of them; repeatable."),
]
HooksOption = Annotated[
    list[str] | None,
    typer.Option("--hooks", help="Policy hooks: pkg.module[:attribute]; repeatable (PSG_POLICY_HOOKS)."),
]
PortOption = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port of the API; 0: any free one.")]
HostOption = Annotated[
    str | None, typer.Option("--host", help="Address to listen on (beyond loopback tokens are needed: PSG_AUTH).")
]
CapacityOption = Annotated[int | None, typer.Option("--capacity", min=1, help="Steps at the same time (PSG_CAPACITY).")]


def up(
    port: PortOption = None,
    host: HostOption = None,
    tools: ToolsOption = None,
    mcp: McpOption = None,
    hooks: HooksOption = None,
    home: HomeOption = None,
    capacity: CapacityOption = None,
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", help="Write the addresses there as JSON once everything is ready.")
    ] = None,
) -> None:
    """Run everything here: database (embedded, or PSG_NEO4J_URI), migrations, API and one orchestrator.

    Ends with Ctrl-C or SIGTERM in good order: running steps finish, then the API stops, then the database.

    Examples: psg up      psg up --tools my_agents.tools --port 9000
    """

    async def command() -> None:
        from psg_cli.services import run_platform

        settings = _settings(home, tools, "warning", mcp, hooks)
        await run_platform(settings, host=host, port=port, capacity=capacity, ready_file=ready_file)

    execute(command)


def serve(port: PortOption = None, host: HostOption = None, tools: ToolsOption = None, home: HomeOption = None) -> None:
    """Run the GraphQL API alone; as many processes as you like may serve one database.

    The database must be migrated (`psg migrate`).

    Example: PSG_NEO4J_URI=neo4j://db:7687 psg serve --port 8765
    """

    async def command() -> None:
        from psg_cli.services import run_api

        await run_api(_settings(home, tools, "info"), host=host, port=port)

    execute(command)


def orchestrate(
    tools: ToolsOption = None,
    mcp: McpOption = None,
    hooks: HooksOption = None,
    home: HomeOption = None,
    capacity: CapacityOption = None,
    project: Annotated[
        list[str] | None, typer.Option("--project", help="Run steps of this project (name) only; repeatable.")
    ] = None,
) -> None:
    """Run one orchestrator: it takes steps of running plans and has them done. Start as many as you like.

    When one dies, the others take its steps over. SIGTERM lets running steps finish.

    Example: psg orchestrate --tools my_agents.tools
    """

    async def command() -> None:
        from psg_cli.services import run_orchestrator

        settings = _settings(home, tools, "info", mcp, hooks)
        await run_orchestrator(settings, capacity=capacity, projects=tuple(project or ()))

    execute(command)


def _settings(
    home: Path | None,
    tools: list[str] | None,
    log_level: str,
    mcp: Path | None = None,
    hooks: list[str] | None = None,
) -> CliSettings:
    settings = load_settings(
        home=home,
        tools=tuple(tools) if tools else None,
        mcp_servers=mcp,
        policy_hooks=tuple(hooks) if hooks else None,
    )
    configure_logs(settings.log_level or log_level)
    return settings
