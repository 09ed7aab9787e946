"""The parts of the sandbox that can be judged without running a program in it."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from psg_runtime.sandbox import (
    Capture,
    Facts,
    FileView,
    Limits,
    SandboxFailed,
    SandboxUnavailable,
    communicate,
    refused_resource,
)
from psg_runtime.sandbox.bubblewrap import BubblewrapSandbox
from psg_runtime.sandbox.cgroup import ControlGroup, why_not
from psg_runtime.sandbox.container import ContainerSandbox
from psg_runtime.sandbox.file_layout import layout
from psg_runtime.sandbox.native import Reservations, outcome_of
from psg_runtime.sandbox.port import MECHANISMS, Outcome

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a part of the Linux sandbox")
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
ALLOW, KILL = 0x7FFF0000, 0x80000000


def judged(code: list[tuple[int, int, int, int]], architecture: int, number: int, first: int = 0) -> int:
    """What the kernel's filter machine comes to for a call: ALLOW, KILL or the errno."""
    memory = {0: number, 4: architecture, 16: first & 0xFFFFFFFF}
    accumulator, at = 0, 0
    while True:
        operation, when_true, when_false, value = code[at]
        at += 1
        if operation == 0x06:
            return value if value in (ALLOW, KILL) else value & 0xFFFF
        if operation == 0x20:
            accumulator = memory[value]
            continue
        test = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
        at += when_true if test else when_false


@LINUX
@pytest.mark.req("DD-30")
@pytest.mark.parametrize("machine", MACHINES)
def test_the_call_filter_says_no_to_each_of_its_calls_and_to_no_other(machine: str) -> None:
    from psg_runtime.sandbox.confinement import call_filter

    architecture, column = MACHINES[machine]
    code = call_filter.assemble(machine, sockets="none", one_process=True, attributes=False)
    assert len(code) < 4096
    refused = {**call_filter._REFUSED, **call_filter._ATTRIBUTES}
    numbers = {numbers[column] for numbers in refused.values() if numbers[column] is not None}
    absent = {numbers[column] for numbers in call_filter._ABSENT.values() if numbers[column] is not None}
    special = {call_filter._CLONE[column], call_filter._SOCKET[column], call_filter._PRLIMIT[column]}
    forks = {numbers[column] for numbers in call_filter._FORKS if numbers[column] is not None}
    assert len(numbers) == sum(n[column] is not None for n in refused.values())  # no number stands twice
    assert not numbers & (absent | special | forks)
    for number in range(500):
        expected = (
            errno.EPERM if number in numbers else errno.ENOSYS if number in absent else errno.EAGAIN
            if number in forks else errno.EACCES if number == call_filter._SOCKET[column] else ALLOW
        )  # fmt: skip
        if number not in special or number == call_filter._SOCKET[column]:
            assert judged(code, architecture, number) == expected, number
    for other in {0x40000003, *(known for known, _ in MACHINES.values())} - {architecture}:
        assert judged(code, other, 1) == KILL
    if machine == "x86_64":
        assert judged(code, architecture, 0x40000000 | 41) == KILL


@LINUX
@pytest.mark.parametrize("machine", MACHINES)
def test_the_call_filter_looks_at_first_arguments(machine: str) -> None:
    from psg_runtime.sandbox.confinement import call_filter, system_calls

    architecture, column = MACHINES[machine]
    clone, socket, limit = (n[column] for n in (call_filter._CLONE, call_filter._SOCKET, call_filter._PRLIMIT))
    several = call_filter.assemble(machine, sockets="local", one_process=False, attributes=True)
    single = call_filter.assemble(machine, sockets="remote", one_process=True, attributes=True)
    free = call_filter.assemble(machine, sockets="any", one_process=False, attributes=True)
    assert judged(several, architecture, clone, 17) == ALLOW
    for namespace in (system_calls.CLONE_NEWUSER, system_calls.CLONE_NEWNS, system_calls.CLONE_NEWNET):
        assert judged(several, architecture, clone, namespace | 17) == errno.EPERM
    assert judged(single, architecture, clone, 17) == errno.EAGAIN
    assert judged(single, architecture, clone, system_calls.CLONE_THREAD) == ALLOW
    assert [judged(several, architecture, socket, family) for family in (1, 2, 10, 40)] == [ALLOW] + [errno.EACCES] * 3
    assert [judged(single, architecture, socket, family) for family in (1, 2, 10)] == [errno.EACCES, ALLOW, ALLOW]
    assert [judged(free, architecture, socket, family) for family in (1, 2)] == [ALLOW, ALLOW]
    assert [judged(free, architecture, limit, process) for process in (0, 1, 4000)] == [ALLOW, errno.EPERM, errno.EPERM]


