"""How the command line fails: ``code: message`` and a hint on stderr, an exit status, never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn

import anyio
import typer

from psg.errors import PsgError
from psg_cli.output import print_json, stderr
from psg_client import ClientError

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_WAITING = 3
EXIT_UNREACHABLE = 4
EXIT_INTERRUPTED = 130

EXIT_STATUS_HELP = (
    "Exit status: 0 ok, 1 failure or violations found, 2 wrong usage, 3 waiting for a human decision, "
    "4 the API or the database cannot be reached, 130 interrupted."
)

_UNREACHABLE = {"api_unavailable", "api_timeout", "database_unavailable", "outcome_unknown", "bus_unavailable"}
_USAGE = {"usage", "invalid_url"}
_HINTS = {
    "api_unavailable": "Start database, API and orchestrator here with `psg up`, or name a running API: PSG_API_URL.",
    "api_timeout": "Is the API overloaded, or the database down? `psg db status` tells about the embedded one.",
    "database_unavailable": "Check PSG_NEO4J_URI; without it psg runs a Neo4j of its own.",
    "database_auth_failed": "Check PSG_NEO4J_USER and PSG_NEO4J_PASSWORD.",
    "schema_not_migrated": "Run `psg migrate`.",
    "schema_too_new": "Upgrade this program; the database was migrated by a newer release.",
    "home_in_use": "Stop that server, or choose another folder: PSG_HOME.",
    "port_taken": "Choose another port.",
    "download_failed": "What was downloaded is kept; run the command again to go on.",
    "unknown_capability": "Name the modules that register it: `psg up --tools package.module`.",
    "capability_denied": "Programs are allowed by PSG_ALLOW_PROCESS, files below PSG_FILE_ROOT.",
    "unauthenticated": "Set PSG_API_TOKEN: the token the API was started with, or one of `psg token create`.",
    "actor_refused": "Unset PSG_ACTOR: the token says who acts.",
    "forbidden": "`psg access list` tells what is granted; `psg access grant` grants it.",
    "stale_revision": "Somebody changed it in the meantime; look again and decide anew.",
    "invalid_transition": "`psg plan show` tells the present status.",
}


class UsageError(PsgError):
    """The command was called in a way it does not understand."""

    code = "usage"
    category = "validation_error"


class InternalError(PsgError):
    """Something nobody foresaw."""

    code = "internal_error"


def exit_status(error: BaseException) -> int:
    """The exit status for an error."""
    code = getattr(error, "code", "")
    if code in _UNREACHABLE:
        return EXIT_UNREACHABLE
    return EXIT_USAGE if code in _USAGE else EXIT_FAILURE


def report(error: BaseException, *, as_json: bool = False) -> int:
    """Say what went wrong; returns the exit status. PSG_DEBUG=1 adds the traceback."""
    if os.environ.get("PSG_DEBUG", "").lower() in {"1", "true", "yes", "on"}:
        traceback.print_exception(error)
    if not isinstance(error, PsgError | ClientError):
        name = type(error).__name__
        error = InternalError(f"{name}: {error}. This is a defect of psg; PSG_DEBUG=1 shows where.")
    if as_json:
        print_json({"error": error.to_dict()})
    console = stderr()
    console.print(f"[bold red]{error.code}[/]: ", end="")
    console.print(error.message, markup=False)
    if hint := _HINTS.get(error.code):
        console.print(f"hint: {hint}", style="dim", markup=False)
    return exit_status(error)


def execute(
    command: Callable[[], Awaitable[int | None]], *, as_json: bool = False, on_interrupt: str | None = None
) -> NoReturn:
    """Run an async command and leave with its exit status (None: 0); ``on_interrupt`` is said after Ctrl-C."""
    try:
        status = anyio.run(command)
    except KeyboardInterrupt:
        stderr().print(on_interrupt or "interrupted", style="dim", markup=False)
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough (`… | head`); Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = EXIT_OK
    except (Exception, BaseExceptionGroup) as error:
        status = report(only_cause(error), as_json=as_json)
    raise typer.Exit(status or EXIT_OK)


def only_cause(error: BaseException) -> BaseException:
    """The exception that matters inside nested groups: one of ours before what else broke (task groups wrap all)."""
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if isinstance(leaf, PsgError | ClientError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
