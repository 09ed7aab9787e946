"""File-system rules of the kernel (Landlock), which a process puts itself under without any privilege."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from . import system_calls

_VERSION_FLAG, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_FIRST_VERSION = (1 << 13) - 1
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_SOCKET, _SCOPE_SIGNAL = 1, 2

TRUNCATE_VERSION, NETWORK_VERSION, SCOPE_VERSION = 3, 4, 6


class _RuleSet(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("handled_access_fs", "handled_access_net", "scoped")]


class _RuleSetWithoutScope(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("handled_access_fs", "handled_access_net")]


class _RuleSetOfFiles(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def version() -> int:
    """The version of Landlock in this kernel, 0 when there is none."""
    try:
        return system_calls.landlock_create(None, _VERSION_FLAG)
    except OSError:
        return 0


def rights_of(landlock_version: int) -> int:
    """All rights on files that this version knows."""
    newer = ((2, _REFER), (TRUNCATE_VERSION, _TRUNCATE), (5, _IOCTL_DEVICE))
    return _FIRST_VERSION | sum(right for since, right in newer if landlock_version >= since)


def restrict(
    read: Iterable[str] | None,
    write: Iterable[str] = (),
    devices: Iterable[str] = (),
    listed: Iterable[str] = (),
    *,
    network: bool,
) -> None:
    """Put this process and all it starts under rules; call it after ``no_new_privileges``.

    ``read`` can be read and executed, ``write`` be changed as well, ``devices`` read and written, the names in
    ``listed`` be listed; paths that do not exist are left out. ``read`` None: no rules for files. ``network`` False:
    no TCP. Signals and abstract sockets reach only what is under the same rules.
    """
    known = version()
    files = rights_of(known) if read is not None else 0
    tcp = _BIND_TCP | _CONNECT_TCP if known >= NETWORK_VERSION and not network else 0
    attributes: ctypes.Structure
    if known >= SCOPE_VERSION:
        attributes = _RuleSet(files, tcp, _SCOPE_ABSTRACT_SOCKET | _SCOPE_SIGNAL)
    elif known >= NETWORK_VERSION:
        attributes = _RuleSetWithoutScope(files, tcp)
    else:
        attributes = _RuleSetOfFiles(files)
    if not any(getattr(attributes, name) for name, *_ in attributes._fields_):
        return
    rule_set = system_calls.landlock_create(attributes)
    try:
        for path in read or ():
            _allow(rule_set, path, _READ & files)
        if read is not None:
            for path in write:
                _allow(rule_set, path, files)
            for path in listed:
                _allow(rule_set, path, _READ_DIR)
            for path in devices:
                _allow(rule_set, path, (_READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEVICE) & files)
        system_calls.landlock_restrict(rule_set)
    finally:
        os.close(rule_set)


def _allow(rule_set: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _FILE_RIGHTS
        system_calls.landlock_add(rule_set, _PATH_BENEATH, _PathBeneath(rights, handle))
    finally:
        os.close(handle)
