"""Git refs as tracked resources: seen, moved only from where they were, merged where one has all of the other."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from drift_world import ROOT, DriftWorld
from world import World

from psg import drift as graph_side
from psg.drift import Expected, RootMissing, ref_uri
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
MAIN, SIDE = "refs/heads/main", "refs/heads/side"


def git(path: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *arguments], cwd=path, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(path: Path, text: str, parent: str | None = None) -> str:
    """A commit object of the empty tree."""
    tree = git(path, "hash-object", "-t", "tree", "-w", "/dev/null")
    parents = ("-p", parent) if parent else ()
    return git(path, "commit-tree", tree, *parents, "-m", text)


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree", refs=["refs/heads/*"])
    git(made.path, "init", "-q")
    git(made.path, "update-ref", MAIN, commit(made.path, "first"))
    git(made.path, "update-ref", SIDE, git(made.path, "rev-parse", MAIN))
    await made.monitor.scan()
    yield made
    await made.verified()


async def known(drift: DriftWorld, ref: str) -> Expected:
    return await graph_side.resource(drift.world.db, drift.world.project_id, ref_uri(ROOT, ref))


async def expect(drift: DriftWorld, ref: str, object_id: str) -> None:
    await graph_side.expect(drift.world.graph, drift.world.project_id, ref_uri(ROOT, ref), object_id.encode())


@pytest.mark.req("L3-48")
async def test_refs_are_tracked_and_reconciled_like_files(drift: DriftWorld) -> None:
    first = git(drift.path, "rev-parse", MAIN)
    assert (await known(drift, SIDE)).hash == first
    second = commit(drift.path, "second", first)
    git(drift.path, "update-ref", SIDE, second)
    assert (await drift.monitor.scan()).modified == 1
    assert (await known(drift, SIDE)).hash == second
    git(drift.path, "update-ref", "-d", SIDE)
    report = await drift.monitor.scan()
    assert report.deleted == 1 and git(drift.path, "rev-parse", SIDE) == second
    assert git(drift.path, "for-each-ref", "--format=%(refname)").split() == [MAIN, SIDE]


@pytest.mark.req("L3-52", "L3-55")
async def test_the_graph_moves_a_ref_only_from_where_it_was_and_merges_what_is_ahead(drift: DriftWorld) -> None:
    first = git(drift.path, "rev-parse", SIDE)
    second = commit(drift.path, "second", first)
    third = commit(drift.path, "third", second)
    await expect(drift, SIDE, second)
    await drift.monitor.scan()
    assert git(drift.path, "rev-parse", SIDE) == second

    fork = commit(drift.path, "fork", first)
    await expect(drift, SIDE, first)
    git(drift.path, "update-ref", SIDE, third)  # both moved; one of them has all of the other
    (outcome,) = (await drift.monitor.scan()).outcomes
    assert outcome.result == "merged" and (await known(drift, SIDE)).hash == third

    await expect(drift, SIDE, commit(drift.path, "fourth", third))
    git(drift.path, "update-ref", SIDE, fork)
    (outcome,) = (await drift.monitor.scan()).outcomes
    assert outcome.result == "conflict" and git(drift.path, "rev-parse", SIDE) == fork


async def test_a_branch_that_is_checked_out_or_an_object_that_is_missing_is_refused(drift: DriftWorld) -> None:
    first = git(drift.path, "rev-parse", MAIN)
    await expect(drift, MAIN, commit(drift.path, "second", first))
    await expect(drift, SIDE, "1" * 40)
    report = await drift.monitor.scan()
    assert report.results == {"flagged": 2}
    assert git(drift.path, "rev-parse", MAIN) == git(drift.path, "rev-parse", SIDE) == first


async def test_a_directory_without_a_repository_is_no_reason_to_forget_its_refs(drift: DriftWorld) -> None:
    (drift.path / ".git").rename(drift.path.parent / "gone")
    with pytest.raises(RootMissing, match="git refs"):
        await drift.monitor.scan()
    (drift.path.parent / "gone").rename(drift.path / ".git")
    seq = await drift.world.head_seq()
    assert (await drift.monitor.scan()).results == {}
    assert await drift.world.head_seq() == seq


async def test_a_repository_around_the_directory_is_not_its_own(drift: DriftWorld, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (drift.path / ".git").rename(tmp_path / "away")
    with pytest.raises(RootMissing, match="git refs"):
        await drift.monitor.scan()
    (tmp_path / "away").rename(drift.path / ".git")


async def test_nothing_that_a_repository_configures_runs(drift: DriftWorld, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    hook = drift.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager"):
        git(drift.path, "config", name, f"touch {ran}")
    git(drift.path, "config", "core.repositoryformatversion", "1")
    git(drift.path, "config", "extensions.partialClone", "evil")
    git(drift.path, "config", "remote.evil.url", f"ext::touch {ran}")
    git(drift.path, "config", "remote.evil.promisor", "true")
    git(drift.path, "config", "protocol.ext.allow", "always")
    first = (await known(drift, SIDE)).hash
    assert first is not None
    second = commit(drift.path, "second", first)
    ran.unlink(missing_ok=True)
    await expect(drift, SIDE, second)
    await drift.monitor.scan()
    assert (await known(drift, SIDE)).state == "synced"
    await expect(drift, SIDE, "2" * 40)  # would have to be fetched
    assert (await drift.monitor.scan()).results == {"flagged": 1}
    assert not ran.exists()
