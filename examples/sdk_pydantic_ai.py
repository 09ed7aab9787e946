"""Two pydantic-ai agents that take turns in a plan, with a person who decides in between.

    psg up                                         (pip install 'psg-platform[llm]', in another terminal)
    python examples/sdk_pydantic_ai.py monday      (--approve decides for you)

Each agent is a step that a worker serves: what it answers and what it spent is in the graph. Killed and started again
under the same name, the run goes on with the agent that was at work, not with the first one. Without OPENAI_API_KEY a
model that needs no account says something.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import anyio
import anyio.to_thread
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

import psg_client


class Review(BaseModel):
    """What the critic answers."""

    verdict: str
    score: int


MODEL: Any = f"openai:{os.environ.get('OPENAI_MODEL', 'gpt-5-mini')}" if os.environ.get("OPENAI_API_KEY") else None
writer = Agent(MODEL or TestModel(custom_output_text="Graphs remember."), instructions="Write one sentence.")
critic = Agent(
    MODEL or TestModel(custom_output_args={"verdict": "short and true", "score": 8}), output_type=Review,
    instructions="Judge the sentence.",
)  # fmt: skip


def answered(result: Any) -> dict[str, Any]:
    """The output of a step: what the agent said, and what it used, which counts against the budget of the plan."""
    said = result.output.model_dump() if isinstance(result.output, BaseModel) else result.output
    used = result.usage
    return {"said": said, "usage": {"tokens": used.input_tokens + used.output_tokens}}


async def decided(reason: str | None) -> bool:
    """Ask at the terminal."""
    return (await anyio.to_thread.run_sync(input, f"{reason} [y]es or no? ")).lower().startswith("y")


async def main(name: str, approve: bool) -> None:
    """Run the plan, decide when asked, and print the verdict."""
    async with psg_client.connect() as psg, anyio.create_task_group() as tasks:
        project = await psg.project()
        worker = psg.worker(project=project, lease_ms=5_000)

        @worker.step("writer")
        async def write(topic: str) -> dict[str, Any]:
            return answered(await writer.run(topic))

        @worker.step("critic")
        async def criticise(text: str) -> dict[str, Any]:
            return answered(await critic.run(text))

        tasks.start_soon(worker.run)
        plan = psg_client.Plan("A sentence, judged", budget={"tokens": 10_000})
        draft = plan.step("draft", worker="writer", params={"topic": "What is a graph good for?"}, retries=2)
        agreed = plan.step("agree", "confirm", params={"reason": f"May the critic see it? {draft.output['said']}"})
        plan.step("judge", worker="critic", params={"text": draft.output["said"]}, after=agreed, retries=2)
        run = await project.start(plan, key=name)
        async for _ in run.progress():
            for question in await run.approvals():
                yes = approve or await decided(question.reason)
                await (question.approve() if yes else question.reject())
        print("verdict:", (await run.result())["judge"]["said"]["verdict"])
        worker.stop()


anyio.run(main, next((a for a in sys.argv[1:] if a != "--approve"), "first"), "--approve" in sys.argv)
