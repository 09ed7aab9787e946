"""``make bench``: measures what the design promises and prints one JSON array; what it is doing goes to stderr."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import anyio
import orjson
import structlog
from bench_growth import frontier_growth
from bench_import import import_steps
from bench_mutations import graphql_mutations_64, mutations_64
from bench_nested import nested_read
from bench_policies import policies_cost
from bench_progress import Progress
from bench_questions import questions_p95_ms
from bench_rows import Row
from bench_run import chain, chains_512, step_cost_growth, wide
from bench_sdk import sdk_overhead
from bench_start import embedded_start_s
from bench_store import Store, fresh_store
from bench_subscriber import commit_to_subscriber_p95_ms
from bench_takeover import takeover_s

# In this order: the largest stores come last, so that they weigh on nobody else.
_IN_STORE: dict[str, Callable[[Store, Progress, bool], Awaitable[Row]]] = {
    "chain": chain,
    "mutations_64": mutations_64,
    "graphql_mutations_64": graphql_mutations_64,
    "nested_read": nested_read,
    "sdk_overhead": sdk_overhead,
    "commit_to_subscriber_p95_ms": commit_to_subscriber_p95_ms,
    "policies_cost": policies_cost,
    "questions_p95_ms": questions_p95_ms,
    "takeover_s": takeover_s,
    "chains_512": chains_512,
    "wide": wide,
    "import": import_steps,
    "step_cost_growth": step_cost_growth,
    "frontier_growth": frontier_growth,
}
_START = "embedded_start_s"
NAMES = (_START, *_IN_STORE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when everything was measured (a target that was not reached is data), else 1."""
    wanted, quick = _options(arguments)
    # What the platform logs while it works is not what is measured, and stdout is the rows'.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        rows = anyio.run(_measure, wanted, quick)
    except Exception as error:
        print(f"bench: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(orjson.dumps([row.as_json() for row in rows], option=orjson.OPT_INDENT_2).decode())
    return 0


def _options(arguments: Sequence[str] | None) -> tuple[list[str], bool]:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)}")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="the same, separated by commas")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works, measures nothing")
    given = parser.parse_args(arguments)
    wanted = [*given.names, *filter(None, given.only.split(","))]
    if unknown := sorted(set(wanted) - set(NAMES)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return [name for name in NAMES if name in wanted or not wanted], given.quick


async def _measure(wanted: Sequence[str], quick: bool) -> list[Row]:
    progress = Progress()
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        store: Store | None = None
        for name in wanted:
            gc.collect()
            if name == _START:
                rows.append(await embedded_start_s(progress, quick))
                continue
            if store is None:
                store = await stack.enter_async_context(fresh_store())
            rows.append(await _IN_STORE[name](store, progress, quick))
    return rows
