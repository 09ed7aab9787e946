"""Tools that would end, cancel or hang more than themselves, and what they may tell of what they spent."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from psg.errors import ActionFailed, ActionTimeout, ValidationFailed
from psg_runtime.ael import ActionResult, AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.usage import Meter, measure

pytestmark = pytest.mark.anyio
PRICES = {"m": {"input": 2.0, "output": 8.0}}


def layer(on_progress: Any = None, **tools: Any) -> AdapterLayer:
    registry = CapabilityRegistry()
    for name, function in tools.items():
        registry.register(name=name, type="tool", call=function)
    closed: dict[str, Any] = {"allow_process": (), "file_root": None, "llm_api_key": None}
    return AdapterLayer(registry, AelSettings(**closed), on_progress=on_progress)


async def run(ael: AdapterLayer, name: str, **keys: Any) -> Any:
    result = await ael.execute({"type": "tool_call", "name": name, "params": {}, **keys})
    assert isinstance(result, ActionResult)
    return result.output


class Odd(BaseException):
    """No Exception, and no control flow either."""


async def leaves() -> None:
    sys.exit(3)


async def cancels() -> None:
    raise anyio.get_cancelled_exc_class()


async def odd() -> None:
    raise Odd


def odd_in_a_thread() -> None:
    raise Odd


def exits_in_a_thread() -> None:
    raise GeneratorExit


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        (leaves, r"`tool` called sys.exit\(3\)\."), (cancels, "`tool` was cancelled from within"),
        (odd, "`tool` raised Odd"), (odd_in_a_thread, "`tool` raised Odd"),
        (exits_in_a_thread, "`tool` raised GeneratorExit"),
    ],
)  # fmt: skip
async def test_a_tool_ends_nothing_but_itself(tool: Any, message: str) -> None:
    with pytest.raises(ActionFailed, match=message):
        await run(layer(tool=tool), "tool")


async def test_who_cancels_the_action_cancels_the_tool() -> None:
    begun, ended = anyio.Event(), anyio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, layer(waits=waits), "waits")
        await begun.wait()
        tasks.cancel_scope.cancel()
    assert ended.is_set()


HANGS = """
import threading, anyio
from psg.errors import ActionTimeout
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry

async def main():
    registry = CapabilityRegistry()
    registry.register(name="hang", type="tool", call=lambda: threading.Event().wait())
    layer = AdapterLayer(registry, AelSettings(allow_process=(), file_root=None, llm_api_key=None))
    try:
        await layer.execute({"type": "tool_call", "name": "hang", "params": {}, "timeout_ms": 20})
    except ActionTimeout:
        print("timeout")

anyio.run(main)
"""


def test_a_tool_that_hangs_does_not_keep_the_process_from_ending() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.returncode) == ("timeout", 0), done.stderr


async def test_progress_is_told_in_the_event_loop_whoever_tells_it() -> None:
    here, seen = threading.get_ident(), []

    async def late(ctx: Any) -> None:
        ctx.report("in the loop")

    def lends_a_coroutine(ctx: Any) -> Any:  # a plain function by its looks, and it ends in the loop
        ctx.report("in a thread")
        return late(ctx)

    async def sends_a_thread(ctx: Any) -> None:
        await anyio.to_thread.run_sync(ctx.report, "from a thread of its own")

    def told(action: Any, progress: dict[str, Any]) -> None:
        seen.append((threading.get_ident() == here, progress["message"]))

    ael = layer(told, lends=lends_a_coroutine, sends=sends_a_thread)
    with anyio.fail_after(10):
        await run(ael, "lends")
        await run(ael, "sends")
    assert seen == [(True, "in a thread"), (True, "in the loop"), (True, "from a thread of its own")]


async def test_what_a_tool_says_it_spent_is_added_up_also_when_it_fails() -> None:
    def threaded(ctx: Any) -> dict[str, Any]:
        ctx.spend(tokens=5)
        return {"usage": {"tokens": 2}}

    async def fails(ctx: Any) -> None:
        ctx.spend(tokens=1, cost=0.1)
        ctx.spend(cost=0.2)
        raise ActionFailed("no")

    ael, meter = layer(threaded=threaded, fails=fails), Meter()
    measure(meter)
    await run(ael, "threaded")
    with pytest.raises(ActionFailed):
        await run(ael, "fails")
    used = {"tokens": 2, "cost": 0, "calls": 1, "wall_ms": 7}
    assert meter.added_to(used) == {"tokens": 8, "cost": 300_000, "calls": 1, "wall_ms": 7}


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), True, "3", None, 1e13])
async def test_what_is_no_amount_is_refused_and_counts_nothing(amount: Any) -> None:
    async def spends(ctx: Any) -> None:
        ctx.spend(tokens=1, cost=amount)

    meter = Meter()
    measure(meter)
    with pytest.raises(ValidationFailed, match="cost is a number from 0"):
        await run(layer(spends=spends), "spends")
    assert (meter.tokens, meter.cost) == (0, 0)


async def test_what_a_tool_left_behind_spends_later_is_not_counted() -> None:
    gone, told = threading.Event(), threading.Event()

    def slow(ctx: Any) -> None:
        gone.wait(10)
        ctx.spend(tokens=5)
        told.set()

    meter = Meter()
    measure(meter)
    with pytest.raises(ActionTimeout):
        await run(layer(slow=slow), "slow", timeout_ms=10)
    gone.set()
    assert await anyio.to_thread.run_sync(told.wait, 10)
    assert meter.tokens == 0


@pytest.mark.parametrize("policy", ["fail", "continue"])
async def test_each_item_of_a_loop_is_a_call_with_its_own_usage(policy: str) -> None:
    async def model(n: int, ctx: Any) -> dict[str, Any]:
        ctx.spend(tokens=100)
        if n == 3:
            raise ActionFailed("no")
        return {"model": "m", "usage": {"input_tokens": 10, "output_tokens": 5}}

    do = {"name": "model", "params": {"n": "{{item}}"}}
    nested = {"type": "foreach", "params": {"items": [1, 2, 3], "do": do, "on_item_failure": policy, "concurrency": 1}}
    params = {"items": [1, 2], "do": nested, "on_item_failure": "continue", "concurrency": 1}
    meter = Meter(PRICES)
    measure(meter)
    await layer(model=model).execute({"type": "custom_action", "name": "foreach", "params": params})
    used = meter.added_to({"tokens": 0, "cost": 0, "calls": 1, "wall_ms": 0})
    assert used == {"tokens": 4 * 15 + 600, "cost": 4 * 60, "calls": 6, "wall_ms": 0}
