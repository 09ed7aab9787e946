"""What this machine has to keep limits with; found out by trying, once."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TRUNCATING_LANDLOCK, SCOPED_LANDLOCK = 3, 6  # versions that keep truncation, and signals and abstract sockets
_TRY_SECONDS = 20
_NAMESPACE_TRIAL = """
import os, sys
sys.path.append(sys.argv[1])
from confinement import file_view, launch, system_calls as c
user, group = os.geteuid(), os.getegid()
c.unshare(c.CLONE_NEWUSER | c.CLONE_NEWPID | c.CLONE_NEWNS | c.CLONE_NEWIPC | c.CLONE_NEWUTS | c.CLONE_NEWNET)
for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
    open(f"/proc/self/{name}", "w").write(text)
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
file_view.build({"read": ["/usr"], "write": [], "links": {}, "scratch": ["/tmp"], "scratch_bytes": 1 << 20})
sys.exit(0 if os.path.isdir("/proc/1") and not os.path.exists("/etc/passwd") else 3)
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """``landlock`` is its version (0: none); the others are None when there, else why not."""

    system: str
    landlock: int = 0
    call_filter: str | None = "not Linux"
    namespaces: str | None = "not Linux"
    children_listed: str | None = "not Linux"
    bubblewrap: str | None = "not installed"
    container: str | None = "not installed"

    def with_namespaces(self) -> frozenset[str]:
        """The mechanisms of the sandbox that makes namespaces."""
        if self.namespaces is not None:
            return frozenset()
        everything = {"filesystem", "network", "memory", "time", "file_size"}
        if self.call_filter is None:  # else affinity could be widened, and limits of others be changed
            everything |= {"cpu", "processes", "isolation"}
        return frozenset(everything)

    def without_namespaces(self) -> frozenset[str]:
        """The mechanisms of the sandbox that makes none."""
        if self.system != "linux" or self.children_listed is not None:
            return frozenset()
        have = {"memory", "time", "file_size"}
        if self.call_filter is None:
            have |= {"cpu", "processes", "network"}
            if self.landlock >= TRUNCATING_LANDLOCK:
                have.add("filesystem")
            if self.landlock >= SCOPED_LANDLOCK:
                have.add("isolation")
        return frozenset(have)


@functools.cache
def facts_of_this_machine() -> Facts:
    """Look and try; takes some tens of milliseconds the first time (call it in a thread)."""
    container = _container()
    if sys.platform != "linux":
        return Facts(sys.platform, container=container)
    from psg_runtime.sandbox.confinement import call_filter, landlock

    return Facts(
        "linux",
        landlock=landlock.version(),
        call_filter=None if call_filter.supported() else f"call numbers of {os.uname().machine} are not known",
        namespaces=_namespaces(),
        children_listed=_children_listed(),
        bubblewrap=bubblewrap_refusal(shutil.which("bwrap")),
        container=container,
    )


def _answer(command: list[str], what: str) -> str | None:
    """None when the command succeeds, else what it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TRY_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{what}: {type(error).__name__}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return f"{what}: {said[:200]}"


def _namespaces() -> str | None:
    folder = str(Path(__file__).parent)
    return _answer([sys.executable, "-I", "-S", "-c", _NAMESPACE_TRIAL, folder], "not permitted")


def _children_listed() -> str | None:
    path = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    return None if os.path.exists(path) else "the kernel does not list the children of processes"


def bubblewrap_refusal(program: str | None) -> str | None:
    """Why this bubblewrap is of no use, None when it works."""
    if program is None:
        return "not installed"
    trial = [program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    return _answer(trial, "does not work")


def _container() -> str | None:
    program = shutil.which("docker")
    if program is None:
        return "not installed"
    return _answer([program, "version", "--format", "{{.Server.Version}}"], "does not answer")
