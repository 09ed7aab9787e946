"""The console script ``psg``: says what to install where only the agent SDK is, and starts the command line elsewhere.

``pip install psg-platform`` is the SDK alone (DESIGN §9); the command line needs the packages of the extra ``server``.
Nothing but the standard library is imported before that is known.
"""

from __future__ import annotations

import importlib.util
import sys

# By their import names, what the extra ``server`` brings; one that is missing means that the extra is.
SERVER_LIBRARIES = (
    "cel_expr_python", "cryptography", "httpcore2", "jsonschema_rs", "jwt", "neo4j", "prometheus_client", "pydantic",
    "pydantic_settings", "rich", "semver", "starlette", "strawberry", "structlog", "typer", "uvicorn", "watchfiles",
    "websockets", "yaml",
)  # fmt: skip
EXIT_FAILURE = 1


def main() -> None:
    """Entry point of the console script."""
    missing = missing_libraries()
    if missing:
        print(  # noqa: T201 - the console of the command line is one of the packages that are missing
            "part_missing: only the agent SDK is installed here; for the command line and the server: "
            f"pip install 'psg-platform[embedded]' (missing: {', '.join(missing)})",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_FAILURE)
    from psg_cli.main import main as command_line

    command_line()


def missing_libraries() -> list[str]:
    """Import names of the extra ``server`` that cannot be found; empty when the command line can run."""
    return [name for name in SERVER_LIBRARIES if importlib.util.find_spec(name) is None]
