"""Single mutations of 64 clients on one project: in process, and over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

from bench_api import Connection, running_api
from bench_progress import Progress
from bench_rows import Row, at_least
from bench_store import Store, context_document
from limit_mutations import mutate_limit, timed

CLIENTS = 64
EACH = 100
EACH_HTTP = 20
ROUNDS = 5

Side = Callable[[int], Awaitable[float]]

MUTATION = """mutation ($input: CreateContextInput!) {
  createContext(input: $input) { __typename ... on ContextPayload { seq context { id title status } } }
}"""


async def mutations_64(store: Store, progress: Progress, quick: bool) -> Row:
    """64 clients in this process, each storing one context after the other."""
    project_id, _ = await store.project()

    async def platform(each: int) -> float:
        async def client() -> None:
            for _ in range(each):
                await store.graph.create_document(project_id, "context", context_document(str(uuid.uuid4())))

        return await timed(CLIENTS, each, client)

    async def limit(each: int) -> float:
        return await mutate_limit(store, project_id, CLIENTS, each)

    ours, bound = await _interleaved("mutations_64", progress, platform, limit, 2 if quick else EACH, quick)
    return at_least("mutations_64", "mutations/s", ours, bound, 0.6, clients=CLIENTS)


async def graphql_mutations_64(store: Store, progress: Progress, quick: bool) -> Row:
    """64 HTTP clients of one API; the limit is the same mutation in the same process with its commit left out."""
    project_id, context_id = await store.project()
    async with running_api(store, context_id) as (url, url_storing_nothing):

        def side(address: str) -> Side:
            async def run(each: int) -> float:
                async def client() -> None:
                    async with Connection.to(address) as connection:
                        for _ in range(each):
                            given = {"projectId": project_id, "title": "bench"}
                            answer = await connection.ask(MUTATION, {"input": given})
                            assert answer["data"]["createContext"]["__typename"] == "ContextPayload", answer

                return await timed(CLIENTS, each, client)

            return run

        ours, bound = await _interleaved(
            "graphql_mutations_64", progress, side(url), side(url_storing_nothing), 1 if quick else EACH_HTTP, quick
        )
    return at_least("graphql_mutations_64", "mutations/s", ours, bound, 0.7, clients=CLIENTS)


async def _interleaved(
    name: str, progress: Progress, platform: Side, limit: Side, each: int, quick: bool
) -> tuple[list[float], list[float]]:
    """Rates of both sides, A B, then B A; the first rounds warm up and do not count."""
    ours: list[float] = []
    bound: list[float] = []
    warm, rounds = (0, 1) if quick else (2, ROUNDS)
    with progress.phase(name, 2 * (warm + rounds)) as advance:
        for turn in range(warm + rounds):
            sides = [(ours, platform), (bound, limit)]
            for figures, run in sides if turn % 2 else reversed(sides):
                rate = await run(each)
                advance(1)
                if turn >= warm:
                    figures.append(rate)
    return ours, bound
