"""Three steps, two of them done by functions of this program, through the SDK (docs/sdk.md).

Start the platform with `psg up`, then run this: it is worker and author of the plan in one.
"""

from __future__ import annotations

import anyio

import psg_client


async def main() -> None:
    """Start a plan, do its work, and print what came of it."""
    async with psg_client.connect() as psg, anyio.create_task_group() as tasks:
        project = await psg.project()
        worker = psg.worker(project=project)

        @worker.step("count")
        def count(text: str) -> dict[str, int]:
            return {"words": len(text.split())}

        @worker.step("judge")
        async def judge(words: int) -> str:
            return "long" if words > 5 else "short"

        tasks.start_soon(worker.run)
        plan = psg_client.Plan("Hello", params={"text": "The graph is the program."})
        counted = plan.step("count", worker="count", params={"text": plan.param("text")})
        rested = plan.step("rest", "wait", params={"duration_ms": 100}, after=counted)
        plan.step("judge", worker="judge", params={"words": counted.output["words"]}, after=rested)
        run = await project.start(plan)
        print(await run.why("judge"))
        print("the text is", (await run.result(timeout=60))["judge"])
        worker.stop()


anyio.run(main)
