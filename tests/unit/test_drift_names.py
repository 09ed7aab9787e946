"""Names of tracked things, and the pure decision about what differs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.drift import (
    DriftSettings,
    Expected,
    Found,
    OutsideRoot,
    content_digest,
    decide,
    drift_class,
    file_uri,
    parse,
    ref_uri,
    root_uri,
    shown,
)
from psg.drift.model import decode, encode
from psg.drift.uris import between
from psg.errors import ValidationFailed
from psg.model.codec import loads
from psg_runtime.drift import FileTree
from psg_runtime.drift.walking import Selection, walk

PART = st.binary(min_size=1, max_size=12).filter(lambda b: b not in (b".", b"..") and not set(b) & {0, 47})
PATH = st.lists(PART, min_size=1, max_size=4).map(b"/".join)


@given(PATH)
def test_every_file_name_has_a_uri_that_leads_back_to_it(path: bytes) -> None:
    uri = file_uri("tree", path)
    assert uri.isascii() and parse(uri) == ("file", "tree", path)
    after, before = between("file", "tree")
    assert after < uri < before
    shown(uri).encode()  # can be printed


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("..", OutsideRoot), ("a/../../b", OutsideRoot), ("/../b", OutsideRoot), ("", ValidationFailed),
        ("///", ValidationFailed), (".", ValidationFailed), ("a\0b", ValidationFailed), ("x" * 3000, ValidationFailed),
    ],
)  # fmt: skip
def test_what_names_no_file_below_the_directory_is_refused(path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        file_uri("tree", path)


@pytest.mark.parametrize(
    "uri",
    ["", "tree", "file:tree", "file:tree/", "file:tree/a%2Fb", "file:tree/a//b", "file:tree/%61", "file:/a", "dir:a/b",
     "git:tree/main", "git:tree/refs/a..b", "git:tree/refs/x.lock", "git:tree/refs/a b", "http://a/b", "file:tree/é"],
)  # fmt: skip
def test_a_uri_has_one_spelling(uri: str) -> None:
    with pytest.raises(ValidationFailed):
        parse(uri)


def test_names_of_directories_and_refs() -> None:
    assert parse(root_uri("my.repo-1")) == ("directory", "my.repo-1", b"")
    assert parse(ref_uri("r", "refs/heads/feat/ü")) == ("git_ref", "r", "refs/heads/feat/ü".encode())
    for name in ("", "a b", "-a", "a/b", "x" * 64, "é"):
        with pytest.raises(ValidationFailed):
            root_uri(name)


@given(st.sets(st.lists(st.sampled_from(["a", "a-", "a.b", "b", "ü", "a b", "%"]), min_size=1, max_size=3).map(tuple)))
def test_a_walk_goes_in_the_order_of_the_uris(paths: set[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = set()
        for path in sorted(paths):
            target = Path(folder, *path)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    target.write_bytes(b"")
                    made.add(file_uri("tree", "/".join(path)))
            except (FileExistsError, NotADirectoryError):
                continue
        walked = [f"file:tree/{e.place}" for e in walk(FileTree(folder), Selection(DriftSettings()))]
        assert walked == sorted(made)
        assert [parse(uri)[0] for uri in walked] == ["file"] * len(walked)


@given(st.binary(max_size=200))
def test_contents_come_back_equal(content: bytes) -> None:
    assert decode(loads(encode(content))) == content


def expected(graph: str | None, base: str | None, **more: object) -> Expected:
    return Expected.of(
        {"id": "i", "uri": "file:t/a", "kind": "file", "revision": 1, "hash": graph, "base_hash": base, **more}
    )


@pytest.mark.req("DD-59")
def test_the_classes_of_drift() -> None:
    assert drift_class(None, "x") == "added"
    assert drift_class("x", None) == "deleted"
    assert drift_class("x", "y") == "modified"
    assert drift_class("x", "x") is None and drift_class(None, None) is None


@pytest.mark.req("DD-60")
def test_the_defaults_by_class() -> None:
    settings = DriftSettings()
    assert (settings.added, settings.modified, settings.deleted) == ("fs_wins", "fs_wins", "psg_wins")
    assert decide(None, Found("f"), settings).strategy == "fs_wins"
    assert decide(expected("b", "b"), Found("f"), settings).strategy == "fs_wins"
    assert decide(expected("b", "b"), Found(None), settings).strategy == "psg_wins"


@pytest.mark.parametrize(
    ("graph", "base", "file", "verdict", "strategy"),
    [
        ("a", "a", "a", "nothing", None), ("a", None, "a", "agree", None), ("g", "b", "b", "write_out", "psg_wins"),
        ("g", "b", "f", "reconcile", "merge"), ("g", None, "f", "reconcile", "merge"),
        ("g", None, None, "write_out", "psg_wins"), (None, "b", "b", "write_out", "psg_wins"),
        (None, "b", "f", "reconcile", "manual"), ("g", "b", None, "reconcile", "psg_wins"),
        (None, None, None, "nothing", None),
    ],
)  # fmt: skip
def test_each_side_is_compared_with_the_last_common_state(
    graph: str | None, base: str | None, file: str | None, verdict: str, strategy: str | None
) -> None:
    decided = decide(expected(graph, base, mode=0o644, mtime_ms=0), Found(file), DriftSettings())
    assert (decided.verdict, decided.strategy) == (verdict, strategy)


def test_a_deletion_and_a_change_are_for_a_person_unless_deleted_files_come_back_anyway() -> None:
    for strategy in ("fs_wins", "manual", "merge"):
        decided = decide(expected("g", "b"), Found(None), DriftSettings(deleted=strategy))
        assert (decided.strategy, decided.both) == ("manual", True)


def test_what_is_left_out() -> None:
    selection = Selection(DriftSettings(exclude=("*.log", "build", "docs/gen"), include=("*.py", "README.md")))
    taken = [b"a.py", b"src/x/b.py", b"README.md", b"docs/README.md"]
    left = [b"a.txt", b".git/config.py", b"x/.git/a.py", b"build/a.py", b"a/build/b.py", b"docs/gen/a.py", b".psg/a.py",
            b".psg-drift-00/a.py", b"a.log"]  # fmt: skip
    assert [p for p in (*taken, *left) if selection.takes(p)] == taken
    assert not Selection(DriftSettings()).takes(b"conf/.env") and Selection(DriftSettings(exclude=())).takes(b".env")


def test_digest_is_that_of_sha256sum() -> None:
    assert content_digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert os.sep == "/"
