"""Live events: over WebSocket and server-sent events, cut anywhere and resumed without loss or repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from graphql_api import Api, hear, next_of, running_api, say, subscribe
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from psg.graph import Graph
from psg_cypher import parse_statements
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EVENTS = """subscription($p: ID!, $a: String, $f: [EventFamily!], $l: ID) {
  events(projectId: $p, after: $a, families: $f, planId: $l) { __typename
    ... on EventBatch { cursor events { cursor seq type } } ... on Heartbeat { cursor }
    ... on CursorExpired { cursor code } ... on Closing { cursor reason } } }"""
PROGRESS = """subscription($plan: ID!, $a: String) { planProgress(planId: $plan, after: $a) { __typename
    ... on PlanProgress { cursor status paused finished truncated counts { total pending skipped }
      changedSteps { key status } } ... on Heartbeat { cursor } ... on Closing { cursor } } }"""
RETAIN = parse_statements(
    "// name: retain :write :none\nMATCH (h:ProjectHead {id: $project_id}) SET h.earliest_seq = $seq\n", "r.cypher"
)[0]
TOKEN = "a-token-of-some-length"


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def until(stream: AsyncIterator[tuple[str, Any]], last: int) -> list[int]:
    """The event numbers of a stream up to ``last``."""
    seen: list[int] = []
    with anyio.fail_after(20):
        async for id, data in stream:
            item = data["events"]
            assert id == item["cursor"]
            seen += [e["seq"] for e in item.get("events", ())]
            if seen and seen[-1] >= last:
                return seen
    raise AssertionError(f"the stream ended after {seen}")


async def test_a_socket_hears_what_was_and_what_comes(api: Api) -> None:
    project_id, plan_id, _ = await api.plan({"a": [], "b": ["a"]})
    async with api.socket(init={}) as socket:
        await subscribe(socket, EVENTS, p=project_id)
        first = await next_of(socket, "events")
        assert [e["seq"] for e in first["events"]] == list(range(1, 6))
        seq = (await api.on_plan("proposePlan", plan_id))["seq"]
        live = await next_of(socket, "events")
        assert live == {
            "__typename": "EventBatch", "cursor": str(seq),
            "events": [{"cursor": str(seq), "seq": seq, "type": "plan_proposed"}],
        }  # fmt: skip


async def test_writes_of_another_process_are_heard_too(api: Api, db: Database) -> None:
    project_id, plan_id, _ = await api.plan()
    async with api.socket(init={}) as socket:
        await subscribe(socket, EVENTS, p=project_id, a="4")
        plan = parse_global_id(plan_id)
        await Graph(db).propose_plan(plan.project_id, plan.node_id)  # tells nothing to the API's signals
        assert (await next_of(socket, "events"))["events"][0]["type"] == "plan_proposed"


async def test_cut_at_every_event_and_resumed_it_is_the_same_log(api: Api) -> None:
    project_id, _, _ = await api.running_plan({"a": [], "b": ["a"], "c": ["b"]})
    page = await api.ask("query($p: ID!) { project(id: $p) { cursor } }", p=project_id)
    head = int(page["project"]["cursor"])
    for cut in range(head):
        async with api.socket(init={}) as socket:
            await subscribe(socket, EVENTS, p=project_id, a=str(cut))
            batch = await next_of(socket, "events")
            assert [e["seq"] for e in batch["events"]] == list(range(cut + 1, head + 1))


async def test_a_stream_cut_while_events_come_loses_and_repeats_nothing(api: Api) -> None:
    project_id = await api.project()
    context_id = await api.context(project_id)
    seen: list[int] = []

    async def listen() -> None:
        while not seen or seen[-1] < 62:
            after = str(seen[-1]) if seen else None
            async with api.socket(init={}) as socket:
                await subscribe(socket, EVENTS, p=project_id, a=after)
                seen.extend(e["seq"] for e in (await next_of(socket, "events"))["events"])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        for _ in range(20):
            await api.create_plan(context_id, {"a": [], "b": []})
    assert seen == list(range(1, 63))


async def test_filters_leave_out_and_the_cursor_moves_on(api: Api) -> None:
    project_id, plan_id, _ = await api.running_plan()
    await api.create_plan(await api.context(project_id), {"a": []})
    async with api.socket(init={}) as socket:
        await subscribe(socket, EVENTS, p=project_id, f=["pipeline_stage"], l=plan_id)
        batch = await next_of(socket, "events")
        assert [e["type"] for e in batch["events"]] == ["plan_proposed", "plan_approved", "plan_in_progress"]
        assert int(batch["cursor"]) > batch["events"][-1]["seq"]


async def test_server_sent_events_carry_cursors_and_resume_by_last_event_id(api: Api) -> None:
    project_id, _, _ = await api.plan({"a": [], "b": []})
    assert await until(api.sse(EVENTS, {"p": project_id}), 5) == [1, 2, 3, 4, 5]
    assert await until(api.sse(EVENTS, {"p": project_id}, last_event_id="3"), 5) == [4, 5]
    assert await until(api.sse(EVENTS, {"p": project_id, "a": "4"}, last_event_id="1"), 5) == [5]


async def test_a_quiet_log_beats_with_its_cursor(db: Database) -> None:
    async with running_api(db, heartbeat_s=0.05) as api:
        project_id = await api.project()
        async with api.socket(init={}) as socket:
            await subscribe(socket, EVENTS, p=project_id, a="1")
            for _ in range(2):
                assert await next_of(socket, "events") == {"__typename": "Heartbeat", "cursor": "1"}


async def test_an_expired_cursor_says_so(api: Api, db: Database) -> None:
    project_id, _, _ = await api.plan()
    await db.write(RETAIN, project_id=parse_global_id(project_id).project_id, seq=3)
    async with api.socket(init={}) as socket:
        await subscribe(socket, EVENTS, p=project_id, a="1")
        item = await next_of(socket, "events")
        assert item == {"__typename": "CursorExpired", "cursor": "2", "code": "cursor_expired"}
        assert (await hear(socket))["type"] == "complete"
    text = """query($p: ID!) { events(projectId: $p, after: "0") { __typename ... on CursorExpired { cursor } } }"""
    assert await api.ask(text, p=project_id) == {"events": {"__typename": "CursorExpired", "cursor": "2"}}


async def test_bad_cursors_and_foreign_projects_are_errors_with_a_code(api: Api) -> None:
    project_id = await api.project()
    cases = {"rubbish": "validation_failed", "99": "validation_failed"}
    async with api.socket(init={}) as socket:
        for number, (cursor, code) in enumerate(cases.items()):
            await subscribe(socket, EVENTS, id=str(number), p=project_id, a=cursor)
            message = await hear(socket)
            errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
            assert errors[0]["extensions"]["code"] == code
            while message["type"] not in ("complete", "error"):
                message = await hear(socket)
        await subscribe(socket, EVENTS, id="x", p="00000000-0000-4000-8000-000000000000")
        message = await hear(socket)
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == "not_found"


async def test_progress_of_a_plan_to_its_end(api: Api) -> None:
    _, plan_id, _ = await api.running_plan({"a": [], "b": ["a"]})
    async with api.socket(init={}) as socket:
        await subscribe(socket, PROGRESS, plan=plan_id)
        now = await next_of(socket, "planProgress")
        assert (now["status"], now["finished"], now["changedSteps"]) == ("in_progress", False, [])
        assert now["counts"] == {"total": 2, "pending": 2, "skipped": 0}
        await api.on_plan("pausePlan", plan_id)
        paused = await next_of(socket, "planProgress")
        assert paused["paused"] is True
        await api.on_plan("cancelPlan", plan_id)
        last, changed = paused, {}
        while not last["finished"]:
            last = await next_of(socket, "planProgress")
            changed |= {s["key"]: s["status"] for s in last["changedSteps"]}
        assert last["status"] == "cancelled"
        assert last["counts"]["pending"] == 0
        assert set(changed) == {"a", "b"}
        assert (await hear(socket))["type"] == "complete"
    # Who resumes after the end hears what was missed, and the end.
    async for _, data in api.sse(PROGRESS, {"plan": plan_id, "a": paused["cursor"]}):
        item = data["planProgress"]
        assert item["finished"] is True
        assert {s["key"] for s in item["changedSteps"]} == {"a", "b"}


async def test_a_closing_server_tells_where_to_resume(db: Database) -> None:
    async with running_api(db) as api:
        project_id = await api.project()
        async with api.socket(init={}) as socket:
            await subscribe(socket, EVENTS, p=project_id, a="1")
            api.stop.set()
            item = await next_of(socket, "events")
            assert (item["__typename"], item["cursor"]) == ("Closing", "1")


async def test_nothing_goes_before_connection_init(api: Api) -> None:
    async with api.socket() as socket:
        await subscribe(socket, EVENTS, p="x")
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd and closed.value.rcvd.code == 4401


async def test_a_silent_socket_is_closed(db: Database) -> None:
    async with running_api(db, connection_init_timeout_s=0.05) as api, api.socket() as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd and closed.value.rcvd.code == 4408


async def test_subscriptions_of_a_connection_are_bounded(db: Database) -> None:
    async with running_api(db, max_subscriptions_per_connection=2) as api:
        project_id = await api.project()
        async with api.socket(init={}) as socket:
            for number in range(3):
                await subscribe(socket, EVENTS, id=str(number), p=project_id, a="1")
            message = await hear(socket)
            assert (message["type"], message["id"]) == ("error", "2")


async def test_subscriptions_of_the_server_are_bounded_and_freed(db: Database) -> None:
    async with running_api(db, max_subscriptions=1, heartbeat_s=0.05) as api:
        project_id = await api.project()
        async with api.socket(init={}) as socket:
            await subscribe(socket, EVENTS, p=project_id, a="1")
            await next_of(socket, "events")
            await subscribe(socket, EVENTS, id="2", p=project_id, a="1")
            message = await hear(socket)
            while message.get("id") != "2":
                message = await hear(socket)
            errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
            assert errors[0]["extensions"]["code"] == "too_many_subscriptions"
            await say(socket, type="complete", id="1")
            kind = ""
            for attempt in range(100):
                await subscribe(socket, EVENTS, id=f"again{attempt}", p=project_id, a="1")
                message = await hear(socket)
                while message.get("id") != f"again{attempt}":
                    message = await hear(socket)
                kind = message["type"] if not (message.get("payload") or {}) else str(message["payload"])
                if "Heartbeat" in kind:
                    break
            assert "Heartbeat" in kind


async def test_the_token_is_needed_on_sockets_too(db: Database) -> None:
    async with running_api(db, token=TOKEN) as api:
        project_id = await api.project()
        for payload in ({}, {"authorization": "Bearer wrong"}):
            async with api.socket() as socket:
                await say(socket, type="connection_init", payload=payload)
                with pytest.raises(ConnectionClosed) as closed:
                    await hear(socket)
                assert closed.value.rcvd and closed.value.rcvd.code == 4403
        async with api.socket(init={"authorization": f"Bearer {TOKEN}"}) as socket:
            await subscribe(socket, EVENTS, p=project_id)
            assert (await next_of(socket, "events"))["cursor"] == "1"
        header = {"Authorization": f"Bearer {TOKEN}"}
        async with api.socket(init={}, additional_headers=header) as socket:
            await subscribe(socket, EVENTS, p=project_id)
            assert (await next_of(socket, "events"))["cursor"] == "1"


async def test_foreign_pages_and_host_names_get_no_socket(api: Api) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with api.socket(init={}, additional_headers={"Origin": "http://evil.example"}):
            pass
    assert refused.value.response.status_code == 403
    port = int(api.url.rpartition(":")[2])
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://evil.example:{port}/graphql", host="127.0.0.1", port=port)
    assert refused.value.response.status_code == 403


async def test_the_old_protocol_is_not_spoken(api: Api) -> None:
    async with connect(api.url.replace("http", "ws") + "/graphql", subprotocols=["graphql-ws"]) as socket:  # type: ignore[list-item]
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd and closed.value.rcvd.code == 4406
