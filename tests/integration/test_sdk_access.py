"""The SDK with tokens that change and servers that know operations by their hash."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest
from access_world import FORGET, OPERATOR
from graphql_api import Api, running_api
from world import World, registry

import psg_client
from psg.accounts import Accounts, NewToken
from psg_client import Client, Forbidden, NotFound, RequestRejected, Unauthenticated
from psg_client.transport import Transport
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
SECRET = "the operator's token of a test"


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project of one's own."""
    yield await World.create(db)


@asynccontextmanager
async def member(world: World, *roles: str) -> AsyncIterator[tuple[str, list[NewToken]]]:
    """Somebody with roles in the project and two tokens, and nothing left of them afterwards."""
    accounts, name = Accounts(world.db), f"agent-{uuid.uuid4().hex[:8]}"
    for role in roles:
        await accounts.grant(name, world.project_id, role, by=OPERATOR)
    try:
        yield name, [await accounts.create_token(name, by=OPERATOR) for _ in range(2)]
    finally:
        await world.db.write(FORGET, actor=name)


async def test_a_token_that_was_replaced_is_asked_for_anew_also_in_a_stream(world: World) -> None:
    asked: list[str] = []
    async with (
        member(world, "operator", "agent") as (_, tokens),
        running_api(world.db, token=SECRET, auth="token") as api,
    ):  # fmt: skip
        held = [tokens[0]]

        async def token() -> str:
            asked.append(held[0].text)
            return held[0].text

        async with psg_client.connect(api.url, token) as psg:  # an address without a path
            project = await psg.project(world.project_id)
            async with aclosing(project.events()) as events:
                first = await anext(events)
                await Accounts(world.db).revoke_token(tokens[0].token.id, by=OPERATOR)
                held[0] = tokens[1]
                await project.values.put("k", 1)
                with anyio.fail_after(30):
                    rest = [await anext(events) for _ in range(2)]
            assert [first.seq, *(e.seq for e in rest)] == [1, 2, 3]
            assert await project.values.get("k") == 1
    assert set(asked) == {t.text for t in tokens}


async def test_a_token_that_stays_refused_is_told_and_not_tried_for_ever(world: World) -> None:
    given = iter(range(1000))
    async with running_api(world.db, token=SECRET, auth="token") as api:
        for token in ("foreign-token-of-somebody", lambda: f"another-one-{next(given)}"):
            async with Client(f"{api.url}/graphql", token=token) as client:
                with anyio.fail_after(10):
                    with pytest.raises(Unauthenticated) as caught:
                        await client.project(id=world.project_id)
                    with pytest.raises(Unauthenticated):
                        await anext(client.events(world.project_id))
                assert "another-one" not in str(caught.value.to_dict()) and "foreign" not in str(caught.value.to_dict())
    assert next(given) < 10


async def test_who_may_only_look_is_told_so_by_kind(world: World) -> None:
    async with (
        member(world, "viewer") as (_, tokens), running_api(world.db, token=SECRET, auth="token") as api,
        psg_client.connect(api.url, tokens[0].text) as psg,
    ):  # fmt: skip
        project = await psg.project(world.project_id)
        assert [found.uuid for found in await psg.projects()] == [world.project_id]
        plan = psg_client.Plan("Not mine")
        plan.step("x", worker="x")
        with pytest.raises(Forbidden, match="operator"):
            await project.start(plan)
        with pytest.raises(Forbidden):
            await project.values.put("k", 1)
        with pytest.raises((NotFound, Forbidden)):
            await psg.project(str(uuid.uuid4()))
        with pytest.raises(Forbidden):
            worker = psg.worker(project=project)
            worker.step("x")(print)
            await worker.run()


async def test_an_agent_works_and_records_and_starts_nothing(world: World) -> None:
    async with (
        member(world, "agent") as (name, tokens), running_api(world.db, token=SECRET, auth="token") as api,
        psg_client.connect(api.url, tokens[0].text) as psg,
    ):  # fmt: skip
        project = await psg.project(world.project_id)
        dialog = await project.dialog("I am at work.", speaker="agent")  # in a context that somebody else made
        assert [m.content for m in await dialog.messages()] == ["I am at work."]
        await project.values.update("seen", lambda n: n + 1, default=0)
        event = await project.record("cost_budget", "tokens_spent", {"tokens": 1})
        assert event.actor.startswith(name)
        plan = psg_client.Plan("Not mine")
        plan.step("x", worker="x")
        with pytest.raises(Forbidden, match="operator"):
            await project.start(plan)


async def test_an_author_who_may_not_approve_waits_for_who_may(world: World) -> None:
    async with (
        member(world, "operator") as (_, author), member(world, "approver") as (_, boss),
        running_api(world.db, token=SECRET, auth="token") as api, world.running(registry()),
        psg_client.connect(api.url, author[0].text) as ours, psg_client.connect(api.url, boss[0].text) as theirs,
        anyio.create_task_group() as tasks,
    ):  # fmt: skip
        plan = psg_client.Plan("Asked for")
        plan.step("x", tool="noop")
        run = await (await ours.project(world.project_id)).start(plan)
        assert await run.status() == "proposed"
        ended: list[str] = []

        async def wait() -> None:
            ended.append((await run.wait(timeout=60)).status)

        tasks.start_soon(wait)
        await theirs.client.approve_plan(id=run.id)
        with anyio.fail_after(60):
            await world.finished(run.uuid)
    assert ended == ["completed"]


async def sent(api: Api, **options: Any) -> list[set[str]]:
    """The keys of what a client sends: a query twice, and a stream."""
    found: list[set[str]] = []
    async with Client(f"{api.url}/graphql", **options) as client:
        body = client._transport._body

        def noted(*arguments: Any) -> bytes:
            raw = body(*arguments)
            found.append({"documentId"} if b'"documentId"' in raw else {"query"})
            return raw

        client._transport._body = noted  # type: ignore[method-assign]
        await client.projects()
        page = await client.projects()
        async with aclosing(client.events(page.nodes[0].id)) as events:
            await anext(events)
    return found


async def test_operations_go_by_their_hash_where_that_is_wanted_and_known(world: World) -> None:
    text, by_hash = {"query"}, {"documentId"}
    async with running_api(world.db, documents="prefer") as api:
        assert await sent(api) == [text] * 3
        assert await sent(api, document_ids=True) == [by_hash] * 3
    async with running_api(world.db, documents="off") as api:
        assert await sent(api, document_ids=True) == [by_hash, text, text, text]
        async with Transport(f"{api.url}/graphql", document_ids=True) as transport:
            with pytest.raises(RequestRejected, match="nonsense"):
                await transport.execute("query Q { nonsense }", "Q", {})
    async with (
        running_api(world.db, documents="only", token=SECRET, auth="token") as api,
        member(world, "operator") as (_, tokens),
    ):
        assert await sent(api, document_ids=True, token=tokens[0].text) == [by_hash] * 3
        assert await sent(api, token=tokens[0].text) == [text] * 3
        async with Transport(f"{api.url}/graphql", token=tokens[0].text) as transport:
            with pytest.raises((RequestRejected, Forbidden)) as caught:
                await transport.execute("query Q { __typename }", "Q", {})
    assert caught.value.code == "document_required"
