"""Which paths a sandboxed program needs to be a program at all, and how links lead to them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from psg_runtime.sandbox.port import FileView

SCRATCH = ("/tmp", "/dev/shm")
_LINKS_AT_MOST = 40
# Programs, libraries, and of /etc what concerns neither users' passwords nor services' keys.
SYSTEM_PATHS = tuple(
    map(
        Path,
        (
            "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store",
            "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime",
            "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/protocols",
            "/etc/services", "/etc/mime.types", "/etc/terminfo", "/etc/gitconfig", "/etc/os-release", "/etc/magic",
            "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/ca-certificates",
        ),
    )
)  # fmt: skip


def interpreter_paths() -> tuple[Path, ...]:
    """What this interpreter and its packages need: its two prefixes."""
    return tuple(dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix), Path(sys.executable).parent)))


def standard_library_paths() -> tuple[Path, ...]:
    """What an interpreter without packages needs."""
    return (Path(sys.base_prefix),)


def plain_interpreter() -> str:
    """The interpreter outside any virtual environment."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def layout(view: FileView, program: str, *, scratch_bytes: int, build: bool, others: bool) -> dict[str, Any]:
    """The view as the launcher takes it: real paths, and the links that lead to them.

    ``build``: the launcher makes the root; ``others``: somebody did so before it. Either way its scratch folders are
    its own and ``/proc`` shows its processes only.
    """
    links: dict[str, str] = {}
    write = _existing(_outermost(view.write), links, ())
    read = _existing((*view.read, Path(program)), links, write)
    # What may be written may be read; a read-only mount on top would take the writing away.
    read = [path for path in read if not any(_inside(path, folder) for folder in write)]
    read = [path for path in read if not any(_inside(path, other) for other in read if other != path)]
    links = {link: target for link, target in links.items() if not any(_inside(link, p) for p in (*read, *write))}
    own_root = build or others
    return {
        "read": sorted(read),
        "write": sorted(write),
        "links": links,
        "scratch": _scratch((*read, *write)) if view.scratch and own_root else [],
        "scratch_bytes": scratch_bytes,
        "build": build,
        "own_root": own_root,
    }


def _scratch(shown: Iterable[str]) -> list[str]:
    """Folders of memory for temporary files; not around a folder that is shown, beside which nothing may be made."""
    return [path for path in SCRATCH if not any(_inside(shown_path, path) for shown_path in shown)]


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _outermost(folders: Iterable[Path]) -> list[Path]:
    """Without those inside others: whoever may write to the outer one could have put a link in their place."""
    given = list(folders)
    return [folder for folder in given if not any(folder != other and folder.is_relative_to(other) for other in given)]


def _existing(paths: Iterable[Path], links: dict[str, str], foreign: Iterable[str]) -> list[str]:
    found = (_follow(path, links, tuple(foreign)) for path in paths)
    return list(dict.fromkeys(path for path in found if path is not None and os.path.lexists(path)))


def _follow(path: Path, links: dict[str, str], foreign: tuple[str, ...]) -> str | None:
    """The real path, noting every symbolic link on the way; None when it leads nowhere.

    A link in a ``foreign`` folder, which programs can write to, leads nowhere: one of them may have made it, to have
    something shown to the next.
    """
    waiting = list(reversed(Path(os.path.abspath(path)).parts[1:]))
    real, followed = "/", 0
    while waiting:
        step = os.path.join(real, waiting.pop())
        if os.path.islink(step):
            followed += 1
            if followed > _LINKS_AT_MOST or any(_inside(step, folder) for folder in foreign):
                return None
            target = links[step] = os.readlink(step)
            absolute = os.path.normpath(os.path.join(real, target))
            waiting += reversed(Path(absolute).parts[1:])
            real = "/"
        else:
            real = step
    return real
