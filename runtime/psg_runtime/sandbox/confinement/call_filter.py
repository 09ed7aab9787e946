"""A seccomp filter: calls that no sandboxed program needs and that would reach around its limits."""

from __future__ import annotations

import ctypes
import errno
from dataclasses import dataclass, field

from . import system_calls

# name: number on x86_64, on aarch64 (None: does not exist there)
_REFUSED: dict[str, tuple[int, int | None]] = {
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    # a processor, a place in memory or a priority other than the given ones
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # mounts and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # keys that belong to whoever started us
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    # memory that no limit counts
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # the kernel itself
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "vhangup": (153, 58), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "iopl": (172, None),
    "ioperm": (173, None), "uselib": (134, None), "modify_ldt": (154, None),
}  # fmt: skip
# Programs look for these and do without them.
_ABSENT: dict[str, tuple[int, int | None]] = {
    "clone3": (435, 435),  # its flags are in memory, where a filter cannot look: clone is used instead
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
# What belongs to a file beside its content: Landlock leaves that to whoever owns it.
_ATTRIBUTES: dict[str, tuple[int, int | None]] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip
_CLONE, _SOCKET, _PRLIMIT = (56, 220), (41, 198), (302, 261)
_FORKS: tuple[tuple[int, int | None], ...] = ((57, None), (58, None))

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_AF_UNIX = 1
_NEW_NAMESPACES = (
    system_calls.CLONE_NEWNS | system_calls.CLONE_NEWCGROUP | system_calls.CLONE_NEWUTS | system_calls.CLONE_NEWIPC
    | system_calls.CLONE_NEWUSER | system_calls.CLONE_NEWPID | system_calls.CLONE_NEWNET
)  # fmt: skip


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction))]


@dataclass
class _Assembly:
    """Instructions of the kernel's packet-filter machine; jumps never leave the check they are in."""

    code: list[tuple[int, int, int, int]] = field(default_factory=list)

    def add(self, code: int, value: int, when_true: int = 0, when_false: int = 0) -> None:
        self.code.append((code, when_true, when_false, value))

    def refuse(self, number: int, error: int) -> None:
        self.add(_JUMP_EQUAL, number, 0, 1)
        self.add(_RETURN, _REFUSE | error)

    def first_argument(self, number: int, test: int, value: int, *, allowed_if: bool, error: int) -> None:
        """Refuse the call unless the test on its first argument comes out as ``allowed_if``; ends the program then."""
        self.add(_JUMP_EQUAL, number, 0, 4)
        self.add(_LOAD, _FIRST_ARGUMENT_AT)
        self.add(test, value, *((1, 0) if allowed_if else (0, 1)))
        self.add(_RETURN, _REFUSE | error)
        self.add(_RETURN, _ALLOW)


def supported() -> bool:
    """Whether we know the call numbers of this machine."""
    return system_calls.MACHINE is not None


def install(*, sockets: str, one_process: bool, attributes: bool) -> None:
    """Put this process and all it starts under the filter; call it after ``no_new_privileges``.

    ``sockets``: ``any``, ``local`` (in the file system only), ``remote`` (all others) or ``none``; connected pairs are
    always possible. ``one_process``: it can start threads, but no process. ``attributes``: it can change the mode,
    owner and times of files.
    """
    code = assemble(system_calls.MACHINE or "", sockets=sockets, one_process=one_process, attributes=attributes)
    instructions = (_Instruction * len(code))(*(_Instruction(c, t, f, k) for c, t, f, k in code))
    system_calls.install_filter(_Program(len(code), instructions))


def assemble(machine: str, *, sockets: str, one_process: bool, attributes: bool) -> list[tuple[int, int, int, int]]:
    """The filter's instructions as (code, jump if true, jump if false, value)."""
    column = {"x86_64": 0, "aarch64": 1}[machine]
    program = _Assembly()
    program.add(_LOAD, _ARCHITECTURE_AT)
    program.add(_JUMP_EQUAL, _ARCHITECTURES[machine], 1, 0)
    program.add(_RETURN, _KILL)
    program.add(_LOAD, _NUMBER_AT)
    if machine == "x86_64":
        program.add(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1)
        program.add(_RETURN, _KILL)
    kept = {} if attributes else _ATTRIBUTES
    for calls, error in ((_REFUSED, errno.EPERM), (kept, errno.EPERM), (_ABSENT, errno.ENOSYS)):
        for numbers in calls.values():
            if (number := numbers[column]) is not None:
                program.refuse(number, error)
    if sockets == "none":
        program.refuse(_SOCKET[column], errno.EACCES)
    elif sockets in ("local", "remote"):
        local = sockets == "local"
        program.first_argument(_SOCKET[column], _JUMP_EQUAL, _AF_UNIX, allowed_if=local, error=errno.EACCES)
    # Limits of one's own may be lowered; those of others are not ours, though they have the same user.
    program.first_argument(_PRLIMIT[column], _JUMP_EQUAL, 0, allowed_if=True, error=errno.EPERM)
    if one_process:
        for numbers in _FORKS:
            if (number := numbers[column]) is not None:
                program.refuse(number, errno.EAGAIN)
        thread = system_calls.CLONE_THREAD
        program.first_argument(_CLONE[column], _JUMP_ANY_BIT, thread, allowed_if=True, error=errno.EAGAIN)
    else:
        namespaces = _NEW_NAMESPACES
        program.first_argument(_CLONE[column], _JUMP_ANY_BIT, namespaces, allowed_if=False, error=errno.EPERM)
    program.add(_RETURN, _ALLOW)
    return program.code
