"""Names of tracked things: ``dir:repo``, ``file:repo/src/a.py``, ``git:repo/refs/heads/main``.

The first part is the name of a tracked directory, the same on every machine; where it lies is known to each process for
itself. Everything but plain ASCII is percent-encoded byte by byte, so that any file name has one, and order by code
point is order by byte.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from psg.drift.errors import OutsideRoot
from psg.errors import ValidationFailed

Kind = Literal["directory", "file", "git_ref"]

SAFE = "-._~!$&'()*+,;=@"
URI_CHARS = 2_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_REF = re.compile(r"(?:HEAD|refs/[^\x00-\x20\x7f~^:?*\[\\]+)")
_SCHEMES = {"dir": "directory", "file": "file", "git": "git_ref"}


def check_root(name: str) -> str:
    """Return the name of a tracked directory when it is one; raises ``ValidationFailed``."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValidationFailed(
            f"root: {str(name)[:80]!r} is no name; up to 63 letters, digits and _ . - are, a letter or digit first",
            field="root",
        )
    return name


def encoded(name: bytes) -> str:
    """Return one part of a path as it stands in a uri."""
    return quote(name, safe=SAFE)


def root_uri(root: str) -> str:
    """Return the uri of a tracked directory."""
    return f"dir:{check_root(root)}"


def file_uri(root: str, path: str | bytes) -> str:
    """Return the uri of a file by its path below the tracked directory; raises ``OutsideRoot`` and the like.

    A leading slash means the tracked directory, as events of editors have it.
    """
    raw = path.encode(errors="surrogateescape") if isinstance(path, str) else path
    shown = raw.decode(errors="replace")[:120]
    parts = [part for part in raw.split(b"/") if part not in (b"", b".")]
    if not parts or b"\0" in raw:
        raise ValidationFailed(f"file_path: {shown!r} names no file", field="file_path")
    if b".." in parts:
        raise OutsideRoot(f"file_path: {shown!r} leaves the directory {root!r}", field="file_path")
    uri = f"file:{check_root(root)}/" + "/".join(encoded(part) for part in parts)
    return _bounded(uri)


def ref_uri(root: str, ref: str) -> str:
    """Return the uri of a git ref (``HEAD`` or ``refs/…``); raises ``ValidationFailed``."""
    if not _REF.fullmatch(ref) or ".." in ref or ref.endswith((".lock", "/", ".")) or "//" in ref or "@{" in ref:
        raise ValidationFailed(f"ref: {ref[:120]!r} is no full name of a git ref", field="ref")
    return _bounded(f"git:{check_root(root)}/" + quote(ref, safe=SAFE + "/"))


def parse(uri: str) -> tuple[Kind, str, bytes]:
    """Return kind, root and path (or ref) of a uri; raises ``ValidationFailed`` for what is none, or not canonical."""
    scheme, colon, rest = uri.partition(":")
    root, _, path = rest.partition("/")
    kind = _SCHEMES.get(scheme)
    if kind == "directory" and colon and uri == root_uri(root):
        return "directory", root, b""
    raw = unquote_to_bytes(path)
    if kind == "file" and uri == file_uri(root, raw):
        return "file", root, raw
    if kind == "git_ref" and uri == ref_uri(root, raw.decode(errors="replace")):
        return "git_ref", root, raw
    raise ValidationFailed(
        f"uri: {uri[:120]!r} is not of the form dir:NAME, file:NAME/PATH or git:NAME/refs/…", field="uri"
    )


def shown(uri: str) -> str:
    """Return what a person calls it: the path below its directory, with what is no text replaced."""
    kind, root, raw = parse(uri)
    return root if kind == "directory" else raw.decode(errors="backslashreplace")


def between(scheme: Literal["file", "git"], root: str) -> tuple[str, str]:
    """Return the uris that everything of a tracked directory lies between (exclusive)."""
    return f"{scheme}:{check_root(root)}/", f"{scheme}:{root}0"  # "0" comes right behind "/"


def _bounded(uri: str) -> str:
    if len(uri) > URI_CHARS:
        raise ValidationFailed(f"uri: at most {URI_CHARS} characters, this path has {len(uri)}", field="uri")
    return uri
