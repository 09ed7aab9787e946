"""Each node and each edge that comes or goes has its graph_update event, and the events' deltas are the real change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sample_graph import confirm_document, context_document, plan_document, role_document, trace_document, uuid4
from world import World, registry, step

from psg.audit import verify
from psg.errors import PsgError
from psg.model.entities import ENTITIES

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

Known = dict[str, str]
Act = Callable[[World, Known], Awaitable[Any]]
STRUCTURE = """
MATCH (n:PsgNode {project_id: $project_id})
RETURN n.id AS id, [x IN labels(n) WHERE x IN $types][0] AS label, n:Tombstone AS deleted,
  COLLECT { MATCH (n)-[e]->(m) RETURN [type(e), m.id] } AS edges
"""


@pytest.fixture
async def world(db: Any) -> Any:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def structure(world: World) -> tuple[dict[str, str], Counter[tuple[str, str, str]]]:
    """The living nodes by id with their type, and every edge."""
    rows = await world.query(STRUCTURE, types=list(ENTITIES))
    nodes = {row["id"]: row["label"] for row in rows if not row["deleted"]}
    return nodes, Counter((row["id"], kind, target) for row in rows for kind, target in row["edges"])


async def known(world: World) -> Known:
    """A project with something of every kind to change; ids by name."""
    plan_id = await world.draft(step("a"), step("b", "a"), step("c", "b"))
    ids = {key: s["id"] for key, s in (await world.steps(plan_id)).items()}
    asked = confirm_document("plan", plan_id)
    await world.graph.create_document(world.project_id, "confirm", asked)
    role = role_document()
    await world.graph.create_document(world.project_id, "role", role)
    return {"plan": plan_id, "confirm": asked["confirm_id"], "role": role["role_id"], **ids}


def _create(module: str, make: Callable[[World, Known], dict[str, Any]]) -> Act:
    return lambda world, ids: world.graph.create_document(world.project_id, module, make(world, ids))


def _segments(world: World, ids: Known) -> dict[str, Any]:
    first = uuid4()
    return trace_document(
        world.context_id, ids["plan"],
        segments=[
            {"segment_id": first, "label": "one", "status": "completed"},
            {"segment_id": uuid4(), "label": "two", "status": "completed", "parent_segment_id": first},
        ],
    )  # fmt: skip


async def _approve(world: World, ids: Known) -> None:
    await world.graph.propose_plan(world.project_id, ids["plan"])
    await world.graph.approve_plan(world.project_id, ids["plan"])


async def _start(world: World, ids: Known) -> None:
    await _approve(world, ids)
    await world.graph.start_plan(world.project_id, ids["plan"])


async def _run(world: World, ids: Known) -> None:
    await _start(world, ids)
    async with world.running(registry()):
        assert await world.finished(ids["plan"]) == ["completed"]


async def _cancel(world: World, ids: Known) -> None:
    await _start(world, ids)
    await world.graph.cancel_plan(world.project_id, ids["plan"])


OPERATIONS: dict[str, tuple[Act, tuple[int, int]]] = {
    # what is done, and by how much nodes and edges grow
    "create a context": (_create("context", lambda w, i: context_document()), (1, 1)),
    "create a role": (_create("role", lambda w, i: role_document()), (1, 1)),
    "create a plan": (_create("plan", lambda w, i: plan_document(w.context_id, "pending", "pending")), (3, 4)),
    "create a trace with segments": (_create("trace", _segments), (3, 5)),
    "create a confirm": (_create("confirm", lambda w, i: confirm_document("plan", i["plan"])), (1, 1)),
    "decide a confirm": (lambda w, i: w.graph.decide_confirm(w.project_id, i["confirm"], "approved"), (1, 1)),
    "add a step": (lambda w, i: w.graph.add_step(w.project_id, i["plan"], step("d", "a", "c")), (1, 3)),
    "add a dependency": (lambda w, i: w.graph.add_dependency(w.project_id, i["c"], i["a"]), (0, 1)),
    "remove a dependency": (lambda w, i: w.graph.remove_dependency(w.project_id, i["c"], i["b"]), (0, -1)),
    "delete a role": (lambda w, i: w.graph.delete(w.project_id, "Role", i["role"]), (-1, 0)),
    "delete a step": (lambda w, i: w.graph.delete(w.project_id, "Step", i["c"]), (-1, 0)),
    "delete a plan with its steps": (lambda w, i: w.graph.delete(w.project_id, "Plan", i["plan"]), (-4, 0)),
    "approve a plan": (_approve, (2, 2)),
    "start a plan": (_start, (3, 4)),
    "run a plan to its end": (_run, (6, 10)),
    "cancel a plan": (_cancel, (3, 4)),
    "change a status only": (lambda w, i: w.graph.propose_plan(w.project_id, i["plan"]), (0, 0)),
}


@pytest.mark.req("L3-09", "L3-41")
@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_structural_change_has_its_event_and_the_deltas_are_the_change(world: World, name: str) -> None:
    act, growth = OPERATIONS[name]
    ids = await known(world)
    nodes, edges = await structure(world)
    head = await world.head_seq()
    await act(world, ids)
    nodes_now, edges_now = await structure(world)
    new = [e for e in await world.events() if e["seq"] > head]
    updates = [e for e in new if e["family"] == "graph_update"]

    assert (len(nodes_now) - len(nodes), edges_now.total() - edges.total()) == growth
    assert tuple(sum(e.get(d) or 0 for e in updates) for d in ("node_delta", "edge_delta")) == growth
    assert all(e.get("node_delta") is None for e in new if e["family"] != "graph_update")
    # One event for each node that came or went, and it says so.
    kinds = {"node_add": nodes_now.keys() - nodes.keys(), "node_delete": nodes.keys() - nodes_now.keys()}
    for kind, changed in kinds.items():
        told = Counter(e["entity"] for e in updates if e.get("update_kind") == kind)
        assert told == Counter(changed), kind
    # One event names each edge that came or went: that of its node, or one of its own.
    added: Counter[tuple[str, str, str]] = Counter()
    for event in updates:
        changes = event["changes"]
        if changes["op"] == "create":
            added.update((event["entity"], kind, target) for kind, target in changes["links"])
            assert event["edge_delta"] == len(changes["links"])
        elif changes["op"] in ("link", "unlink"):
            assert event["update_kind"] == ("edge_add" if changes["op"] == "link" else "edge_delete")
            added[event["entity"], changes["type"], changes["to"]] += 1 if changes["op"] == "link" else -1
    assert {k: v for k, v in added.items() if v} == {
        k: edges_now[k] - edges[k] for k in edges_now | edges if edges_now[k] != edges[k]
    }


@pytest.mark.req("L3-09")
async def test_what_is_refused_or_repeated_tells_of_no_change(world: World) -> None:
    ids = await known(world)
    command = uuid4()
    await world.graph.add_step(world.project_id, ids["plan"], step("d", "a"), command_id=command)
    before, head = await structure(world), await world.head_seq()
    await world.graph.add_step(world.project_id, ids["plan"], step("d", "a"), command_id=command)
    refused: list[Act] = [
        lambda w, i: w.graph.add_dependency(w.project_id, i["a"], i["c"]),
        lambda w, i: w.graph.add_step(w.project_id, i["plan"], step("a")),
        lambda w, i: w.graph.delete(w.project_id, "Step", i["a"]),
        lambda w, i: w.graph.delete(w.project_id, "Context", w.context_id),
        lambda w, i: w.graph.remove_dependency(w.project_id, i["c"], i["a"]),
        _create("confirm", lambda w, i: confirm_document("plan", i["a"])),
    ]
    for act in refused:
        with pytest.raises(PsgError):
            await act(world, ids)
    assert await world.head_seq() == head and await structure(world) == before
