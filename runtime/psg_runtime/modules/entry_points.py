"""Modules of installed packages: found, loaded and forgotten while the process runs (entry points ``psg.modules``)."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from psg_neo4j.errors import PsgError
from psg_runtime.modules.calling import Caller, failure_text
from psg_runtime.modules.errors import RegistrationInvalid
from psg_runtime.modules.registration import ModuleRegistration, registration_of

ENTRY_POINT_GROUP = "psg.modules"
_OWN = ("psg", "psg_cli", "psg_client", "psg_cypher", "psg_graphql", "psg_neo4j", "psg_runtime")


def found(name: str | None = None) -> list[EntryPoint]:
    """Entry points of modules as they are installed now, by name."""
    importlib.invalidate_caches()
    entries = entry_points(group=ENTRY_POINT_GROUP)
    return sorted((e for e in entries if name is None or e.name == name), key=lambda e: e.name)


async def load(entry: EntryPoint) -> list[ModuleRegistration]:
    """Load the registrations of one entry point: one, several, or a function that makes them.

    Raises ``RegistrationInvalid`` naming the entry point for whatever goes wrong in the package's code.
    """
    try:
        made: Any = entry.load()
        if inspect.isroutine(made):
            made = await Caller().call(made)
        several = made if isinstance(made, list | tuple) else [made]
        return [_with_source(one, entry) for one in several]
    except PsgError as error:
        raise RegistrationInvalid(f"module `{entry.name}` ({entry.value}): {error.message}", name=entry.name) from error
    except Exception as error:
        message = f"module `{entry.name}` ({entry.value}) cannot be loaded: {failure_text(error)}"
        raise RegistrationInvalid(message, name=entry.name) from error


def _with_source(value: ModuleRegistration | Mapping[str, Any], entry: EntryPoint) -> ModuleRegistration:
    return registration_of(value).model_copy(update={"source": entry.module})


def forget(source: str) -> None:
    """Forget imported code, so that the next load reads it anew; never the platform's own."""
    top = source.partition(".")[0]
    if not top or top in _OWN or top in sys.stdlib_module_names:
        return
    for name in [n for n in sys.modules if n == source or n.startswith(f"{source}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
