"""The strict event models against the kit's event schemas and observability invariants, and the one projection."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import uuid
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psg.errors import ValidationFailed
from psg.events.models import FAMILIES, check_event
from psg.events.projection import protocol_event

KIT = Path(os.environ.get("MPLP_KIT") or Path(__file__).parents[3] / "shared" / "mplp")
needs_kit = pytest.mark.skipif(
    not (KIT / "schemas").is_dir(), reason="the conformance kit is not here (../shared/mplp or MPLP_KIT)"
)
V4 = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
CORE = {
    "event_id": V4, "event_type": "t", "timestamp": "2026-01-01T00:00:00.000Z", "project_id": V4, "payload": {"a": 1},
    "anything": [None],
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "graph_update": {
        "graph_id": V4, "update_kind": "node_add", "node_delta": 1, "edge_delta": 0, "source_module": "plan",
    },
    "pipeline_stage": {
        "pipeline_id": V4, "stage_id": "s", "stage_name": "n", "stage_status": "running", "stage_order": 0,
    },
    "runtime_execution": {
        "execution_id": V4, "executor_kind": "llm", "executor_role": "planner", "status": "running",
    },
}  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, 1, -1, 1.0, 2.5, "", " ", "x", "running", "cancelled", "skipped", "bulk", "intent", "graph_update",
    V4, V4.upper(), V4[:-1], "6fa459ea-ee8a-1ca4-894e-db77e160355e", "{" + V4 + "}", V4.replace("-", ""),
    "2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", [], ["x"], {}, {"x": 1},
]  # fmt: skip


def rich(family: str) -> dict[str, Any]:
    return CORE | {"event_family": family} | OWN.get(family, {})


def is_uuid(text: str) -> bool:
    """The format that the schemas name and their draft does not define, as the kit's oracle reads it."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def validators() -> dict[str, Any]:
    files = {f.name: json.loads(f.read_text("utf-8-sig")) for f in (KIT / "schemas" / "events").glob("*.json")}
    registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in files.values()])
    names = {f: f"mplp-{f.replace('_', '-')}-event.schema.json" for f in OWN}
    return {
        f: jsonschema_rs.validator_for(
            files[names.get(f, "mplp-event-core.schema.json")], registry=registry, validate_formats=True,
            formats={"uuid": is_uuid},
        )
        for f in FAMILIES
    }


SCHEMAS = validators() if (KIT / "schemas").is_dir() else {}


@pytest.fixture(scope="session")
def oracle() -> Any:
    spec = importlib.util.spec_from_file_location("mplp_oracle", KIT / "oracle.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        pytest.skip(f"the kit's oracle cannot be imported: {error}")
    return module


def accepted(event: Any) -> bool:
    try:
        check_event(event)
    except ValidationFailed:
        return False
    return True


def valid(oracle: Any, event: dict[str, Any]) -> bool:
    """Valid by the frozen schema and by the observability invariants that apply to the family."""
    family = event.get("event_family")
    schema = SCHEMAS.get(family if isinstance(family, str) else "", SCHEMAS["intent"])
    if not schema.is_valid(event):
        return False
    invariants = [i for i in oracle._inv("protocol/observability-invariants.yaml")
                  if "note" not in i or f"== {family}" in i["note"]]  # fmt: skip
    return not oracle.invariant_errors(invariants, {"event": event})


@needs_kit
@pytest.mark.req("L3-43")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_rich_event_of_each_family_is_valid_and_any_one_fault_is_judged_alike(oracle: Any, family: str) -> None:
    event = rich(family)
    assert accepted(event) and valid(oracle, event)
    for name in event:
        without = {k: v for k, v in event.items() if k != name}
        assert accepted(without) == valid(oracle, without), f"without {name}"
        for value in VALUES:
            changed = event | {name: value}
            assert accepted(changed) == valid(oracle, changed), (name, value)


@needs_kit
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_events_with_several_faults_are_judged_alike(oracle: Any, data: st.DataObject) -> None:
    event = copy.deepcopy(rich(data.draw(st.sampled_from(FAMILIES))))
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from(sorted(event) or ["event_id"]))
        if data.draw(st.booleans()):
            event.pop(name, None)
        else:
            event[name] = data.draw(st.sampled_from(VALUES))
    assert accepted(event) == valid(oracle, event), event


def test_the_refusal_names_every_fault() -> None:
    with pytest.raises(ValidationFailed) as caught:
        check_event(rich("graph_update") | {"graph_id": "x", "node_delta": "1"})
    assert str(caught.value).startswith("Invalid event: ")
    assert all(name in str(caught.value) for name in ("graph_id", "node_delta"))


@pytest.mark.parametrize("event", [None, [], "x", 1, {}], ids=repr)
def test_what_is_no_event_is_refused(event: Any) -> None:
    assert not accepted(event)


STATUS = {
    "draft": "pending", "proposed": "pending", "approved": "pending", "pending": "pending", "blocked": "pending",
    "in_progress": "running", "completed": "completed", "failed": "failed", "skipped": "skipped",
    "cancelled": "skipped",
}  # fmt: skip


@pytest.mark.parametrize(("status", "stage"), STATUS.items())
def test_a_stage_has_the_protocols_status_and_the_payload_ours(status: str, stage: str) -> None:
    row = {
        "event_id": V4, "type": f"step_{status}", "family": "pipeline_stage", "at": 1, "project_id": V4, "seq": 7,
        "entity_type": "Step", "entity": V4, "op": "set", "actor": "a", "plan": V4, "stage": {"name": "s", "order": 3},
        "changes": json.dumps({"op": "set", "before": {"status": "pending"}, "after": {"status": status}}),
    }  # fmt: skip
    event = check_event(protocol_event(row))
    assert (event["stage_status"], event["payload"]["to_status"]) == (stage, status)
    assert (event["lamport_timestamp"], event["plan_id"], event["stage_order"]) == (7, V4, 3)


def test_an_emitted_event_looks_as_it_was_recorded() -> None:
    row = {
        "event_id": V4, "type": "budget_warning", "family": "cost_budget", "at": 0, "project_id": V4, "seq": 2,
        "entity_type": "Project", "entity": V4, "op": "note", "actor": "a",
        "changes": json.dumps({"op": "note", "event": {"payload": {"tokens": 5}, "fields": {"unit": "token"}}}),
    }  # fmt: skip
    assert protocol_event(row) == {
        "event_id": V4, "event_type": "budget_warning", "event_family": "cost_budget", "project_id": V4,
        "timestamp": "1970-01-01T00:00:00.000Z", "seq": 2, "lamport_timestamp": 2, "payload": {"tokens": 5},
        "unit": "token",
    }  # fmt: skip
