"""A plan that was running elsewhere, taken in as a document: stored paused, and it can be brought to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest
from sample_graph import Sample, plan_document, sound_sample, trace_document, uuid4

from psg.errors import TimeOrderViolation
from psg.model.codec import moment
from psg_neo4j import Database
from psg_runtime.ael import InMemoryAEL
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


async def finish(sample: Sample, plan_id: str) -> str:
    """Run the project's plans until this one is finished; its status."""
    # Only this project: the plans of other tests, in the same database, need other tools and settings.
    orchestrator = Orchestrator(sample.graph, InMemoryAEL(), OrchestratorSettings(projects=(sample.project_id,)))
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            await tasks.start(orchestrator.run)
            seq = await sample.head()
            while (status := (await sample.node(plan_id))["status"]) == "in_progress":
                await sample.graph.signals.wait(sample.project_id, seq, 0.5)
                seq = await sample.head()
            orchestrator.stop()
    return status


@pytest.mark.parametrize("statuses", [("completed", "pending"), ("completed", "in_progress", "pending")])
async def test_a_running_plan_that_was_imported_goes_on_when_it_is_resumed(
    sample: Sample, statuses: tuple[str, ...]
) -> None:
    document = plan_document(sample.context_id, *statuses, status="in_progress")
    for step in document["steps"]:
        step["agent_role"] = "worker"
    await sample.graph.create_document(sample.project_id, "plan", document)
    plan_id = document["plan_id"]
    assert (await sample.node(plan_id))["paused"]
    await sample.graph.resume_plan(sample.project_id, plan_id)
    assert await finish(sample, plan_id) == "completed"
    exported = await sample.graph.export_document(sample.project_id, "plan", plan_id)
    assert exported == document | {
        "status": "completed", "steps": [s | {"status": "completed"} for s in document["steps"]]
    }  # fmt: skip


async def test_a_running_plan_that_was_imported_can_be_cancelled(sample: Sample) -> None:
    document = plan_document(sample.context_id, "completed", "in_progress", "blocked", "pending", status="in_progress")
    await sample.graph.create_document(sample.project_id, "plan", document)
    await sample.graph.cancel_plan(sample.project_id, document["plan_id"])
    exported = await sample.graph.export_document(sample.project_id, "plan", document["plan_id"])
    assert [s["status"] for s in exported["steps"]] == ["completed", "failed", "skipped", "skipped"]


@pytest.mark.req("DD-05")
async def test_times_are_compared_as_moments_however_they_are_written(sample: Sample) -> None:
    texts = ["2016-12-31t23:59:59.5z", "2016-12-31T23:59:60Z", "2017-01-01T02:00:00.100000000+02:00"]
    assert [moment(t) for t in texts] == sorted(moment(t) for t in texts)
    segments = [{"segment_id": uuid4(), "label": "s", "status": "completed", "finished_at": t} for t in texts]
    trace = trace_document(sample.context_id, segments=segments)
    await sample.graph.create_document(sample.project_id, "trace", trace)
    assert await sample.graph.export_document(sample.project_id, "trace", trace["trace_id"]) == trace
    back = trace_document(sample.context_id, segments=[s | {"segment_id": uuid4()} for s in reversed(segments)])
    async with sample.untouched():
        with pytest.raises(TimeOrderViolation):
            await sample.graph.create_document(sample.project_id, "trace", back)
