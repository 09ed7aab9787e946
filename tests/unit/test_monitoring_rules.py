"""Rules of alerts, and what monitoring reads of machines and modules: no database."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import ValidationFailed
from psg_runtime.monitoring import AlertConfiguration, AlertRule, PerformanceMetrics, SystemMetrics, TimeRange
from psg_runtime.monitoring.alert_rules import Observed, judge
from psg_runtime.monitoring.alerts import Alert
from psg_runtime.monitoring.collection import Recorder, performance_of
from psg_runtime.monitoring.deliveries import message_of, signature
from psg_runtime.monitoring.health import finding, reason_of
from psg_runtime.monitoring.host import Host, process_memory
from psg_runtime.monitoring.model import parsed
from psg_runtime.monitoring.storage import folder_size


def rule(**fields: Any) -> AlertRule:
    return AlertRule.model_validate({"id": "r", "metric": "failed_workflows", "threshold": 2, **fields})


def refused(**config: Any) -> str:
    with pytest.raises(ValidationFailed) as told:
        parsed(AlertConfiguration, config, "config")
    return told.value.message


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": "a b", "metric": "cpu_usage", "threshold": 1}, "letters, digits"),
        ({"metric": "cpu_usage", "threshold": 1}, "id"),
        ({"id": "r"}, "either a metric"),
        ({"id": "r", "metric": "cpu_usage", "threshold": 1, "component": "database"}, "either a metric"),
        ({"id": "r", "metric": "cpu_usage"}, "threshold"),
        ({"id": "r", "metric": "cpu_usage", "threshold": float("nan")}, "threshold"),
        ({"id": "r", "metric": "cpu_usage", "threshold": 1, "operator": "~"}, "operator"),
        ({"id": "r", "metric": "cpu_usage", "threshold": 1, "forMs": -1}, "forMs"),
        ({"id": "r", "metric": "cpu_usage", "threshold": 1, "severity": "awful"}, "severity"),
        ({"id": "r", "component": "database", "status": "asleep"}, "status"),
        ({"id": "r", "component": "database", "color": "red"}, "color"),
        ({"id": "r", "component": "database", "channels": ["ftp://x/"]}, "http"),
        ({"id": "r", "component": "database", "channels": ["http://user:pw@x/"]}, "user or password"),
        ({"id": "r", "component": "database", "channels": [{"url": "http://x/", "secret": "a b"}]}, "name of a secret"),
        ({"id": "r", "component": "database", "channels": ["http://x/"] * 9}, "channels"),
    ],
)
@pytest.mark.req("CORE-43")
def test_a_rule_that_cannot_be_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    message = refused(rules=[fields])
    assert said in message and message.startswith("config.rules.0")
    assert "hunter" not in message


def test_a_configuration_names_each_rule_once_and_is_bounded() -> None:
    one = {"id": "r", "component": "database"}
    assert "named twice" in refused(rules=[one, one])
    assert "named twice" in refused(rules=[one], remove=["r"])
    assert "rules" in refused(rules=[{**one, "id": f"r{i}"} for i in range(201)])
    assert refused(rules="r") and refused(other=1)
    with pytest.raises(ValidationFailed, match="an object"):
        parsed(AlertConfiguration, "x", "config")  # type: ignore[arg-type]


def test_both_spellings_are_read() -> None:
    read = AlertRule.model_validate(
        {"name": "r", "metric": "failedWorkflows", "operator": "gte", "threshold": 3, "forMs": 5, "channels": ["log"]}
    )
    assert (read.id, read.metric, read.operator, read.for_ms) == ("r", "failed_workflows", ">=", 5)
    assert read.to_dict()["forMs"] == 5 and read.condition == "failed_workflows >= 3"
    hook = rule(channels=["https://hooks.example.com/{{secrets.TOKEN}}"]).channels[0]
    assert hook.type == "webhook"


@pytest.mark.parametrize(
    ("operator", "holds"),
    [(">", [False, False, True]), (">=", [False, True, True]), ("<", [True, False, False]),
     ("<=", [True, True, False]), ("==", [False, True, False]), ("!=", [True, False, True])],
)  # fmt: skip
def test_metrics_are_compared_as_the_rule_says(operator: str, holds: list[bool]) -> None:
    made = rule(operator=operator)
    assert [Observed({"failed_workflows": n}, {}).holds(made) for n in (1.0, 2.0, 3.0)] == holds


def test_health_is_compared_by_how_bad_it_is() -> None:
    degraded = AlertRule.model_validate({"id": "r", "component": "x", "status": "degraded"})
    unhealthy = AlertRule.model_validate({"id": "r", "component": "x"})
    told = {state: Observed({}, {"x": state}) for state in ("healthy", "degraded", "unhealthy")}  # type: ignore[dict-item]
    assert [told[s].holds(degraded) for s in told] == [False, True, True]
    assert [told[s].holds(unhealthy) for s in told] == [False, False, True]
    assert Observed({}, {}).holds(unhealthy) is None and Observed({}, {}).holds(rule()) is None


@pytest.mark.req("CORE-43")
@given(
    st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(0, 40)), max_size=40),
    st.integers(0, 60),
)
def test_an_alert_fires_once_after_its_time_and_resolves_once(seen: list[tuple[bool | None, int]], wait: int) -> None:
    """Against a model: the last known answer, and since when it has been true."""
    made, now, since, is_open = rule(for_ms=wait), 1_000, None, False
    true_since: int | None = None
    for holds, passed in seen:
        now += passed
        verdict = judge(made, holds, since, is_open, now)
        if holds is True and true_since is None:
            true_since = now
        if holds is False:
            true_since = None
        assert verdict.fire == (holds is True and not is_open and now - (true_since or now) >= wait)
        assert verdict.resolve == (holds is False and is_open)
        assert verdict.since_ms == true_since
        since, is_open = verdict.since_ms, (is_open or verdict.fire) and not verdict.resolve
    off = judge(rule(enabled=False), True, since, is_open, now)
    assert (off.fire, off.resolve) == (False, is_open)


def test_a_clock_that_was_set_back_begins_anew() -> None:
    assert judge(rule(for_ms=10), True, 5_000, False, 1_000).since_ms == 1_000


@pytest.mark.req("CORE-42")
def test_a_range_of_time_is_read_of_numbers_and_texts_and_has_an_order() -> None:
    assert parsed(TimeRange, {"start": "1970-01-01T00:00:01Z", "end": 2_000}, "r") == TimeRange(start=1_000, end=2_000)
    moment = datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)
    assert parsed(TimeRange, {"from": moment, "to": 1_000}, "r") == TimeRange(start=1_000, end=1_000)
    for bad in ({"start": 2, "end": 1}, {"start": "1970-01-01T00:00:01", "end": 5}, {"start": True, "end": 5},
                {"start": "soon", "end": 5}, {"start": 1}):  # fmt: skip
        with pytest.raises(ValidationFailed, match="range"):
            parsed(TimeRange, bad, "range")


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"status": "healthy", "details": {"a": 1}}, "healthy"), (SimpleNamespace(status="OK"), "healthy"),
        ({"status": "degraded"}, "degraded"), ({"status": "starting"}, "degraded"), ({"status": "down"}, "unhealthy"),
        ({"healthy": True}, "healthy"), (True, "healthy"), (False, "unhealthy"), (None, "unhealthy"),
        ({"status": "healthy", "details": {"a": object()}}, "healthy"), ({}, "unhealthy"), ([], "unhealthy"),
    ],
)  # fmt: skip
@pytest.mark.req("CORE-41")
def test_what_a_health_check_answers_is_understood_or_unhealthy(told: Any, state: str) -> None:
    found, details = finding(told)
    assert found == state and isinstance(details, dict)


def test_a_check_s_error_tells_no_secrets() -> None:
    assert reason_of(RuntimeError("password=hunter2")) == {"reason": "the check raised RuntimeError"}
    assert reason_of(ValidationFailed("wrong"))["reason"] == "wrong"


@pytest.mark.req("CORE-40")
def test_processor_and_memory_are_read_of_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 0 100 800 0 0 0 0 0 0\n")
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n")
    host = Host(tmp_path)
    host._at -= 1
    (tmp_path / "stat").write_text("cpu  175 0 100 825 0 0 0 0 0 0\n")
    assert host.cpu_usage() == 75.0 and host.memory_usage() == 75.0
    assert host.cpu_usage() == 75.0  # asked again at once: the same


@pytest.mark.req("CORE-40")
def test_without_a_kernel_that_tells_the_process_is_read(tmp_path: Path) -> None:
    host = Host(tmp_path / "nothing")
    host._at -= 1
    assert 0.0 <= host.cpu_usage() <= 100.0 and 0.0 < host.memory_usage() <= 100.0
    assert process_memory() > 1_000_000


def test_the_size_of_a_folder_counts_what_is_below(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 100)
    (tmp_path / "c").write_bytes(b"x" * 11)
    assert folder_size(tmp_path) == 111 and folder_size(tmp_path / "gone") == 0


@pytest.mark.req("CORE-39")
def test_the_performance_of_modules_is_added_over_processes() -> None:
    told = [
        SimpleNamespace(module_type="plan", operations=3, failures=1, total_ms=30.0),
        SimpleNamespace(module_type="plan", operations=1, failures=0, total_ms=10.0),
        SimpleNamespace(module_type="role", operations=0, failures=0, total_ms=0.0), SimpleNamespace(id="x"),
    ]  # fmt: skip
    found = {name: PerformanceMetrics(**facts) for name, facts in performance_of(told).items()}
    assert found["plan"].operations == 4 and found["plan"].average_duration == 10.0 and found["plan"].error_rate == 0.25
    assert found["role"].average_duration == 0.0 and set(found) == {"plan", "role"}
    recorder = Recorder()
    for took, ok in ((1.0, True), (5.0, False)):
        recorder.add("m", took, ok)
    assert recorder.told() == {"m": {"operations": 2, "failures": 1, "average_duration": 3.0, "max_duration": 5.0}}


@pytest.mark.req("CORE-38", "CORE-39", "CORE-40")
def test_metrics_are_named_as_the_specification_names_them() -> None:
    names = {
        "activeWorkflows", "completedWorkflows", "failedWorkflows", "averageWorkflowDuration", "moduleHealth",
        "modulePerformance", "cpuUsage", "memoryUsage", "networkLatency", "storageUsage",
    }  # fmt: skip
    made = SystemMetrics(
        active_workflows=1, completed_workflows=0, failed_workflows=0, average_workflow_duration=0, cpu_usage=0,
        memory_usage=0, network_latency=0, storage_usage=0, collected_at=1,
    )  # fmt: skip
    assert names <= made.to_dict().keys()


def test_messages_are_signed_and_named_once() -> None:
    fields = {"id": "i", "name": "n", "severity": "high", "message": "m", "started_ms": 1, "changed_ms": 1}
    alert = Alert(**fields, status="firing", channels=["https://a.example/x"]).changed(1)  # type: ignore[arg-type]
    again = alert.changed(2, status="resolved").changed(3, status="firing", times=2)
    ids = [delivery.id for delivery in again.deliveries]
    assert len(set(ids)) == 3
    first = again.deliveries[0]
    assert [d.event for d in again.next_deliveries] == ["firing"] and again.due_at == 1
    told = message_of(again, first)
    assert told["event"] == "alert.firing" and "deliveries" not in told["alert"] and "channels" not in told["alert"]
    assert signature(b"k", "5", b"body") == signature(b"k", "5", b"body") != signature(b"k", "6", b"body")
