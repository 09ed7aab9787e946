"""``code.run``: code of plans computes and nothing else, in an interpreter that the operating system keeps in."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from psg.errors import CapabilityDenied, ValidationFailed
from psg.plan.spec import PlanSpec
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.sandbox import (
    Capture,
    CodeFailed,
    CodeRefused,
    Facts,
    ResourceExceeded,
    Sandboxing,
    SandboxSettings,
    SandboxUnavailable,
    facts_of_this_machine,
    run_confined,
)
from psg_runtime.sandbox.file_layout import plain_interpreter

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own limits")]


@pytest.fixture(params=["namespaces", "landlock"])
def level(request: pytest.FixtureRequest) -> str:
    facts = facts_of_this_machine()
    have = facts.with_namespaces() if request.param == "namespaces" else facts.without_namespaces()
    if "isolation" not in have:
        pytest.skip(f"{request.param} is not to be had here")
    return str(request.param)


Run = Callable[..., Any]


@pytest.fixture
def run(level: str) -> Run:
    async def run(
        source: str, *, timeout_ms: int | None = None, given: dict[str, Any] | None = None, **settings: Any
    ) -> Any:
        layer = AdapterLayer(CapabilityRegistry(), AelSettings(**{"allow_code": True, "sandbox": level, **settings}))
        params: dict[str, Any] = {"source": source, "params": given or {}}
        if timeout_ms is not None:
            params["timeout_ms"] = timeout_ms
        return (await layer.execute({"type": "tool_call", "name": "code.run", "params": params})).output

    return run


@pytest.mark.req("DD-32")
async def test_code_computes_logs_and_gives_a_result(run: Run) -> None:
    source = """
def mean(values):
    return sum(values) / len(values)

log("looking at", count=len(params["values"]))
squares = {str(v): v * v for v in params["values"]}
try:
    squares["nine"]
except KeyError as error:
    log(f"no {error}")
result({"mean": mean(params["values"]), "squares": squares, "text": "é" * 3})
"""
    output = await run(source, given={"values": [1, 2, 6]})
    assert output["result"] == {"mean": 3.0, "squares": {"1": 1, "2": 4, "6": 36}, "text": "ééé"}
    assert output["logs"] == [{"message": "looking at", "data": {"count": 3}}, {"message": "no 'nine'"}]
    assert (await run("result = [n for n in range(3)]"))["result"] == [0, 1, 2]
    assert (await run("x = 1"))["result"] is None


@pytest.mark.req("DD-32")
@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from os import path",
        "__import__('os')",
        "x = __builtins__",
        "().__class__.__base__.__subclasses__()",
        "(1).real.__class__",
        "log.__globals__",
        "(lambda: 0).__code__",
        "(n for n in ()).gi_frame.f_back.f_globals",
        "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame",
        "'{0.__class__}'.format(0)",
        "match 1:\n    case int(__class__=c):\n        result(str(c))",
        "class A: pass",
        "def __getattr__(name): pass",
        "async def f(): pass",
        "with log: pass",
        "global __builtins__",
        "log(__x=1)",
        "x = (",
        "\0",
        "return 1",
        "yield = 2",
    ],
)
async def test_what_leads_out_of_computing_is_refused(run: Run, source: str) -> None:
    with pytest.raises(CodeRefused, match="cannot be run") as caught:
        await run(source)
    assert not caught.value.retryable


@pytest.mark.req("DD-32")
@pytest.mark.parametrize("name", ["open", "eval", "exec", "compile", "globals", "getattr", "type", "input", "print"])
async def test_functions_that_reach_further_are_not_there(run: Run, name: str) -> None:
    with pytest.raises(CodeFailed, match=f"line 2: NameError: name '{name}' is not defined"):
        await run(f"log('so far')\n{name}('x')")


@pytest.mark.req("DD-32")
async def test_errors_of_the_code_are_told_with_their_line_and_logs(run: Run) -> None:
    with pytest.raises(CodeFailed, match="in line 4: ZeroDivisionError") as caught:
        await run("log('before')\n\ndef f():\n    return 1 / 0\nf()")
    assert caught.value.details["logs"] == [{"message": "before"}]
    for source in ("result({1, 2})", "result(float('nan'))", "a = []\na.append(a)\nresult(a)", "log('x', y={1})"):
        with pytest.raises(CodeFailed, match="JSON"):
            await run(source)
    with pytest.raises(CodeFailed, match="RecursionError"):
        await run("def f(): f()\nf()")


@pytest.mark.req("DD-32")
async def test_time_is_30_seconds_unless_said_otherwise(run: Run) -> None:
    assert AelSettings().code_timeout_ms == 30_000
    with pytest.raises(ResourceExceeded, match="within 1500 ms") as caught:
        await run("log('hello')\nwhile True:\n    try:\n        while True: pass\n    except: pass", timeout_ms=1500)
    assert caught.value.details["resource"] == "time"
    assert caught.value.details["logs"] == [{"message": "hello"}]
    with pytest.raises(ResourceExceeded, match="within 250 ms"):
        await run("9 ** 9 ** 9", code_timeout_ms=250)
    with pytest.raises(ResourceExceeded, match="within 1200 ms"):  # a little before the layer would say so
        await run("while True: pass", max_execution_time=1.5, timeout_ms=60_000)


@pytest.mark.req("DD-32", "DD-30")
async def test_memory_and_output_are_bounded(run: Run) -> None:
    for source in ("x = [0] * 10 ** 10", "x = []\nwhile True: x.append('x' * 10 ** 6 + str(len(x)))"):
        with pytest.raises(ResourceExceeded) as caught:
            await run(source, memory_limit="64M", memory_reservation="16M")
        assert caught.value.details["resource"] == "memory"
    with pytest.raises(ResourceExceeded) as caught:
        await run("result('x' * 5000)", max_output_bytes=1000)
    assert caught.value.details["resource"] == "output"
    with pytest.raises(ResourceExceeded):
        await run("result('x' * 10 ** 7)")
    output = await run("for n in range(1000): log('x' * 100000)")
    assert len(output["logs"]) == 200
    assert output["logs_dropped"] == 800
    assert {len(entry["message"]) for entry in output["logs"]} == {2000}


HOSTILE = """
import os, socket, sys
port, outside = int(sys.argv[1]), sys.argv[2]
def reading(): open("/etc/passwd").read(1)
def listing(): os.listdir("/home")
def writing(): open("/tmp/x", "w")
def sharing(): open("/dev/shm/x", "w")
def beside(): open(outside, "w")
def over(): open(os.__file__, "a")
def forking(): os.fork() or os._exit(0)
def starting(): os.posix_spawn(sys.executable, [sys.executable], {})
def killing(): os.kill(int(sys.argv[3]), 0)
def connecting(): socket.create_connection(("127.0.0.1", port), 2)
def sending(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))
def looking(): open(f"/proc/{sys.argv[3]}/environ").read()
def mapping(): os.memfd_create("x")
for attempt in [value for name, value in list(globals().items()) if name.endswith("ing") or name in ("beside", "over")]:
    try:
        attempt()
        print(attempt.__name__)
    except OSError:
        pass
