"""Installed packages followed while a process runs: what is installed runs, what is removed goes, what is newer is."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint

import anyio
import anyio.to_thread
import structlog

from psg_neo4j.errors import PsgError
from psg_runtime.modules import entry_points
from psg_runtime.modules.manager import ModuleManager

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Package:
    """An entry point as it was loaded: which version of which package, and the types it brought."""

    mark: str
    types: list[str] = field(default_factory=list)


class Packages:
    """Keeps the modules of a manager like the entry points ``psg.modules`` of what is installed."""

    def __init__(self, manager: ModuleManager) -> None:
        self._manager = manager
        self._known: dict[str, _Package] = {}

    async def keep_up(self, interval_ms: int) -> None:
        """Look again and again, every ``interval_ms`` milliseconds."""
        while True:
            await anyio.sleep(interval_ms / 1000)
            await self.look()

    async def look(self) -> None:
        """Load and start what is new, unload what is gone, replace what has another version.

        A package that cannot be loaded is told once, and does not keep the others from it.
        """
        found = {entry.name: entry for entry in await anyio.to_thread.run_sync(entry_points.found)}
        for name, package in list(self._known.items()):
            if name not in found or package.mark != _mark(found[name]):
                await self._unload(name, package)
        for name, entry in found.items():
            if name not in self._known:
                await self._load(name, _mark(entry))

    async def _load(self, name: str, mark: str) -> None:
        package = self._known[name] = _Package(mark)
        try:
            package.types = [r.module_type for r in await self._manager.load(name)]
            for kind in package.types:
                await self._manager.initialize_module(kind)
        except PsgError as error:
            log.warning("module_package_not_loaded", name=name, code=error.code, error=error.message)
        else:
            log.info("module_package_loaded", name=name, modules=package.types, package=mark)

    async def _unload(self, name: str, package: _Package) -> None:
        del self._known[name]
        for kind in package.types:
            try:
                await self._manager.unload(kind)
            except PsgError as error:
                log.warning("module_not_unloaded", module=kind, code=error.code, error=error.message)
        log.info("module_package_unloaded", name=name, modules=package.types)


def _mark(entry: EntryPoint) -> str:
    package = "" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
    return f"{package} {entry.value}".strip()
