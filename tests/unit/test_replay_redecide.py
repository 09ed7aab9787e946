"""Recorded runs decided again: nothing differs, and what was doctored is told."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_in_memory import broken, graphs, plan, registry, step
from typer.testing import CliRunner

from psg_cli.main import app
from psg_runtime import Executor, PlanReplay
from psg_runtime.replay import ReplayUnreadable, redecide, run_of_entries
from psg_runtime.replay.history import exported, imported

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*.json"))


def happened(*items: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"seq": i, "at": 0, **item} for i, item in enumerate(items, 1)]


def tool(*dependencies: str, **fields: Any) -> dict[str, Any]:
    return {"type": "tool", "dependencies": list(dependencies), **fields}


RUN: dict[str, Any] = {
    "plan": {"id": "p", "title": "t", "params": {"limit": 3}},
    "steps": {
        "a": tool(retries=2),
        "b": tool("a", condition="a.output.n > params.limit"),
        "c": tool("a", condition="a.output.n <= params.limit"),
        "d": tool("c"),
        "e": tool("b", "c"),
        "bad": tool("e", retries=1),
        "after": tool("bad"),
        "llm": {"type": "llm", "dependencies": []},
        "any": tool("b", "bad", join="any"),
    },
    "history": happened(
        {"what": "started"},
        {"what": "skipped", "step": "llm", "reason": "no LLM key is configured (PSG_LLM_API_KEY)"},
        {"what": "claimed", "step": "a"},
        {"what": "retried", "step": "a", "error": {"code": "action_failed"}, "delay_ms": 20},
        {"what": "retried", "step": "a", "error": {"code": "action_timeout"}, "delay_ms": 40},
        {"what": "completed", "step": "a", "output": {"n": 5}},
        {"what": "claimed", "step": "b"},
        {"what": "skipped", "step": "c", "reason": "condition_false"},
        {"what": "skipped", "step": "d", "reason": "all_dependencies_skipped"},
        {"what": "completed", "step": "b", "output": None},
        {"what": "claimed", "step": "any"},
        {"what": "claimed", "step": "e"},
        {"what": "completed", "step": "any", "output": None},
        {"what": "completed", "step": "e", "output": None},
        {"what": "claimed", "step": "bad"},
        {"what": "retried", "step": "bad", "error": {"code": "x"}, "delay_ms": 30},
        {"what": "failed", "step": "bad", "error": {"code": "x", "retryable": True}},
        {"what": "skipped", "step": "after", "reason": "dependency_failed"},
        {"what": "ended", "status": "failed"},
    ),
}


def doctored(*changes: tuple[str, str | None, dict[str, Any]], steps: dict[str, Any] | None = None) -> dict[str, Any]:
    """The run with changes: (what, step, fields), and fields of steps."""
    run = copy.deepcopy(RUN)
    for what, key, fields in changes:
        found = [item for item in run["history"] if item["what"] == what and item.get("step") == key]
        found[-1].update(fields)
    for key, fields in (steps or {}).items():
        run["steps"][key].update(fields)
    return run


def test_a_run_comes_out_the_same() -> None:
    verdict = redecide(RUN)
    assert (verdict.decisions, verdict.difference) == (14, None)
    before = copy.deepcopy(RUN)
    redecide(RUN)
    assert before == RUN


@pytest.mark.parametrize(
    ("run", "about", "decided"),
    [
        (doctored(("completed", "a", {"output": {"n": 1}})), "b", "skip (condition_false)"),
        (doctored(("skipped", "c", {"reason": "dependency_failed"})), "c", "skip (condition_false)"),
        (doctored(("skipped", "d", {"reason": "condition_false"})), "d", "skip (all_dependencies_skipped)"),
        (doctored(("skipped", "after", {"what": "claimed"})), "after", "skip (dependency_failed)"),
        (doctored(("retried", "a", {"delay_ms": 50})), "a", "retry after 40 ms"),
        (doctored(("retried", "bad", {"error": {"code": "validation_failed"}})), "bad", "fail"),
        (doctored(steps={"a": {"retries": 1}}), "a", "fail"),
        (doctored(steps={"bad": {"retries": 2}}), "bad", "retry after 40 ms"),
        (doctored(("failed", "bad", {"error": {"code": "x", "retryable": True}, "failures": 0})), "bad", "retry"),
        (doctored(steps={"e": {"dependencies": ["bad"]}}), "e", "wait for bad"),
        (doctored(("ended", None, {"status": "completed"})), None, "ended (failed)"),
        (doctored(("skipped", "after", {"what": "note"})), None, "go on: after not done"),
        (doctored(("claimed", "any", {"step": "b"})), "b", "nothing: it is completed"),
        (doctored(steps={"any": {"join": "all"}}), "any", "wait for bad"),
    ],
)
def test_a_doctored_run_is_told_by_its_first_difference(run: dict[str, Any], about: str | None, decided: str) -> None:
    verdict = redecide(run)
    assert verdict.difference is not None
    assert verdict.difference.step == about
    assert verdict.difference.decided.startswith(decided)
    assert str(verdict.difference).startswith(f"at {verdict.difference.seq}, ")


def test_what_operators_did_is_no_decision() -> None:
    run = doctored(
        ("failed", "bad", {"error": {"code": "cancelled"}}),
        ("skipped", "after", {"reason": "cancelled"}),
        ("ended", None, {"status": "cancelled"}),
        steps={"bad": {"retries": 5}},
    )
    assert redecide(run).difference is None


def test_a_delay_that_a_server_may_have_asked_for_is_believed() -> None:
    longer = doctored(("retried", "a", {"delay_ms": 5000, "error": {"code": "http_status"}}))
    assert redecide(longer).difference is None
    beyond = doctored(("retried", "a", {"delay_ms": 5000}), steps={"a": {"policy": {"retry": {"max_ms": 100}}}})
    assert redecide(beyond).difference is None
    told = doctored(("retried", "a", {"delay_ms": 5000, "retry_after_ms": 5000}))
    assert redecide(told).difference is None
    shorter = doctored(("retried", "a", {"delay_ms": 30, "retry_after_ms": 5000}))
    assert redecide(shorter).difference is not None


def test_structure_may_change_while_it_runs() -> None:
    run = copy.deepcopy(RUN)
    run["steps"]["e"]["dependencies"] = ["b"]
    run["steps"]["late"] = tool("a")
    more = [
        {"seq": 8.1, "at": 0, "what": "linked", "step": "e", "dependency": "c"},
        {"seq": 8.2, "at": 0, "what": "linked", "step": "late", "dependency": "bad"},
        {"seq": 8.3, "at": 0, "what": "unlinked", "step": "late", "dependency": "bad"},
        {"seq": 8.4, "at": 0, "what": "claimed", "step": "late"},
        {"seq": 8.5, "at": 0, "what": "completed", "step": "late", "output": None},
    ]
    run["history"][8:8] = more
    assert redecide(run).difference is None


@pytest.mark.parametrize(
    "run",
    [
        {},
        {"plan": {}, "steps": {}},
        {"plan": {}, "steps": {"a": {"type": "tool"}}, "history": [{"seq": 1, "what": "claimed", "step": "a"}]},
        {"plan": {}, "steps": {}, "history": [{"seq": 1, "what": "claimed", "step": "ghost"}]},
        {"plan": {}, "steps": [], "history": []},
        {"plan": {}, "steps": {}, "history": [{"seq": 1, "what": "skipped", "step": "a"}]},
    ],
)
def test_what_does_not_hold_together_is_told(run: dict[str, Any]) -> None:
    with pytest.raises(ReplayUnreadable, match="does not hold together"):
        redecide(run)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.booleans())
def test_whatever_the_in_memory_executor_decides_is_decided_again(steps: list[dict[str, Any]], parallel: bool) -> None:
    replay = PlanReplay()
    for one in steps:
        one["retries"] = 1

    async def execute() -> None:
        executor = Executor(registry(broken=broken), replay, parallel_execution=parallel, retry_base_ms=1)
        await executor.execute(plan(*steps))

    anyio.run(execute)
    _, entries, run = imported(replay.export("p"))
    assert run is None
    verdict = redecide(run_of_entries(entries))
    assert verdict.difference is None, str(verdict.difference)
    assert verdict.decisions > len(steps)


def test_skips_are_placed_in_the_order_of_dependencies_whatever_the_plans_order() -> None:
    steps = [step("late", "between"), step("between", "fine", "bad"), step("fine"), step("bad", name="broken")]
    replay = PlanReplay()
    anyio.run(Executor(registry(broken=broken), replay).execute, plan(*steps))
    verdict = redecide(run_of_entries(replay.entries("p")))
    assert (verdict.decisions, verdict.difference) == (6, None)


def test_a_history_without_a_plan_or_an_execution_cannot_be_decided() -> None:
    replay = PlanReplay()
    replay.record("p", "execution_started")
    with pytest.raises(ReplayUnreadable, match="no plan_created"):
        run_of_entries(replay.entries("p"))
    replay.record("p", "plan_created", {"id": "p"})
    with pytest.raises(ReplayUnreadable, match="is none"):
        run_of_entries(replay.entries("p"))


def test_the_command_line_reads_files_and_tells_differences(tmp_path: Path) -> None:
    replay = PlanReplay()
    anyio.run(Executor(registry(), replay).execute, plan(step("a"), step("b", "a")))
    good, bad, cut = (tmp_path / name for name in ("good.json", "bad.json", "cut.json"))
    good.write_text(replay.export("p"))
    entries = replay.entries("p")
    bad.write_text(exported("p", entries, doctored(("completed", "a", {"output": {"n": 1}}))))
    cut.write_text(replay.export("p")[:-30])
    runner = CliRunner()
    told = runner.invoke(app, ["replay", "--from", str(good)])
    assert told.exit_code == 0, told.output
    assert "step_completed" in told.stdout and "no difference" in told.stdout
    differs = runner.invoke(app, ["replay", "--from", str(bad), "--json"])
    assert differs.exit_code == 1
    found = json.loads(differs.stdout)
    assert found["verdict"]["difference"]["step"] == "b"
    assert found["stats"]["eventCounts"]["step_completed"] == 2
    assert [row["event"] for row in found["timeline"]] == [one.event for one in entries]
    assert "differs" in runner.invoke(app, ["replay", "--from", str(bad)]).stdout
    unreadable = runner.invoke(app, ["replay", "--from", str(cut)])
    assert unreadable.exit_code == 1 and "replay_unreadable" in unreadable.stderr
    copied = tmp_path / "copy.json"
    assert runner.invoke(app, ["replay", "--from", str(good), "--export", str(copied)]).exit_code == 0
    assert copied.read_text() == good.read_text() and copied.stat().st_mode & 0o077 == 0
    for wrong in ([], ["x", "--from", str(good)], ["--from", str(good), "--export", str(copied)], ["no-id"]):
        assert runner.invoke(app, ["replay", *wrong]).exit_code == 2


@pytest.mark.req("ORCH-26")
@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_recorded_runs_of_earlier_releases_are_decided_the_same(file: Path) -> None:
    _, entries, run = imported(file.read_bytes())
    assert run is not None and entries
    verdict = redecide(run)
    assert verdict.difference is None, str(verdict.difference)
    decided = [i for i, item in enumerate(run["history"]) if item["what"] == "skipped"]
    if decided:
        changed = copy.deepcopy(run)
        changed["history"][decided[0]]["reason"] = "dependency_skipped"
        assert redecide(changed).difference is not None
