"""One agent's flow, twice: with modules of one's own in memory, and as a Context and a Plan of the graph.

Run it where `psg up` runs or ran: `python examples/single_agent.py` (docs/single-agent.md).
"""

from __future__ import annotations

from typing import Any

import anyio

from psg.graph import Graph
from psg_cli.output import stdout
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime import GraphModules, InMemoryVSL, RuntimeContext, RuntimeModuleRegistry, run_single_agent_flow
from psg_runtime.ael import AdapterLayer, CapabilityRegistry

WORDS = "a plan is one run and running it again is a new plan"


async def context(*, ctx: dict[str, Any]) -> dict[str, Any]:
    """The context module: what the work is about."""
    return {"output": {"title": ctx["flow"]["title"]}, "events": []}


async def plan(*, ctx: dict[str, Any]) -> dict[str, Any]:
    """The plan module: counts one word per tick, and is done after the last."""
    words, counted = WORDS.split(), dict(ctx["previous"] or {})
    word = words[sum(counted.values())]
    counted[word] = counted.get(word, 0) + 1
    event = {"event_type": "word_counted", "event_family": "reasoning_graph", "payload": {"word": word}}
    return {"output": counted, "events": [event], "done": sum(counted.values()) == len(words)}


def count(text: str) -> dict[str, int]:
    """Count words: the tool of the plan in the graph."""
    return {word: text.split().count(word) for word in text.split()}


async def in_memory() -> None:
    """Run the flow with the two modules above."""
    modules = RuntimeModuleRegistry(context=context, plan=plan)
    result = await run_single_agent_flow(
        flow={"title": "Words"}, runtime_context=RuntimeContext.new(), modules=modules, vsl=InMemoryVSL()
    )
    told = f"{result.success}, {result.ticks} ticks, {len(result.events)} events, plan {result.output['plan']['plan']}"
    stdout().print(f"in memory: {told}")


async def in_the_graph(graph: Graph) -> None:
    """Run it as a plan with one step, by an orchestrator in this process."""
    registry = CapabilityRegistry()
    registry.register(name="example.count", type="tool", call=count)
    project_id = await graph.ensure_project("single-agent-example")
    steps = [{"key": "count", "name": "example.count", "params": {"text": WORDS}}]
    flow = {"context": {"title": "Words"}, "plan": {"title": "Count", "objective": "Count words", "steps": steps}}
    modules = GraphModules(graph, project_id, AdapterLayer(registry))
    result = await run_single_agent_flow(flow=flow, modules=modules, vsl=InMemoryVSL())
    if not result.success:
        raise SystemExit(str(result.error))
    done = result.output["plan"]
    told = f"{done['status']}, {len(result.events)} events, plan {done['steps']['count']['output']['plan']}"
    stdout().print(f"in the graph: {told}")


async def main() -> None:
    """Run both."""
    await in_memory()
    async with open_store(load_settings()) as store:
        await migrate(store.db)
        await in_the_graph(Graph(store.db))


if __name__ == "__main__":
    anyio.run(main)
