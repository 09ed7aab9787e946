"""Names of steps that workers outside do without anybody having declared them (decision 0087)."""

from __future__ import annotations

import pytest

from psg.errors import UnknownCapability
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.launch import _missing


def test_a_worker_s_name_is_an_external_agent_everywhere_and_nobody_s_entry() -> None:
    registry = CapabilityRegistry()
    found = registry.get("worker:review", ("agent",))
    assert (found.type, found.adapter, found.executable) == ("agent", "external", True)
    assert found.arguments({"anything": [1]}) == {"anything": [1]}
    assert registry.external("worker:review") and registry.type_of("worker:review") == "agent"
    assert registry.names() == [] and registry.roles() == [] and list(registry) == []


def test_what_is_declared_under_such_a_name_goes_first() -> None:
    registry = CapabilityRegistry()
    registry.register(
        name="worker:review", type="agent", adapter="external",
        input_schema={"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
    )  # fmt: skip
    with pytest.raises(Exception, match="text"):
        registry.get("worker:review").arguments({})


@pytest.mark.parametrize(
    "name", ["worker:", "worker: x", "worker:a@1.0.0", "worker:{{x}}", "workers:a", "review", f"worker:{'x' * 300}"]
)
def test_other_names_are_as_unknown_as_ever(name: str) -> None:
    registry = CapabilityRegistry()
    with pytest.raises(UnknownCapability):
        registry.get(name)
    row = {"type": "agent", "capability": name, "agent_role": None, "key": "k"}
    assert _missing(row, frozenset(), frozenset()) == [f"step 'k' needs capability {name!r}"]


def test_a_plan_with_a_worker_s_step_may_start_though_nobody_serves_it() -> None:
    row = {"type": "agent", "capability": "worker:review", "agent_role": None, "key": "k"}
    assert _missing(row, frozenset(), frozenset()) == []
