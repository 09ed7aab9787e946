"""Modules without a graph: registration, versions, dependencies, health, limits of time, loading and unloading."""

from __future__ import annotations

import threading
import time
from typing import Any

import anyio
import pytest

from psg.errors import ActionTimeout, ValidationFailed
from psg_runtime.modules import (
    MODULE_TYPES,
    DependencyCircular,
    DependencyUnmet,
    Environment,
    HealthStatus,
    Invocation,
    ModuleExists,
    ModuleFailed,
    ModuleManager,
    ModuleNotRunning,
    ModuleRegistration,
    ModuleSettings,
    ModuleStartFailed,
    ModuleUnavailable,
    ModuleUnknown,
    OperationNotAllowed,
    RegistrationInvalid,
    Started,
)

pytestmark = pytest.mark.anyio

QUICK = ModuleSettings(startup_timeout_ms=200, health_check_interval_ms=30, shutdown_timeout_ms=300)


def registration(name: str, *needs: str, **more: Any) -> ModuleRegistration:
    """A module with one operation; ``needs`` are ``type`` or ``type range``."""
    dependencies = [dict(zip(("module_type", "version"), n.split(" ", 1), strict=False)) for n in needs]
    more.setdefault("capabilities", [f"{name}.echo"])
    more.setdefault("operations", {"echo": lambda inputs: {"echo": inputs}})
    return ModuleRegistration(
        **{"module_type": name, "version": "1.2.0", "dependencies": dependencies, **more}  # type: ignore[arg-type]
    )


async def managing(*registrations: ModuleRegistration) -> ModuleManager:
    made = ModuleManager(settings=QUICK)
    for one in registrations:
        await made.register(one)
    return made


