"""What saved questions cost on a large plan: why a step does not run, and everything that waits for it."""

from __future__ import annotations

import time

from bench_progress import Progress
from bench_rows import Row, at_most, percentile
from bench_store import Load, Shape, Store

from psg_cypher.saved_questions import saved_questions
from psg_neo4j.questions import QuestionLimits, Questions

SHAPE = Shape(1, 100, 100, 3)
QUICK = Shape(1, 10, 10, 3)
ROUNDS = 60
TARGET_MS = 50.0
ASKED = ("why_not_running", "what_it_affects")


async def questions_p95_ms(store: Store, progress: Progress, quick: bool) -> Row:
    """A running plan of 100 layers of 100 steps, three dependencies each; asked about steps all over it, in turns."""
    shape, rounds = (QUICK, 5) if quick else (SHAPE, ROUNDS)
    took: dict[str, list[float]] = {name: [] for name in ASKED}
    with progress.phase("questions_p95_ms", shape.steps + rounds) as advance:
        load = await store.load(shape, advance)
        await store.graph.start_plan(load.project_id, load.plans[0])
        questions = Questions(store.db, QuestionLimits(seconds=60))
        keys = [f"s{layer * shape.layers // rounds}_{layer % shape.width}" for layer in range(rounds)]
        for turn in range(-3, rounds):  # the first are to plan and to warm up
            for name in ASKED:
                ms = await _asked(questions, load, name, keys[max(turn, 0)])
                if turn >= 0:
                    took[name].append(ms)
            advance(int(turn >= 0))
        await store.graph.cancel_plan(load.project_id, load.plans[0])
    found = {name: percentile(times, 0.95) for name, times in took.items()}
    return at_most("questions_p95_ms", "ms", max(found.values()), TARGET_MS, steps=shape.steps, by_question=found)


async def _asked(questions: Questions, load: Load, name: str, key: str) -> float:
    params = {"project_id": load.project_id, "plan_id": load.plans[0], "step_key": key}
    began = time.perf_counter()
    answer = await questions.ask(saved_questions()[name].text, params, trusted=True)
    took = (time.perf_counter() - began) * 1000
    if name == "why_not_running" and len(answer.rows) != 1:
        raise RuntimeError(f"{name} of {key} was not answered")
    return took
