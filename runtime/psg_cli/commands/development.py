"""``psg schema``, ``psg config`` and ``psg bench``: about the platform itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

import psg
from psg_cli.failures import UsageError, execute, report
from psg_cli.output import JsonFlag, print_json, stdout, table
from psg_cli.settings import CliSettings, load_settings, settings_invalid
from psg_graphql.identity.settings import OidcSettings
from psg_graphql.settings import ApiSettings
from psg_neo4j.embedded import ServerSettings
from psg_runtime.ael import AelSettings
from psg_runtime.bus.settings import BusSettings
from psg_runtime.modules.settings import ModuleSettings
from psg_runtime.monitoring.settings import MonitoringSettings
from psg_runtime.orchestrator.settings import OrchestratorSettings
from psg_runtime.resources.settings import ResourceSettings
from psg_runtime.tracing.settings import TracingSettings

_REDACTED = "********"
_TITLES: dict[type[BaseSettings], str] = {
    CliSettings: "command line",
    ApiSettings: "API",
    OidcSettings: "accounts",
    OrchestratorSettings: "orchestrator",
    MonitoringSettings: "monitoring",
    AelSettings: "adapters",
    BusSettings: "event bus",
    ModuleSettings: "modules",
    ResourceSettings: "resource pools",
    TracingSettings: "traces",
}

config = typer.Typer(name="config", no_args_is_help=True, help="The settings in force here.")


def schema() -> None:
    """Print the GraphQL schema of this release.

    Example: psg schema > schema.graphql
    """
    from psg_graphql.export import schema_text

    typer.echo(schema_text(), nl=False)


@config.command("show")
def show(as_json: JsonFlag = False) -> None:
    """Show every setting, where it may be set, and its value here. Secrets are never shown.

    Example: psg config show --json
    """

    async def command() -> None:
        rows = [row for kind, title in _TITLES.items() for row in _settings_rows(kind, title)]
        rows += _server_rows()
        if as_json:
            print_json([dict(zip(("part", "name", "value", "set"), row, strict=True)) for row in rows])
            return
        found = table("part", "variable", "value", "set here")
        for part, name, value, is_set in rows:
            found.add_row(part, name, "" if value is None else str(value), "yes" if is_set else "")
        stdout().print(found)

    execute(command, as_json=as_json)


def _settings_rows(kind: type[BaseSettings], title: str) -> Iterator[tuple[str, str, Any, bool]]:
    try:
        settings = kind() if kind is not CliSettings else load_settings()
    except ValidationError as error:
        raise settings_invalid(error) from error
    prefix = kind.model_config.get("env_prefix", "")
    for name, field in kind.model_fields.items():
        value = getattr(settings, name)
        if not isinstance(value, BaseSettings):  # those have a part of their own
            variable = field.validation_alias if isinstance(field.validation_alias, str) else f"{prefix}{name.upper()}"
            yield title, variable, _shown(value), name in settings.model_fields_set


def _server_rows() -> Iterator[tuple[str, str, Any, bool]]:
    settings = ServerSettings.from_environment()
    for field in fields(settings):
        name = f"PSG_NEO4J_{field.name.upper()}"
        if name != "PSG_NEO4J_API_URL":
            yield "embedded Neo4j", name, _shown(getattr(settings, field.name)), name in os.environ


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return _REDACTED if value.get_secret_value() else None
    if isinstance(value, str) and "@" in value and "://" in value:  # an address may hold user and password
        parts = urlsplit(value)
        return value.replace(parts.netloc, f"{_REDACTED}@{parts.netloc.rpartition('@')[2]}")
    if isinstance(value, tuple | list | set | frozenset):
        return ",".join(str(part) for part in value)
    return str(value) if isinstance(value, Path) else value


def bench(
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to the benchmark program.")] = None,
) -> None:
    """Measure this machine against the raw-driver limit and print one JSON array. Needs a checkout.

    Examples: psg bench      psg bench chain wide
    """
    checkout = Path(psg.__file__).resolve().parents[1]
    program = checkout / "tests" / "bench"
    if not (program / "__main__.py").is_file():
        _leave(UsageError("the benchmarks are part of the source tree (tests/bench), not of the installed package"))
    try:
        done = subprocess.run([sys.executable, str(program), *(arguments or [])], cwd=checkout, check=False)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(done.returncode)


def _leave(error: UsageError) -> NoReturn:
    raise typer.Exit(report(error))
