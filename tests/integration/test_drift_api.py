"""Tracked resources over GraphQL, by the generated client and from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from conftest import Neo4jServer
from graphql_api import Api, running_api

from psg.audit import verify
from psg_client import Client
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database
from psg_runtime.drift import DriftMonitor

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(120)]

RESOURCE = "... on ResourcePayload { resource { id uri kind state hash settings dependents { id onDrift } } }"
UPDATE = "... on FileUpdatePayload { drifted resource { uri state found } }"
LIST = """query($p: ID!, $s: [ResourceState!], $a: String) {
  trackedResources(projectId: $p, states: $s, after: $a, first: 2) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { uri path state size confirmId modifiedAt dependents { id staleSince onDrift } } } }"""


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def test_what_is_tracked_is_set_listed_reported_and_decided(api: Api, tmp_path: Path) -> None:
    project_id, plan_id, _ = await api.plan()
    settings = {"modified": "manual", "interval_ms": 100}
    made = await api.command(
        "trackResource", "TrackResourceInput", RESOURCE, projectId=project_id, root="repo", settings=settings
    )
    assert made["resource"]["kind"] == "directory" and made["resource"]["settings"]["modified"] == "manual"
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("one\n")
    inside = parse_global_id(project_id).project_id
    monitor = DriftMonitor(api.graph, inside, "repo", tmp_path)
    await monitor.scan()

    page = (await api.ask(LIST, p=project_id))["trackedResources"]
    assert page["totalCount"] == 3 and [n["uri"] for n in page["nodes"]] == ["dir:repo", "file:repo/a.txt"]
    rest = (await api.ask(LIST, p=project_id, a=page["pageInfo"]["endCursor"]))["trackedResources"]
    assert [n["path"] for n in rest["nodes"]] == ["b.txt"] and rest["nodes"][0]["modifiedAt"] is not None

    used = await api.command(
        "dependOnResource", "DependOnResourceInput", RESOURCE, projectId=project_id, uri="file:repo/a.txt",
        dependentId=plan_id, onDrift="gate",
    )  # fmt: skip
    assert used["resource"]["dependents"] == [{"id": plan_id, "onDrift": "gate"}]

    told = await api.command(
        "reportFileUpdate", "ReportFileUpdateInput", UPDATE, projectId=project_id, filePath="/a.txt",
        changeType="modified", timestamp="2020-01-01T00:00:00Z",
    )  # fmt: skip
    assert told["drifted"] is True and told["resource"]["state"] == "drifted"

    (tmp_path / "a.txt").write_text("two\n")
    assert (await monitor.scan()).results == {"conflict": 1}
    (node,) = (await api.ask(LIST, p=project_id, s=["conflict"]))["trackedResources"]["nodes"]
    assert node["dependents"][0]["staleSince"] is not None
    confirm = await api.ask(
        "query($id: ID!) { confirm(id: $id) { reason target { __typename ... on TrackedResource { uri } } } }",
        id=node["confirmId"],
    )
    assert confirm["confirm"]["target"] == {"__typename": "TrackedResource", "uri": "file:repo/a.txt"}
    assert confirm["confirm"]["reason"].startswith("a.txt: it was modified")
    decided = await api.command(
        "decideConfirm", "DecideConfirmInput", "", id=node["confirmId"], status="approved"
    )
    assert decided["__typename"].endswith("Payload")
    assert (await monitor.scan()).results == {"taken": 1}

    done = await api.command(
        "refreshDependent", "RefreshDependentInput", "", projectId=project_id, dependentId=plan_id
    )
    assert done["__typename"] == "RefreshDependentPayload"
    await api.command("expectContent", "ExpectContentInput", "", projectId=project_id, uri="file:repo/b.txt", text="t")
    await monitor.scan()
    assert (tmp_path / "b.txt").read_text() == "t"
    await api.command("untrackResource", "UntrackResourceInput", "", projectId=project_id, uri="dir:repo")
    assert (await api.ask(LIST, p=project_id))["trackedResources"]["totalCount"] == 0
    assert (await verify(api.graph.db, inside)).ok


async def test_what_is_wrong_is_refused_with_its_field(api: Api) -> None:
    project_id = await api.project()
    wrong: list[tuple[str, str, dict[str, Any], str]] = [
        ("trackResource", "TrackResourceInput", {"root": "a b"}, "validation_failed"),
        ("trackResource", "TrackResourceInput", {"root": "r", "settings": [1]}, "validation_failed"),
        ("trackResource", "TrackResourceInput", {"root": "r", "settings": {"added": "x"}}, "validation_failed"),
        ("untrackResource", "UntrackResourceInput", {"uri": "dir:none"}, "not_found"),
        ("expectContent", "ExpectContentInput", {"uri": "file:none/a", "text": "x"}, "unknown_root"),
        ("expectContent", "ExpectContentInput", {"uri": "file:r/a"}, "validation_failed"),
        ("expectContent", "ExpectContentInput", {"uri": "file:r/a", "base64": "?"}, "validation_failed"),
        ("reportFileUpdate", "ReportFileUpdateInput",
         {"filePath": "../x", "changeType": "modified", "timestamp": "2020-01-01T00:00:00Z", "root": "r"},
         "outside_root"),
    ]  # fmt: skip
    for name, kind, given, code in wrong:
        answer = await api.command(name, kind, "", projectId=project_id, **given)
        assert answer["code"] == code, (name, answer)


async def test_the_client_knows_the_operations(api: Api) -> None:
    project_id = await api.project()
    async with Client(f"{api.url}/graphql") as client:
        made = await client.track_resource(project_id=project_id, root="docs")
        assert made.resource.uri == "dir:docs"
        page = await client.tracked_resources(project_id=project_id)
        assert [node.uri for node in page.nodes] == ["dir:docs"]


class Psg:
    """Calls ``psg drift`` on the shared server."""

    def __init__(self, server: Neo4jServer, project: str) -> None:
        kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
        self.environment = {
            **kept, "PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password,
            "NO_COLOR": "1", "PSG_PROJECT": project,
        }  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "psg_cli", "drift", *arguments]

    async def __call__(self, *arguments: str, status: int = 0) -> Any:
        ended = await anyio.run_process(self.command(*arguments), env=self.environment, check=False)
        said = ended.stdout.decode() + ended.stderr.decode()
        assert ended.returncode == status, said
        return orjson.loads(ended.stdout) if "--json" in arguments else said


async def test_the_command_line_adds_scans_lists_and_resolves(
    api: Api, neo4j_server: Neo4jServer, tmp_path: Path
) -> None:
    project = parse_global_id(await api.project()).project_id
    psg, tree = Psg(neo4j_server, project), tmp_path / "tree"
    tree.mkdir()
    (tree / "a b.txt").write_text("one\n")
    (tmp_path / "drift.yaml").write_text("modified: manual\nexclude: ['*.log']\n")
    assert "is tracked" in await psg("add", "repo", "--settings", str(tmp_path / "drift.yaml"))
    assert "1 added, 0 modified, 0 deleted: 1 taken" in await psg("scan", "repo", str(tree))
    (tree / "a b.txt").write_text("two\n")
    report = await psg("scan", "repo", str(tree), "--json", status=1)
    assert report["results"] == {"conflict": 1} and report["drifted"] == 1
    (row,) = await psg("list", "--state", "conflict", "--json")
    assert row["uri"] == "file:repo/a%20b.txt" and row["confirm"]
    assert "written" in await psg("resolve", row["uri"], str(tree), "--take", "graph")
    assert (tree / "a b.txt").read_text() == "one\n"
    assert "root_missing" in await psg("scan", "repo", str(tmp_path / "gone"), status=1)
    plan_id = parse_global_id((await api.plan())[1]).node_id
    assert "not_found" in await psg("depend", "file:repo/none.txt", plan_id, status=1)
    assert "not tracked any more" in await psg("remove", "dir:repo")


async def test_the_watch_says_what_it_does_and_ends_in_good_order(
    api: Api, neo4j_server: Neo4jServer, tmp_path: Path
) -> None:
    project = parse_global_id(await api.project()).project_id
    psg = Psg(neo4j_server, project)
    await psg("add", "repo")
    process = await anyio.open_process(
        psg.command("watch", "repo", str(tmp_path), "--json"), env=psg.environment, stderr=subprocess.DEVNULL
    )
    async with process:
        assert process.stdout is not None
        assert b"watching" in await process.stdout.receive()
        (tmp_path / "new.txt").write_text("x")
        told = orjson.loads((await process.stdout.receive()).splitlines()[0])
        assert (told["uri"], told["result"]) == ("file:repo/new.txt", "taken")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
