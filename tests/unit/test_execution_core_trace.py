"""The keys that a report adds to a trace."""

from __future__ import annotations

import re
from typing import Any

import pytest

from psg_runtime.execution_core import (
    ExecutionReport,
    ExecutionStatus,
    FinalDecision,
    PacketV2,
    add_execution_trace,
    execute,
    traced,
    valid_trace_key,
)

PATTERN = re.compile(r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")


@pytest.mark.anyio
@pytest.mark.req("EXEC-25", "EXEC-26", "EXEC-27")
async def test_the_keys_of_a_real_report_are_added_and_the_others_kept() -> None:
    report = await execute(FinalDecision("a", True), {}, {"retry": {"max_retries": 0}}, lambda a, c: False)
    external = {"input.text": "x", "NoTraceKey": [1], "exec.fail_closed": "of an earlier report"}
    before = dict(external)
    updated = add_execution_trace(external, report)
    assert external == before
    assert {key: updated[key] for key in ("input.text", "NoTraceKey")} == {"input.text": "x", "NoTraceKey": [1]}
    added = {key: value for key, value in updated.items() if key not in ("input.text", "NoTraceKey")}
    assert added == {
        "exec.total_latency_ms": report.total_latency_ms,
        "exec.success_count": 0,
        "exec.failed_count": 1,
        "exec.skipped_count": 0,
        "exec.denied_count": 0,
        "exec.attempt_count": 1,
        "exec.fail_closed": False,
    }
    assert all(key.startswith("exec.") and PATTERN.match(key) for key in added)


@pytest.mark.req("EXEC-26")
def test_a_key_of_another_form_is_left_out() -> None:
    class Chatty(ExecutionReport):
        @property
        def trace_keys(self) -> dict[str, Any]:
            return {
                "exec.ok": 1,
                "exec.Bad": 2,
                "exec": 3,
                "exec.": 4,
                "other.key": 5,
                "exec.a b": 6,
                "exec.x\n": 7,
                8: 9,
            }

    assert add_execution_trace({}, Chatty()) == {"exec.ok": 1}


@pytest.mark.req("EXEC-26")
@pytest.mark.parametrize(
    "key", ["exec", "Exec.a", "exec..a", ".a", "exec.a.", "exec.a-b", "exec.é", "exec.a\n", "", 5, None]
)
def test_keys_that_are_none(key: Any) -> None:
    assert not valid_trace_key(key)


@pytest.mark.req("EXEC-25", "EXEC-27")
def test_a_packet_is_not_changed_but_made_anew() -> None:
    packet = PacketV2({"a.b": 1})
    after = traced(packet, ExecutionReport(ExecutionStatus.SUCCESS, success_count=1))
    assert packet.external == {"a.b": 1}
    assert after.external["a.b"] == after.external["exec.success_count"] == 1


@pytest.mark.req("EXEC-25")
def test_nothing_and_what_is_no_mapping() -> None:
    assert add_execution_trace(None, ExecutionReport()).keys() == add_execution_trace({}, ExecutionReport()).keys()
    with pytest.raises(TypeError, match="mapping"):
        add_execution_trace([("a.b", 1)], ExecutionReport())  # type: ignore[arg-type]
