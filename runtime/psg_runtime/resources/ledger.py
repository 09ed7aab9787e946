"""What is written down of pools and shares, changed only behind the lock of all resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psg_cypher
from psg_neo4j.database import Row, Transaction
from psg_runtime.resources.strategy import Ask, Pool, granted

KEPT_MS = 3_600_000
SWEPT_MS = 10_000
"""How long an ended allocation is remembered, so that a second release is told from an unknown one."""
ENDED = "~"


@dataclass(slots=True)
class Ledger:
    """The pools that a decision touches, with all shares of them, as they are behind the lock at ``now``."""

    transaction: Transaction
    now: int
    pools: dict[str, Row] = field(default_factory=dict)
    shares: dict[str, list[Row]] = field(default_factory=dict)
    reclaimed: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    _changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    _dropped: list[str] = field(default_factory=list)

    @classmethod
    async def locked(cls, transaction: Transaction) -> Ledger:
        """Take the lock for the rest of the transaction."""
        rows = await transaction.run(psg_cypher.statement("resource_lock"))
        return cls(transaction, rows[0]["now"])

    async def read(self, names: Iterable[str]) -> None:
        """Read pools with their shares, and those that anybody waits for together with them."""
        wanted = set(names) - set(self.pools)
        while wanted:
            batch = {"names": sorted(wanted)}
            for row in await self.transaction.run(psg_cypher.statement("resource_pools"), batch=batch):
                self.pools[row["pool"]["name"]] = row["pool"]
            others: set[str] = set()
            for row in await self.transaction.run(psg_cypher.statement("resource_shares"), batch=batch):
                share = row["share"]
                self.shares.setdefault(share["allocation"], []).append(share)
                if share["state"] == "waiting":
                    others.update(share["pools"])
            wanted = others - set(self.pools) - wanted

    async def allocation(self, allocation_id: str) -> list[Row]:
        """All shares of an allocation, whatever came of it."""
        rows = await self.transaction.run(psg_cypher.statement("resource_allocation"), id=allocation_id)
        return [row["share"] for row in rows]

    def used(self, name: str) -> int:
        """What is held of a pool by those that live."""
        return sum(s["amount"] for s in self._of(name) if s["state"] == "granted")

    def waiting(self, name: str) -> list[Row]:
        """Shares of a pool that are waited for."""
        return [s for s in self._of(name) if s["state"] == "waiting"]

    def _of(self, name: str) -> list[Row]:
        return [s for shares in self.shares.values() for s in shares if s["pool"] == name]

    def reclaim(self) -> None:
        """End allocations whose leases ran out, and forget requests of those who died waiting."""
        for allocation_id, shares in list(self.shares.items()):
            if all(share["lease_until"] > self.now for share in shares):
                continue
            ids = [f"{allocation_id}/{name}" for name in shares[0]["pools"]]
            if shares[0]["state"] == "waiting":
                self._dropped += ids
                del self.shares[allocation_id]
            else:
                self.end(allocation_id, shares[0]["pools"], "lapsed")
                self.reclaimed.append(allocation_id)

    def ask(self, ask: Ask, facts: Mapping[str, Any]) -> None:
        """Add a request that waits."""
        self.shares[ask.id] = []
        for name, amount in ask.amounts.items():
            share = {
                **facts, "id": f"{ask.id}/{name}", "allocation": ask.id, "pool": name, "amount": amount,
                "pools": sorted(ask.amounts), "state": "waiting", "holder": ask.holder, "priority": ask.priority,
                "asked_ms": self.now, "lease_until": self.now + facts["lease_ms"],
            }  # fmt: skip
            self.shares[ask.id].append(share)
            self._changed[share["id"]] = share

    def end(self, allocation_id: str, pools: Iterable[str], how: str, **facts: Any) -> None:
        """End an allocation: its shares are remembered beside their pools."""
        for name in pools:
            share_id = f"{allocation_id}/{name}"
            ended = {"id": share_id, "pool": f"{ENDED}{name}", "state": how, "ended_ms": self.now, **facts}
            self._changed[share_id] = self._changed.get(share_id, {}) | ended
        self.shares.pop(allocation_id, None)

    def withdraw(self, allocation_id: str, pools: Iterable[str]) -> None:
        """Forget a request that waits no more."""
        for name in pools:
            share_id = f"{allocation_id}/{name}"
            self._changed.pop(share_id, None)
            self._dropped.append(share_id)
        self.shares.pop(allocation_id, None)

    def grant(self) -> None:
        """Give what is free to those who wait, by the strategy of the pools."""
        pools = {name: Pool(name, row["limit"], row["strategy"]) for name, row in self.pools.items()}
        held = [_ask(i, shares) for i, shares in self.shares.items() if shares[0]["state"] == "granted"]
        waiting = [_ask(i, shares) for i, shares in self.shares.items() if shares[0]["state"] == "waiting"]
        for part in _apart(pools, waiting):
            own = {name: pools[name] for name in part}
            mine = [ask for ask in waiting if set(ask.amounts) <= part]
            for ask in granted(own, held, mine):
                self._given(ask.id)

    def _given(self, allocation_id: str) -> None:
        self.given.append(allocation_id)
        for share in self.shares[allocation_id]:
            facts = {"state": "granted", "granted_ms": self.now, "lease_until": self.now + share["lease_ms"]}
            share.update(facts)
            changed = self._changed.setdefault(share["id"], {"id": share["id"]})
            changed.update(facts)

    def define(self, name: str, **facts: Any) -> None:
        """Define a pool, or change it; written at once with the rest."""
        self.pools[name] = {**self.pools.get(name, {}), "name": name, **facts, "changed": True}

    async def write(self) -> None:
        """Write what was decided."""
        pools = [{k: v for k, v in p.items() if k != "changed"} for p in self.pools.values() if p.get("changed")]
        for name, rows in (("resource_pool_put", pools), ("resource_shares_put", list(self._changed.values()))):
            if rows:
                await self.transaction.run(psg_cypher.statement(name), batch={"rows": rows})
        if self._dropped:
            await self.transaction.run(psg_cypher.statement("resource_shares_drop"), batch={"ids": self._dropped})

    async def sweep(self, *, every_ms: int = SWEPT_MS) -> int:
        """Forget what ended long ago, of pools where nobody did so lately; returns how many shares."""
        names = sorted(n for n, pool in self.pools.items() if self.now - pool.get("swept_ms", 0) >= every_ms)
        if not names:
            return 0
        for name in names:
            self.define(name, swept_ms=self.now)
        rows = await self.transaction.run(
            psg_cypher.statement("resource_shares_sweep"), batch={"names": names}, before_ms=self.now - KEPT_MS
        )
        return int(rows[0]["forgotten"])


def _ask(allocation_id: str, shares: list[Row]) -> Ask:
    first = shares[0]
    amounts = {share["pool"]: share["amount"] for share in shares}
    return Ask(allocation_id, first["holder"], amounts, first["priority"], first["asked_ms"])


def _apart(pools: Mapping[str, Pool], waiting: list[Ask]) -> list[set[str]]:
    """Pools that are waited for, in groups that nobody waits for together: each is decided by itself."""
    groups: list[set[str]] = []
    for ask in waiting:
        joined = set(ask.amounts) & set(pools)
        apart = []
        for group in groups:
            if group & joined:
                joined |= group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return groups
