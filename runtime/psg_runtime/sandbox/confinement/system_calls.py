"""The system calls of Linux that Python has no function for, as functions that raise OSError."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

MACHINE: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}.get(
    platform.machine().lower()
)

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x10000000, 0x20000000, 0x40000000, 0x00000080
CLONE_THREAD = 0x00010000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS = 1, 4, 28, 38
_PR_SET_CHILD_SUBREAPER, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_SET_SECCOMP = 36, 24, 47, 22
_PR_CAP_AMBIENT_CLEAR_ALL, _SECCOMP_MODE_FILTER = 4, 2
_SECUREBITS_NO_ROOT_LOCKED = 0x2F  # NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off, each locked
_LAST_CAPABILITY, _CAPABILITY_VERSION_3 = 63, 0x20080522
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

# The same on every architecture since Linux 5.1; the two older ones are not.
_MOUNT_SETATTR, _LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 442, 444, 445, 446
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


class _Capabilities(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def _checked(answer: int, what: str) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return answer


def _syscall(what: str, number: int, *arguments: object) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), what)


def _prctl(what: str, *arguments: int) -> None:
    values = [ctypes.c_ulong(argument) for argument in arguments] + [ctypes.c_ulong(0)] * (5 - len(arguments))
    _checked(_libc.prctl(*values), what)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "new namespaces")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2)."""
    encoded = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), os.fsencode(data)), f"mount {target}")


def unmount(target: str) -> None:
    """Detach a mount and what is below it."""
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)), f"unmount {target}")


def set_mount_attributes(target: str, attributes: int) -> None:
    """Set MOUNT_ATTR_… on a mount and all that is mounted below it."""
    given = _MountAttributes(attributes, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(given))
    flags = ctypes.c_uint(_AT_RECURSIVE)
    path = ctypes.c_char_p(os.fsencode(target))
    _syscall(f"attributes of {target}", _MOUNT_SETATTR, ctypes.c_int(_AT_FDCWD), path, flags, ctypes.byref(given), size)


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root of this mount namespace, with the present one at ``old``."""
    number = _PIVOT_ROOT[MACHINE or "x86_64"]
    _syscall("new root", number, ctypes.c_char_p(os.fsencode(new)), ctypes.c_char_p(os.fsencode(old)))


def landlock_create(attributes: ctypes.Structure | None, flags: int = 0) -> int:
    """A new rule set as a file descriptor, or the version of Landlock when there are no attributes."""
    size = ctypes.c_size_t(ctypes.sizeof(attributes) if attributes is not None else 0)
    pointer = ctypes.byref(attributes) if attributes is not None else None
    return _syscall("Landlock", _LANDLOCK_CREATE_RULESET, pointer, size, ctypes.c_uint(flags))


def landlock_add(rule_set: int, kind: int, rule: ctypes.Structure) -> None:
    """Add one rule."""
    _syscall("Landlock rule", _LANDLOCK_ADD_RULE, ctypes.c_int(rule_set), ctypes.c_int(kind), ctypes.byref(rule), 0)


def landlock_restrict(rule_set: int) -> None:
    """Put this process under the rules, for good."""
    _syscall("Landlock", _LANDLOCK_RESTRICT_SELF, ctypes.c_int(rule_set), ctypes.c_uint(0))


def install_filter(program: ctypes.Structure) -> None:
    """Put this process under a seccomp filter, for good."""
    _prctl("seccomp filter", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def die_with_parent(signal_number: int) -> None:
    """Have this signal sent to us when our parent ends."""
    _prctl("parent-death signal", _PR_SET_PDEATHSIG, signal_number)


def become_subreaper() -> None:
    """Orphans among our descendants become our children."""
    _prctl("subreaper", _PR_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Nobody of the same user may trace us or read our memory."""
    _prctl("dumpable", _PR_SET_DUMPABLE, 0)


def no_new_privileges() -> None:
    """No program that is started from here gains privileges by its file."""
    _prctl("no new privileges", _PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability; also user 0 then has no more rights than a file's owner."""
    for number in range(_LAST_CAPABILITY + 1):
        try:
            _prctl("bounding set", _PR_CAPBSET_DROP, number)
        except OSError:  # beyond the last one of this kernel, or not ours to drop: then there is none to gain either
            break
    try:
        _prctl("secure bits", _PR_SET_SECUREBITS, _SECUREBITS_NO_ROOT_LOCKED)
        _prctl("ambient set", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass  # without privileges there is nothing to lock; no_new_privileges keeps it so
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    none = (_Capabilities * 2)()
    _syscall("capabilities", _CAPSET[MACHINE or "x86_64"], ctypes.byref(header), ctypes.byref(none))
