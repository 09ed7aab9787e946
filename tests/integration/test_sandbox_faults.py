"""Sandboxes when their owner dies, is nobody special, or asks for what is not there."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

import psg
import psg_neo4j
import psg_runtime
from psg.errors import ValidationFailed
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.sandbox import Facts, FileView, Limits, SandboxUnavailable, facts_of_this_machine
from psg_runtime.sandbox.cgroup import ControlGroup
from psg_runtime.sandbox.file_layout import SYSTEM_PATHS
from psg_runtime.sandbox.native import NativeSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own limits")]
PROGRAM = Path(__file__).parents[1] / "programs" / "sandboxed_sleeper.py"
NOBODY = 65534


@pytest.fixture(params=["namespaces", "landlock"])
def level(request: pytest.FixtureRequest) -> str:
    facts = facts_of_this_machine()
    have = facts.with_namespaces() if request.param == "namespaces" else facts.without_namespaces()
    if "isolation" not in have:
        pytest.skip(f"{request.param} is not to be had here")
    return str(request.param)


def with_argument(marker: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if marker.encode() in arguments and state not in ("Z", "X"):
            found.append(int(process.name))
    return found


@pytest.mark.req("DD-30")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_survives_its_owner(tmp_path: Path, level: str, number: signal.Signals) -> None:
    marker = f"orphan-{os.getpid()}-{level}-{number}"
    code = (
        f"# {marker}\nimport os, signal, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN); open('ready', 'w').close(); time.sleep(600)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    )
    scratch = tmp_path.with_name(f"{tmp_path.name}-scratch")
    scratch.mkdir()
    owner = await anyio.open_process(
        [sys.executable, str(PROGRAM), level, str(tmp_path), code], env={**os.environ, "TMPDIR": str(scratch)}
    )
    try:
        with anyio.fail_after(20):
            while not (tmp_path / "ready").exists():
                assert owner.returncode is None
                await anyio.lowlevel.checkpoint()
        assert len(with_argument(marker)) >= 4  # the owner and its three
        owner.send_signal(number)
        with anyio.fail_after(20):
            await owner.wait()
            while with_argument(marker) or list(scratch.iterdir()):
                await anyio.lowlevel.checkpoint()
    finally:
        if owner.returncode is None:
            owner.kill()
        await owner.aclose()


@pytest.mark.req("DD-30")
async def test_a_cancel_at_any_moment_leaves_nothing(
    tmp_path: Path, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    marker = f"cancelled-{os.getpid()}-{level}"
    settings = AelSettings(allow_process=("*",), process_roots=(tmp_path,), multi_tenant=True, sandbox=level)  # type: ignore[arg-type]
    layer = AdapterLayer(CapabilityRegistry(), settings)

    async def run(code: str) -> None:
        params = {"argv": [sys.executable, "-c", code, marker]}
        await layer.execute({"type": "tool_call", "name": "process.run", "params": params})

    await run("")  # what is made once is made now
    before = len(os.listdir("/proc/self/fd"))
    for seconds in (0.005, 0.01, 0.02, 0.04, 0.08, 0.16):
        with anyio.move_on_after(seconds):
            await run("import time; time.sleep(600)")
    for moment in (0, 1, 2, 3, 5, 8, 40):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, "import time; time.sleep(600)")
            for _ in range(moment):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    with anyio.fail_after(20):
        while with_argument(marker):
            await anyio.lowlevel.checkpoint()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert list(scratch.iterdir()) == []


@pytest.fixture
def folder_for_all() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="psg-nobody-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def readable_python() -> str | None:
    """An interpreter of this version that everybody may start, with our packages where everybody may read them."""
    parents = [Path(psg.__file__), Path(psg_neo4j.__file__), Path(psg_runtime.__file__), Path(anyio.__file__)]
    if not all(parent.stat().st_mode & 0o005 for path in parents for parent in path.parents):
        return None
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        real = Path(candidate).resolve()
        if real.exists() and all(parent.stat().st_mode & 0o001 for parent in real.parents):
            return str(real)
    return None


@pytest.mark.req("DD-30", "DD-31")
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="gives up being root")
@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("open('made', 'w').write('x'); print(open('made').read())", {"exit_code": 0, "stdout": "x\n"}),
        ("x = bytes(10**6) + bytes([1]) * (200 * 1024**2)", {"resource": None}),
        ("import mmap\nm = mmap.mmap(-1, 10**9)\nfor i in range(0, 10**9, 4096): m[i] = 1", {"resource": "memory"}),
        ("import socket\ntry: socket.create_connection(('127.0.0.1', 1))\nexcept OSError as e: print(e.errno != 111)",
         {"stdout": "True\n"}),
        ("try: open('/etc/shadow')\nexcept OSError: print('refused')", {"stdout": "refused\n"}),
        ("try: open('/var/tmp/psg-made-this', 'w')\nexcept OSError: print('refused')", {"stdout": "refused\n"}),
        ("import os, time\nfor _ in range(11):\n  try: os.fork()\n  except OSError: pass\ntime.sleep(20)",
         {"resource": "processes"}),
    ],
)  # fmt: skip
async def test_somebody_without_privileges_has_the_same_sandbox(
    folder_for_all: Path, level: str, code: str, answer: dict[str, object]
) -> None:
    python = readable_python()
    if python is None:
        pytest.skip("no interpreter that everybody may start")
    paths = {str(Path(module.__file__ or "").parents[1]) for module in (psg, psg_neo4j, psg_runtime, anyio)}
    program = shutil.copy(PROGRAM, folder_for_all)
    done = await anyio.run_process(
        [python, program, level, str(folder_for_all), code],
        env={"PYTHONPATH": ":".join(sorted(paths)), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        cwd="/",
        check=False,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
    )
    assert done.returncode == 0, done.stderr.decode()
    given = json.loads(done.stdout)
    if answer == {"resource": None}:  # whether the kernel or the watch was first
        assert given.get("resource") == "memory" or "MemoryError" in given["stderr"]
    else:
        assert {name: given.get(name) for name in answer} == answer, given


@pytest.mark.req("DD-30")
@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (Facts("darwin"), {"filesystem", "network", "isolation", "memory", "cpu", "processes", "time", "file_size"}),
        (Facts("linux", 5, None, "not permitted", None), {"isolation"}),
        (Facts("linux", 0, None, "not permitted", None), {"filesystem", "isolation"}),
        (Facts("linux", 7, "call numbers of riscv64 are not known", None, None), {"cpu", "processes", "isolation"}),
    ],
)
async def test_what_cannot_be_enforced_is_refused_by_name(
    tmp_path: Path, facts: Facts, missing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = AelSettings(allow_process=("*",), process_roots=(tmp_path,), multi_tenant=True)
    layer = AdapterLayer(CapabilityRegistry(), settings)
    monkeypatch.setattr(layer._process.sandboxing, "_facts", facts)
    with pytest.raises(SandboxUnavailable) as caught:
        await layer.execute({"type": "tool_call", "name": "process.run", "params": {"argv": ["touch", "made"]}})
    assert set(caught.value.details["missing"]) == missing
    assert all(name in caught.value.message for name in missing)
    assert "psg sandbox" in caught.value.message
    assert list(tmp_path.iterdir()) == []


async def test_a_sandbox_never_starts_a_program_that_it_cannot_hold(tmp_path: Path) -> None:
    sandbox = NativeSandbox(facts=Facts("linux", namespaces="not permitted"))
    with pytest.raises(SandboxUnavailable, match="network"):
        await sandbox.start("/bin/true", ["true"], cwd=tmp_path, env={}, limits=Limits(network=False))


async def test_the_whole_file_system_is_no_folder_of_a_sandbox() -> None:
    settings = AelSettings(allow_process=("*",), process_roots=(Path("/"),), multi_tenant=True)
    layer = AdapterLayer(CapabilityRegistry(), settings)
    with pytest.raises(SandboxUnavailable, match="PSG_PROCESS_ROOTS"):
        await layer.execute({"type": "tool_call", "name": "process.run", "params": {"argv": ["true"]}})


@pytest.mark.req("DD-30")
async def test_a_program_joins_its_control_group(tmp_path: Path, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into an ordinary file, from inside its own root; the groups of this machine are not ours to make."""
    group = ControlGroup(tmp_path / "group")
    group.path.mkdir()
    (group.path / "cgroup.procs").write_text("")
    monkeypatch.setattr(ControlGroup, "make", lambda *_, **__: group)
    sandbox = NativeSandbox(level == "namespaces", cgroup=tmp_path)
    limits = Limits(files=FileView((*SYSTEM_PATHS,), (tmp_path / "root",)), memory_bytes=64 * 1024**2)
    (tmp_path / "root").mkdir()
    program = shutil.which("true") or "true"
    started = await sandbox.start(program, ["true"], cwd=tmp_path / "root", env={}, limits=limits)
    await started.process.wait()
    assert (group.path / "cgroup.procs").read_text() == "0"
    (group.path / "memory.events").write_text("oom_kill 1\n")
    await started.end()
    exceeded = started.outcome().exceeded
    assert exceeded is not None
    assert exceeded["resource"] == "memory"