@pytest.mark.req("CORE-19", "CORE-22")
async def test_modules_are_registered_started_asked_and_listed() -> None:
    seen: list[Invocation] = []

    async def find(inputs: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
        seen.append(invocation)
        return {"found": inputs["text"] * invocation.module.configuration["times"]}

    m = await managing(
        registration("store"),
        registration(
            "search", "store ^1.0.0", capabilities=["search.find", "search.count"], configuration={"times": 1},
            operations={"search.find": find, "count": len}, operation_names={"lookUp": "search.find"},
        ),
    )  # fmt: skip
    made = await m.initialize_module("search", {"times": 2})
    assert (made.module_type, made.version, made.status, made.capabilities) == (
        "search", "1.2.0", "running", ("search.find", "search.count")
    )  # fmt: skip
    assert made.configuration == {"times": 2} and made.health.status == "healthy" and made.local
    assert await m.get_module(made.id) == made
    assert [x.module_type for x in await m.list_modules()] == ["search", "store"]
    for operation in ("search.find", "find", "findSearch", "find_search", "lookUp"):
        assert await m.invoke("search", operation, {"text": "a"}, correlation_id="c") == {"found": "aa"}
    assert await m.invoke("search", "count", {"x": 1}) == 1
    assert {(i.correlation_id, i.capability) for i in seen} == {("c", "search.find")}
    after = await m.get_module(made.id)
    assert (after.operations, after.failures) == (6, 0) and after.total_ms > 0
    # The same again is the same; something else is not put in its place silently.
    assert (await m.initialize_module("search", {"times": 2})).id == made.id
    with pytest.raises(ModuleExists, match="another configuration"):
        await m.initialize_module("search", {"times": 3})
    with pytest.raises(ModuleExists, match="shut it down"):
        await m.register(registration("search"), replace=True)
    with pytest.raises(ModuleUnknown):
        await m.get_module("no id")


@pytest.mark.req("CORE-24")
async def test_capabilities_bound_what_may_be_invoked() -> None:
    calls: list[str] = []
    operations = {"find": lambda i: calls.append("find"), "drop": lambda i: calls.append("drop")}
    m = await managing(
        registration("search", capabilities=["search.find", "search.promised"], operations=operations)
    )
    await m.initialize_module("search")
    await m.invoke("search", "find")
    for operation in ("drop", "search.drop", "dropSearch", "context.create", "findContext", "", "find.find"):
        with pytest.raises(OperationNotAllowed, match="does not offer"):
            await m.invoke("search", operation)
    with pytest.raises(OperationNotAllowed, match="brings no operation"):
        await m.invoke("search", "promised")
    assert calls == ["find"]


@pytest.mark.req("CORE-20")
async def test_a_module_that_is_shut_down_receives_no_operations() -> None:
    stopped: list[str] = []

    async def start(environment: Environment) -> Started:
        return Started({"echo": lambda inputs: inputs}, stop=lambda: stopped.append(environment.module_id))

    m = await managing(registration("echo", operations={}, start=start), registration("user", "echo"))
    made = await m.initialize_module("user")
    echo = next(x for x in await m.list_modules() if x.module_type == "echo")
    assert await m.invoke("echo", "echo", {"a": 1}) == {"a": 1}
    await m.shutdown_module(echo.id)
    assert stopped == [echo.id] and (await m.get_module(echo.id)).status == "stopped"
    assert [x.module_type for x in await m.list_modules()] == ["user"]
    assert (await m.get_module_health(echo.id)).status == "unhealthy"
    with pytest.raises(ModuleNotRunning, match="shut down"):
        await m.invoke("echo", "echo")
    with pytest.raises(ModuleNotRunning, match="already"):
        await m.shutdown_module(echo.id)
    with pytest.raises(ModuleUnknown):
        await m.shutdown_module("nobody")
    # What needs it is out of service, and nothing starts it behind anybody's back.
    with pytest.raises(ModuleUnavailable, match="needs echo"):
        await m.invoke("user", "echo")
    await m.shutdown_module(made.id)
    with pytest.raises(DependencyUnmet, match="'echo', which was shut down"):
        await m.initialize_module("user")
    with pytest.raises(ModuleNotRunning):
        await m.ensure_module("echo")
    await m.initialize_module("echo")
    assert (await m.ensure_module("echo")).id != echo.id
    with pytest.raises(ModuleNotRunning, match=r"not initialised|shut down"):
        await m.invoke("user", "echo")
    with pytest.raises(ModuleUnknown):
        await m.invoke("nothing", "echo")


@pytest.mark.parametrize("config", [{"x": object()}, {"x": float("nan")}, "text", [1]])
async def test_a_configuration_that_cannot_be_kept_is_refused(config: Any) -> None:
    m = await managing(registration("echo"))
    with pytest.raises(RegistrationInvalid, match="not JSON"):
        await m.initialize_module("echo", config)


async def test_what_is_no_operation_is_refused() -> None:
    m = await managing(registration("echo"))
    await m.initialize_module("echo")
    for operation, inputs in ((7, {}), ("echo", "text"), ("echo", [1])):
        with pytest.raises(ValidationFailed):
            await m.invoke("echo", operation, inputs)  # type: ignore[arg-type]


async def test_what_runs_may_end_when_its_module_is_shut_down() -> None:
    begun, go_on, results = anyio.Event(), anyio.Event(), list[Any]()

    async def slow(inputs: Any) -> str:
        begun.set()
        await go_on.wait()
        return "whole"

    m = await managing(registration("slow", capabilities=["slow.run"], operations={"run": slow}))
    made = await m.initialize_module("slow")
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            results.append(await m.invoke("slow", "run"))

        tasks.start_soon(ask)
        await begun.wait()
        tasks.start_soon(m.shutdown_module, made.id)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ModuleNotRunning):
            await m.invoke("slow", "run")
        go_on.set()
    assert results == ["whole"]


@pytest.mark.req("CORE-23")
async def test_what_is_missing_or_incompatible_prevents_the_start_and_is_named() -> None:
    m = await managing(
        registration("a", "nowhere ^1.0.0", "b ^2.0.0"), registration("b"), registration("c", "b ^1.0.0", "a"),
        registration("own", "role ^1.0.0"), registration("young", "old ^1.0.0"),
        registration("old", version="1.0.0-rc"),
    )  # fmt: skip
    with pytest.raises(DependencyUnmet, match=r"'nowhere' \^1.0.0, which is not registered; .*'b' \^2.0.0, .* is 1.2"):
        await m.initialize_module("a")
    with pytest.raises(DependencyUnmet, match="module 'a' cannot start"):
        await m.initialize_module("c")
    with pytest.raises(DependencyUnmet, match=r"is 1\.0\.0-rc"):
        await m.initialize_module("young")
    assert await m.list_modules() == []
    assert (await m.initialize_module("own")).status == "running"
    with pytest.raises(ModuleUnknown, match="'nothing' is not registered"):
        await m.initialize_module("nothing")


async def test_a_circle_of_dependencies_is_named() -> None:
    m = await managing(
        registration("a", "b"), registration("b", "c"), registration("c", "b"), registration("me", "me")
    )
    with pytest.raises(DependencyCircular, match="b → c → b") as refused:
        await m.initialize_module("a")
    assert refused.value.category == "module_error"
    with pytest.raises(DependencyCircular, match="me → me"):
        await m.initialize_module("me")


