"""Settings of the sandbox, and the limits that they come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from psg_runtime.ael import AelSettings
from psg_runtime.ael.adapters.process import sandboxing_of
from psg_runtime.sandbox import MECHANISMS, Facts, Limits, Sandboxing, SandboxSettings, report

ROOTS = (Path("/srv/project"),)
MEGABYTE = 1024**2


def limits(**settings: Any) -> Limits | None:
    return sandboxing_of(AelSettings(**settings)).for_program(ROOTS, None)


@pytest.mark.req("DD-30", "DD-31")
def test_multi_tenant_mode_has_the_limits_of_the_specification() -> None:
    found = limits(multi_tenant=True)
    assert found is not None
    assert (found.cpus, found.memory_bytes, found.network) == (1.0, 512 * MEGABYTE, False)
    assert found.wall_seconds == pytest.approx(300, abs=1)
    assert found.cpu_seconds == 300
    assert found.files is not None
    assert found.files.write == ROOTS
    assert set(found.asked()) == set(MECHANISMS)
    settings = AelSettings(multi_tenant=True)
    assert (settings.cpu_reservation, settings.memory_reservation) == (0.5, 256 * MEGABYTE)


def test_without_it_nothing_is_limited_that_nobody_limited() -> None:
    assert limits() is None
    assert limits(process_memory_mb=64, process_cpu_seconds=3) is None  # these have a way of their own
    only = limits(memory_limit="1G")
    assert only == Limits(memory_bytes=1024**3)
    assert limits(memory_limit="1G", sandbox="off") is None
    assert limits(network_isolation=False) is None
    assert limits(network_isolation=True) == Limits(network=False)
    everything = limits(sandbox="landlock")
    assert everything is not None
    assert set(everything.asked()) == set(MECHANISMS)


@pytest.mark.req("DD-30", "DD-31")
def test_all_of_them_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "PSG_MULTI_TENANT": "true", "PSG_CPU_LIMIT": "2.5", "PSG_MEMORY_LIMIT": "1G", "PSG_CPU_RESERVATION": "0.25",
        "PSG_MEMORY_RESERVATION": "64 MiB", "NETWORK_ISOLATION": "false", "MAX_EXECUTION_TIME": "20s",
        "PSG_PROCESS_LIMIT": "7", "PSG_FILE_SIZE_LIMIT": "8192", "PSG_DISK_LIMIT": "2m", "PSG_OPEN_FILES_LIMIT": "20",
        "PSG_OUTPUT_LIMIT": "4k", "PSG_SANDBOX": "landlock", "PSG_SANDBOX_READ": "/opt/a, /opt/b",
        "PSG_PROCESS_MEMORY_MB": "100", "PSG_PROCESS_CPU_SECONDS": "9",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = AelSettings()
    sandboxing = sandboxing_of(settings)
    found = sandboxing.for_program(ROOTS, None)
    assert found is not None
    assert found.files is not None
    assert found.files.read[-2:] == (Path("/opt/a"), Path("/opt/b"))
    assert found == Limits(
        files=found.files, network=True, memory_bytes=100 * MEGABYTE, cpus=2.5, cpu_seconds=9, wall_seconds=19.5,
        processes=7, file_bytes=8192, disk_bytes=2 * MEGABYTE, open_files=20,
    )  # fmt: skip
    assert sandboxing.output_bytes == 4096
    assert (settings.cpu_reservation, settings.memory_reservation) == (0.25, 64 * MEGABYTE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory_limit": "lots"}, {"memory_limit": "-5M"}, {"memory_limit": "1K"}, {"memory_limit": 0},
        {"cpu_limit": 0}, {"cpu_limit": -1}, {"cpu_limit": float("inf")}, {"cpu_limit": float("nan")},
        {"cpu_reservation": 0}, {"process_limit": 0}, {"disk_limit": "1"}, {"disk_limit": "nothing"},
        {"output_limit": -1}, {"open_files_limit": 3}, {"sandbox": "vm"}, {"code_timeout_ms": 0},
        {"max_execution_time": 0}, {"sandbox_image": "-v /:/host"}, {"multi_tenant": True, "sandbox": "off"},
        {"cpu_limit": 1, "cpu_reservation": 2}, {"memory_limit": "64M", "memory_reservation": "65M"},
    ],
)  # fmt: skip
def test_settings_that_bound_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AelSettings(**wrong)


def test_what_is_written_in_all_can_be_left_open_by_name_only() -> None:
    found = limits(multi_tenant=True, disk_limit="none")
    assert found is not None
    assert (found.disk_bytes, found.file_bytes) == (None, 256 * MEGABYTE)
    assert Sandboxing(SandboxSettings(disk_limit=None)).for_code(1).disk_bytes is not None


def test_a_limit_below_the_usual_reservation_reserves_all_of_it() -> None:
    settings = AelSettings(multi_tenant=True, cpu_limit=0.2, memory_limit="32M")
    assert (settings.cpu_reservation, settings.memory_reservation) == (0.2, 32 * MEGABYTE)


@pytest.mark.req("DD-31")
def test_a_step_cannot_give_itself_more_time() -> None:
    sandboxing = Sandboxing(SandboxSettings(multi_tenant=True, max_execution_time=10))
    assert sandboxing.longest(None) == sandboxing.longest(60) == 9.5
    assert sandboxing.longest(2) == 10  # its own clock rings first
    assert Sandboxing(SandboxSettings(max_execution_time=1)).longest(None) == 0.8


@pytest.mark.req("DD-32")
def test_code_is_limited_in_every_mode() -> None:
    for settings in (SandboxSettings(), SandboxSettings(multi_tenant=True)):
        found = Sandboxing(settings).for_code(30)
        assert set(found.asked()) == set(MECHANISMS)
        assert found.files is not None
        assert (found.files.write, found.files.scratch, found.one_process) == ((), False, True)
        assert not any(str(path).startswith("/etc/") and "ld.so" not in path.name for path in found.files.read)


def test_the_report_names_what_is_missing() -> None:
    facts = Facts("linux", 5, None, "not permitted: no", None, "not installed", "not installed")
    found = report(SandboxSettings(multi_tenant=True), facts)
    assert found["chosen"] is None
    levels = {level["name"]: level for level in found["levels"]}
    assert levels["landlock"]["missing"] == ["isolation"]
    assert levels["namespaces"]["enforces"] == []
    assert found["facts"]["namespaces"] == "not permitted: no"
    full = report(SandboxSettings(), Facts("linux", 7, None, None, None))
    assert full["chosen"] == "namespaces"
    assert report(SandboxSettings(sandbox="landlock"), Facts("linux", 7, None, None, None))["chosen"] == "landlock"