async def test_a_group_that_is_not_ours_refuses_the_action(tmp_path: Path) -> None:
    settings = AelSettings(
        allow_process=("*",), process_roots=(tmp_path,), multi_tenant=True, sandbox_cgroup=tmp_path / "none"
    )
    with pytest.raises(SandboxUnavailable, match="PSG_SANDBOX_CGROUP"):
        await AdapterLayer(CapabilityRegistry(), settings).execute(
            {"type": "tool_call", "name": "process.run", "params": {"argv": ["true"]}}
        )
    both = AelSettings(allow_code=True, sandbox="bubblewrap", sandbox_cgroup=tmp_path)
    with pytest.raises(SandboxUnavailable, match="PSG_SANDBOX_CGROUP is set"):
        await AdapterLayer(CapabilityRegistry(), both).execute(
            {"type": "tool_call", "name": "code.run", "params": {"source": "1"}}
        )


async def test_texts_that_no_program_can_be_given_are_refused(tmp_path: Path) -> None:
    layer = AdapterLayer(CapabilityRegistry(), AelSettings(allow_process=("*",), process_env=("A", "A=B", "")))
    for params in (
        {"argv": ["true", "\ud800"]}, {"argv": ["true"], "stdin": "\udfff"}, {"argv": ["true"], "env": {"A": "\0"}},
        {"argv": ["true"], "env": {"A=B": "x"}}, {"argv": ["true"], "env": {"": "x"}},
    ):  # fmt: skip
        with pytest.raises(ValidationFailed):
            await layer.execute({"type": "tool_call", "name": "process.run", "params": params})


