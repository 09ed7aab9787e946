"""The contract of the value state layer, one suite for every backend and wrapper (L3-20 … L3-24, DD-12 … DD-17)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from sample_graph import plan_document, role_document, uuid4
from value_stores import (
    PLAIN,
    SERIALISABLE,
    WITH_NODES,
    WITH_SNAPSHOTS,
    WITH_TRANSACTIONS,
    WRAPPED,
    Backend,
    backend_named,
    shared_postgres,
    shared_redis,
)

from psg.errors import NotFound, PsgError, ValidationFailed
from psg_runtime.vsl import InMemoryVSL, NotOffered, TransactionConflict, TransactionUnknown, ValueStore

__all__ = ["shared_postgres", "shared_redis"]

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

VALUES: list[Any] = [
    False, True, 0, 1, -1, 2**63 - 1, -(2**63), 0.5, 1.0, 1e300, "", "text", "ünï ❤ 漢字 \u0000 \n", "a::b::c", [],
    {}, [[]], [1, "2", None, {"three": [3.0, True]}], {"": None, "nested": {"deep": [{"er": None}]}}, "x" * 200_000,
    {str(i): list(range(i)) for i in range(100)},
]  # fmt: skip
KEYS = ["a", "a/b", "A", "a*b", "a?b", "a[b]", "a%b", "a_b", "a\\b", "ü/漢字", "psg:a", "plan/1", "'; DROP", "k" * 512]


@pytest.fixture(params=PLAIN + WRAPPED)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    async with backend_named(request.param, request, tmp_path) as made:
        yield made


def only(*names: str) -> pytest.MarkDecorator:
    """Those backends that offer what the test is about."""
    return pytest.mark.parametrize("backend", names, indirect=True)


def same(got: Any, wanted: Any) -> bool:
    """Equal as JSON: 1 is not 1.0 and not true."""
    return repr(got) == repr(wanted)


async def together(work: list[Callable[[], Awaitable[object]]]) -> None:
    async with anyio.create_task_group() as tasks:
        for one in work:
            tasks.start_soon(one)


# Values


@pytest.mark.req("L3-20", "L3-23")
async def test_what_is_set_is_what_is_got_and_set_overwrites(backend: Backend) -> None:
    store, other = await backend.open(), await backend.open()
    for value in VALUES:
        await store.set("key", value)
        assert same(await store.get("key"), value)
    assert same(await other.get("key"), VALUES[-1])


@pytest.mark.req("L3-24")
async def test_an_unknown_key_is_none_and_so_is_a_deleted_one(backend: Backend) -> None:
    store = await backend.open()
    assert await store.get("unknown") is None
    await store.delete("unknown")
    await store.set("key", 1)
    await store.delete("key")
    assert await store.get("key") is None
    assert await store.keys() == []
    await store.set("key", 2)
    assert await store.get("key") == 2


async def test_null_is_a_value_and_its_key_is_listed(backend: Backend) -> None:
    store = await backend.open()
    await store.set("key", None)
    assert await store.get("key") is None
    assert await store.keys() == ["key"]


async def test_keys_may_be_any_text_and_are_found_by_what_they_begin_with(backend: Backend) -> None:
    store = await backend.open()
    for place, key in enumerate(KEYS):
        await store.set(key, place)
    assert [await store.get(key) for key in KEYS] == list(range(len(KEYS)))
    assert await store.keys() == sorted(KEYS)
    for prefix in ("a", "a*", "a[", "a%", "a\\", "a_", "ü", "nothing"):
        assert await store.keys(prefix) == sorted(k for k in KEYS if k.startswith(prefix)), prefix


async def test_what_cannot_be_a_key_is_refused(backend: Backend) -> None:
    store = await backend.open()
    bad: list[Any] = ["", "k" * 513, "a\nb", "a\0b", "\ud800", 7, None]
    for key in bad:
        for call in (store.get(key), store.set(key, 1), store.delete(key)):
            with pytest.raises(ValidationFailed, match="cannot be a key"):
                await call
    assert await store.keys() == []


async def test_what_is_no_json_is_refused_and_the_old_value_stays(backend: Backend) -> None:
    store = await backend.open()
    await store.set("key", "old")
    for value in (float("nan"), 2**64, (1, 2), {1: 2}, object(), "\ud800", {"a": {1, 2}}, b"x"):
        with pytest.raises(ValidationFailed, match="value: not JSON"):
            await store.set("key", value)
    assert await store.get("key") == "old"


async def test_a_value_is_not_shared_with_the_caller(backend: Backend) -> None:
    store = await backend.open()
    value = {"list": [1]}
    await store.set("key", value)
    value["list"].append(2)
    got = await store.get("key")
    got["list"].append(3)
    assert await store.get("key") == {"list": [1]}


@only(*PLAIN)
@pytest.mark.req("L3-21")
async def test_concurrent_writers_converge_to_one_value_on_all_instances(backend: Backend) -> None:
    stores = [await backend.open() for _ in range(3)]
    writes = [
        lambda store=store, text=f"{place} {turn}": store.set("key", text)
        for turn in range(8)
        for place, store in enumerate(stores)
    ]
    await together(writes)
    seen = [await store.get("key") for store in stores]
    assert len(set(seen)) == 1
    assert seen[0] in {f"{place} {turn}" for place in range(3) for turn in range(8)}
    assert await stores[0].keys() == ["key"]


@only("file", "Redis", "PostgreSQL", "Neo4j", "encrypted file")
@pytest.mark.req("L3-23")
async def test_values_outlive_the_instance_that_wrote_them(backend: Backend) -> None:
    first = await backend.open()
    await first.set("key", {"kept": True})
    await first.aclose()
    assert await (await backend.open()).get("key") == {"kept": True}


@pytest.mark.req("L3-24")
async def test_instances_in_memory_are_independent() -> None:
    first, second = InMemoryVSL(), InMemoryVSL()
    await first.set("key", 1)
    assert await second.get("key") is None
    assert await second.keys() == []


# What is not offered


async def calls_of(store: ValueStore) -> dict[str, list[Callable[[], Awaitable[object]]]]:
    some = uuid4()
    return {
        "nodes": [
            lambda: store.read_node("Plan", some), lambda: store.write_node("Plan", some, {}),
            lambda: store.update_node("Plan", some, {}), lambda: store.delete_node("Plan", some),
            lambda: store.query_graph({"type": "Plan"}),
        ],
        "snapshots": [store.create_snapshot, lambda: store.restore_snapshot(some)],
        "transactions": [
            store.begin_transaction, lambda: store.commit_transaction(some), lambda: store.rollback_transaction(some)
        ],
    }  # fmt: skip


@pytest.mark.req("L3-23")
async def test_what_a_store_does_not_offer_is_refused_clearly(backend: Backend) -> None:
    store = await backend.open()
    offered = {
        "values": True, "transactions": backend.name in WITH_TRANSACTIONS, "snapshots": backend.name in WITH_SNAPSHOTS,
        "nodes": backend.name in WITH_NODES,
    }  # fmt: skip
    assert store.offers == {part for part, there in offered.items() if there}
    for part, calls in (await calls_of(store)).items():
        for call in calls if part not in store.offers else ():
            with pytest.raises(NotOffered, match=f"has no {part}") as refused:
                await call()
            assert refused.value.category == "validation_error" and not refused.value.retryable


# Transactions


@only(*WITH_TRANSACTIONS)
@pytest.mark.req("L3-22", "DD-16")
async def test_a_transaction_is_seen_by_others_only_when_committed(backend: Backend) -> None:
    store, other = await backend.open(), await backend.open()
    await store.set("old", 1)
    tx = await store.begin_transaction()
    await store.set("new", 2, tx)
    await store.delete("old", tx)
    assert [await store.get(key, tx) for key in ("new", "old")] == [2, None]
    assert [await other.get(key) for key in ("new", "old")] == [None, 1]
    await store.commit_transaction(tx)
    assert [await store.get(key) for key in ("new", "old")] == [2, None]
    with pytest.raises(TransactionUnknown):
        await store.commit_transaction(tx)
    with pytest.raises(TransactionUnknown):
        await store.set("late", 3, tx)
    await store.rollback_transaction(tx)
    assert await store.keys() == ["new"]


@only(*WITH_TRANSACTIONS)
@pytest.mark.req("L3-22", "DD-16", "DD-17")
async def test_an_error_in_a_transaction_leaves_nothing_and_goes_on(backend: Backend) -> None:
    store = await backend.open()
    await store.set("kept", "before")
    with pytest.raises(ZeroDivisionError):
        async with store.transaction() as tx:
            await store.set("kept", "after", tx)
            await store.set("new", 1, tx)
            raise ZeroDivisionError
    assert await store.get("kept") == "before"
    assert await store.keys() == ["kept"]


@only(*SERIALISABLE)
@pytest.mark.req("L3-22")
async def test_transactions_that_read_and_write_the_same_do_not_lose_updates(backend: Backend) -> None:
    store = await backend.open()
    await store.set("count", 0)
    conflicts = 0

    async def add() -> None:
        nonlocal conflicts
        while True:
            try:
                async with store.transaction() as tx:
                    count = await store.get("count", tx)
                    await anyio.lowlevel.checkpoint()
                    await store.set("count", count + 1, tx)
                return
            except TransactionConflict as conflict:
                assert conflict.retryable
                conflicts += 1

    await together([add] * 6)
    assert await store.get("count") == 6
    assert conflicts > 0


# Nodes


def node_documents(backend: Backend) -> tuple[dict[str, Any], dict[str, Any]]:
    return plan_document(backend.context_id, "pending", "pending"), role_document()


@only(*WITH_NODES)
@pytest.mark.req("DD-12", "DD-14")
async def test_nodes_are_written_read_and_found_by_type(backend: Backend) -> None:
    store = await backend.open()
    plan, role = node_documents(backend)
    assert await store.read_node("Plan", plan["plan_id"]) is None
    await store.write_node("Plan", plan["plan_id"], plan)
    await store.write_node("Role", role["role_id"], role)
    assert await store.read_node("Plan", plan["plan_id"]) == plan
    assert await store.read_node("Role", plan["plan_id"]) is None
    assert await store.query_graph({"type": "Plan"}) == [plan]
    assert await store.query_graph({"type": "Role", "where": {"name": "reviewer"}}) == [role]
    assert await store.query_graph({"type": "Role", "where": {"name": "other"}}) == []
    assert await store.query_graph({"type": "Role", "where": {"description": None}}) == [role]
    await store.write_node("Role", role["role_id"], {**role, "description": "reads"})
    assert await store.read_node("Role", role["role_id"]) == {**role, "description": "reads"}
    await store.update_node("Role", role["role_id"], {"description": None, "name": "editor"})
    assert await store.read_node("Role", role["role_id"]) == {**role, "name": "editor"}


@only(*WITH_NODES)
@pytest.mark.req("DD-14")
async def test_a_query_pages_in_the_order_of_ids(backend: Backend) -> None:
    store = await backend.open()
    roles = sorted((role_document() for _ in range(5)), key=lambda role: role["role_id"])
    for role in roles:
        await store.write_node("Role", role["role_id"], role)
    found = await store.query_graph({"type": "Role", "limit": 2})
    assert found == roles[:2]
    after = found[-1]["role_id"]
    rest = await store.query_graph({"type": "Role", "after": after, "fields": ["name"]})
    assert rest == [{"role_id": role["role_id"], "name": "reviewer"} for role in roles[2:]]


@only(*WITH_NODES)
@pytest.mark.req("DD-13", "DD-03")
async def test_a_deleted_node_is_gone_and_one_that_is_needed_stays(backend: Backend) -> None:
    store = await backend.open()
    plan, _ = node_documents(backend)
    await store.write_node("Plan", plan["plan_id"], plan)
    with pytest.raises(PsgError, match="needed by"):
        await store.delete_node("Context", backend.context_id)
    assert await store.read_node("Context", backend.context_id) is not None
    await store.delete_node("Plan", plan["plan_id"])
    assert await store.read_node("Plan", plan["plan_id"]) is None
    assert await store.query_graph({"type": "Plan"}) == []
    await store.delete_node("Context", backend.context_id)
    assert await store.query_graph({"type": "Context"}) == []
    await store.delete_node("Context", backend.context_id)


@only(*WITH_NODES)
async def test_a_node_is_not_written_under_another_id_nor_updated_where_none_is(backend: Backend) -> None:
    store = await backend.open()
    role = role_document()
    with pytest.raises(ValidationFailed, match="is not the id"):
        await store.write_node("Role", uuid4(), role)
    with pytest.raises(NotFound):
        await store.update_node("Role", role["role_id"], {"name": "x"})
    assert await store.query_graph({"type": "Role"}) == []


@only(*WITH_NODES)
@pytest.mark.req("DD-16", "DD-17")
async def test_nodes_and_values_are_committed_together_or_not_at_all(backend: Backend) -> None:
    store = await backend.open()
    plan, role = node_documents(backend)
    with pytest.raises(ZeroDivisionError):
        async with store.transaction() as tx:
            await store.write_node("Plan", plan["plan_id"], plan, tx)
            await store.set("key", 1, tx)
            raise ZeroDivisionError
    assert await store.read_node("Plan", plan["plan_id"]) is None
    async with store.transaction() as tx:
        await store.write_node("Role", role["role_id"], role, tx)
        await store.update_node("Role", role["role_id"], {"name": "editor"}, tx)
        await store.write_node("Plan", plan["plan_id"], plan, tx)
        await store.set("key", 1, tx)
        assert await store.query_graph({"type": "Plan"}, tx) == [plan]
        assert (await store.read_node("Role", role["role_id"], tx) or {})["name"] == "editor"
        assert await store.query_graph({"type": "Plan"}) == []
    assert await store.read_node("Plan", plan["plan_id"]) == plan
    assert (await store.read_node("Role", role["role_id"]) or {})["name"] == "editor"
    assert await store.get("key") == 1


@only(*WITH_NODES)
@pytest.mark.req("L3-22")
async def test_a_transaction_that_read_what_was_changed_since_is_refused(backend: Backend) -> None:
    store = await backend.open()
    role = role_document()
    await store.write_node("Role", role["role_id"], role)
    tx = await store.begin_transaction()
    await store.read_node("Role", role["role_id"], tx)
    await store.set("key", "by the transaction", tx)
    await store.update_node("Role", role["role_id"], {"name": "changed"})
    with pytest.raises(TransactionConflict):
        await store.commit_transaction(tx)
    assert await store.get("key") is None


# Snapshots


@only(*WITH_SNAPSHOTS)
@pytest.mark.req("DD-15", "DD-23")
async def test_restoring_a_snapshot_brings_keys_back_exactly(backend: Backend) -> None:
    store = await backend.open()
    long = "x" * 20_000
    states = [{"a": 1, "b": long}, {"a": 2, "c": [3]}, {}]
    taken = []
    for state in states:
        for key in set(await store.keys()) - state.keys():
            await store.delete(key)
        for key, value in state.items():
            await store.set(key, value)
        taken.append(await store.create_snapshot())
    for place in (0, 2, 1, 0, 1):
        await store.restore_snapshot(taken[place])
        assert {key: await store.get(key) for key in await store.keys()} == states[place]
        assert [await store.get(key) for key in "abc"] == [states[place].get(key) for key in "abc"]
    await store.set("b", "written after a restore")
    assert await store.get("b") == "written after a restore"
    with pytest.raises(NotFound):
        await store.restore_snapshot(uuid4())


@only(*WITH_NODES)
@pytest.mark.req("DD-15")
async def test_restoring_a_snapshot_brings_nodes_back_exactly(backend: Backend) -> None:
    store = await backend.open()
    plan, role = node_documents(backend)
    await store.write_node("Plan", plan["plan_id"], plan)
    await store.write_node("Role", role["role_id"], role)
    snapshot = await store.create_snapshot()
    await store.update_node("Plan", plan["plan_id"], {"status": "proposed", "priority": "high"})
    await store.delete_node("Role", role["role_id"])
    later = role_document()
    await store.write_node("Role", later["role_id"], later)
    await store.restore_snapshot(snapshot)
    assert await store.query_graph({"type": "Plan"}) == [plan]
    assert await store.query_graph({"type": "Role"}) == [role]
