"""What runs longer than a request is judged again: subscriptions and sockets of who loses a role, or the token."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from access_world import OPERATOR, World, access_world
from graphql_api import hear, next_of, say, subscribe
from websockets.asyncio.client import ClientConnection

from psg.accounts import NewToken
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database
from psg_runtime.monitoring.alerts import acknowledge as acknowledge_alert
from psg_runtime.monitoring.alerts import raise_alert

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

EVENTS = """subscription($p: ID!, $c: String) {
  events(projectId: $p, after: $c) { __typename ... on EventBatch { cursor } } }"""
PROGRESS = "subscription($p: ID!) { planProgress(planId: $p) { __typename ... on PlanProgress { cursor } } }"
ALERTS = 'subscription($p: ID) { alerts(projectId: $p, after: "0") { __typename ... on AlertBatch { cursor } } }'


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with access_world(db) as world:
        yield world


def bearer(who: NewToken) -> dict[str, Any]:
    return {"authorization": f"Bearer {who.text}"}


async def ended(socket: ClientConnection, id: str = "1") -> dict[str, Any]:
    """The error with which a subscription ends."""
    message = await hear(socket)
    assert message["type"] in ("next", "error"), message
    payload = message["payload"]
    (error,) = payload["errors"] if message["type"] == "next" else payload
    if message["type"] == "next":
        assert (await hear(socket)) == {"type": "complete", "id": id}
    facts: dict[str, Any] = error["extensions"]
    return facts


async def lose(world: World, who: NewToken, role: str = "viewer") -> None:
    assert await world.accounts.revoke(who.token.actor, world.own.project_id, role, by=OPERATOR)


async def recorded(world: World, who: NewToken, project_id: str | None = None) -> set[tuple[str, str, str | None]]:
    """What the audit trail tells of somebody in a project: acts, outcomes, reasons."""
    found = await world.accounts.audit_records(project_id=project_id or world.own.project_id, actor=who.token.actor)
    return {(record.act, record.outcome, record.reason) for record in found}


async def test_a_quiet_stream_ends_with_its_cursor_soon_after_the_role_is_taken(world: World) -> None:
    viewer = await world.person("viewer")
    async with world.api.socket(bearer(viewer)) as socket:
        await subscribe(socket, EVENTS, p=world.own.ids["Project"])
        cursor = (await next_of(socket, "events"))["cursor"]
        await lose(world, viewer)
        with anyio.fail_after(5):
            facts = await ended(socket)
    assert (facts["code"], facts["details"]["cursor"], facts["retryable"]) == ("forbidden", cursor, False)
    assert await recorded(world, viewer) == {("Subscription.events", "denied", "forbidden")}


async def test_nothing_that_happens_after_the_role_was_taken_is_told(world: World) -> None:
    viewer, other = await world.person("viewer"), await world.person("viewer")
    async with world.api.socket(bearer(viewer)) as socket, world.api.socket(bearer(other)) as stays:
        for place in (socket, stays):
            await subscribe(place, EVENTS, p=world.own.ids["Project"])
            cursor = (await next_of(place, "events"))["cursor"]
        await lose(world, viewer)
        await world.api.context(world.own.ids["Project"])
        facts = await ended(socket)
        assert (facts["code"], facts["details"]["cursor"]) == ("forbidden", cursor)
        assert await recorded(world, viewer) == {("Subscription.events", "denied", "forbidden")}
        assert int((await next_of(stays, "events"))["cursor"]) > int(cursor), "who still may goes on"
        await world.accounts.grant(viewer.token.actor, world.own.project_id, "viewer", by=OPERATOR)
        await subscribe(socket, EVENTS, "2", p=world.own.ids["Project"], c=facts["details"]["cursor"])
        assert int((await next_of(socket, "events"))["cursor"]) > int(cursor), "and goes on there when it is given back"


async def test_a_revoked_token_ends_streams_over_server_sent_events(world: World) -> None:
    viewer = await world.person("viewer")
    body = {"query": EVENTS, "variables": {"p": world.own.ids["Project"]}}
    headers = {"accept": "text/event-stream", **bearer(viewer)}
    async with world.api.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if line.startswith("data: "):
                break
        await world.accounts.revoke_token(viewer.token.id, by=OPERATOR)
        with anyio.fail_after(5):
            told = [line async for line in lines if line.startswith("data: ") and "errors" in line]
    assert len(told) == 1
    assert '"unauthenticated"' in told[0]
    assert '"cursor"' in told[0]
    assert await recorded(world, viewer) == {("Subscription.events", "denied", "unauthenticated")}


async def test_progress_and_alerts_end_as_well(world: World) -> None:
    project_id, plan_id, _ = await world.api.running_plan()
    inside, db = parse_global_id(project_id).project_id, world.api.graph.db
    alert = await raise_alert(db, f"access {uuid.uuid4()}", "x", project_id=inside, severity="info")
    viewer = await world.person("viewer", project=inside)
    async with world.api.socket(bearer(viewer)) as socket:
        await subscribe(socket, PROGRESS, p=plan_id)
        cursor = (await next_of(socket, "planProgress"))["cursor"]
        await subscribe(socket, ALERTS, "2", p=project_id)
        told = await next_of(socket, "alerts")
        await world.accounts.revoke(viewer.token.actor, inside, "viewer", by=OPERATOR)
        found = {}
        with anyio.fail_after(10):
            while len(found) < 2:
                message = await hear(socket)
                if message["type"] == "next":
                    (error,) = message["payload"]["errors"]
                    found[message["id"]] = (error["extensions"]["code"], error["extensions"]["details"]["cursor"])
    assert (found["1"], found["2"]) == (("forbidden", cursor), ("forbidden", told["cursor"]))
    await acknowledge_alert(db, alert.id, "test", resolve=True)
    assert await recorded(world, viewer, inside) == {
        (f"Subscription.{name}", "denied", "forbidden") for name in ("planProgress", "alerts")
    }


async def test_operations_on_an_old_socket_go_by_what_is_granted_now(world: World) -> None:
    operator = await world.person("operator")
    text = 'mutation($p: ID!) { createRole(input: {projectId: $p, name: "x"}) { __typename ... on Failure { code } } }'
    async with world.api.socket(bearer(operator)) as socket:
        told = []
        for step in range(3):
            await say(socket, type="subscribe", id=str(step), payload={
                "query": text, "variables": {"p": world.own.ids["Project"]}
            })  # fmt: skip
            told.append((await hear(socket))["payload"])
            assert (await hear(socket))["type"] == "complete"
            if step == 0:
                await lose(world, operator, "operator")
            else:
                await world.accounts.revoke_token(operator.token.id, by=OPERATOR)
    codes = [answer["data"]["createRole"].get("code") for answer in told]
    assert codes == [None, "forbidden", "unauthenticated"]


async def test_alerts_of_all_projects_are_those_of_ones_own(world: World) -> None:
    viewer = await world.person("viewer")
    mark = f"access {uuid.uuid4()}"
    db, own, other = world.api.graph.db, world.own.project_id, world.other.project_id
    text = "subscription { alerts { __typename ... on AlertBatch { alerts { projectId } } } }"
    async with world.api.socket(bearer(viewer)) as socket:
        await subscribe(socket, text)
        for _ in range(20):  # until the subscription has begun, what is raised is not told
            alerts = [await raise_alert(db, mark, "x", project_id=p, severity="info") for p in (other, own, None)]
            raised = [alert.id for alert in alerts]
            with anyio.move_on_after(1):
                message = await hear(socket)
                break
    assert {a["projectId"] for a in message["payload"]["data"]["alerts"]["alerts"]} == {world.own.ids["Project"]}
    query = "{ alerts(first: 100) { id projectId } }"
    found = (await world.asked(viewer, query))["data"]["alerts"]
    assert {a["projectId"] for a in found} == {world.own.ids["Project"]}
    assert raised[1] in {a["id"] for a in found}

    async def acknowledge(alert: str) -> dict[str, Any]:
        return await world.told(operator, "acknowledgeAlert", "AcknowledgeAlertInput", id=alert, resolve=True)

    operator = await world.person("operator")
    refused = [await acknowledge(alert) for alert in (raised[0], raised[2], "no-such-alert")]
    assert refused[0]["code"] == "forbidden"
    assert refused[0] == refused[1] == refused[2], "another project's is as one that there is not"
    assert (await acknowledge(raised[1]))["__typename"] == "AlertPayload"
    for alert in (raised[0], raised[2]):
        assert (await acknowledge_alert(db, alert, "test", resolve=True)).status == "resolved"
