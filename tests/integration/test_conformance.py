"""The L3 compliance checklist on the platform: seven of seven, and it sees what is missing (L3-14, DD-28)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from psg.audit import verify
from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.conformance import Report, run_checklist
from psg_runtime.conformance.integrity import refused
from psg_runtime.conformance.interfaces import check_vsl
from psg_runtime.conformance.single_agent import check_single_agent
from psg_runtime.conformance.site import NotMet, Site, Watched, context_document
from psg_runtime.conformance.streams import check_stages, check_updates, expected_changes
from psg_runtime.metadata import runtime_metadata
from psg_runtime.vsl import InMemoryVSL

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.mark.req("L3-14")
async def test_all_seven_items_are_met_and_the_evidence_stays(db: Database) -> None:
    told: list[str] = []
    report: Report = await run_checklist(Graph(db), progress=lambda item: told.append(item.requirement))
    problems = {item.requirement: item.problem for item in report.items if not item.met}
    assert problems == {} and report.ok
    assert (report.met, len(report.items)) == (7, 7)
    assert told == [item.requirement for item in report.items] == [
        "Implement VSL Interface", "Implement AEL Interface", "Maintain PSG", "Emit pipeline_stage Events",
        "Emit graph_update Events", "Enforce L2 State Transitions", "Support SA Profile",
    ]  # fmt: skip
    assert all(item.evidence and item.verification for item in report.items)
    data = report.to_dict()
    assert (data["met"], data["of"], data["metadata"]) == (7, 7, runtime_metadata())
    assert (await verify(db, report.project_id)).ok


@pytest.mark.req("DD-28")
def test_the_runtime_declares_itself() -> None:
    declared = runtime_metadata()
    assert set(declared) == {
        "runtime_name", "runtime_version", "supported_protocol_versions", "supported_profiles",
    }  # fmt: skip
    assert declared["runtime_name"] == "psg-platform" and declared["runtime_version"]
    assert declared["supported_protocol_versions"] == ["1.0.0"]
    assert set(declared["supported_profiles"]) <= {"SA", "MAP"} and "SA" in declared["supported_profiles"]


@pytest.fixture
async def site(db: Database) -> AsyncIterator[Site]:
    yield await Site.create(Graph(db))


async def test_a_lost_or_invented_event_is_noticed(site: Site) -> None:
    watched = await site.watch_runs()
    assert await check_stages(site, watched) and await check_updates(watched)
    stages = [n for n, e in enumerate(watched.events) if e["event_family"] == "pipeline_stage"]
    assert len(stages) == expected_changes().total()
    additions = [n for n, e in enumerate(watched.events) if e.get("update_kind") == "node_add"]
    for place in (stages[0], stages[-1]):
        with pytest.raises(NotMet, match="changes without an event"):
            await check_stages(site, without(watched, place))
        with pytest.raises(NotMet, match="events too many"):
            await check_stages(site, twice(watched, place))
    for changed in (without(watched, additions[3]), twice(watched, additions[-1])):
        with pytest.raises(NotMet, match="the graph holds"):
            await check_updates(changed)
    with pytest.raises(NotMet, match="does not grow by one"):
        await check_updates(without(watched, stages[2]))
    with pytest.raises(NotMet, match="did not complete"):
        await check_single_agent(site, replace(watched, plans={"completed": watched.plans["failed"]}))


def without(watched: Watched, place: int) -> Watched:
    return replace(watched, events=[e for n, e in enumerate(watched.events) if n != place])


def twice(watched: Watched, place: int) -> Watched:
    events = list(watched.events)
    return replace(watched, events=[*events[:place], events[place], *events[place:]])


async def test_a_platform_that_accepts_too_much_is_noticed(site: Site) -> None:
    document = context_document("6fa459ea-ee8a-4ca4-894e-db77e160355e")

    async def accepted() -> Any:
        return await site.graph.create_document(site.project_id, "context", document)

    with pytest.raises(NotMet, match="was accepted"):
        await refused(site, ValueError, "a context", accepted)  # type: ignore[arg-type]
    with pytest.raises(NotMet, match="which is not why"):
        await refused(site, KeyError, "a context", accepted)  # type: ignore[arg-type]


class Forgetful(InMemoryVSL):
    """Keeps the first value only."""

    async def set(self, key: str, value: Any, tx: Any = None) -> None:
        if await self.get(key) is None:
            await super().set(key, value, tx)


async def test_a_store_that_does_not_overwrite_is_noticed() -> None:
    with pytest.raises(NotMet, match="Forgetful: set"):
        await check_vsl([("Forgetful", Forgetful())])
