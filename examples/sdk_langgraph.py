"""A LangGraph graph whose nodes are durable: each is a step of PSG, done once whatever becomes of this program.

    psg up                                         (pip install langgraph, in another terminal)
    python examples/sdk_langgraph.py essay-1       (killed and started again, it goes on where it was)

A node runs under a key of thread, place in the run, and name. Started again with the same thread, finished nodes answer
from the graph; the others are done by any worker that serves them: here this program, elsewhere many.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

import anyio
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

import psg_client

Node = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Essay(TypedDict, total=False):
    """The state of the graph: plain JSON."""

    topic: str
    draft: str
    rounds: int


class DurableNodes:
    """Turns functions into nodes that run as steps; what they return is kept in the graph of PSG."""

    def __init__(self, project: psg_client.OpenProject, worker: psg_client.StepWorker) -> None:
        self._project = project
        self._worker = worker

    def __call__(self, node: Node) -> Callable[[Essay, RunnableConfig], Awaitable[Any]]:
        """The durable form of a node."""
        name = node.__name__

        @self._worker.step(name)
        async def work(state: dict[str, Any]) -> dict[str, Any]:
            return await node(state)

        async def run(state: Essay, config: RunnableConfig) -> Any:
            place = config["metadata"]["langgraph_step"]
            key = f"{config['configurable']['thread_id']}/{place}/{name}"
            plan = psg_client.Plan(key)
            plan.step(name, worker=name, params={"state": dict(state)})
            started = await self._project.start(plan, key=key)
            return (await started.result())[name]

        return run


async def write(state: dict[str, Any]) -> dict[str, Any]:
    """Write a draft, or a better one."""
    print("writing", flush=True)
    rounds = state.get("rounds", 0) + 1
    return {"draft": f"{state['topic']}, draft {rounds}", "rounds": rounds}


async def edit(state: dict[str, Any]) -> dict[str, Any]:
    """Polish the draft."""
    print("editing", flush=True)
    return {"draft": f"{state['draft']}, edited"}


async def main(thread: str) -> None:
    """Run the graph for one thread and print what it comes to."""
    async with psg_client.connect() as psg, anyio.create_task_group() as tasks:
        project = await psg.project()
        worker = psg.worker(project=project, lease_ms=5_000)
        durable = DurableNodes(project, worker)
        graph = StateGraph(Essay)
        graph.add_node("write", durable(write))
        graph.add_node("edit", durable(edit))
        graph.add_edge(START, "write")
        graph.add_edge("write", "edit")
        graph.add_conditional_edges("edit", lambda state: "write" if state["rounds"] < 2 else END)
        tasks.start_soon(worker.run)
        essay = await graph.compile().ainvoke({"topic": "Graphs"}, {"configurable": {"thread_id": thread}})
        print("essay:", essay["draft"])
        worker.stop()


anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "essay-1")
