"""Recording events through the API: as the protocol writes them, refused with a reason, harmless when repeated."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_api import Api, running_api

from psg.events.models import check_event
from psg_client import Client
from psg_graphql.global_id import global_id, project_of
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
FIELDS = "... on EventPayload { event { family type op actor planId protocol } }"
EXECUTION = {"execution_id": "6fa459ea-ee8a-4ca4-894e-db77e160355e", "executor_kind": "llm", "status": "running"}


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def record(api: Api, **given: Any) -> dict[str, Any]:
    return await api.command("recordEvent", "RecordEventInput", FIELDS, **given)


@pytest.mark.req("L3-43")
async def test_an_event_goes_in_and_is_read_back_as_the_protocol_s(api: Api) -> None:
    project_id, plan_id, _ = await api.plan()
    given = {
        "projectId": project_id, "planId": plan_id, "family": "runtime_execution", "type": "model_called",
        "payload": {"tokens": 5}, "fields": EXECUTION, "commandId": str(uuid.uuid4()),
    }  # fmt: skip
    made = await record(api, **given)
    event = check_event(made["event"]["protocol"])
    assert (event["payload"], event["executor_kind"]) == ({"tokens": 5}, "llm")
    assert (made["event"]["op"], made["event"]["planId"]) == ("note", plan_id)
    again = await record(api, **given)
    assert (again["replayed"], again["seq"], again["event"]) == (True, made["seq"], made["event"])
    listed = await api.ask(
        "query($p: ID!) { events(projectId: $p, families: [runtime_execution]) "
        "{ ... on EventPage { events { type protocol } } } }",
        p=project_id,
    )  # fmt: skip
    assert [e["protocol"] for e in listed["events"]["events"]] == [event]


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"family": "graph_update"}, "Refused", "recorded by the platform"),
        ({"family": "runtime_execution"}, "ValidationError", "execution_id"),
        ({"payload": [1]}, "ValidationError", "payload: an object is expected"),
        ({"type": "plan_execution_started"}, "ValidationError", "names the plan"),
    ],
)
async def test_a_refusal_says_why(api: Api, given: dict[str, Any], kind: str, message: str) -> None:
    project_id = await api.project()
    answer = await record(api, **({"projectId": project_id, "family": "intent", "type": "asked"} | given))
    assert answer["__typename"] == kind and message in answer["message"]


@pytest.mark.req("DD-37")
async def test_an_execution_before_creation_is_refused_with_the_specification_s_words(api: Api) -> None:
    project_id = await api.project()
    answer = await record(
        api, projectId=project_id, family="intent", type="plan_execution_started",
        planId=global_id("Plan", project_of(project_id), "00000000-0000-4000-8000-000000000000"),
    )  # fmt: skip
    assert (answer["__typename"], answer["code"]) == ("Refused", "causality_violation")
    assert answer["message"] == "Causality violation: Plan executed before creation"


async def test_the_client_records_events(api: Api) -> None:
    project_id = await api.project()
    async with Client(f"{api.url}/graphql") as client:
        made = await client.record_event(
            project_id=project_id, family="cost_budget", type="budget_warning", payload={"tokens": 7}
        )
    assert (made.event.family, made.event.type, made.replayed) == ("cost_budget", "budget_warning", False)
