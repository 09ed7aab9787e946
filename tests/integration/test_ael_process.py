"""``process.run`` with real programs."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from psg.errors import ActionFailed, ActionTimeout, CapabilityDenied, ValidationFailed
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.failures import ActionRefused, ProcessFailed

pytestmark = pytest.mark.anyio
PYTHON = sys.executable


def layer(root: Path, **settings: Any) -> AdapterLayer:
    given = {"allow_process": (PYTHON, "sh", "cat", "no-such-program-here"), "process_roots": (root,), **settings}
    return AdapterLayer(CapabilityRegistry(), AelSettings(**given))


async def run(ael: AdapterLayer, *argv: str, timeout_ms: int | None = 20_000, **params: Any) -> dict[str, Any]:
    action = {"type": "tool_call", "name": "process.run", "params": {"argv": list(argv), **params}}
    result = await ael.execute(action | {"timeout_ms": timeout_ms})
    return result.output


async def test_a_program_gives_its_outputs_and_exit_code(tmp_path: Path) -> None:
    program = "import sys,os; print(sys.stdin.read() + os.getcwd()); print('warned', file=sys.stderr)"
    output = await run(layer(tmp_path), PYTHON, "-c", program, stdin="hé ")
    assert output["exit_code"] == 0
    assert output["stdout"] == f"hé {tmp_path.resolve()}\n"
    assert output["stderr"] == "warned\n"
    assert not output["stdout_truncated"]


async def test_there_is_no_shell(tmp_path: Path) -> None:
    argument = "$(touch made); `touch made` > made | cat && touch made"
    output = await run(layer(tmp_path), PYTHON, "-c", "import sys; print(sys.argv[1])", argument)
    assert output["stdout"].strip() == argument
    assert list(tmp_path.iterdir()) == []


async def test_an_exit_code_other_than_accepted_fails(tmp_path: Path) -> None:
    program = "import sys; print('what is wrong', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ProcessFailed, match="exit code 3: what is wrong") as caught:
        await run(layer(tmp_path), PYTHON, "-c", program)
    assert caught.value.details["exit_code"] == 3
    assert (await run(layer(tmp_path), PYTHON, "-c", program, ok_exit_codes=[0, 3]))["exit_code"] == 3


async def test_outputs_are_cut_and_the_program_does_not_block(tmp_path: Path) -> None:
    program = "import sys; sys.stdout.write('x' * 3_000_000); sys.stderr.write('y' * 3_000_000)"
    output = await run(layer(tmp_path), PYTHON, "-c", program, max_stdout_bytes=1000, max_stderr_bytes=0)
    assert output["stdout"] == "x" * 1000
    assert output["stderr"] == ""
    assert output["stdout_truncated"]
    assert output["stderr_truncated"]


async def test_a_large_stdin_that_nobody_reads_is_no_failure(tmp_path: Path) -> None:
    output = await run(layer(tmp_path), PYTHON, "-c", "print('done')", stdin="x" * 3_000_000)
    assert output["stdout"] == "done\n"


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in ("Z", "X")


async def wait_until_gone(pid: int) -> None:
    with anyio.fail_after(5):
        while not gone(pid):
            await anyio.lowlevel.checkpoint()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.req("ORCH-05")
@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_timeout_ends_the_program_and_its_children(tmp_path: Path, stubborn: bool) -> None:
    trap = "trap '' TERM; " if stubborn else ""
    pids = tmp_path / "pids"
    script = f"{trap}sh -c '{trap.replace(chr(39), chr(34))}while :; do sleep 30; done' & echo $! $$ > pids.tmp; "
    script += "mv pids.tmp pids; while :; do sleep 30; done"
    with pytest.raises(ActionTimeout):
        await run(layer(tmp_path), "sh", "-c", script, timeout_ms=400)
    for pid in pids.read_text().split():
        await wait_until_gone(int(pid))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
async def test_a_child_left_behind_is_ended_and_not_waited_for(tmp_path: Path) -> None:
    with anyio.fail_after(10):
        output = await run(layer(tmp_path), "sh", "-c", "sleep 300 & echo $!")
    await wait_until_gone(int(output["stdout"]))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
async def test_cancelling_ends_the_program(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, layer(tmp_path), "sh", "-c", "echo $$ > tmp; mv tmp pid; while :; do sleep 30; done")
        with anyio.fail_after(10):
            while not pids.exists():
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    await wait_until_gone(int(pids.read_text()))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
async def test_a_cancel_at_any_moment_of_the_start_leaves_nothing(tmp_path: Path) -> None:
    ael = layer(tmp_path)
    for checkpoints in range(12):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, ael, "sh", "-c", f"echo $$ > {checkpoints}; while :; do sleep 30; done")
            for _ in range(checkpoints):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    for path in tmp_path.iterdir():
        if written := path.read_text():
            await wait_until_gone(int(written))


@pytest.mark.parametrize("allowed", [(), ("cat",), ("python3",)])
async def test_a_program_that_is_not_named_is_denied(tmp_path: Path, allowed: tuple[str, ...]) -> None:
    with pytest.raises(CapabilityDenied, match="PSG_ALLOW_PROCESS"):
        await run(layer(tmp_path, allow_process=allowed), "sh", "-c", "touch made")
    assert list(tmp_path.iterdir()) == []


async def test_a_star_allows_every_program(tmp_path: Path) -> None:
    assert (await run(layer(tmp_path, allow_process=("*",)), "sh", "-c", "echo hi"))["stdout"] == "hi\n"


async def test_a_path_does_not_pass_for_an_allowed_name(tmp_path: Path) -> None:
    fake = tmp_path / "sh"
    fake.write_text("#!/bin/sh\ntouch made\n")
    fake.chmod(0o755)
    for name in (str(fake), "./sh"):
        with pytest.raises(CapabilityDenied):
            await run(layer(tmp_path), name)


async def test_the_folder_must_be_inside_the_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "inner").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    monkeypatch.chdir(root)
    ael = layer(root)
    assert (await run(ael, "sh", "-c", "pwd", cwd="inner"))["stdout"].strip() == str((root / "inner").resolve())
    for cwd in ("..", "../outside", str(outside), "link", "/", "../root-2"):
        with pytest.raises(CapabilityDenied, match="PSG_PROCESS_ROOTS"):
            await run(ael, "sh", "-c", "pwd", cwd=cwd)
    with pytest.raises(ActionRefused, match="does not exist"):
        await run(ael, "sh", "-c", "pwd", cwd="nowhere")


async def test_the_environment_is_an_allow_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_MARKER", "do-not-pass-on")
    ael = layer(tmp_path, process_env=("PATH", "GREETING"))
    program = "import os; print(sorted(os.environ), os.environ.get('GREETING'))"
    output = await run(ael, PYTHON, "-c", program, env={"GREETING": "hello"})
    assert "SECRET_MARKER" not in output["stdout"]
    assert "hello" in output["stdout"]
    with pytest.raises(CapabilityDenied, match="LD_PRELOAD is not allowed"):
        await run(ael, PYTHON, "-c", "1", env={"LD_PRELOAD": "/tmp/x.so"})


async def test_known_secrets_do_not_come_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "marker-77aa88")
    ael = layer(tmp_path, process_env=("PATH", "MY_TOKEN"))
    assert (await run(ael, "sh", "-c", "echo $MY_TOKEN"))["stdout"] == "***\n"


async def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(ActionRefused, match="not installed"):
        await run(layer(tmp_path), "no-such-program-here")
    for params in ({"argv": []}, {"argv": "ls -l"}, {"argv": ["sh"], "shell": True}, {}):
        with pytest.raises(ValidationFailed, match="not valid"):
            await layer(tmp_path).execute({"type": "tool_call", "name": "process.run", "params": params})
    with pytest.raises(ValidationFailed, match="NUL"):
        await run(layer(tmp_path), "cat", "a\0b")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux only")
@pytest.mark.req("DD-30")
async def test_a_program_that_takes_too_much_memory_is_stopped(tmp_path: Path) -> None:
    program = "import sys; sys.stdin.read(); x = bytearray(600 * 1024 ** 2); print('got it')"
    with pytest.raises(ActionFailed, match="MemoryError"):
        await run(layer(tmp_path, process_memory_mb=512), PYTHON, "-c", program)
    assert os.path.exists(tmp_path)
    assert (await run(layer(tmp_path), PYTHON, "-c", "print('got it')"))["stdout"] == "got it\n"
