"""A module of one's own beside the ten of the platform: started after what it needs, asked, taken out, put back.

Run it where `psg up` runs or ran: `python examples/own_module.py` (docs/platform-modules.md).
"""

from __future__ import annotations

from typing import Any

import anyio

from psg.graph import Graph
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime.modules import Environment, Invocation, ModuleManager, ModuleUnavailable, Started


class Glossary:
    """Words of a project; it is healthy while it has room."""

    def __init__(self, environment: Environment) -> None:
        self.limit = environment.configuration["maxWords"]
        self.words: dict[str, str] = {}

    async def explain(self, inputs: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
        """Keep what a word means."""
        self.words[inputs["word"]] = inputs["meaning"]
        return {"words": len(self.words), "module": invocation.module.id}

    async def forget(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Forget a word."""
        return {"forgotten": self.words.pop(inputs["word"], None) is not None}

    async def health(self) -> dict[str, Any]:
        """Unhealthy when it is full."""
        full = len(self.words) >= self.limit
        return {"status": "unhealthy" if full else "healthy", "details": {"words": len(self.words)}}


GLOSSARIES: list[Glossary] = []


async def start(environment: Environment) -> Started:
    """Open the glossary with its configuration."""
    GLOSSARIES.append(glossary := Glossary(environment))
    return Started({"explain": glossary.explain, "forget": glossary.forget}, health_check=glossary.health)


REGISTRATION: dict[str, Any] = {
    "moduleType": "glossary",
    "version": "1.1.0",
    "capabilities": ["glossary.explain"],  # `forget` is brought, but may not be invoked
    "dependencies": [{"moduleType": "context", "version": "^1.0.0"}],
    "configuration": {"maxWords": 1000},
    "start": start,
}


async def main() -> None:
    """Register it, use it, fill it up, make room."""
    async with open_store(load_settings()) as store:
        await migrate(store.db)
        async with ModuleManager(Graph(store.db)) as modules:
            await modules.register(REGISTRATION)
            made = await modules.initialize_module("glossary", {"maxWords": 2})
            print("runs:", ", ".join(module.module_type for module in await modules.list_modules()))
            for word in ("plan", "step"):
                print(await modules.invoke("glossary", "explain", {"word": word, "meaning": "…"}))
            print("health:", (await modules.get_module_health(made.id)).status)
            try:
                await modules.invoke("glossary", "explain", {"word": "turn", "meaning": "…"})
            except ModuleUnavailable as error:
                print("refused:", error)
            GLOSSARIES[-1].words.clear()
            print("health:", (await modules.get_module_health(made.id)).status)
            print(await modules.invoke("glossary", "explain", {"word": "turn", "meaning": "…"}))


if __name__ == "__main__":
    anyio.run(main)
