"""A root of its own for a program: nothing is there but what was named, read-only unless named as writable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from . import system_calls as calls

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_LINKS = {"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1",
          "/dev/stderr": "/proc/self/fd/2"}  # fmt: skip
# Of the kernel and the machine, and no business of a program in here.
_HIDDEN = (
    "kcore", "kmsg", "keys", "key-users", "kpagecount", "kpageflags", "kpagecgroup", "kallsyms", "timer_list",
    "config.gz", "sysrq-trigger", "slabinfo", "vmallocinfo", "iomem", "ioports", "sched_debug", "latency_stats",
    "pagetypeinfo",
)  # fmt: skip
_OLD, _NEW, _BASE = "/old", "/new", "/tmp"  # a mount point that every system has


def build(view: Mapping[str, Any]) -> None:
    """Replace this mount namespace's root by a small one; needs a mount and a process namespace of our own.

    ``view``: ``read`` and ``write`` are real paths, ``links`` maps symbolic links to their targets,
    ``scratch`` are the folders for temporary files, ``scratch_bytes`` is the most that they can hold.
    """
    calls.mount("none", "/", None, calls.MS_REC | calls.MS_PRIVATE)
    calls.mount("tmpfs", _BASE, "tmpfs", calls.MS_NOSUID | calls.MS_NODEV, "mode=0755")
    os.mkdir(_BASE + _OLD)
    os.mkdir(_BASE + _NEW)
    size = int(view["scratch_bytes"])
    options = f"mode=0755,size={size},nr_inodes={max(1024, size // 16384)}"
    calls.mount("tmpfs", _BASE + _NEW, "tmpfs", calls.MS_NOSUID | calls.MS_NODEV, options)
    calls.pivot_root(_BASE, _BASE + _OLD)
    os.chdir("/")
    _fill(view)
    _mount_processes(_NEW + "/proc")
    if not view["scratch"] and not view["write"]:
        calls.set_mount_attributes(_NEW, calls.MOUNT_ATTR_RDONLY)
    os.chdir(_NEW)
    calls.pivot_root(".", ".")
    calls.unmount(".")
    os.chdir("/")


def processes_of_this_namespace() -> None:
    """Replace /proc by one that shows our process namespace only."""
    calls.mount("none", "/", None, calls.MS_REC | calls.MS_PRIVATE)
    calls.mount("proc", "/proc", "proc", calls.MS_NOSUID | calls.MS_NODEV | calls.MS_NOEXEC)


def _fill(view: Mapping[str, Any]) -> None:
    writable, links = set(view["write"]), {**view["links"], **_LINKS}
    for path in view["scratch"]:
        os.makedirs(_NEW + path)
        os.chmod(_NEW + path, 0o1777)
    # Parents first: what lies deeper is mounted over what contains it, and found there already.
    for path in sorted({*view["read"], *writable, *links, *DEVICES}, key=lambda path: path.count("/")):
        if path in links:
            _link(path, links[path])
        else:
            _bind(path, writable=path in writable)


def _link(path: str, target: str) -> None:
    if not os.path.lexists(_NEW + path):
        os.makedirs(os.path.dirname(_NEW + path), exist_ok=True)
        os.symlink(target, _NEW + path)


def _bind(path: str, *, writable: bool) -> None:
    source, target = _OLD + path, _NEW + path
    if not os.path.lexists(source):
        return
    if not os.path.lexists(target):
        if os.path.isdir(source):
            os.makedirs(target)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    calls.mount(source, target, None, calls.MS_BIND | calls.MS_REC)
    attributes = calls.MOUNT_ATTR_NOSUID
    if path not in DEVICES:
        attributes |= calls.MOUNT_ATTR_NODEV
        if not writable:
            attributes |= calls.MOUNT_ATTR_RDONLY
    calls.set_mount_attributes(target, attributes)


def _mount_processes(target: str) -> None:
    os.makedirs(target, exist_ok=True)
    calls.mount("proc", target, "proc", calls.MS_NOSUID | calls.MS_NODEV | calls.MS_NOEXEC)
    for name in _HIDDEN:
        if os.path.exists(f"{target}/{name}"):
            calls.mount(_NEW + "/dev/null", f"{target}/{name}", None, calls.MS_BIND)
    # Files of the kernel belong to user 0, who needs no capability to write them.
    calls.set_mount_attributes(target, calls.MOUNT_ATTR_RDONLY)
