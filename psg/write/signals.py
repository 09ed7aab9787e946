"""Wake-ups inside this process: who waits for a project's log to grow is told at once; the log is what is read."""

from __future__ import annotations

import anyio


class Signals:
    """One latest-known sequence number per project, and those who wait for it to pass."""

    def __init__(self) -> None:
        self._latest: dict[str, int] = {}
        self._waiting: dict[str, anyio.Event] = {}

    def notify(self, project_id: str, seq: int) -> None:
        """Tell that the log of ``project_id`` reaches ``seq`` now; also harmless when it did before."""
        if seq <= self._latest.get(project_id, -1):
            return
        self._latest[project_id] = seq
        waiting = self._waiting.pop(project_id, None)
        if waiting is not None:
            waiting.set()

    def latest(self, project_id: str) -> int:
        """Return the highest sequence number heard of, ``-1`` when none was."""
        return self._latest.get(project_id, -1)

    async def wait(self, project_id: str, after_seq: int, timeout_s: float) -> bool:
        """Return ``True`` once something after ``after_seq`` is known, ``False`` after ``timeout_s`` seconds."""
        with anyio.move_on_after(timeout_s):
            while self._latest.get(project_id, -1) <= after_seq:
                waiting = self._waiting.setdefault(project_id, anyio.Event())
                await waiting.wait()
            return True
        return False
