"""The race for the lock of turns, run by ``test_races_locks``."""

from __future__ import annotations

from typing import Any

from sample_graph import uuid4


async def turn_heartbeat(race: Any) -> None:
    """A heartbeat holds the project's lock before it looks whose turn it is."""
    await race.project()
    statement = race.statement("turn_heartbeat")
    await race.counted_under(
        lambda t: t.run(statement, project_id=race.p, step_id=uuid4(), fence=1, worker="w")
    )
