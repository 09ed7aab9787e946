"""Makes plans happen: claims steps from the frontier, has them done, records what came of it (DESIGN §6)."""

from __future__ import annotations

from psg_runtime.orchestrator.orchestrator import Orchestrator
from psg_runtime.orchestrator.settings import OrchestratorSettings

__all__ = ["Orchestrator", "OrchestratorSettings"]
