"""The checklist's items about interfaces: value state layer and action execution layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psg.errors import PsgError
from psg.model.ids import new_id
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry, InMemoryAEL
from psg_runtime.conformance.site import demand
from psg_runtime.vsl.port import ValueStateLayer

VALUE = {"text": "ä", "number": 1.5, "list": [1, None, True], "deep": {"empty": {}}}


async def check_vsl(stores: Sequence[tuple[str, ValueStateLayer]]) -> list[str]:
    """Provide ``get(key)`` and ``set(key, value)``: an equal value comes back, the last one wins (L3-20)."""
    evidence = []
    for name, store in stores:
        key = f"conformance/{new_id()}"
        demand(await store.get(key) is None, f"{name}: get of an unknown key is not null")
        for value in (VALUE, ["other"]):
            await store.set(key, value)
            found = await store.get(key)
            demand(found == value, f"{name}: set {value!r}, got {found!r}")
        await store.delete(key)
        evidence.append(f"{name}: unknown key → null; set, get equal; set again, get the new value")
    return evidence


async def check_ael() -> list[str]:
    """Provide ``execute(action)``: it returns the result and throws on failure (L3-25, L3-28)."""
    action = {"type": "tool_call", "name": "double", "params": {"n": 21}}
    reference = await InMemoryAEL().execute(action)
    demand(reference == {"status": "executed", "action": action}, f"InMemoryAEL.execute returned {reference!r}")
    layer = AdapterLayer(_registry(), AelSettings())
    done = await layer.execute(action)
    demand(getattr(done, "output", None) == 42, f"AdapterLayer.execute returned {done!r}")
    try:
        failed = await layer.execute({"type": "tool_call", "name": "breaks"})
    except PsgError as error:
        code = error.code
    else:
        demand(False, f"an action that fails returned {failed!r}")
    return [
        "InMemoryAEL.execute(action) → exactly {status: executed, action}",
        f"AdapterLayer.execute(tool_call double 21) → 42; of an action that fails throws {code}",
    ]


def _registry() -> CapabilityRegistry:
    async def double(n: int) -> int:
        return 2 * n

    async def breaks() -> Any:
        raise ValueError("as ordered")

    registry = CapabilityRegistry()
    registry.register(name="double", type="tool", call=double)
    registry.register(name="breaks", type="tool", call=breaks)
    return registry