print(sorted(os.environ), os.getcwd())
"""


@pytest.mark.req("DD-32")
async def test_the_boundary_is_the_operating_system(level: str, tmp_path: Path) -> None:
    """What escapes from the restricted language is a whole interpreter, and it can do nothing either."""
    sandboxing = Sandboxing(SandboxSettings(sandbox=level))  # type: ignore[arg-type]
    limits = sandboxing.for_code(20)
    program = plain_interpreter()
    stdout, stderr = Capture(100_000), Capture(100_000)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        arguments = [str(listener.getsockname()[1]), str(tmp_path / "made"), str(os.getpid())]
        outcome = await run_confined(
            await sandboxing.choose(limits), program, [program, "-I", "-S", "-c", HOSTILE, *arguments], cwd=Path("/"),
            env={}, limits=limits, stdin=b"", stdout=stdout, stderr=stderr,
        )  # fmt: skip
        arguments[1] = str(tmp_path / "control")
        outside = await anyio.run_process([program, "-I", "-S", "-c", HOSTILE, *arguments])
    # The attempts are real ones: without a sandbox they succeed.
    assert {b"reading", b"beside", b"forking", b"starting", b"connecting", b"mapping"} <= set(outside.stdout.split())
    assert (outcome.exit_code, stderr.text()) == (0, "")
    assert stdout.text() in ("[] /\n", "['LC_CTYPE'] /\n", "['HOME', 'LC_CTYPE', 'TMPDIR'] /\n")
    assert [path.name for path in tmp_path.iterdir()] == ["control"]


async def test_code_is_off_until_it_is_allowed() -> None:
    layer = AdapterLayer(CapabilityRegistry(), AelSettings())
    with pytest.raises(CapabilityDenied, match="PSG_ALLOW_CODE"):
        await layer.execute({"type": "tool_call", "name": "code.run", "params": {"source": "result(1)"}})
    step = {"key": "a", "type": "tool", "name": "code.run", "params": {"source": "result(1)"}}
    spec = PlanSpec.model_validate({"title": "t", "objective": "o", "steps": [step]})
    with pytest.raises(CapabilityDenied, match="Step `a`"):
        layer.check_plan(spec)
    allowed = AdapterLayer(CapabilityRegistry(), AelSettings(allow_code=True))
    allowed.check_plan(spec)
    for source, fits in (("{{write.output.code}}", True), ("result('{{write.output.name}}')", False)):
        spec.steps[0].params["source"] = source
        if fits:
            allowed.check_plan(spec)
        else:
            with pytest.raises(ValidationFailed, match="becomes code"):
                allowed.check_plan(spec)


@pytest.mark.req("DD-32")
async def test_code_is_refused_where_nothing_keeps_it_in() -> None:
    for settings, facts in (
        (SandboxSettings(sandbox="off"), None),
        (SandboxSettings(), Facts("win32")),
        (SandboxSettings(), Facts("linux", landlock=2, call_filter=None, children_listed=None)),
        (SandboxSettings(sandbox="container"), Facts("linux", landlock=7, container=None)),
    ):
        sandboxing = Sandboxing(settings, facts=facts)
        with pytest.raises(SandboxUnavailable) as caught:
            await sandboxing.choose(sandboxing.for_code(1))
        assert "filesystem" in caught.value.details["missing"]


async def test_params_that_are_none_are_told(run: Run) -> None:
    layer = AdapterLayer(CapabilityRegistry(), AelSettings(allow_code=True))
    for params in ({}, {"source": ""}, {"source": 1}, {"source": "1", "timeout_ms": 0}, {"source": "1", "x": 1}):
        with pytest.raises(ValidationFailed, match="not valid"):
            await layer.execute({"type": "tool_call", "name": "code.run", "params": params})
    with pytest.raises(ValidationFailed, match="JSON"):
        await layer.execute({"type": "tool_call", "name": "code.run", "params": {"source": "1", "params": {"a": {1}}}})


async def test_many_at_a_time_do_not_mix(run: Run) -> None:
    found: dict[int, Any] = {}

    async def one(number: int) -> None:
        found[number] = (await run("result(params['n'] * 2)", given={"n": number}))["result"]

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(one, number)
    assert found == {number: number * 2 for number in range(6)}
