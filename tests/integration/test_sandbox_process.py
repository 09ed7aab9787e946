"""``process.run`` in the sandbox: what programs may not do they cannot do, at every level that this machine has."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from psg.errors import ActionTimeout
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.failures import ActionRefused, ProcessFailed
from psg_runtime.sandbox import Facts, ResourceExceeded, facts_of_this_machine

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own limits")]
PYTHON = sys.executable
MEGABYTE = 1024**2


def why_not(facts: Facts, level: str) -> str | None:
    if level == "landlock":
        return None if "isolation" in facts.without_namespaces() else "Landlock is too old"
    return facts.namespaces if level == "namespaces" else facts.bubblewrap


@pytest.fixture(params=["namespaces", "landlock", "bubblewrap"])
def level(request: pytest.FixtureRequest) -> str:
    reason = why_not(facts_of_this_machine(), request.param)
    if reason is not None:
        pytest.skip(f"{request.param}: {reason}")
    return str(request.param)


class Box:
    """A layer in multi-tenant mode whose only folder is ``root``."""

    def __init__(self, root: Path, level: str, **settings: Any) -> None:
        self.root = root
        given = {"allow_process": ("*",), "process_roots": (root,), "multi_tenant": True, "sandbox": level}
        self.layer = AdapterLayer(CapabilityRegistry(), AelSettings(**{**given, **settings}))

    async def run(self, *argv: str, timeout_ms: int | None = 30_000, **params: Any) -> dict[str, Any]:
        action = {"type": "tool_call", "name": "process.run", "params": {"argv": list(argv), **params}}
        result = await self.layer.execute(action | {"timeout_ms": timeout_ms})
        return result.output

    async def python(self, code: str, **params: Any) -> str:
        return str((await self.run(PYTHON, "-c", code, **params))["stdout"]).strip()

    async def exceeds(self, code: str, resource: str, **params: Any) -> ResourceExceeded:
        with pytest.raises(ResourceExceeded) as caught:
            await self.python(code, **params)
        assert caught.value.details["resource"] == resource
        assert caught.value.code == "resource_exceeded"
        assert not caught.value.retryable
        return caught.value


@pytest.fixture
def box(tmp_path: Path, level: str) -> Callable[..., Box]:
    root = tmp_path / "root"
    root.mkdir()
    return lambda **settings: Box(root, level, **settings)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


async def until_nobody_has(marker: str) -> None:
    """Wait until no process of this machine has the text in its arguments."""
    with anyio.fail_after(10):
        while with_argument(marker):
            await anyio.lowlevel.checkpoint()


def with_argument(marker: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if marker.encode() in arguments.split(b"\0") and alive(int(process.name)):
            found.append(int(process.name))
    return found


@pytest.mark.req("DD-30")
async def test_a_program_works_in_its_folder(box: Callable[..., Box]) -> None:
    sandboxed = box()
    (sandboxed.root / "given").write_text("hello")
    code = "import os, sys; open('made', 'w').write(open('given').read() + sys.stdin.read()); print(os.getcwd())"
    assert await sandboxed.python(code, stdin=" there") == str(sandboxed.root)
    assert (sandboxed.root / "made").read_text() == "hello there"
    # The usual things work: temporary files, children, pipes between them, threads, a shell.
    code = (
        "import subprocess, tempfile, threading; t = tempfile.NamedTemporaryFile(); t.write(b'x'); t.flush()\n"
        "threading.Thread(target=print, args=('thread',)).start()\n"
        "print(subprocess.run('echo a b | cut -d\" \" -f2', shell=True, capture_output=True, text=True).stdout)"
    )
    assert (await sandboxed.python(code)).split() == ["thread", "b"]
    with pytest.raises(ProcessFailed, match="exit code 3: wrong"):
        await sandboxed.python("import sys; print('wrong', file=sys.stderr); sys.exit(3)")
    with pytest.raises(ProcessFailed) as caught:
        await sandboxed.run("sh", "-c", "kill -KILL $$")
    assert caught.value.details["exit_code"] == -9


async def test_what_is_no_program_is_told_as_such(box: Callable[..., Box]) -> None:
    sandboxed = box()
    script = sandboxed.root / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(ActionRefused, match="cannot be started"):
        await sandboxed.run(str(script))


@pytest.mark.req("DD-30")
async def test_files_outside_the_folder_cannot_be_read_or_written(box: Callable[..., Box], tmp_path: Path) -> None:
    sandboxed = box()
    outside = tmp_path / "outside"
    outside.write_text("secret-7f3a")
    (sandboxed.root / "link").symlink_to(outside)
    reading = "import sys\nfor p in sys.argv[1:]:\n  try: print(open(p).read())\n  except OSError: print('refused')"
    paths = [str(outside), "link", "../outside", "/etc/shadow", f"/proc/{os.getpid()}/environ", "/proc/1/environ"]
    output = await sandboxed.run(PYTHON, "-c", reading, *paths)
    assert output["stdout"].split() == ["refused"] * len(paths)
    writing = reading.replace("open(p).read()", "open(p, 'a').write('x')")
    places = [str(outside), str(tmp_path / "new"), "link", "/usr/psg-was-here", "/etc/passwd", PYTHON]
    before = Path("/etc/passwd").read_bytes()
    output = await sandboxed.run(PYTHON, "-c", writing, *places, "inside")
    assert output["stdout"].split() == ["refused"] * len(places) + ["1"]
    assert outside.read_text() == "secret-7f3a"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["outside", "root"]
    assert Path("/etc/passwd").read_bytes() == before


async def test_more_folders_can_be_given_to_read(box: Callable[..., Box], tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "page").write_text("read me")
    sandboxed = box(sandbox_read=(library,))
    assert (await sandboxed.run("cat", str(library / "page")))["stdout"] == "read me"
    for command in (("touch", "page"), ("chmod", "600", "page"), ("sh", "-c", "echo x >> page"), ("rm", "page")):
        with pytest.raises(ProcessFailed):
            await sandboxed.run(*command[:-1], command[-1].replace("page", str(library / "page")))
    assert (library / "page").read_text() == "read me"


@pytest.mark.req("DD-31")
async def test_the_network_is_not_there(box: Callable[..., Box]) -> None:
    code = (
        "import socket, sys\n"
        "for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n"
        "  try:\n"
        "    s = socket.socket(socket.AF_INET, kind); s.connect(('127.0.0.1', int(sys.argv[1]))); s.send(b'x')\n"
        "    print('connected')\n"
        "  except OSError: print('refused')\n"
        "try: socket.socket(socket.AF_UNIX).connect('\\0psg-' + sys.argv[1]); print('connected')\n"
        "except OSError: print('refused')"
    )
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as local:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        local.bind(f"\0psg-{port}")
        local.listen()
        shut = await box().run(PYTHON, "-c", code, port)
        assert shut["stdout"].split() == ["refused"] * 3
        opened = await box(network_isolation=False).run(PYTHON, "-c", code, port)
        assert opened["stdout"].split()[0] == "connected"


async def test_sockets_of_services_in_the_file_system_are_out_of_reach(tmp_path: Path, box: Callable[..., Box]) -> None:
    code = "import socket, sys\ntry: socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print('connected')\n"
    code += "except OSError: print('refused')"
    for isolated in (True, False):
        path = tmp_path / f"socket-{isolated}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            output = await box(network_isolation=isolated).run(PYTHON, "-c", code, str(path))
        assert output["stdout"].strip() == "refused"


@pytest.mark.req("DD-30")
async def test_memory_is_bounded_for_all_processes_together(box: Callable[..., Box]) -> None:
    sandboxed = box(memory_limit="96M", memory_reservation="16M")
    await sandboxed.exceeds(f"x = bytearray(200 * {MEGABYTE})", "memory")
    # Neither memory that is shared, nor several processes, nor files in memory are a way around.
    shared = f"import mmap\nm = mmap.mmap(-1, 300 * {MEGABYTE})\nfor i in range(0, len(m), 4096): m[i] = 1\ninput()"
    await sandboxed.exceeds(shared, "memory")
    family = (
        "import os, time\nfor _ in range(4):\n"
        f"  if os.fork() == 0: x = bytes([1]) * (40 * {MEGABYTE}); time.sleep(60)\ntime.sleep(60)"
    )
    await sandboxed.exceeds(family, "memory")
    memory_file = f"import os; f = os.memfd_create('x')\nfor _ in range(300): os.write(f, b'x' * {MEGABYTE})"
    with pytest.raises((ResourceExceeded, ProcessFailed)):
        await sandboxed.python(memory_file)
    assert await sandboxed.python(f"x = bytearray(40 * {MEGABYTE}); print(len(x))") == str(40 * MEGABYTE)


async def test_pages_that_forked_processes_share_count_once(box: Callable[..., Box]) -> None:
    code = (
        f"import os, time\nx = bytes([1]) * (60 * {MEGABYTE})\nchildren = [os.fork() for _ in range(3)]\n"
        "time.sleep(0.3)\nprint('fits') if all(children) else None"
    )
    assert await box(memory_limit="128M", memory_reservation="16M").python(code) == "fits"


@pytest.mark.req("DD-30")
async def test_processor_time_is_bounded_for_all_processes_together(box: Callable[..., Box]) -> None:
    sandboxed = box(process_cpu_seconds=1)
    assert (await sandboxed.exceeds("while True: pass", "cpu")).details["limit"] == 1
    # Each of them is below the limit, all of them are not; those that have ended count too.
    family = (
        "import os, time\nfor _ in range(40):\n  p = os.fork()\n  if p == 0:\n    end = time.process_time() + 0.1\n"
        "    while time.process_time() < end: pass\n    os._exit(0)\n  os.waitpid(p, 0)"
    )
    assert (await sandboxed.exceeds(family, "cpu")).details["limit"] == 1


@pytest.mark.req("DD-30")
async def test_a_program_gets_as_many_processors_as_it_may_have(box: Callable[..., Box]) -> None:
    code = (
        "import os\nprint(len(os.sched_getaffinity(0)))\ntry: os.sched_setaffinity(0, range(64)); print('widened')\n"
        "except OSError: print('refused')\nprint(len(os.sched_getaffinity(0)))"
    )
    assert (await box(cpu_limit=1.0).python(code)).split() == ["1", "refused", "1"]


@pytest.mark.req("DD-31")
async def test_time_is_bounded_whatever_the_step_asks_for(box: Callable[..., Box]) -> None:
    error = await box(max_execution_time=1.5).exceeds("import time; time.sleep(60)", "time", timeout_ms=20_000)
    assert "MAX_EXECUTION_TIME" in error.message
    await box(max_execution_time=1.5).exceeds("import time; time.sleep(60)", "time", timeout_ms=None)
    with pytest.raises(ActionTimeout):
        await box().python("import time; time.sleep(60)", timeout_ms=400)


@pytest.mark.req("DD-30")
async def test_the_number_of_processes_and_threads_is_bounded(box: Callable[..., Box]) -> None:
    sandboxed = box(process_limit=20)
    # 4096 processes if nobody stops it.
    bomb = "import os, time\nfor _ in range(12):\n  try: os.fork()\n  except OSError: pass\ntime.sleep(30)"
    stopped = await sandboxed.exceeds(bomb, "processes")
    assert 20 < stopped.details["used"] < 4096
    threads = "import threading, time\nfor _ in range(40): threading.Thread(target=time.sleep, args=(30,)).start()"
    assert (await sandboxed.exceeds(threads, "processes")).details["used"] > 20


@pytest.mark.req("DD-30")
async def test_files_are_bounded_each_and_in_all(box: Callable[..., Box]) -> None:
    sandboxed = box(file_size_limit="1M", disk_limit="4M")
    await sandboxed.exceeds(f"open('big', 'wb').write(b'x' * 3 * {MEGABYTE})", "file_size")
    assert (sandboxed.root / "big").stat().st_size <= MEGABYTE
    many = (
        f"import os, time\nfor i in range(40):\n  f = open(str(i), 'wb'); f.write(b'x' * {MEGABYTE}); f.flush()\n"
        "  os.fsync(f.fileno())\ntime.sleep(30)"
    )
    await sandboxed.exceeds(many, "disk")
    await box(open_files_limit=32).exceeds("x = [open('/dev/null') for _ in range(100)]", "open_files")


@pytest.mark.req("DD-30")
async def test_output_is_bounded(box: Callable[..., Box]) -> None:
    error = await box(output_limit="1M").exceeds("while True: print('x' * 1000)", "output")
    assert error.details["limit"] == MEGABYTE


@pytest.mark.req("DD-30")
async def test_nothing_of_our_environment_comes_along(box: Callable[..., Box], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKER_OF_THE_HOST", "marker-91bc")
    sandboxed = box(process_env=("PATH", "GREETING"))
    code = (
        "import glob, os\nprint(sorted(os.environ), os.environ['GREETING'])\n"
        "for p in glob.glob('/proc/[0-9]*/environ') + ['/proc/self/environ']:\n"
        "  try: print(open(p, 'rb').read())\n  except OSError: pass"
    )
    shown = await sandboxed.python(code, env={"GREETING": "hello"})
    assert "hello" in shown
    assert "MARKER_OF_THE_HOST" not in shown
    assert "marker-91bc" not in shown
    descriptors = "import os\nfor n in range(3, 300):\n  try: print(n, os.fstat(n))\n  except OSError: pass"
    assert await sandboxed.python(descriptors) == ""


@pytest.mark.req("DD-30")
async def test_other_processes_are_neither_seen_nor_touched(box: Callable[..., Box]) -> None:
    code = (
        "import os, signal, sys, resource\ntry: pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "except PermissionError: pids = []\nprint(len(pids) < 8)\n"
        "for attempt in (lambda: os.kill(int(sys.argv[1]), 0), lambda: os.kill(os.getppid(), signal.SIGKILL) "
        "if os.getppid() != 1 else os.kill(int(sys.argv[1]), 0),\n"
        "  lambda: resource.prlimit(int(sys.argv[1]), resource.RLIMIT_NOFILE, (64, 64)),\n"
        "  lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)),\n"
        "  lambda: os.setpriority(os.PRIO_PROCESS, int(sys.argv[1]), 19)):\n"
        "  try: attempt(); print('reached')\n  except OSError: print('refused')"
    )
    sandboxed = box()
    output = await sandboxed.run(PYTHON, "-c", code, str(os.getpid()))
    assert output["stdout"].split() == ["True"] + ["refused"] * 5


@pytest.mark.req("DD-30")
@pytest.mark.parametrize("ending", ["done", "failed", "timeout", "cancelled"])
async def test_a_child_that_hides_is_ended_too(box: Callable[..., Box], ending: str) -> None:
    sandboxed = box()
    marker = f"hidden-{os.getpid()}-{ending}-{sandboxed.layer.settings.sandbox}"
    # Two forks, a session of its own, deaf to what can be ignored.
    hide = (
        "import os, signal, sys, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
        "    for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(n, signal.SIG_IGN)\n"
        "    n = os.open('/dev/null', os.O_RDWR); [os.dup2(n, i) for i in (0, 1, 2)]\n"
        "    open('ready', 'w').close(); time.sleep(600)\n  os._exit(0)\n"
        "while not os.path.exists('ready'): pass\n"
    )
    after = {"done": "", "failed": "sys.exit(4)"}.get(ending, "time.sleep(600)")
    argv = (PYTHON, "-c", hide + after, marker)
    async with anyio.create_task_group() as tasks:
        if ending == "cancelled":
            tasks.start_soon(lambda: sandboxed.run(*argv))
            with anyio.fail_after(10):
                while not (sandboxed.root / "ready").exists():
                    await anyio.lowlevel.checkpoint()
            assert with_argument(marker)
            tasks.cancel_scope.cancel()
        elif ending == "done":
            await sandboxed.run(*argv)
        else:
            with pytest.raises(ProcessFailed if ending == "failed" else ActionTimeout):
                await sandboxed.run(*argv, timeout_ms=1500 if ending == "timeout" else 20_000)
    await until_nobody_has(marker)


@pytest.mark.req("DD-30")
async def test_privileges_cannot_be_gained(box: Callable[..., Box]) -> None:
    code = (
        "import ctypes, os\nc = ctypes.CDLL(None, use_errno=True)\n"
        "try: status = dict(l.split(':\\t', 1) for l in open('/proc/self/status').read().splitlines())\n"
        "except PermissionError: status = {}\n"
        "print(status.get('CapEff', '0' * 16), status.get('NoNewPrivs', '1'), status.get('Seccomp', '2'))\n"
        "for flags in (0x10000000, 0x20000, 0x40000000): print(c.unshare(flags))\n"
        "print(c.mount(b'none', b'/tmp', b'tmpfs', 0, None), c.chroot(b'/usr'), c.ptrace(16, os.getppid(), 0, 0))\n"
        "print(c.syscall(435, None, 0))"
    )
    assert (await box().python(code)).split() == ["0" * 16, "1", "2"] + ["-1"] * 7


async def test_programs_wait_for_room_for_what_is_reserved(tmp_path: Path) -> None:
    processors = len(os.sched_getaffinity(0))
    given = {"cpu_limit": 4096, "cpu_reservation": processors / 2, "process_capacity": 8}
    layer = AdapterLayer(CapabilityRegistry(), AelSettings(multi_tenant=True, **given))
    assert layer._process.limiter.total_tokens == 2
    assert AdapterLayer(CapabilityRegistry(), AelSettings(process_capacity=8))._process.limiter.total_tokens == 8