@pytest.mark.req("DD-30")
def test_links_are_kept_and_what_may_be_written_is_not_hidden(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "inner").mkdir(parents=True)
    (real / "program").write_text("")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "far").symlink_to(tmp_path / "link" / "inner")
    (tmp_path / "loop").symlink_to("loop")
    inside = (tmp_path / "real" / "inner" / "deep", tmp_path / "link" / "inner")
    inside[0].mkdir()
    view = FileView((*inside, tmp_path / "far", tmp_path / "loop", tmp_path / "nowhere"), (tmp_path / "other",))
    found = layout(view, str(tmp_path / "link" / "program"), scratch_bytes=1, build=True, others=False)
    base = os.path.realpath(tmp_path)
    assert found["read"] == [f"{base}/real/inner", f"{base}/real/program"]
    assert found["write"] == []
    assert found["links"][f"{base}/link"] == "real"
    assert found["links"][f"{base}/far"] == str(tmp_path / "link" / "inner")
    writable = layout(FileView((real / "inner",), (real,)), "/bin/sh", scratch_bytes=1, build=True, others=False)
    assert f"{base}/real/inner" not in writable["read"]
    assert writable["write"] == [f"{base}/real"]


@pytest.mark.req("DD-30")
def test_links_that_a_program_may_have_made_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "root" / "tool").symlink_to(tmp_path / "secrets")
    (tmp_path / "root" / "inner").symlink_to(tmp_path / "secrets")
    (tmp_path / "way").symlink_to(tmp_path / "root" / "tool")
    root = Path(os.path.realpath(tmp_path / "root"))
    view = FileView((root / "tool", tmp_path / "way"), (root, root / "inner"))
    found = layout(view, str(root / "tool"), scratch_bytes=1, build=True, others=False)
    assert found["write"] == [str(root)]
    assert found["read"] == []


def test_beside_a_folder_in_a_scratch_folder_nothing_can_be_made() -> None:
    shown = layout(FileView((), (Path("/tmp"),)), "/bin/sh", scratch_bytes=1, build=True, others=False)
    assert shown["scratch"] == ["/dev/shm"]
    assert layout(FileView(scratch=False), "/bin/sh", scratch_bytes=1, build=True, others=False)["scratch"] == []


