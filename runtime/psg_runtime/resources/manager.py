"""The resource manager: shares of limited pools, held by lease in the graph by any process (CORE-33 … CORE-37)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import anyio.abc
import structlog

import psg_cypher
from psg.errors import ValidationFailed
from psg.graph import Graph
from psg.model.ids import new_id
from psg_neo4j.database import Row, Transaction
from psg_neo4j.errors import DatabaseTimeout, PsgError
from psg_runtime.resources import decisions
from psg_runtime.resources.amounts import shown
from psg_runtime.resources.decisions import Verdict
from psg_runtime.resources.errors import PoolInUse, RequestInvalid, ResourceTimeout
from psg_runtime.resources.ledger import Ledger
from psg_runtime.resources.model import (
    OptimizationResult,
    PoolUsage,
    ResourceAllocation,
    ResourceRequest,
    ResourceUsage,
    check_pool_name,
    request_of,
)
from psg_runtime.resources.settings import ResourceSettings
from psg_runtime.resources.strategy import STRATEGIES, Strategy
from psg_runtime.resources.waiting import PROCESS, Waiters

log = structlog.get_logger(__name__)

T = TypeVar("T")
LOCK_SECONDS = 5.0
PAGE = 500


class ResourceManager:
    """Allocates shares of pools to holders; any number of processes share the pools of one database.

    Entered with ``async with`` it renews the leases of what this process holds and looks, while somebody waits, for
    what other processes released; else a lease lasts ``lease_ms`` unless ``renew`` is called.
    """

    def __init__(self, graph: Graph, settings: ResourceSettings | None = None) -> None:
        self.graph = graph
        self.settings = settings or ResourceSettings()
        self._held: dict[str, ResourceAllocation] = {}
        self._waiters = Waiters(graph.db, self.settings)
        self._tasks: anyio.abc.TaskGroup | None = None
        self._seen: set[str] = set()

    # Pools

    async def define_pool(
        self,
        name: str,
        capacity: float,
        *,
        max_utilization: float | None = None,
        strategy: Strategy | None = None,
    ) -> PoolUsage:
        """Define a pool, or change it, for all processes; what is not said is that of the settings.

        Raises ``RequestInvalid``, and ``PoolInUse`` when more of it is held than it would allow.
        """
        check_pool_name(name)
        utilization = self.settings.max_resource_utilization if max_utilization is None else max_utilization
        chosen = strategy or self.settings.strategy
        if chosen not in STRATEGIES:
            raise RequestInvalid(f"strategy: {chosen!r} is none of {', '.join(STRATEGIES)}", field="strategy")
        facts = decisions.pool_facts(capacity, utilization, chosen)
        await self._decided(partial(decisions.define, name=name, facts=facts))
        return (await self.get_resource_usage(name)).pools[name]

    async def remove_pool(self, name: str) -> None:
        """Forget a pool that nobody holds or waits for; raises ``PoolUnknown`` and ``PoolInUse``."""
        await self._decided(partial(decisions.remove, name=check_pool_name(name)))
        self._seen.discard(name)

    # Allocations

    async def allocate_resources(self, request: ResourceRequest | Mapping[str, Any]) -> ResourceAllocation:
        """Take all that is asked for or nothing, at once or within the request's time.

        Raises ``RequestInvalid``, ``PoolUnknown``, ``ResourcesExhausted`` when it is not free (or others wait before
        this one, or it is more than a pool ever gives), ``ResourceTimeout`` when it did not become free in time.
        Who is cancelled while waiting holds nothing.
        """
        asked = request_of(request)
        amounts, holder = asked.amounts(), asked.holder or PROCESS
        lease_ms = asked.lease_ms or self.settings.lease_ms
        ask = decisions.Wanted(asked.id, holder, amounts, asked.priority, lease_ms, asked.timeout_ms > 0)
        with self._waiters.waiting(asked.id) as wakened:
            try:
                verdict = await self._decided(partial(decisions.ask, wanted=ask, **self._rules()))
                self._seen.update(amounts)
                if not verdict.granted:
                    verdict = await self._awaited(asked, wakened)
            except BaseException as error:
                if not isinstance(error, PsgError):
                    await self._give_up(asked.id)
                raise
        shares = {name: shown(amount) for name, amount in amounts.items()}
        allocation = ResourceAllocation(asked.id, shares, holder, asked.priority, verdict.at_ms, lease_ms)
        self._held[asked.id] = allocation
        return allocation

    async def _awaited(self, asked: ResourceRequest, wakened: anyio.Event) -> Verdict:
        with anyio.move_on_after(asked.timeout_ms / 1000):
            await self._waiters.until(wakened, asked.resources, self._optimize_pools, alone=self._tasks is None)
        verdict = await self._decided(partial(decisions.withdraw, allocation_id=asked.id))
        if not verdict.granted:
            what = ", ".join(f"{shown(a)} of {n}" for n, a in asked.amounts().items())
            message = f"{what} did not become free within {asked.timeout_ms} ms"
            raise ResourceTimeout(message, timeout_ms=asked.timeout_ms)
        return verdict

    async def _give_up(self, allocation_id: str) -> None:
        """Whoever is cancelled gives back what it may have got meanwhile; else its lease does so."""
        with anyio.move_on_after(LOCK_SECONDS, shield=True):
            try:
                verdict = await self._decided(partial(decisions.withdraw, allocation_id=allocation_id))
                if verdict.granted:
                    await self._decided(partial(decisions.release, allocation_id=allocation_id, token=new_id()))
            except PsgError as error:
                log.warning("request_not_withdrawn", id=allocation_id, code=error.code)

    async def release_resources(self, allocation_id: str) -> None:
        """Give back exactly this allocation, once; those who wait for it are woken.

        Raises ``AllocationUnknown``, ``AllocationReleased`` for a second release, ``AllocationLapsed`` when its lease
        had run out.
        """
        if not isinstance(allocation_id, str):
            raise RequestInvalid(f"{str(allocation_id)[:100]!r} is no id of an allocation")
        try:
            await self._decided(partial(decisions.release, allocation_id=allocation_id, token=new_id()))
        finally:
            self._held.pop(allocation_id, None)

    @asynccontextmanager
    async def allocated(self, request: ResourceRequest | Mapping[str, Any]) -> AsyncIterator[ResourceAllocation]:
        """Hold resources for the length of a block."""
        allocation = await self.allocate_resources(request)
        try:
            yield allocation
        finally:
            with anyio.move_on_after(LOCK_SECONDS, shield=True):
                try:
                    await self.release_resources(allocation.id)
                except PsgError as error:
                    log.warning("resources_not_released", id=allocation.id, code=error.code)

    def holds(self, allocation_id: str) -> bool:
        """Whether this process holds an allocation, as far as it knows."""
        return allocation_id in self._held

    async def renew(self) -> list[str]:
        """Renew the leases of what this process holds; returns the ids of those that are lost."""
        held = {f"{a.id}/{name}": a.id for a in list(self._held.values()) for name in a.resources}
        if not held:
            return []
        rows = await self.graph.db.write(psg_cypher.statement("resource_renew"), batch={"ids": sorted(held)})
        lost = sorted({held[i] for i in set(held) - set(rows[0]["renewed"])} & set(self._held))
        for allocation_id in lost:
            log.warning("allocation_lost", id=allocation_id)
            del self._held[allocation_id]
        return lost

    # Looking and tidying

    async def get_resource_usage(self, name: str | None = None) -> ResourceUsage:
        """Return what is held and waited for of every pool (or one), counted from what lives now."""
        pools, after = dict[str, PoolUsage](), ""
        while True:
            rows = await self.graph.db.read(
                psg_cypher.statement("resource_usage"), after=after, limit=PAGE, name=name
            )
            pools |= {row["pool"]["name"]: _usage(row) for row in rows}
            if len(rows) < PAGE:
                return ResourceUsage(pools)
            after = rows[-1]["pool"]["name"]

    async def list_allocations(self, name: str, limit: int = 100) -> list[dict[str, Any]]:
        """Return shares of a pool that are held or waited for, the oldest first, as data."""
        if not 1 <= limit <= 10_000:
            raise ValidationFailed("limit: from 1 to 10000", field="limit")
        rows = await self.graph.db.read(psg_cypher.statement("resource_allocations"), name=name, limit=limit)
        return [decisions.shown_share(row["share"]) for row in rows]

    async def optimize_resource_allocation(self) -> OptimizationResult:
        """Return lapsed shares to their pools, give what is free to those who wait, forget what ended long ago.

        What it cannot do it proposes: a larger pool where somebody waits.
        """
        return await self._optimize_pools(sorted((await self.get_resource_usage()).pools))

    async def _optimize_pools(self, names: list[str]) -> OptimizationResult:
        return (await self._decided(partial(decisions.optimize, names=names))).optimized

    def _rules(self) -> dict[str, Any]:
        """What a decision has to know of the settings of this process."""
        return {"settings": self.settings, "seen": frozenset(self._seen)}

    async def _decided(self, decide: Callable[[Ledger], Awaitable[Verdict]]) -> Verdict:
        """Decide behind the lock of all resources, and wake those of this process who got something by it."""

        async def work(transaction: Transaction) -> Verdict:
            return await decide(await Ledger.locked(transaction))

        try:
            verdict = await self.graph.db.in_transaction(work, timeout=LOCK_SECONDS)
        except DatabaseTimeout:  # who stopped and held the lock for as long as it could is gone by now
            verdict = await self.graph.db.in_transaction(work, timeout=LOCK_SECONDS)
        self._waiters.wake(verdict.woken)
        if verdict.refused is not None:
            raise verdict.refused
        return verdict

    # Leases

    async def __aenter__(self) -> Self:
        await self._define_configured()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._keep_leases)
        self._tasks.start_soon(self._waiters.watch, self._optimize_pools)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        tasks, self._tasks = self._tasks, None
        tasks.cancel_scope.cancel()
        # Without the error of the block, which goes on as it is instead of in a group.
        await tasks.__aexit__(None, None, None)
        with anyio.move_on_after(LOCK_SECONDS, shield=True):
            for allocation_id in list(self._held):
                try:
                    await self.release_resources(allocation_id)
                except PsgError as fault:
                    log.warning("resources_not_released", id=allocation_id, code=fault.code)

    async def _define_configured(self) -> None:
        for name, capacity in self.settings.pools.items():
            try:
                await self.define_pool(name, capacity)
            except PoolInUse as error:
                log.warning("pool_not_defined", pool=name, error=error.message)

    async def _keep_leases(self) -> None:
        while True:
            leases = [self.settings.lease_ms, *(a.lease_ms for a in self._held.values())]
            await anyio.sleep(min(leases) / 3000)
            try:
                await self.renew()
            except PsgError as error:
                log.warning("leases_not_renewed", code=error.code, error=error.message)


def _usage(row: Row) -> PoolUsage:
    pool = row["pool"]
    return PoolUsage(
        name=pool["name"], capacity=shown(pool["capacity"]), limit=shown(pool["limit"]), used=shown(row["used"]),
        wanted=shown(row["wanted"]), allocations=row["allocations"], waiting=row["waiting"],
        strategy=pool["strategy"], max_utilization=pool["max_utilization"],
    )  # fmt: skip
