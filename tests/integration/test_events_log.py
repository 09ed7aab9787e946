"""The event log as readers see it: exact pages, holes told by name, and every event valid by the protocol's schemas."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import jsonschema_rs
import orjson
import pytest
from sample_graph import KIT, Sample, make_sample, needs_kit, plan_spec

from psg.errors import CursorExpired, EventLogGap, NotFound, ValidationFailed
from psg.events.projection import protocol_event, statuses
from psg.graph import Graph
from psg.read import events as log_module
from psg.read.events import EventLog
from psg_cypher import parse_statements
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
DAMAGE = {
    item.name: item
    for item in parse_statements(
        """
// name: lose :write :none
MATCH (e:Event {project_id: $project_id, seq: $seq}) DELETE e
// name: retain :write :none
MATCH (h:ProjectHead {id: $project_id}) SET h.earliest_seq = $seq
""",
        "damage.cypher",
    )
}


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    yield await make_sample(db)


async def whole(log: EventLog, project_id: str, limit: int, **filters: Any) -> list[int]:
    """The numbers of all events, page by page."""
    seen, after = [], 0
    while True:
        page = await log.page(project_id, after, limit, **filters)
        assert len(page.events) <= limit
        seen += [e["seq"] for e in page.events]
        after = page.cursor
        if not page.more:
            return seen


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_pages_add_up_to_the_log(sample: Sample, limit: int) -> None:
    await sample.running_plan({"a": (), "b": ("a",)})
    log = EventLog(sample.db)
    head = await log.head(sample.project_id)
    assert await whole(log, sample.project_id, limit) == list(range(1, head.seq + 1))
    assert head.earliest == 1


@pytest.mark.parametrize("window", [4, 1_000])
async def test_filters_by_family_and_plan(sample: Sample, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(log_module, "WINDOW", window)
    plan_id, _ = await sample.running_plan({"a": (), "b": ("a",)})
    for _ in range(5):
        await sample.running_plan()
    stored = await sample.events()
    log = EventLog(sample.db)

    def wanted(plan: str | None, families: list[str] | None) -> list[int]:
        return [
            e["seq"] for e in stored
            if (plan is None or e.get("plan") == plan) and (families is None or e["family"] in families)
        ]  # fmt: skip

    for plan in (None, plan_id):
        for families in (None, ["pipeline_stage"], ["graph_update", "runtime_execution"], []):
            for limit in (2, 50):
                found = await whole(log, sample.project_id, limit, plan_id=plan, families=families)
                assert found == wanted(plan, families), (plan, families, limit)


async def test_a_reader_beside_writers_sees_whole_commits_without_holes(sample: Sample, db: Database) -> None:
    log, seen, writing = EventLog(db), [], True

    async def write(graph: Graph) -> None:
        for _ in range(8):
            spec = plan_spec({"a": (), "b": (), "c": ("a",), "d": ("b",)})
            await graph.create_plan(sample.project_id, sample.context_id, spec)

    async def read() -> None:
        after = 0
        while writing or after < (await log.head(sample.project_id)).seq:
            page = await log.page(sample.project_id, after, 1000)
            # A plan with four steps is one commit of five events (the first two are project and context).
            assert (page.cursor - 2) % 5 == 0 or page.cursor < 2
            seen.extend(e["seq"] for e in page.events)
            after = page.cursor

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        async with anyio.create_task_group() as writers:
            for _ in range(3):
                writers.start_soon(write, Graph(db))
        writing = False
    assert seen == list(range(1, 2 + 3 * 8 * 5 + 1))


async def test_a_hole_is_told_by_name(sample: Sample) -> None:
    await sample.plan({"a": (), "b": ("a",)})
    log, head = EventLog(sample.db), await sample.head()
    await sample.db.write(DAMAGE["lose"], project_id=sample.project_id, seq=head - 1)
    with pytest.raises(EventLogGap) as caught:
        await log.page(sample.project_id, 0)
    assert caught.value.details["found"] == head - 1
    with pytest.raises(EventLogGap):
        await log.page(sample.project_id, 0, families=["pipeline_stage"])
    assert [e["seq"] for e in (await log.page(sample.project_id, head - 1)).events] == [head]


async def test_an_expired_cursor_says_where_to_go_on(sample: Sample) -> None:
    await sample.plan()
    log = EventLog(sample.db)
    for seq in (1, 2):
        await sample.db.write(DAMAGE["lose"], project_id=sample.project_id, seq=seq)
    await sample.db.write(DAMAGE["retain"], project_id=sample.project_id, seq=3)
    with pytest.raises(CursorExpired) as caught:
        await log.page(sample.project_id, 1)
    page = await log.page(sample.project_id, int(caught.value.details["earliest"]))
    assert page.events[0]["seq"] == 3


async def test_a_cursor_ahead_of_the_log_and_a_foreign_project(sample: Sample) -> None:
    log = EventLog(sample.db)
    with pytest.raises(ValidationFailed, match="ahead of the log"):
        await log.page(sample.project_id, 1_000)
    for asked in (log.page("00000000-0000-4000-8000-000000000000", 0), log.head("nobody")):
        with pytest.raises(NotFound):
            await asked


@needs_kit
async def test_events_are_valid_by_the_schemas_of_the_protocol(sample: Sample) -> None:
    plan_id, _ = await sample.running_plan({"a": (), "b": ("a",)})
    await sample.graph.cancel_plan(sample.project_id, plan_id)
    draft, steps = await sample.plan({"a": (), "b": ("a",)})
    await sample.graph.remove_dependency(sample.project_id, steps["b"], steps["a"])
    await sample.graph.delete(sample.project_id, "Plan", draft)
    folder = KIT / "schemas" / "events"
    schemas = {path.name: orjson.loads(path.read_bytes()) for path in folder.glob("*.json")}
    registry = jsonschema_rs.Registry([(s["$id"], s) for s in schemas.values()])
    validators = {}
    for family in ("graph_update", "pipeline_stage", "runtime_execution"):
        schema = schemas[f"mplp-{family.replace('_', '-')}-event.schema.json"]
        validators[family] = jsonschema_rs.validator_for(schema, registry=registry, validate_formats=True)
    seen = set()
    for event in (await EventLog(sample.db).page(sample.project_id, 0, 500)).events:
        view = protocol_event(event)
        faults = [f"{e.instance_path}: {e.message}" for e in validators[view["event_family"]].iter_errors(view)]
        assert not faults, (view, faults)
        assert orjson.loads(orjson.dumps(view)) == view
        assert view["lamport_timestamp"] == view["seq"] == event["seq"]
        seen.add(view["event_family"])
        if view["event_family"] == "pipeline_stage":
            assert view["pipeline_id"] in (plan_id, draft)
            assert view["stage_name"]
            assert (view["payload"]["from_status"], view["payload"]["to_status"]) == statuses(event)
    assert {"graph_update", "pipeline_stage"} <= seen


def test_runtime_events_become_executions() -> None:
    event = {
        "event_id": "e", "type": "step_started", "family": "runtime_execution", "at": 0, "project_id": "p", "seq": 1,
        "entity_type": "Step", "entity": "s", "op": "note", "actor": "a", "changes": None, "stage": {"type": "llm"},
    }  # fmt: skip
    view = protocol_event(event)
    assert (view["executor_kind"], view["status"], view["execution_id"]) == ("llm", "running", "e")
    assert protocol_event(event | {"stage": {"type": "wait"}, "type": "x_failed"})["executor_kind"] == "worker"
