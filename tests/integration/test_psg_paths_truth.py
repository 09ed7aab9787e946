"""Where the graph and a file disagree, the graph is right: for reads, for scheduling, for what is stored (L3-03)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from sample_graph import context_document, plan_document
from world import World, registry, step

from psg.audit import verify
from psg.documents import export_project, import_documents, read_folder, write_document
from psg.errors import DuplicateId, NotFound
from psg_runtime.launch import create_plan, start_plan
from psg_runtime.plan_file import load_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> Any:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def documents(world: World) -> dict[str, dict[str, Any]]:
    """Everything a reader of the project gets, by id."""
    return {d[f"{m}_id"]: d async for m, d in export_project(world.db, world.project_id)}


def rewrite(file: Path, **fields: Any) -> None:
    file.write_bytes(orjson.dumps(orjson.loads(file.read_bytes()) | fields))


@pytest.mark.req("L3-03")
async def test_files_that_were_imported_or_exported_and_then_changed_or_lost_change_nothing(
    world: World, tmp_path: Path
) -> None:
    context = context_document(title="as imported")
    plan = plan_document(context["context_id"], "pending", "pending")
    for module, document in (("context", context), ("plan", plan)):
        write_document(tmp_path, module, document)
    read = [(module, document) for module, document, _ in read_folder(tmp_path)]
    await import_documents(world.graph, world.project_id, read)
    before, head = await documents(world), await world.head_seq()
    assert before[context["context_id"]] == context and before[plan["plan_id"]] == plan

    rewrite(tmp_path / "context" / f"{context['context_id']}.json", title="changed on disk")
    (tmp_path / "plan" / f"{plan['plan_id']}.json").unlink()
    assert (await documents(world), await world.head_seq()) == (before, head)
    exported = await world.graph.export_document(world.project_id, "context", context["context_id"])
    assert exported["title"] == "as imported"

    # Nor does the changed file come in by being imported again: it is another document under a taken id.
    changed = [(module, document) for module, document, _ in read_folder(tmp_path)]
    assert [document["title"] for _, document in changed] == ["changed on disk"]
    with pytest.raises(DuplicateId):
        await import_documents(world.graph, world.project_id, changed)
    assert (await documents(world), await world.head_seq()) == (before, head)


@pytest.mark.req("L3-03")
async def test_a_document_deleted_in_the_graph_stays_deleted_though_its_file_is_there(
    world: World, tmp_path: Path
) -> None:
    plan_id = await world.draft(step("a"))
    document = await world.graph.export_document(world.project_id, "plan", plan_id)
    file = write_document(tmp_path, "plan", document)
    await world.graph.delete(world.project_id, "Plan", plan_id)
    assert file.exists() and plan_id not in await documents(world)
    with pytest.raises(NotFound):
        await world.graph.export_document(world.project_id, "plan", plan_id)


PLAN = """
title: from a file
objective: to be changed on disk
steps:
  - {id: first, type: tool, name: hold, params: {key: first}}
  - {id: second, type: tool, name: hold, params: {key: second}, dependencies: [first]}
"""
OTHER = """
title: another
objective: not what was approved
steps:
  - {id: first, type: tool, name: hold, params: {key: changed}}
  - {id: intruder, type: tool, name: hold, params: {key: intruder}}
"""


@pytest.mark.req("L3-03")
@pytest.mark.parametrize("disk", [OTHER, "no plan at all", None], ids=["another plan", "rubbish", "gone"])
async def test_a_plan_file_that_changes_after_the_run_began_is_not_looked_at(
    world: World, tmp_path: Path, disk: str | None
) -> None:
    opened, ran = anyio.Event(), []

    async def hold(key: str) -> str:
        ran.append(key)
        await opened.wait()
        return key

    file, tools = tmp_path / "plan.yaml", registry(hold=hold)
    file.write_text(PLAN, "utf-8")
    made = await create_plan(world.graph, world.project_id, world.context_id, load_plan(file))
    plan_id = made.ids["plan"]
    await world.graph.propose_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id)
    await start_plan(world.graph, tools, world.project_id, plan_id)
    async with world.running(tools):
        await world.step_is(plan_id, "first", "in_progress")
        if disk is None:
            file.unlink()
        else:
            file.write_text(disk, "utf-8")
        # The graph itself may change meanwhile, and that is what counts.
        late = step("late", "first", name="hold", params={"key": "late"})
        await world.graph.add_step(world.project_id, plan_id, late)
        opened.set()
        assert await world.finished(plan_id) == ["completed"]
    assert ran[0] == "first" and sorted(ran) == ["first", "late", "second"]
    outputs = {key: s["output"] for key, s in (await world.steps(plan_id)).items()}
    assert outputs == {key: key for key in ("first", "second", "late")}