async def test_a_long_chain_of_dependencies_starts_from_its_end() -> None:
    began: list[str] = []

    async def start(environment: Environment) -> None:
        began.append(environment.module_id)

    chain = [registration(f"m{n}", *([f"m{n + 1}"] if n < 1_500 else []), start=start) for n in range(1_501)]
    m = await managing(*chain)
    await m.initialize_module("m0")
    order = {x.id: x.module_type for x in await m.list_modules()}
    assert [order[i] for i in began] == [f"m{n}" for n in range(1_500, -1, -1)]


async def _hanging(environment: Environment) -> None:
    await anyio.sleep_forever()


def _blocking(environment: Environment) -> None:
    RELEASE.wait(20)


RELEASE = threading.Event()


async def _raising(environment: Environment) -> None:
    raise ValueError("password=hunter2hunter2 is wrong")


async def _nonsense(environment: Environment) -> int:
    return 7


@pytest.mark.req("CORE-53")
@pytest.mark.parametrize(
    ("start", "told"),
    [(_hanging, "within 200 ms"), (_blocking, "within 200 ms"), (_raising, "is wrong"), (_nonsense, "Started")],
)
async def test_a_start_that_hangs_or_fails_is_refused_in_time_and_tells_no_secret(start: Any, told: str) -> None:
    RELEASE.clear()
    m = await managing(registration("bad", start=start))
    with anyio.fail_after(5), pytest.raises(ModuleStartFailed, match=told) as refused:
        await m.initialize_module("bad")
    RELEASE.set()
    assert "hunter2" not in str(refused.value) and await m.list_modules() == []
    with pytest.raises(ModuleNotRunning):
        await m.invoke("bad", "echo")


ENDLESS: dict[str, Any] = {"status": "unhealthy", "details": {}}
ENDLESS["details"]["again"] = ENDLESS["details"]


class Health:
    """A health check that does what it is told."""

    def __init__(self) -> None:
        self.answer: Any = {"status": "healthy", "details": {"load": 1}}

    async def __call__(self) -> Any:
        if self.answer is None:
            await anyio.sleep_forever()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.req("CORE-21", "CORE-26", "CORE-53")
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ValueError("token=abcdefgh123456 refused"), "refused"), (None, "within 30 ms"), ("fine", "did not answer"),
        ({"status": "great"}, "did not answer"), ({}, "did not answer"), (ENDLESS, ""),
        ({"status": "healthy", "details": 7}, ""),
    ],
)  # fmt: skip
async def test_a_check_that_raises_hangs_or_answers_nonsense_is_unhealthy(answer: Any, told: str) -> None:
    health = Health()
    m = await managing(registration("echo", health_check=health))
    made = await m.initialize_module("echo")
    assert await m.get_module_health(made.id) == (await m.get_module(made.id)).health
    assert (made.health.status, made.health.details) == ("healthy", {"load": 1})
    health.answer = answer
    found = await m.get_module_health(made.id)
    assert found.status == "unhealthy" and told in str(found.details) and "abcdefgh" not in str(found)
    with pytest.raises(ModuleUnavailable, match="health check failed") as refused:
        await m.invoke("echo", "echo")
    assert refused.value.retryable and (await m.get_module(made.id)).status == "unavailable"
    health.answer = HealthStatus(status="degraded", details={})
    assert (await m.get_module_health(made.id)).status == "degraded"
    assert await m.invoke("echo", "echo") == {"echo": {}}
    with pytest.raises(ModuleUnknown):
        await m.get_module_health("nobody")


@pytest.mark.req("CORE-53")
async def test_a_module_is_taken_out_and_put_back_by_its_checks_alone() -> None:
    health = Health()
    m = await managing(registration("echo", health_check=health), registration("other"))

    async def status() -> str:
        return (await m.get_module(made.id)).status

    async def until(wanted: str) -> None:
        with anyio.fail_after(10):
            while await status() != wanted:  # noqa: ASYNC110 - what the watch does shows in the state only
                await anyio.sleep(0.01)

    async with m:
        made = await m.initialize_module("echo")
        await m.initialize_module("other")
        health.answer = None
        await until("unavailable")
        assert await m.invoke("other", "echo") == {"echo": {}}
        health.answer = {"status": "healthy", "details": {}}
        await until("running")
        assert await m.invoke("echo", "echo") == {"echo": {}}
    assert await status() == "stopped"


