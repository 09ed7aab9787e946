"""Checks of the platform's parts: the database, the orchestrators, and the modules of this process."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import anyio
import structlog

import psg_cypher
from psg.errors import PsgError
from psg.model.codec import storable
from psg_neo4j.database import Database, Row
from psg_neo4j.migrations import require_schema
from psg_runtime.execution_core import redact_execution_log
from psg_runtime.monitoring.errors import UnknownModule
from psg_runtime.monitoring.model import STATES, HealthState, ModuleHealth, SystemHealth, worst
from psg_runtime.monitoring.ports import ModuleHealthSource, part
from psg_runtime.monitoring.scope import Scope

log = structlog.get_logger(__name__)

CLAIMS_LOOKED_AT = 32
SLOW_DATABASE_MS = 1_000.0
_GOOD = frozenset(("healthy", "ok", "up", "running", "active", "true"))
_FAIR = frozenset(("degraded", "warning", "starting", "unknown"))

Finding = tuple[HealthState, dict[str, Any]]
Check = Callable[[], Awaitable[Finding]]


class HealthChecks:
    """Finds out how parts are; a check that raises or hangs finds its part unhealthy and holds nothing up.

    ``timeout_ms`` bounds each check.
    """

    def __init__(self, db: Database, scope: Scope, modules: ModuleHealthSource | None, timeout_ms: int) -> None:
        self._db = db
        self._scope = scope
        self._modules = modules
        self._timeout_ms = timeout_ms
        self._own: dict[str, Check] = {"database": self._database, "orchestrators": self._orchestrators}

    async def all(self) -> SystemHealth:
        """Check every part at the same time."""
        checks: dict[str, Check] = dict(self._own)
        try:
            checks |= {name: partial(self._module, ids) for name, ids in (await self._by_type()).items()}
        except Exception as error:
            checks["modules"] = partial(_broken, error)
        found: dict[str, ModuleHealth] = {}

        async def check(name: str, how: Check) -> None:
            found[name] = await self._checked(name, how)

        async with anyio.create_task_group() as tasks:
            for name, how in checks.items():
                tasks.start_soon(check, name, how)
        components = {name: found[name] for name in checks}
        problems = [_problem(health) for health in components.values() if health.status != "healthy"]
        state = worst([_weight(health, self._own) for health in components.values()])
        return SystemHealth(status=state, components=components, problems=problems, checked_at=_now_ms())

    async def one(self, name: str) -> ModuleHealth:
        """Check one part, a module by its type or id; raises UnknownModule."""
        how = self._own.get(name)
        if how is None:
            by_type = await self._by_type()
            ids = by_type.get(name) or [name for every in by_type.values() if name in every]
            if not ids:
                known, shown = ", ".join([*self._own, *by_type]), str(name)[:200]
                raise UnknownModule(f"module_id: there is no module {shown!r} here; known are {known}", id=shown)
            how = partial(self._module, ids)
        return await self._checked(name, how)

    async def modules(self) -> dict[str, ModuleHealth]:
        """Check the modules alone, by type."""
        found: dict[str, ModuleHealth] = {}

        async def check(name: str, ids: list[str]) -> None:
            found[name] = await self._checked(name, partial(self._module, ids))

        async with anyio.create_task_group() as tasks:
            for name, ids in (await self._by_type()).items():
                tasks.start_soon(check, name, ids)
        return dict(sorted(found.items()))

    async def listed(self) -> list[Any]:
        """The modules there are."""
        if self._modules is None:
            return []
        found = self._modules.list_modules()
        return list(await found if inspect.isawaitable(found) else found)

    async def _by_type(self) -> dict[str, list[str]]:
        """Ids of modules by what they are called: their type, which several processes may have."""
        found: dict[str, list[str]] = {}
        for module in await self.listed():
            name = part(module, "module_type", "moduleType", "id", "module_id")
            if name is not None:
                found.setdefault(str(name), []).append(str(part(module, "id", "module_id") or name))
        return found

    async def _checked(self, name: str, how: Check) -> ModuleHealth:
        began = time.perf_counter()
        state: HealthState = "unhealthy"
        details: dict[str, Any] = {"reason": f"no answer within {self._timeout_ms} ms"}
        with anyio.move_on_after(self._timeout_ms / 1000):
            try:
                state, details = await how()
            except Exception as error:
                state, details = "unhealthy", reason_of(error)
        took = round((time.perf_counter() - began) * 1000, 2)
        return ModuleHealth(
            module_id=name, status=state, details=details, response_time_ms=took, checked_at=_now_ms()
        )

    async def _module(self, ids: list[str]) -> Finding:
        """One module, or the worst of those of its type."""
        assert self._modules is not None
        found = [finding(await self._modules.get_module_health(name)) for name in ids]
        state, details = max(found, key=lambda one: STATES.index(one[0]))
        return state, details | ({"processes": len(ids)} if len(ids) > 1 else {})

    async def _database(self) -> Finding:
        began = time.perf_counter()
        await self._db.read(psg_cypher.statement("server_ping"))
        latency = round((time.perf_counter() - began) * 1000, 2)
        state = await require_schema(self._db)
        details: dict[str, Any] = {"latency_ms": latency, "schema_version": state.current}
        if latency > SLOW_DATABASE_MS:
            return "degraded", details | {"reason": f"a round trip takes {latency:.0f} ms"}
        return "healthy", details

    async def _orchestrators(self) -> Finding:
        """Nobody to run plans is only bad when there is something to run."""
        sessions = await sessions_of(self._db)
        waiting = await claims_of(self._db, self._scope)
        details: dict[str, Any] = {
            "live": len(sessions), "running_steps": sum(s["running"] for s in sessions),
            "claim_lag_ms": waiting["lag_ms"],
        }  # fmt: skip
        if not sessions and waiting["waiting"]:
            return "degraded", details | {"reason": "steps are ready and no orchestrator runs (`psg orchestrate`)"}
        return "healthy", details


async def sessions_of(db: Database) -> list[Row]:
    """Orchestrators that hold a lease."""
    return await db.read(psg_cypher.statement("monitor_sessions"))


async def claims_of(db: Database, scope: Scope) -> Row:
    """Plans with steps that can be claimed, up to a few, and how long (ms) the longest of these has been waiting."""
    row = await db.read_one(psg_cypher.statement("monitor_claims"), **scope.bounds, limit=CLAIMS_LOOKED_AT)
    assert row is not None
    return row


def finding(told: Any) -> Finding:
    """What a health check answered, in one form; what has no status that is known is unhealthy."""
    said = part(told, "status", "healthy") if not isinstance(told, (str, bool)) else told
    text = str(getattr(said, "value", said)).lower()
    raw = part(told, "details") if not isinstance(told, (str, bool)) else None
    details = _details(raw)
    if text in _GOOD:
        return "healthy", details
    if text in _FAIR:
        return "degraded", details
    if text not in STATES:
        details = details | {"reason": details.get("reason", f"its status is {text[:100]!r}")}
    return "unhealthy", details


def _details(raw: Any) -> dict[str, Any]:
    found = redact_execution_log(dict(raw)) if isinstance(raw, Mapping) else {}
    return found if storable(found) else {"reason": "its details are no JSON"}


def reason_of(error: Exception) -> dict[str, Any]:
    """Why a check failed: our own errors speak for themselves, of others only the type may be told."""
    if isinstance(error, PsgError):
        return {"reason": error.message[:500], "code": error.code, "category": error.category}
    return {"reason": f"the check raised {type(error).__name__}"}


async def _broken(error: Exception) -> Finding:
    return "unhealthy", reason_of(error)


def _problem(health: ModuleHealth) -> str:
    reason = health.details.get("reason")
    return f"{health.module_id} is {health.status}" + (f": {reason}" if reason else "")


def _weight(health: ModuleHealth, own: Mapping[str, Check]) -> HealthState:
    """Without one module the platform still works; without the database it does not."""
    return "degraded" if health.status == "unhealthy" and health.module_id not in own else health.status


def _now_ms() -> int:
    return int(time.time() * 1000)
