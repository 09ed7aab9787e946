"""The kit's golden flows as files: in and out equal, and the kit's oracle accepts every object, event and bundle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kit_oracle import FLOWS, invariants_of, oracle, profile_of
from sample_graph import KIT, Sample, make_sample, needs_kit, sound_sample, uuid4
from typer.testing import CliRunner
from world import World, registry, step

from psg.audit import verify
from psg.documents import export_bundle, export_events, export_project, import_files, write_document
from psg.documents.files import document_files, write_json
from psg.model.entities import ENTITIES, MODULES
from psg.model.lifecycle import TABLES
from psg_cli.main import app
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, needs_kit]

EXAMPLES = [f for f in sorted(KIT.glob("examples/modules/*.json")) if f.name.partition(".")[0] in MODULES]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


def id_of(module: str, document: dict[str, Any]) -> str:
    return document[ENTITIES[MODULES[module]].id_field]


async def exported(sample: Sample, folder: Path) -> dict[str, tuple[str, Path]]:
    """Write a project's documents to files; module and file by id, without the sample's own context."""
    found = {}
    async for module, document in export_project(sample.db, sample.project_id):
        found[id_of(module, document)] = (module, write_document(folder, module, document))
    found.pop(sample.context_id, None)
    return found


@pytest.mark.req("L3-11", "L3-01", "L3-18")
@pytest.mark.parametrize("flow", FLOWS, ids=lambda p: f"{p.parent.name}-{p.name}")
async def test_a_golden_flow_goes_in_as_files_and_comes_out_equal(sample: Sample, flow: Path, tmp_path: Path) -> None:
    kit = oracle()
    await import_files(sample.graph, sample.project_id, flow)
    found = await exported(sample, tmp_path / "out")
    bundle = tmp_path / "bundle"
    originals = {file.stem: kit.load(file) for file in document_files(flow)}
    for module, document in originals.items():
        told, file = found.pop(id_of(module, document))
        assert told == module
        assert kit.diff(document, kit.load(file)) == []
        assert kit.object_errors(module, kit.load(file)) == []
        write_json(bundle / f"{module}.json", kit.load(file))
    assert found == {}  # a role made as a placeholder is not exported (C-30)
    assert kit.bundle_errors(str(bundle), profile_of(flow), invariants_of(flow)) == []


@pytest.mark.req("L3-11")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
async def test_an_example_of_each_module_comes_out_equal(sample: Sample, example: Path, tmp_path: Path) -> None:
    """Each stands alone in the kit: what it refers to is added under the ids that it names.

    It gets an id of its own: in the kit all examples have the same one, which here only one node can have.
    """
    kit = oracle()
    module = example.name.partition(".")[0]
    document = _with_own_ids(module, kit.load(example))
    folder = tmp_path / "in"
    write_json(folder / "example.json", document)
    for name, other in _missing(module, document).items():
        write_json(folder / f"{name}.json", other)
    await import_files(sample.graph, sample.project_id, folder)
    _, file = (await exported(sample, tmp_path / "out"))[id_of(module, document)]
    assert kit.diff(document, kit.load(file)) == []
    assert kit.object_errors(module, kit.load(file)) == []


def _with_own_ids(module: str, document: dict[str, Any]) -> dict[str, Any]:
    own = {ENTITIES[MODULES[module]].id_field: uuid4()}
    if module == "plan":
        own["steps"] = [step | {"step_id": uuid4()} for step in document["steps"]]
    return document | own


def _missing(module: str, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Valid documents of what an example refers to."""
    kit = oracle()
    context = kit.load(KIT / "examples/modules/context.minimal.json")
    plan = _with_own_ids("plan", kit.load(KIT / "examples/modules/plan.minimal.json"))
    target = document.get("target_id") if document.get("target_type") == "plan" else document.get("plan_id")
    context_id = document.get("context_id", uuid4())
    if document.get("target_type") == "context":
        context_id = document["target_id"]
    found = {} if module == "context" else {"context": context | {"context_id": context_id}}
    if module in ("confirm", "trace") and target is not None:
        found["plan"] = plan | {"plan_id": target, "context_id": context_id}
    return found