async def test_more_than_the_machine_has_is_not_reserved(tmp_path: Path) -> None:
    settings = AelSettings(
        allow_process=("*",),
        process_roots=(tmp_path,),
        multi_tenant=True,
        memory_limit="900T",
        memory_reservation="900T",
    )
    with pytest.raises(SandboxUnavailable, match="PSG_MEMORY_RESERVATION"):
        await AdapterLayer(CapabilityRegistry(), settings).execute(
            {"type": "tool_call", "name": "process.run", "params": {"argv": ["true"]}}
        )


@pytest.mark.req("DD-31")
async def test_a_limit_that_is_set_counts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside multi-tenant mode only what somebody set is enforced: here the network, and files stay as they are."""
    monkeypatch.setenv("NETWORK_ISOLATION", "true")
    (tmp_path / "outside").write_text("seen")
    settings = AelSettings(allow_process=("*",), process_roots=(tmp_path,))
    layer = AdapterLayer(CapabilityRegistry(), settings)
    code = "import socket\ntry: socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError as e: print(e.errno)"
    script = f"cat {tmp_path / 'outside'}; {sys.executable} -c \"{code}\""
    answer = await layer.execute(
        {"type": "tool_call", "name": "process.run", "params": {"argv": ["sh", "-c", script]}, "timeout_ms": 20_000}
    )
    assert answer.output["stdout"].startswith("seen")
    assert not answer.output["stdout"].endswith("111\n")  # not refused by the machine: there is no way to it
    assert (await anyio.run_process([sys.executable, "-c", code])).stdout == b"111\n"
