"""What is decided about resources behind their lock; each may be repeated and then has no second effect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psg_cypher
from psg_neo4j.database import Row
from psg_neo4j.errors import PsgError
from psg_runtime.resources.amounts import limit_of, shown, thousandths
from psg_runtime.resources.errors import (
    AllocationLapsed,
    AllocationReleased,
    AllocationUnknown,
    PoolInUse,
    PoolUnknown,
    RequestInvalid,
    ResourcesExhausted,
)
from psg_runtime.resources.ledger import Ledger
from psg_runtime.resources.model import OptimizationResult, Proposal
from psg_runtime.resources.settings import ResourceSettings, machine_pools
from psg_runtime.resources.strategy import Ask, Strategy


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request as it is decided: amounts in thousandths; ``waits``: whether it may wait."""

    id: str
    holder: str
    amounts: Mapping[str, int]
    priority: int
    lease_ms: int
    waits: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a decision: whether the request at hand is ``granted``, since when, and who else got something.

    ``refused`` is raised after the commit: a refusal may have returned what lapsed.
    """

    granted: bool = False
    at_ms: int = 0
    woken: tuple[str, ...] = ()
    refused: PsgError | None = None
    optimized: OptimizationResult = field(default_factory=OptimizationResult)


def pool_facts(capacity: Any, max_utilization: Any, strategy: Strategy) -> dict[str, Any]:
    """What is stored of a pool; raises ``RequestInvalid``."""
    whole = thousandths(capacity, "capacity")
    number = isinstance(max_utilization, int | float) and not isinstance(max_utilization, bool)
    if not number or not math.isfinite(max_utilization) or not 0 < max_utilization <= 1:
        raise RequestInvalid(
            f"max_utilization: {str(max_utilization)[:40]!r} is no part of the whole; 0.8 is 80 %",
            field="max_utilization",
        )  # fmt: skip
    return {
        "capacity": whole, "max_utilization": float(max_utilization), "limit": limit_of(whole, max_utilization),
        "strategy": strategy,
    }  # fmt: skip


async def define(ledger: Ledger, *, name: str, facts: Mapping[str, Any]) -> Verdict:
    """Define or change a pool, and give what that makes free."""
    await ledger.read([name])
    ledger.reclaim()
    used = ledger.used(name)
    if used > facts["limit"]:
        raise PoolInUse(
            f"pool {name!r}: {shown(used)} of it are held, {shown(facts['limit'])} would be allowed; release first",
            pool=name, used=shown(used), limit=shown(facts["limit"]),
        )  # fmt: skip
    ledger.define(name, **facts)
    return await _settled(ledger)


async def remove(ledger: Ledger, *, name: str) -> Verdict:
    """Forget a pool that nobody needs."""
    await ledger.read([name])
    if name not in ledger.pools:
        raise _unknown(name, ledger)
    ledger.reclaim()
    if ledger.used(name) or ledger.waiting(name):
        raise PoolInUse(f"pool {name!r} is in use: {shown(ledger.used(name))} of it are held", pool=name)
    await ledger.write()
    await ledger.transaction.run(psg_cypher.statement("resource_pool_drop"), name=name)
    return Verdict()


async def ask(ledger: Ledger, *, wanted: Wanted, settings: ResourceSettings, seen: frozenset[str]) -> Verdict:
    """Grant a request, let it wait, or refuse it; a request that was asked before is told what became of it."""
    known = await ledger.allocation(wanted.id)
    if known:
        return _again(wanted, known)
    await ledger.read(wanted.amounts)
    ledger.reclaim()
    for name in wanted.amounts:
        _configured(ledger, name, settings, name in seen)
    _check_possible(ledger, wanted)
    for name in wanted.amounts:
        if wanted.waits and len(ledger.waiting(name)) >= settings.max_waiting:
            raise ResourcesExhausted(
                f"pool {name!r}: {settings.max_waiting} requests wait for it already", pool=name
            )
    asked = Ask(wanted.id, wanted.holder, wanted.amounts, wanted.priority, ledger.now)
    ledger.ask(asked, {"lease_ms": wanted.lease_ms})
    ledger.grant()
    refused = None
    if wanted.id not in ledger.given and not wanted.waits:
        refused = _exhausted(ledger, wanted)
        ledger.withdraw(wanted.id, wanted.amounts)
    # Without the one that does not wait, others may come before those that it kept back.
    verdict = await _settled(ledger, regrant=refused is not None)
    return Verdict(wanted.id in ledger.given, ledger.now, verdict.woken, refused)


def _again(wanted: Wanted, known: list[Row]) -> Verdict:
    first = known[0]
    if {share["id"].partition("/")[2]: share["amount"] for share in known} != dict(wanted.amounts):
        raise RequestInvalid(f"id: {wanted.id} was used before for another request", id=wanted.id)
    if first["state"] == "lapsed" or first["state"] == "released":
        raise _ended(wanted.id, first)
    return Verdict(first["state"] == "granted", first.get("granted_ms") or 0)


def _configured(ledger: Ledger, name: str, settings: ResourceSettings, seen: bool) -> None:
    """A pool is made when it is asked for first, and follows what the settings of this process say of it."""
    pool = ledger.pools.get(name)
    if pool is None:
        capacity = settings.pools.get(name, machine_pools().get(name))
        if capacity is None:
            raise _unknown(name, ledger)
        ledger.define(name, **pool_facts(capacity, settings.max_resource_utilization, settings.strategy))
        return
    said = settings.model_fields_set
    if seen or not {"strategy", "max_resource_utilization", "pools"} & said:
        return
    capacity = settings.pools.get(name, shown(pool["capacity"]))
    utilization = settings.max_resource_utilization if "max_resource_utilization" in said else pool["max_utilization"]
    facts = pool_facts(capacity, utilization, settings.strategy if "strategy" in said else pool["strategy"])
    # Held already beyond the new limit: that one comes with a process that finds less in use.
    if any(pool[k] != v for k, v in facts.items()) and ledger.used(name) <= facts["limit"]:
        ledger.define(name, **facts)


def _check_possible(ledger: Ledger, wanted: Wanted) -> None:
    for name, amount in wanted.amounts.items():
        limit = ledger.pools[name]["limit"]
        if amount > limit:
            pool = ledger.pools[name]
            raise ResourcesExhausted(
                f"pool {name!r}: {shown(amount)} were asked for; of {shown(pool['capacity'])} at most {shown(limit)} "
                f"can be held ({pool['max_utilization']:.0%})",
                pool=name, asked=shown(amount), limit=shown(limit), ever=False,
            )  # fmt: skip


def _exhausted(ledger: Ledger, wanted: Wanted) -> ResourcesExhausted:
    lacking = {}
    for name, amount in wanted.amounts.items():
        free = ledger.pools[name]["limit"] - ledger.used(name)
        if free < amount:
            lacking[name] = {"asked": shown(amount), "free": shown(max(0, free))}
    if not lacking:
        names = ", ".join(wanted.amounts)
        return ResourcesExhausted(f"others wait for {names} before this request; ask again, or wait", waits=True)
    what = "; ".join(f"pool {n!r}: {v['asked']} were asked for, {v['free']} are free" for n, v in lacking.items())
    return ResourcesExhausted(f"{what}; nothing was allocated", pools=lacking)


async def release(ledger: Ledger, *, allocation_id: str, token: str) -> Verdict:
    """End an allocation once; ``token`` tells a repeat of the same request from a second one."""
    known = await ledger.allocation(allocation_id) if "/" not in allocation_id else []
    if not known or known[0]["state"] == "waiting":
        raise AllocationUnknown(f"there is no allocation {allocation_id[:100]!r}", id=allocation_id[:100])
    if known[0]["state"] != "granted":
        if known[0].get("token") == token:
            return Verdict()
        raise _ended(allocation_id, known[0])
    await ledger.read(known[0]["pools"])
    ledger.end(allocation_id, known[0]["pools"], "released", token=token)
    await ledger.sweep()
    return await _settled(ledger)


async def withdraw(ledger: Ledger, *, allocation_id: str) -> Verdict:
    """Let a request wait no more: it has what it asked for, or nothing."""
    known = await ledger.allocation(allocation_id)
    if not known:
        return Verdict()
    if known[0]["state"] != "waiting":
        granted = known[0]["state"] == "granted"
        return Verdict(granted, known[0].get("granted_ms") or 0)
    await ledger.read(known[0]["pools"])
    ledger.withdraw(allocation_id, known[0]["pools"])
    return await _settled(ledger)


async def optimize(ledger: Ledger, *, names: list[str]) -> Verdict:
    """Return what lapsed, give what is free, forget what ended long ago, propose the rest."""
    await ledger.read(names)
    forgotten = await ledger.sweep(every_ms=0)
    verdict = await _settled(ledger)
    result = OptimizationResult(
        tuple(ledger.reclaimed), tuple(ledger.given), forgotten, tuple(_proposals(ledger, names))
    )
    return Verdict(woken=verdict.woken, optimized=result)


def _proposals(ledger: Ledger, names: list[str]) -> list[Proposal]:
    found = []
    for name in names:
        pool = ledger.pools.get(name)
        waiting = ledger.waiting(name)
        if pool is None or not waiting:
            continue
        needed = ledger.used(name) + sum(share["amount"] for share in waiting)
        if needed <= pool["limit"]:
            continue  # it waits for another pool, or behind somebody who does
        why = f"{len(waiting)} requests wait for {shown(sum(share['amount'] for share in waiting))} of it"
        if needed <= pool["capacity"]:
            found.append(Proposal(name, "raise_utilization", shown(needed), why))
        else:
            capacity = math.ceil(needed / pool["max_utilization"])
            found.append(Proposal(name, "raise_capacity", shown(capacity), why))
    return found


async def _settled(ledger: Ledger, *, regrant: bool = True) -> Verdict:
    ledger.reclaim()
    if regrant:
        ledger.grant()
    await ledger.write()
    return Verdict(woken=tuple(ledger.given))


def _ended(allocation_id: str, share: Row) -> PsgError:
    if share["state"] == "lapsed":
        return AllocationLapsed(
            f"the lease of allocation {allocation_id} ran out; its share was given back", id=allocation_id
        )
    return AllocationReleased(f"allocation {allocation_id} was released before", id=allocation_id)


def _unknown(name: str, ledger: Ledger) -> PoolUnknown:
    return PoolUnknown(f"there is no resource pool {name!r}; define it first", pool=name)


def shown_share(share: Row) -> dict[str, Any]:
    """A share as it is told."""
    return {
        "allocationId": share["allocation"], "pool": share["pool"], "amount": shown(share["amount"]),
        "state": share["state"], "holder": share["holder"], "priority": share["priority"],
        "askedMs": share["asked_ms"], "grantedMs": share.get("granted_ms"), "leaseUntilMs": share["lease_until"],
    }  # fmt: skip