@pytest.mark.req("DD-30")
def test_a_control_group_gets_limits_and_reservations(tmp_path: Path) -> None:
    """The files of a group, in an ordinary folder: this machine's groups are not ours."""
    assert why_not(tmp_path) is not None
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    assert "pids" in str(why_not(tmp_path))
    with pytest.raises(SandboxUnavailable, match="pids"):
        ControlGroup.make(tmp_path, Limits(), cpu_reservation=0, memory_reservation=0)
    (tmp_path / "cgroup.subtree_control").write_text("cpuset cpu memory pids\n")
    limits = Limits(memory_bytes=512 * 1024**2, cpus=1.5, processes=9)
    group = ControlGroup.make(tmp_path, limits, cpu_reservation=0.5, memory_reservation=256 * 1024**2)
    written = {path.name: path.read_text() for path in group.path.iterdir()}
    assert written == {
        "memory.max": "536870912", "memory.swap.max": "0", "memory.oom.group": "1", "memory.low": "268435456",
        "cpu.max": "150000 100000", "cpu.weight": "50", "pids.max": "9",
    }  # fmt: skip
    assert not group.ran_out_of_memory()
    (group.path / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert group.ran_out_of_memory()


@pytest.mark.req("DD-30", "DD-31")
def test_a_container_is_told_every_limit() -> None:
    """The command only: Docker does not answer on every machine that runs this."""
    facts = Facts("darwin", container=None)
    sandbox = ContainerSandbox("img:1", reservations=Reservations(0.5, 256 * 1024**2), facts=facts)
    limits = Limits(
        files=FileView((Path("/usr"), Path("/opt/lib")), (Path("/srv/p"),)), network=False, memory_bytes=512 * 1024**2,
        cpus=1.0, cpu_seconds=7.2, processes=64, file_bytes=1000, open_files=32,
    )  # fmt: skip
    assert sandbox.missing(limits) == ()
    env = {"PATH": "/usr/bin", "TOKEN": "marker-1"}
    command = sandbox.command("n", ["tool", "-x"], cwd=Path("/srv/p"), env=env, limits=limits)
    text = " ".join(command)
    for option in (
        "--network none", "--memory 536870912", "--memory-swap 536870912", "--memory-reservation 268435456",
        "--cpus 1.0", "--cpu-shares 512", "--pids-limit 64", "--ulimit fsize=1000", "--ulimit nofile=32",
        "--ulimit cpu=8", "--ulimit core=0", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges",
        "--mount type=bind,src=/srv/p,dst=/srv/p", "src=/opt/lib,dst=/opt/lib,readonly", "--env TOKEN", "--pull never",
    ):  # fmt: skip
        assert option in text
    assert "marker-1" not in text  # arguments can be read by others
    assert "src=/usr," not in text
    assert command[-3:] == ["img:1", "tool", "-x"]
    assert sandbox.missing(Limits(files=limits.files, disk_bytes=1)) == ("file_size",)
    assert ContainerSandbox(None, facts=facts).missing(limits) == limits.asked()
    assert ContainerSandbox("img", facts=Facts("linux", container="does not answer")).missing(limits) == limits.asked()


@LINUX
@pytest.mark.anyio
async def test_a_container_is_looked_at_and_removed(tmp_path: Path) -> None:
    """With a client that runs the program itself, in the place of Docker's: what we ask of it, and in which order."""
    client = tmp_path / "docker"
    client.write_text(
        f"""#!/bin/sh
echo "$1" >> {tmp_path}/asked
case "$1" in
  inspect) cat {tmp_path}/killed ;;
  run) while [ "$1" != image ]; do shift; done; shift; exec "$@" ;;
esac
"""
    )
    client.chmod(0o755)
    sandbox = ContainerSandbox("image", program=str(client), facts=Facts("linux", container=None))
    for killed, script, expected in (("false", "cat; exit 7", 7), ("true", "kill -9 $$", -9)):
        (tmp_path / "killed").write_text(killed)
        stdout, stderr = Capture(100), Capture(100)
        running = await sandbox.start("/bin/sh", ["sh", "-c", script], cwd=tmp_path, env={}, limits=Limits())
        await communicate(running.process, b"given", stdout, stderr)
        await running.end()
        outcome = running.outcome()
        assert outcome.exit_code in (expected, 128 - expected)
        assert (outcome.exceeded is not None) == (killed == "true")
    assert stdout.data() == b""
    assert (tmp_path / "asked").read_text().split() == ["run", "inspect", "rm"] * 2
    running = await sandbox.start("/bin/sh", ["sh", "-c", "exit 125"], cwd=tmp_path, env={}, limits=Limits())
    await running.process.wait()
    await running.end()
    with pytest.raises(SandboxFailed, match="did not start"):
        running.outcome()


def test_bubblewrap_that_is_not_there_has_nothing() -> None:
    every = Limits(files=FileView(), network=False, memory_bytes=1)
    assert BubblewrapSandbox(facts=Facts("linux", 7, None, None, None)).missing(every) == every.asked()
    assert BubblewrapSandbox("/no/such/bwrap", facts=Facts("linux")).missing(every) == every.asked()


def test_an_old_kernel_has_less() -> None:
    assert Facts("linux", 7, None, None, None).with_namespaces() == set(MECHANISMS)
    assert Facts("linux", 6, None, "no", None).without_namespaces() == set(MECHANISMS)
    assert "filesystem" not in Facts("linux", 2, None, "no", None).without_namespaces()
    assert Facts("linux", 7, None, "no", None).with_namespaces() == frozenset()
    assert Facts("freebsd").without_namespaces() == frozenset()


@pytest.mark.req("DD-30")
def test_reports_of_the_launcher_are_judged() -> None:
    assert outcome_of({"exit_code": 3, "peak": {"memory": 5}}) == Outcome(3, None, {"memory": 5})
    killed = outcome_of({"exit_code": -9}, out_of_memory=True)
    assert killed.exceeded is not None
    assert killed.exceeded["resource"] == "memory"
    with pytest.raises(SandboxFailed, match="without a word"):
        outcome_of(None)
    with pytest.raises(SandboxFailed, match="could not be set up: OSError: no"):
        outcome_of({"failed": "OSError: no", "errno": 1, "stage": "confine"})
    with pytest.raises(OSError, match="Exec format error"):
        outcome_of({"failed": "OSError: x", "errno": errno.ENOEXEC, "stage": "start"})


@LINUX
@pytest.mark.parametrize(
    ("code", "stderr", "resource"),
    [
        (1, "MemoryError", "memory"), (1, "fork: Cannot allocate memory", "memory"), (-24, "", "cpu"),
        (-25, "", "file_size"), (1, "OSError: [Errno 24] Too many open files", "open_files"),
        (1, "No space left on device", "disk"), (1, "all is wrong", None), (-11, "", None),
    ],
)  # fmt: skip
def test_what_programs_say_of_a_limit(code: int, stderr: str, resource: str | None) -> None:
    limits = Limits(memory_bytes=1, cpu_seconds=1, file_bytes=1, disk_bytes=1, open_files=1)
    found = refused_resource(Outcome(code), limits, stderr)
    assert (None if found is None else found.details["resource"]) == resource
    assert refused_resource(Outcome(code), Limits(), stderr) is None
