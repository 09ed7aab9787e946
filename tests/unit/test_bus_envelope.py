"""The envelope and the address of an event bus, and a consumer that gets the log's order out of any mess."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import CursorExpired, ValidationFailed
from psg_runtime.bus import BrokerEventBus, CloudEvent, InOrder, bus_settings
from psg_runtime.bus.brokers import Received, broker_of
from psg_runtime.bus.brokers.port import Outgoing
from psg_runtime.bus.errors import BusPartMissing, BusUnavailable, BusUrlInvalid, EnvelopeInvalid
from psg_runtime.bus.in_order import LogPart
from psg_runtime.bus.settings import BusAddress

PROJECT, PLAN = "6fa459ea-ee8a-4ca4-894e-db77e160355e", "0b1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(seq: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": PLAN, "event_type": "asked", "event_family": "intent", "project_id": PROJECT, "payload": {},
        "timestamp": "2026-01-01T00:00:00Z", "seq": seq, "lamport_timestamp": seq, **more,
    }  # fmt: skip


@pytest.mark.req("L3-44")
def test_an_envelope_is_a_cloud_event_and_gives_the_event_back_unchanged() -> None:
    told = event(7, plan_id=PLAN, payload={"correlation_id": TRACE, "x": [1, None, "ä"]})
    sent = orjson.loads(CloudEvent.of(told).encoded())
    assert sent == {
        "specversion": "1.0", "id": PLAN, "source": f"/psg/projects/{PROJECT}", "type": "psg.intent.asked",
        "subject": PLAN, "time": "2026-01-01T00:00:00Z", "traceparent": TRACE,
        "datacontenttype": "application/json", "psgseq": 7, "data": told,
    }  # fmt: skip
    assert CloudEvent.parse(orjson.dumps(sent)).data == told
    assert CloudEvent.parse(orjson.dumps({**sent, "vendor": "x"})).psgseq == 7
    plain = orjson.loads(CloudEvent.of(event(1, payload={"correlation_id": "mine"})).encoded())
    assert not {"subject", "traceparent"} & plain.keys()


def changed(**fields: Any) -> bytes:
    sent = orjson.loads(CloudEvent.of(event(7)).encoded())
    return orjson.dumps({k: v for k, v in {**sent, **fields}.items() if v != "gone"})


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b"x" * 2_000_000, "text",
        changed(specversion="0.3"), changed(id=""), changed(id="other"), changed(psgseq=0), changed(psgseq="7"),
        changed(psgseq=8), changed(psgseq=True), changed(source="/other"), changed(source=f"/psg/projects/{PLAN}"),
        changed(data=[]), changed(data="gone"), changed(datacontenttype="text/plain"),
        changed(data={**event(7), "event_family": 3}),
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused_without_being_quoted(raw: bytes | str) -> None:
    with pytest.raises(EnvelopeInvalid) as refused:
        CloudEvent.parse(raw)
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    [
        ("redis://u:hunter2@h:1/0", "redis-streams", "redis://h:1/0"),
        ("rediss+pubsub://h", "redis-pubsub", "rediss+pubsub://h"),
        ("nats://token@h:4222", "nats", "nats://h:4222"),
        ("kafka://a:1,b:2,[::1]:3", "kafka", "kafka://a:1,b:2,[::1]:3"),
        ("wss://psg:hunter2@h/bus", "websocket", "wss://h/bus"),
    ],
)
def test_an_address_says_what_it_is_and_shows_no_password(url: str, kind: str, shown: str) -> None:
    address = BusAddress.parse(url)
    assert (address.kind, address.shown) == (kind, shown)
    assert "+pubsub" not in address.url
    assert "hunter2" not in repr(bus_settings(bus=url))
    again = BusAddress.parse(url.replace("hunter2", "rotated"))
    assert again.name("t") == address.name("t") != address.name("other")


@pytest.mark.parametrize(
    "url",
    ["", "redis", "amqp://hunter2@h", "redis://", "redis://hunter2@", "redis://a,b", "nats://h:hunter2",
     "ws://h:99999", "kafka://a b", "redis://[::1", "redis://h\x00/"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(BusUrlInvalid) as refused:
        BusAddress.parse(url)
    assert "hunter2" not in str(refused.value.to_dict())


def test_settings_are_told_by_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_BUS", "redis://u:hunter2@h")
    monkeypatch.setenv("PSG_BUS_TOPIC", "a.b c")
    with pytest.raises(ValidationFailed, match="PSG_BUS_TOPIC") as refused:
        bus_settings()
    assert "hunter2" not in str(refused.value) and refused.value.__cause__ is None
    monkeypatch.delenv("PSG_BUS_TOPIC")
    monkeypatch.setenv("PSG_BUS_START", "fail")
    assert bus_settings().bus_start == "fail"
    with pytest.raises(BusUrlInvalid):
        bus_settings(bus="http://h")
    with pytest.raises(BusUrlInvalid) as odd:
        broker_of(bus_settings(bus="redis://u:hunter2@h/0?socket_timeout=soon"))
    assert "hunter2" not in str(odd.value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BusPartMissing, match=r"psg-platform\[redis\]") as missing:
        broker_of(bus_settings())
    assert "hunter2" not in str(missing.value)
    monkeypatch.delenv("PSG_BUS")
    assert bus_settings().bus is None
    with pytest.raises(BusUrlInvalid, match="PSG_BUS"):
        _ = bus_settings().address


class Cancelling:
    """A broker whose library cancels what one waits for when its connection is lost."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        await self._cancelled()

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Received]:
        await self._cancelled()
        yield  # type: ignore[misc]

    async def aclose(self) -> None:
        """Nothing to let go."""

    async def _cancelled(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        waiting.cancel()
        await waiting


@pytest.mark.anyio
async def test_a_library_that_cancels_what_it_was_asked_for_is_a_bus_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("psg_runtime.bus.outside.broker_of", lambda settings: Cancelling())
    async with BrokerEventBus.running(bus_settings(bus="redis://h")) as bus:
        with pytest.raises(BusUnavailable):
            await bus.forward([event(1)])
        with pytest.raises(BusUnavailable):
            await bus.reachable()
        with anyio.move_on_after(0.05) as ours:
            await bus.listening()
        assert ours.cancelled_caught


class Log:
    """A log of ``length`` events that begins at ``earliest``."""

    def __init__(self, length: int, earliest: int = 1, page: int = 3) -> None:
        self.length, self.earliest, self.page = length, earliest, page

    async def read(self, project_id: str, after: int) -> LogPart:
        if after < self.earliest - 1:
            raise CursorExpired("cut", earliest=str(self.earliest - 1))
        upto = min(self.length, after + self.page)
        return LogPart([event(n) for n in range(after + 1, upto + 1)], upto, upto < self.length)


def taken(log: Log | None, arriving: Sequence[int], after: int | None = 0, *, look: bool = True) -> tuple[Any, InOrder]:
    """What a consumer behind ``InOrder`` gets when these numbers arrive."""
    got: list[int] = []

    async def take(event: Any, /) -> None:
        got.append(event["lamport_timestamp"])

    in_order = InOrder(take, read_log=log and log.read, after=None if after is None else {PROJECT: after})

    async def run() -> None:
        for seq in arriving:
            await in_order(event(seq))
        if log is not None and look:
            await in_order.catch_up(PROJECT)

    anyio.run(run)
    return got, in_order


@pytest.mark.req("L3-44")
@given(st.integers(0, 20).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(1, max(n, 1)), max_size=40))))
def test_any_mess_of_losses_repeats_and_swaps_becomes_the_log(mess: tuple[int, list[int]]) -> None:
    length, arriving = mess
    length = max([length, *arriving])
    got, in_order = taken(Log(length), arriving)
    assert got == list(range(1, length + 1))
    assert in_order.cursors == {PROJECT: length} and in_order.gaps == in_order.unknown == 0