async def test_a_manager_that_nobody_runs_checks_before_an_operation_when_it_is_due() -> None:
    health = Health()
    m = await managing(registration("echo", health_check=health))
    made = await m.initialize_module("echo")
    health.answer = ValueError("broken")
    with anyio.fail_after(10), pytest.raises(ModuleUnavailable, match="broken"):
        while True:
            await m.invoke("echo", "echo")
    health.answer = {"status": "healthy"}
    with anyio.fail_after(10):
        while (await m.get_module(made.id)).status != "running":
            try:
                await m.invoke("echo", "echo")
            except ModuleUnavailable:
                await anyio.sleep(0.01)


async def test_checks_that_block_their_threads_do_not_pile_up() -> None:
    free, entered = threading.Event(), list[int]()

    def block() -> dict[str, Any]:
        entered.append(1)
        free.wait(30)
        return {"status": "healthy"}

    m = await managing(registration("echo", health_check=block))
    made = await m.initialize_module("echo")
    for _ in range(20):
        assert (await m.get_module_health(made.id)).status == "unhealthy"
    assert len(entered) <= 16
    free.set()
    with anyio.fail_after(10):
        while (await m.get_module_health(made.id)).status != "healthy":
            pass


async def test_many_at_once_may_ask_for_what_is_not_asynchronous() -> None:
    m = await managing(
        registration("nap", capabilities=["nap.take"], operations={"take": lambda inputs: time.sleep(0.01) or inputs})
    )
    await m.initialize_module("nap")
    results: list[Any] = []

    async def ask(n: int) -> None:
        results.append(await m.invoke("nap", "take", {"n": n}))

    async with anyio.create_task_group() as tasks:
        for n in range(60):
            tasks.start_soon(ask, n)
    assert sorted(r["n"] for r in results) == list(range(60))


async def test_failures_of_a_module_are_told_as_such_without_secrets() -> None:
    async def fail(inputs: Any) -> None:
        raise RuntimeError(f"api_key={inputs['key']} was refused")

    m = await managing(registration("bad", capabilities=["bad.fail"], operations={"fail": fail}))
    made = await m.initialize_module("bad")
    with pytest.raises(ModuleFailed, match=r"bad\.fail: RuntimeError: .* was refused") as failed:
        await m.invoke("bad", "fail", {"key": "sk-abcdef1234567890"})
    assert "abcdef" not in str(failed.value) and failed.value.category == "module_error"
    assert (await m.get_module(made.id)).failures == 1


async def test_a_time_that_the_caller_set_is_no_failure_of_the_module() -> None:
    async def slow(inputs: Any) -> None:
        raise ActionTimeout("not in that time")

    m = await managing(registration("slow", capabilities=["slow.do"], operations={"do": slow}))
    made = await m.initialize_module("slow")
    for inputs in ({"timeout_ms": 5}, {}):
        with pytest.raises(ActionTimeout):
            await m.invoke("slow", "do", inputs)
    found = await m.get_module(made.id)
    assert (found.operations, found.failures) == (2, 1)


@pytest.mark.req("CORE-01")
async def test_the_ten_modules_are_registered_from_the_start() -> None:
    m = ModuleManager()
    assert tuple(m.registrations()) == MODULE_TYPES
    assert all(f"{kind}.query" in r.capabilities for kind, r in m.registrations().items())
    context = m.registrations()["context"]
    assert [(d.module_type, d.version) for d in context.dependencies] == [("role", "^1.0.0"), ("trace", "^1.0.0")]
    assert context.version == "1.0.0-alpha"
    assert context.configuration == {"maxContexts": 1000, "defaultTtl": 3600, "enableCaching": True}
    configured = await m.initialize_module("context", {"max_contexts": 7, "enableCaching": False})
    assert configured.configuration == {"maxContexts": 7, "defaultTtl": 3600, "enableCaching": False}
    # Without a graph they start, and say what they lack.
    made = await m.initialize_module("role")
    assert made.status == "unavailable" and "no graph" in str(made.reason)
    await m.unregister("role")
    assert "role" in m.registrations()
    assert [x.module_type for x in await m.list_modules()] == ["context", "trace"]


@pytest.mark.parametrize("bad", [{"maxContexts": 0}, {"max": 1}, {"defaultTtl": -1}, {"enableCaching": "yes"}])
@pytest.mark.req("CORE-25")
async def test_a_configuration_of_the_context_module_that_cannot_be_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(RegistrationInvalid, match=next(iter(bad))):
        await ModuleManager().initialize_module("context", bad)
