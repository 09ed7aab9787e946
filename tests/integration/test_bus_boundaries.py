"""Files, Git, CI and programs are reached through adapters only: the graph and the runtime's core never touch them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ("psg", "runtime/psg_runtime")
# Where the outside is the point: adapters of actions, of documents and values kept in files, of plan files, of brokers,
# of tracked directories and git refs (psg/drift, which decides, reaches none), and of what the machine says of itself.
ADAPTERS = (
    "runtime/psg_runtime/ael/adapters/",
    "runtime/psg_runtime/ael/http/",
    "runtime/psg_runtime/ael/capability_file.py",
    "runtime/psg_runtime/mcp_servers/",
    "runtime/psg_runtime/sandbox/",
    "runtime/psg_runtime/secrets/",
    "runtime/psg_runtime/demo_tools/",
    "runtime/psg_runtime/plan_file/",
    "runtime/psg_runtime/vsl/",
    "runtime/psg_runtime/bus/brokers/",
    "runtime/psg_runtime/drift/",
    "runtime/psg_runtime/monitoring/host.py",
    "runtime/psg_runtime/monitoring/storage.py",
    "psg/documents/",
    "psg/backup/",
)
MODULES = {
    "subprocess", "shutil", "tempfile", "glob", "fileinput", "mmap", "git", "dulwich", "pygit2", "watchfiles",
    "watchdog", "http", "urllib", "requests", "httpx", "httpx2", "aiohttp", "ftplib", "smtplib", "gzip", "zipfile",
    "tarfile", "pathlib",
}  # fmt: skip
CALLS = {
    "open", "open_file", "open_process", "run_process", "system", "popen", "Popen", "remove", "rename", "unlink",
    "mkdir", "makedirs", "rmdir", "listdir", "scandir", "walk", "read_text", "read_bytes", "write_text", "write_bytes",
    "create_tcp_listener", "connect_tcp", "execv", "execve", "spawn",
}  # fmt: skip
# The same word for something else: (file, called name, what it is).
OTHER_MEANINGS = {
    ("runtime/psg_runtime/orchestrator/orchestrator.py", "open"): "opens a session in the graph",
    ("runtime/psg_runtime/ael/settings.py", "pathlib"): "names folders for the adapters, opens none",
    ("runtime/psg_runtime/ael/sandbox_settings.py", "pathlib"): "names folders for the sandbox, opens none",
    ("runtime/psg_runtime/ael/registry.py", "pathlib"): "hands a file of capabilities on",
    ("runtime/psg_runtime/ael/json_schema.py", "urllib"): "takes an address apart, asks none",
    ("runtime/psg_runtime/execution_core/idempotency.py", "pathlib"): "a type of value that may be in an action",
    ("runtime/psg_runtime/execution_core/redaction.py", "pathlib"): "a type of value that may be in a log",
    ("runtime/psg_runtime/hooks/rules.py", "pathlib"): "reads the rules of its configuration, at the start",
    ("runtime/psg_runtime/hooks/rules.py", "open"): "reads the rules of its configuration, at the start",
    ("runtime/psg_runtime/planning/templates.py", "pathlib"): "reads templates that its caller names",
    ("runtime/psg_runtime/planning/templates.py", "open"): "reads templates that its caller names",
    ("psg/model/codec.py", "open"): "opens what is encrypted",
    ("psg/drift/uris.py", "urllib"): "writes names as uris, asks none",
    ("runtime/psg_runtime/bus/settings.py", "urllib"): "takes an address apart, asks none",
    ("runtime/psg_runtime/monitoring/monitor.py", "pathlib"): "names the folder of the store, opens none",
}


def core_files() -> list[Path]:
    files = [path for folder in CORE for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in files if not name_of(path).startswith(ADAPTERS)]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def reaches(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What a module imports or calls that reaches out of the process: (name, line)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
            yield from ((name, node.lineno) for name in names if name in MODULES)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            name = (node.module or "").partition(".")[0]
            if name in MODULES:
                yield name, node.lineno
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in CALLS and not _of_a_collection(node):
                yield called, node.lineno


def _of_a_collection(call: ast.Call) -> bool:
    """``list.remove(x)`` and ``ast.walk``-like: a method of a value of ours, not of ``os`` or a path."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in ("remove", "walk", "rename", "unlink"):
        return False
    return not (isinstance(function.value, ast.Name) and function.value.id in ("os", "path", "anyio"))


@pytest.mark.req("L3-13")
def test_the_core_reaches_no_file_no_repository_and_no_program() -> None:
    files = core_files()
    assert len(files) > 40 and any("orchestrator" in name_of(f) for f in files)
    found = [
        f"{name_of(path)}:{line} {name}"
        for path in files
        for name, line in reaches(ast.parse(path.read_text("utf-8")))
        if (name_of(path), name) not in OTHER_MEANINGS
    ]
    assert found == []


@pytest.mark.req("L3-13")
def test_adapters_are_reached_through_the_action_layer_only() -> None:
    """What schedules and what keeps the graph does not know the adapters of files and programs."""
    found = []
    for path in core_files():
        if name_of(path).startswith("runtime/psg_runtime/ael/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("psg_runtime.ael.adapters"):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert found == []


def test_the_check_sees_what_it_looks_for() -> None:
    bad = "import subprocess\nfrom pathlib import Path\nopen('x')\nPath('x').read_text()\nos.remove('x')\n[1].remove(1)"
    assert [name for name, _ in reaches(ast.parse(bad))] == ["subprocess", "pathlib", "open", "read_text", "remove"]
