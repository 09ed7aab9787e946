"""Recorded histories: played back in order, told as timeline and figures, exported and imported whole."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_in_memory import plan, registry, step

from psg.errors import DuplicateId, ValidationFailed
from psg_runtime import Executor, PlanReplay, StepResult
from psg_runtime.replay import ReplayUnknown, ReplayUnreadable

pytestmark = pytest.mark.anyio
TIMES = [f"2026-01-01T00:00:0{i}.000Z" for i in range(8)]


def recorded() -> PlanReplay:
    """A history by hand: two steps, the second fails."""
    replay = PlanReplay()
    failed = StepResult(step_id="b", status="failed", error="no", duration=1000)
    for time, event, data in zip(
        TIMES,
        ["plan_created", "execution_started", "step_started", "step_completed", "step_started", "step_failed"],
        [
            {"id": "p"},
            {"planId": "p"},
            {"stepId": "a"},
            {"stepId": "a", "duration": 500},
            {"stepId": "b"},
            failed,
        ],
        strict=False,
    ):
        replay.record("p", event, data, timestamp=time)
    replay.record("p", "execution_failed", {"metadata": {"totalDuration": 4500}}, timestamp=TIMES[6])
    return replay


@pytest.mark.req("ORCH-22")
async def test_a_replay_calls_back_once_per_entry_in_order_and_awaits_each() -> None:
    replay, seen, inside = recorded(), [], [0]

    async def callback(entry: Any) -> None:
        inside[0] += 1
        assert inside[0] == 1
        await anyio.lowlevel.checkpoint()
        inside[0] -= 1
        seen.append((entry.timestamp, entry["event"], entry.data))
        replay.record("p", "step_started", {"stepId": "late"})  # what comes meanwhile is not of this replay

    entries = replay.entries("p")
    assert await replay.replay("p", callback) == 7
    assert seen == [(one.timestamp, one.event, one.data) for one in entries]
    told: list[str] = []
    assert await replay.replay("p", lambda entry: told.append(entry.event)) == 14
    assert told[:2] == ["plan_created", "execution_started"]

    def stop(entry: Any) -> None:
        raise InterruptedError(entry.event)

    with pytest.raises(InterruptedError, match="plan_created"):
        await replay.replay("p", stop)


@pytest.mark.req("ORCH-23")
async def test_a_failed_step_is_told_with_its_result() -> None:
    replay = recorded()
    (failed,) = [one for one in replay.entries("p") if one.event == "step_failed"]
    assert StepResult.parse(failed.data).error == "no"
    assert failed.data.error == "no"


@pytest.mark.req("ORCH-24")
def test_the_timeline_is_chronological_with_durations() -> None:
    timeline = recorded().get_timeline("p")
    assert [one.timestamp for one in timeline] == TIMES[:7]
    assert [(one.event, one.duration) for one in timeline if one.duration] == [
        ("step_completed", 500),
        ("step_failed", 1000),
        ("execution_failed", 4500),
    ]
    replay = PlanReplay()
    for time in ("2026-01-01T01:00:00+02:00", "2026-01-01T00:00:00Z"):
        replay.record("p", "step_started", timestamp=time)
    assert next(one.timestamp for one in replay.get_timeline("p")) == "2026-01-01T01:00:00+02:00"


@pytest.mark.req("ORCH-25")
def test_the_figures_add_up() -> None:
    replay = recorded()
    stats = replay.get_stats("p")
    assert (stats.totalDuration, stats.average_step_duration) == (4500, 750)
    assert stats.eventCounts == {
        "plan_created": 1,
        "execution_started": 1,
        "step_started": 2,
        "step_completed": 1,
        "step_failed": 1,
        "execution_failed": 1,
    }
    replay.record("p", "execution_started", timestamp="2026-01-01T00:01:00.000Z")
    replay.record("p", "step_started", timestamp="2026-01-01T00:01:01.500Z")
    assert replay.get_stats("p").total_duration == 6000
    empty = PlanReplay()
    empty.record("p", "plan_created")
    assert empty.get_stats("p") == {"totalDuration": 0, "averageStepDuration": 0, "eventCounts": {"plan_created": 1}}


@pytest.mark.req("ORCH-26")
async def test_an_export_is_json_that_another_process_takes_over() -> None:
    replay = PlanReplay()
    await Executor(registry(), replay).execute(plan(step("a", params={"x": [None, "ä", 1.5]}), step("b", "a")))
    text = replay.export("p")
    assert [one["event"] for one in json.loads(text)["entries"]] == [one.event for one in replay.entries("p")]
    other = PlanReplay()
    assert other.import_(text) == other.import_(text.encode()) == "p"
    assert other.entries("p") == replay.entries("p")
    assert other.export("p") == text
    other.record("p", "execution_started")
    with pytest.raises(DuplicateId, match="another history"):
        other.import_(text)
    other.import_(text, replace=True)
    assert other.plan_ids() == ["p"] and other.knows("p")
    other.forget("p")
    assert not other.knows("p")


def test_what_was_not_recorded_is_told() -> None:
    replay = PlanReplay()
    for ask in (replay.entries, replay.get_timeline, replay.get_stats, replay.export):
        with pytest.raises(ReplayUnknown, match="plan ghost"):
            ask("ghost")


async def test_replaying_an_unknown_plan_calls_nothing() -> None:
    with pytest.raises(ReplayUnknown):
        await PlanReplay().replay("ghost", print)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_an_export_cut_off_anywhere_is_refused(cut: int) -> None:
    text = recorded().export("p")
    piece = text[: cut % (len(text) - 2)]
    with pytest.raises(ReplayUnreadable):
        PlanReplay().import_(piece)


def test_a_changed_or_foreign_export_is_refused_and_says_why() -> None:
    text = recorded().export("p")
    whole = json.loads(text)
    missing = {**whole, "entries": whole["entries"][:-1]}
    for changed, says in (
        (json.dumps(missing), "checksum"),
        (text.replace('"no"', '"yes"'), "checksum"),
        (json.dumps({**whole, "version": 2}), "version 2"),
        (json.dumps({**whole, "format": "other"}), "format"),
        (json.dumps({**whole, "planId": ""}), "planId"),
        (json.dumps({**whole, "entries": {}}), "entries"),
        (json.dumps({**whole, "run": []}), "run"),
        (json.dumps({**whole, "more": 1}), "format"),
        ("[]", "format"),
        ("not json", "cut off"),
        ("", "cut off"),
        (b"\xff\xfe", "cut off"),
    ):
        with pytest.raises(ReplayUnreadable, match=says):
            PlanReplay().import_(changed)


def test_only_the_specifications_events_with_json_are_recorded() -> None:
    replay = PlanReplay()
    for plan_id, event in (("p", "step_skipped"), ("", "step_started"), ("p", "")):
        with pytest.raises(ValidationFailed):
            replay.record(plan_id, event)
    with pytest.raises(ValidationFailed):
        replay.record("p", "step_started", timestamp="yesterday")
    assert replay.plan_ids() == []


@pytest.mark.req("EXEC-24")
async def test_secrets_are_in_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = "marker-0123456789"
    monkeypatch.setenv("SOME_API_KEY", marker)

    def leaking() -> dict[str, str]:
        return {"said": f"the key is {marker}", "password": "hunter22"}

    replay = PlanReplay()
    result = await Executor(registry(leaking=leaking), replay).execute(plan(step("a", name="leaking")))
    assert marker in str(result.output)
    assert marker not in replay.export("p") and "hunter22" not in replay.export("p")