@pytest.mark.req("DD-01", "L3-02")
async def test_every_edge_of_an_imported_flow_is_there_exactly_once(sample: Sample) -> None:
    flow = KIT / "golden" / "flow-05-single-agent-confirm-required" / "input"
    for _ in range(2):  # the second time nothing is stored twice
        await import_files(sample.graph, sample.project_id, flow)
    edges = Counter(
        (kind, node["id"], target) for node in await sample.whole() for kind, _, target in node["edges"]
    )
    assert set(edges.values()) == {1}
    kit = oracle()
    plan, trace = kit.load(flow / "plan.json"), kit.load(flow / "trace.json")
    assert edges["IN_CONTEXT", plan["plan_id"], plan["context_id"]] == 1
    assert edges["TRACES", trace["trace_id"], plan["plan_id"]] == 1
    depends = {(s["step_id"], d) for s in plan["steps"] for d in s.get("dependencies", [])}
    assert {(a, b) for kind, a, b in edges if kind == "DEPENDS_ON"} == depends
    assert sum(kind == "IN_PLAN" for kind, _, _ in edges) == len(plan["steps"])


@pytest.mark.req("L3-11", "L3-45")
async def test_the_oracle_accepts_a_run_s_bundle_and_its_events(db: Database, tmp_path: Path) -> None:
    kit = oracle()
    world = await World.create(db)

    async def fail() -> None:
        raise RuntimeError("no luck")

    tools = registry(fail=fail)
    good = await world.run(step("a"), step("b", "a", agent_role="worker"), tools=tools)
    bad = await world.run(step("a", name="fail"), step("b", "a"), tools=tools)
    for plan_id, status in ((good, "completed"), (bad, "failed")):
        folder = tmp_path / status
        files = await export_bundle(db, world.project_id, plan_id, folder)
        assert [f.name for f in files] == ["context.json", "plan.json", "trace.json", "confirm.json", "events.ndjson"]
        assert kit.load(folder / "plan.json")["status"] == kit.load(folder / "trace.json")["status"] == status
        assert kit.bundle_errors(str(folder), "SA") == []
        events = kit.read_events(str(folder / "events.ndjson"))
        assert len(events) == len(await world.events(plan=plan_id))
    whole = kit.read_events(str(await export_events(db, world.project_id, tmp_path)))
    assert [e["lamport_timestamp"] for e in whole] == list(range(1, await world.head_seq() + 1))
    assert kit.event_errors(whole, family_required=True) == []
    assert {e["event_family"] for e in whole} >= {"graph_update", "pipeline_stage"}
    assert not (await verify(db, world.project_id)).violations


@pytest.mark.req("L3-11")
async def test_a_bundle_goes_into_another_project(db: Database, tmp_path: Path) -> None:
    kit = oracle()
    world = await World.create(db)
    plan_id = await world.run(step("a"), step("b", "a"))
    first = await export_bundle(db, world.project_id, plan_id, tmp_path / "a")
    other = await make_sample(db)
    await import_files(other.graph, other.project_id, tmp_path / "a")
    await export_bundle(db, other.project_id, plan_id, tmp_path / "b")
    for file in first[:-1]:
        assert kit.diff(kit.load(file), kit.load(tmp_path / "b" / file.name)) == []
    assert not (await verify(db, other.project_id)).violations


def test_the_command_line_brings_flows_in_and_out_without_an_api(
    neo4j_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    kit = oracle()
    monkeypatch.chdir(tmp_path)
    for name, value in (("URI", neo4j_server.uri), ("USER", neo4j_server.user), ("PASSWORD", neo4j_server.password)):
        monkeypatch.setenv(f"PSG_NEO4J_{name}", value)
    project = f"flows {tmp_path.parent.name} {tmp_path.name}"
    runner = CliRunner()

    def psg(*arguments: str, status: int = 0) -> Any:
        done = runner.invoke(app, [*arguments, "--project", project, "--direct", "--json"])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout)

    flow = KIT / "golden" / "flow-05-single-agent-confirm-required" / "input"
    assert psg("export", "nowhere", status=1)["error"]["code"] == "not_found"
    stored = psg("import", str(flow))["documents"]
    assert Counter(d["module"] for d in stored) == Counter(["context", "plan", "trace", "confirm"])
    assert all(d["replayed"] for d in psg("import", str(flow))["documents"])
    files = [Path(f) for f in psg("export", "out", "--events")["files"]]
    for file in files[:-1]:
        assert kit.diff(kit.load(flow / f"{file.parent.name}.json"), kit.load(file)) == []
    assert kit.event_errors(kit.read_events(str(files[-1]))) == []
    plan_id = kit.load(flow / "plan.json")["plan_id"]
    assert len(psg("export", "run", "--plan", plan_id)["files"]) == 5
    assert kit.bundle_errors("run") == []
    assert psg("export", "run", "--plan", kit.load(flow / "context.json")["context_id"], status=1)


def test_every_module_has_a_document_in_the_kit() -> None:
    assert {f.name.partition(".")[0] for f in EXAMPLES} == set(MODULES)
    assert len(MODULES) == 10 and set(TABLES) >= {MODULES[m] for m in ("plan", "context", "trace", "confirm")}
