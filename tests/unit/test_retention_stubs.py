"""What stays of a finished plan's nodes: facts and hashes, and nothing of what it worked on."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest

from psg.model.codec import dumps, loads
from psg.retention import Policy, RetentionPolicyInvalid
from psg.retention.facts import digest, fact_of
from psg.retention.stubs import stub_of

MARK = "the-secret-of-the-plan"


def segment(**attributes: Any) -> dict[str, Any]:
    return {"payload": dumps({"attributes": attributes}), "status": "failed"}


def test_a_step_loses_its_payloads_and_keeps_their_hashes() -> None:
    output = dumps({"text": MARK})
    props = {"output": output, "params": "{}", "status": "completed", "key": "a", "error": None}
    stub = stub_of("Step", props)
    assert stub is not None and stub.keys() == {"output", "params", "pruned"}
    assert stub["output"] is None and stub["params"] is None
    said = loads(stub["pruned"])["output"]
    assert said == {"sha256": hashlib.sha256(output.encode()).hexdigest(), "bytes": len(output)}


def test_a_segment_keeps_who_did_it_and_what_it_cost() -> None:
    facts = {"step_id": "s", "attempt": 2, "executor": "me", "duration_ms": 7, "usage": {"tokens": 12}, "cost": 0.5}
    error = {"code": "action_failed", "category": "module_error", "message": MARK}
    stub = stub_of("TraceSegment", segment(**facts, error=error, prompt=MARK, model=[MARK], capability=MARK * 50))
    assert stub is not None and MARK not in orjson.dumps(stub).decode()
    kept = {"code": "action_failed", "category": "module_error"}
    assert loads(stub["payload"]) == {"attributes": facts | {"error": kept}}


@pytest.mark.parametrize("payload", [{"attributes": [MARK]}, {"attributes": MARK}, {}, {"other": MARK}])
def test_a_segment_of_another_shape_keeps_nothing(payload: Any) -> None:
    stub = stub_of("TraceSegment", {"payload": dumps(payload)})
    assert stub is not None and stub["payload"] is None


def test_a_stub_stays_as_it_is() -> None:
    assert stub_of("Step", {"status": "completed"}) is None
    first = stub_of("TraceSegment", segment(step_id="s", prompt=MARK))
    assert first is not None
    assert stub_of("TraceSegment", {"payload": first["payload"], "pruned": first["pruned"]}) is None
    assert stub_of("TraceSegment", segment(step_id="s")) is None


def event(**more: Any) -> dict[str, Any]:
    plain = {
        "seq": 7, "at": 5, "event_id": "e", "family": "graph_update", "type": "step_updated", "op": "set",
        "entity_type": "Step", "entity": "s", "plan": "p", "actor": "somebody",
        "changes": dumps({"after": {"x": MARK}}),
    }  # fmt: skip
    return plain | more


def test_facts_are_kept_of_commands_of_plans_and_of_costs_only() -> None:
    assert fact_of(event()) is None
    command = fact_of(event(command_id="c"))
    assert command is not None and (command["actor"], command["command_id"], command["seq"]) == ("somebody", "c", 7)
    assert MARK not in orjson.dumps(command).decode()
    changes = dumps({"before": {"status": "approved"}, "after": {"status": "in_progress"}})
    staged = fact_of(event(family="pipeline_stage", entity_type="Plan", changes=changes))
    assert staged is not None and (staged["from_status"], staged["to_status"]) == ("approved", "in_progress")
    spent = fact_of(event(family="cost_budget", changes='{"tokens":3}'))
    assert spent is not None and spent["details"] == '{"tokens":3}'


def test_the_digest_depends_on_every_event_and_their_order() -> None:
    one, two = event(seq=1), event(seq=2)
    there, back = digest(digest("", one), two), digest(digest("", two), one)
    assert len({there, back, digest(digest("", one), event(seq=2, actor="x"))}) == 3


@pytest.mark.parametrize(
    "wanted",
    [
        {"older_than_days": -1}, {"older_than_days": True}, {"older_than_days": float("nan")}, {"keep_last": -1},
        {"keep_last": 1.5}, {"keep_last": "3"}, {"older_than_days": 10**9}, {"keep_last": 10**9},
    ],
)  # fmt: skip
def test_a_policy_out_of_bounds_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(RetentionPolicyInvalid, match=next(iter(wanted))):
        Policy(**wanted)


def test_a_policy_that_says_nothing_removes_nothing() -> None:
    with pytest.raises(RetentionPolicyInvalid, match="nothing may be removed"):
        Policy().required()
    assert Policy(older_than_days=0).given and Policy(keep_last=0).given
    assert Policy(older_than_days=1).before_ms(100_000_000) == 13_600_000