def test_without_a_log_it_drops_repeats_and_counts_gaps() -> None:
    got, in_order = taken(None, [4, 5, 5, 4, 8, 7, 9], after=None)
    assert (got, in_order.gaps, in_order.repeated) == ([4, 5, 8, 9], 1, 3)


def test_what_is_ahead_of_the_log_is_not_believed() -> None:
    got, in_order = taken(Log(3), [1, 10**9, 2, 3], look=False)
    assert (got, in_order.unknown, in_order.cursors) == ([1, 2, 3], 1, {PROJECT: 3})


def test_what_retention_removed_is_a_gap_and_the_rest_follows() -> None:
    got, in_order = taken(Log(9, earliest=5), [8], after=1)
    assert (got, in_order.gaps) == ([5, 6, 7, 8, 9], 1)


async def _failing_run(kind: type[BaseException]) -> tuple[list[int], InOrder]:
    got: list[int] = []

    async def take(event: Any, /) -> None:
        seq = event["lamport_timestamp"]
        got.append(seq)
        if seq == 2 and got.count(2) == 1:
            if kind is TimeoutError:
                await anyio.sleep_forever()
            raise kind("no")

    in_order = InOrder(take, read_log=Log(3).read, after={PROJECT: 0})
    await in_order(event(1))
    try:
        with anyio.fail_after(0.01):
            await in_order(event(2))
    except (TimeoutError, RuntimeError):
        pass
    await in_order(event(3))
    return got, in_order


def test_a_consumer_that_raises_had_its_event_and_one_that_is_cut_off_gets_it_again() -> None:
    assert anyio.run(_failing_run, RuntimeError)[0] == [1, 2, 3]
    assert anyio.run(_failing_run, TimeoutError)[0] == [1, 2, 2, 3]
