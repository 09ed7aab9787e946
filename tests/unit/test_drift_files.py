"""Reading and writing below one directory: links are not followed, nothing unexpected is overwritten."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from psg.drift import (
    ABSENT,
    ChangedMeanwhile,
    DriftSettings,
    NotAFile,
    OutsideRoot,
    RootMissing,
    Unreadable,
    content_digest,
)
from psg_runtime.drift import FileTree
from psg_runtime.drift import files as files_module
from psg_runtime.drift.walking import Selection, walk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    return made


def left_over(root: Path) -> list[str]:
    return [name for name in os.listdir(root) if name.startswith(".psg")]


def test_a_file_is_written_whole_with_its_mode_and_only_over_what_was_seen(root: Path) -> None:
    tree = FileTree(root)
    made = tree.write(b"deep/er/a.txt", b"one", 0o640, None)
    path = root / "deep/er/a.txt"
    assert path.read_bytes() == b"one" and made.hash == content_digest(b"one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(ChangedMeanwhile):
        tree.write(b"deep/er/a.txt", b"two", 0o640, None)
    with pytest.raises(ChangedMeanwhile):
        tree.write(b"deep/er/a.txt", b"two", 0o640, content_digest(b"other"))
    assert path.read_bytes() == b"one"
    found = tree.write(b"deep/er/a.txt", b"two", 0o640, made.hash)
    assert path.read_bytes() == b"two" and found.mtime_ms == path.stat().st_mtime_ns // 1_000_000
    assert left_over(root / "deep/er") == []


@pytest.mark.parametrize("exchange", [True, False])
def test_a_file_that_changes_in_the_last_moment_comes_back(
    root: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    tree = FileTree(root)
    (root / "a.txt").write_bytes(b"seen")
    real = files_module._exchange

    def racing(parent: int, one: bytes, other: bytes) -> bool:
        if not exchange:
            return False
        if (root / "a.txt").read_bytes() == b"seen":
            (root / "a.txt").write_bytes(b"saved in the last moment")
        return real(parent, one, other)

    monkeypatch.setattr(files_module, "_exchange", racing)
    if exchange:
        with pytest.raises(ChangedMeanwhile):
            tree.write(b"a.txt", b"new", 0o644, content_digest(b"seen"))
        assert (root / "a.txt").read_bytes() == b"saved in the last moment"
    else:
        tree.write(b"a.txt", b"new", 0o644, content_digest(b"seen"))
        assert (root / "a.txt").read_bytes() == b"new"
    assert left_over(root) == []


def test_a_file_is_removed_only_as_it_was_seen(root: Path) -> None:
    tree = FileTree(root)
    (root / "a.txt").write_bytes(b"one")
    with pytest.raises(ChangedMeanwhile):
        tree.remove(b"a.txt", content_digest(b"other"))
    assert (root / "a.txt").read_bytes() == b"one" and left_over(root) == []
    tree.remove(b"a.txt", content_digest(b"one"))
    assert not (root / "a.txt").exists()
    tree.remove(b"a.txt", content_digest(b"one"))  # gone already


def test_links_are_not_followed_out_of_the_directory(root: Path, tmp_path: Path) -> None:
    tree = FileTree(root)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"private")
    (root / "out").symlink_to(secret)
    (root / "file").symlink_to(secret / "key")
    (root / "loop").symlink_to(root)
    (root / "self").symlink_to("self")
    for path in (b"out/key", b"loop/loop/file"):
        with pytest.raises(OutsideRoot):
            tree.look(path)
        with pytest.raises(OutsideRoot):
            tree.write(path, b"x", 0o644, None)
    assert tree.look(b"file").fault == tree.look(b"self").fault == "not_a_file"
    with pytest.raises((ChangedMeanwhile, NotAFile)):
        tree.write(b"file", b"x", 0o644, content_digest(b"private"))
    for path in (b"../secret/key", b"/etc/passwd", b"a/../../secret/key", b""):
        with pytest.raises(OutsideRoot):
            tree.look(path)
    assert (secret / "key").read_bytes() == b"private"
    assert [(e.path, e.kind) for e in walk(tree, Selection(DriftSettings()))] == [
        (b"file", "other"), (b"loop", "other"), (b"out", "other"), (b"self", "other")
    ]  # fmt: skip


def test_what_is_no_file_has_a_fault_and_what_is_not_there_has_none(root: Path) -> None:
    tree = FileTree(root)
    os.mkfifo(root / "pipe")
    (root / "dir").mkdir()
    (root / "a.txt").write_bytes(b"x")
    assert tree.look(b"pipe").fault == tree.look(b"dir").fault == "not_a_file"
    assert tree.look(b"none") == tree.look(b"none/deeper") == tree.look(b"a.txt/below") == ABSENT
    assert tree.look(b"a.txt", 1).content == b"x" and tree.look(b"a.txt", 0).content is None
    assert tree.look(b"a.txt", 0).size == 1


def test_a_directory_that_is_away_is_said_to_be_away(tmp_path: Path) -> None:
    tree = FileTree(tmp_path / "gone")
    for doing in (lambda: tree.look(b"a"), lambda: list(walk(tree, Selection(DriftSettings())))):
        with pytest.raises(RootMissing, match="nothing is taken for deleted"):
            doing()


def test_what_cannot_be_read_is_told_and_not_taken_for_deleted(root: Path) -> None:
    (root / "open.txt").write_bytes(b"x")
    (root / "shut.txt").write_bytes(b"x")
    (root / "shut.txt").chmod(0)
    (root / "closed").mkdir()
    (root / "closed/a.txt").write_bytes(b"x")
    (root / "closed").chmod(0)
    (root / "fixed").mkdir()
    (root / "fixed").chmod(0o555)
    root.chmod(0o755)
    here = os.open(root, os.O_RDONLY)
    tree = FileTree(f"/proc/self/fd/{here}")  # the directories above it belong to the superuser alone
    try:
        with OrdinaryRights():
            assert tree.look(b"shut.txt").fault == "unreadable"
            assert tree.look(b"closed/a.txt").fault == "unreadable"
            assert tree.look(b"open.txt").hash is not None
            kinds = {e.path: e.kind for e in walk(tree, Selection(DriftSettings()))}
            with pytest.raises(Unreadable):
                tree.write(b"fixed/new.txt", b"x", 0o644, None)
    finally:
        os.close(here)
        (root / "closed").chmod(0o755)
    assert kinds == {b"closed": "closed", b"open.txt": "file", b"shut.txt": "file"}


class OrdinaryRights:
    """The rights of an ordinary user: for the superuser everything can be read."""

    def __init__(self) -> None:
        self._super = os.geteuid() == 0

    def __enter__(self) -> None:
        if self._super:
            os.seteuid(65534)

    def __exit__(self, *_: object) -> None:
        if self._super:
            os.seteuid(0)
