"""A directory of one's own that a project tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from world import World

from psg import drift
from psg.audit import verify
from psg.drift import Expected
from psg_runtime.drift import DriftMonitor

ROOT = "tree"


class DriftWorld:
    """A tracked directory with its monitor."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.monitor = self.another()

    @classmethod
    async def create(cls, world: World, path: Path, **settings: Any) -> DriftWorld:
        """Make an empty directory and track it."""
        await drift.track(world.graph, world.project_id, ROOT, settings)
        return cls(world, path)

    def another(self, **options: Any) -> DriftMonitor:
        """One more monitor of the directory."""
        return DriftMonitor(self.world.graph, self.world.project_id, ROOT, self.path, **options)

    async def set(self, **settings: Any) -> None:
        """Track it with other settings."""
        await drift.track(self.world.graph, self.world.project_id, ROOT, settings)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file of the directory."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def read(self, name: str) -> str:
        """The text of a file of the directory."""
        return (self.path / name).read_text()

    def uri(self, name: str) -> str:
        """The uri of a file of the directory."""
        return drift.file_uri(ROOT, name)

    async def known(self, name: str) -> Expected:
        """What the graph knows of a file."""
        return await drift.resource(self.world.db, self.world.project_id, self.uri(name))

    async def expect(self, name: str, text: str | None) -> None:
        """Change a file on the graph's side."""
        content = None if text is None else text.encode()
        await drift.expect(self.world.graph, self.world.project_id, self.uri(name), content)

    async def detected(self) -> list[dict[str, Any]]:
        """What the log tells of drifts, in order."""
        events = await self.world.events(type="drift_detected")
        return [event["changes"]["event"]["payload"] for event in events]

    async def verified(self) -> None:
        """The audit finds nothing."""
        report = await verify(self.world.db, self.world.project_id)
        assert report.violations == [], report.violations
