"""Kafka: one topic whose partitions keep each project's events in their order."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code
from anyio.lowlevel import checkpoint

from psg_runtime.bus.brokers.port import Outgoing, Received
from psg_runtime.bus.errors import BusUnavailable, BusUrlInvalid
from psg_runtime.bus.settings import BusSettings

# The library tells every lost connection as an error, each time it tries again; who sends and listens tells it once.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)

_CLOSE_S = 5.0
_BROKERS_OWN = -1
_MAX_SILENCE = 3
_LOOK_S = 0.05


class Kafka:
    """``kafka://host:port[,host:port]``; the topic is made when there is none, as the broker's defaults say."""

    def __init__(self, settings: BusSettings) -> None:
        address = settings.address
        if "@" in address.url:
            raise BusUrlInvalid("PSG_BUS: a user and password for Kafka cannot be given in the address")
        self._servers = [host if ":" in host.rpartition("]")[2] else f"{host}:9092" for host in address.servers]
        self._shown = address.shown
        self._topic = settings.bus_topic
        self._timeout_s = settings.bus_connect_s
        self._producer: AIOKafkaProducer | None = None
        self._read_upto: dict[Any, int] = {}

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Produce, and wait until all replicas in sync have it."""
        with self._in_our_words():
            if self._producer is None:
                await self._make_topic()
                self._producer = await self._started(
                    AIOKafkaProducer(acks="all", enable_idempotence=True, linger_ms=2, **self._connection)
                )
            try:
                with anyio.fail_after(self._timeout_s):
                    sent = [
                        await self._producer.send(self._topic, message.body, key=message.key.encode())
                        for message in messages
                    ]
                    for acknowledged in sent:
                        await acknowledged
            except BaseException:
                await self.aclose()  # what it still holds must not be sent behind our back
                raise

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Received]:
        """Read behind the ends of the partitions, or behind what was read before."""
        with self._in_our_words():
            await self._make_topic()
            given = {"enable_auto_commit": False, "auto_offset_reset": "earliest", **self._connection}
            consumer = await self._started(AIOKafkaConsumer(**given))
        try:
            with self._in_our_words(), anyio.fail_after(self._timeout_s):
                await self._begin(consumer)
            yield self._read(consumer)
        finally:
            await _stopped(consumer)

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Stand behind what was read; where nothing was, at the end. A topic that was made anew is read whole."""
        while self._topic not in await consumer.topics():  # noqa: ASYNC110 - a broker tells of a new topic when asked
            await anyio.sleep(_LOOK_S)
        consumer.subscribe([self._topic])
        while not consumer.assignment():  # noqa: ASYNC110 - the library has no word for it
            await anyio.sleep(_LOOK_S)
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        known = bool(self._read_upto)
        for partition in partitions:
            upto = self._read_upto.get(partition, 0) if known else ends[partition]
            upto = upto if upto <= ends[partition] else 0
            consumer.seek(partition, upto)
            self._read_upto[partition] = upto

    async def _read(self, consumer: AIOKafkaConsumer) -> Received:
        silent = 0
        while True:
            with self._in_our_words():
                found = await consumer.getmany(timeout_ms=1_000)
                silent = 0 if found else silent + 1
                if silent >= _MAX_SILENCE:  # the library waits for a broker for ever, and says nothing
                    with anyio.fail_after(self._timeout_s):
                        await consumer.end_offsets(list(consumer.assignment()))
                    silent = 0
            for partition, records in found.items():
                for record in records:
                    yield record.value or b""
                    self._read_upto[partition] = record.offset + 1
            await checkpoint()

    @property
    def _connection(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._servers, "request_timeout_ms": round(self._timeout_s * 1000),
            "metadata_max_age_ms": 10_000,
        }  # fmt: skip

    async def _make_topic(self) -> None:
        admin = await self._started(AIOKafkaAdminClient(**self._connection), "close")
        try:
            with anyio.fail_after(self._timeout_s):
                answer = await admin.create_topics([NewTopic(self._topic, _BROKERS_OWN, _BROKERS_OWN, {})])
            for _, code, *_ in answer.topic_errors:
                if code not in (NoError.errno, TopicAlreadyExistsError.errno):
                    raise for_code(code)(f"topic {self._topic}")
        finally:
            await _stopped(admin, "close")

    async def _started(self, part: Any, close: str = "stop") -> Any:
        try:
            with anyio.fail_after(self._timeout_s):
                await part.start()
        except BaseException:
            await _stopped(part, close)
            raise
        return part

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError, TimeoutError) as error:
            said = str(error) or type(error).__name__
            raise BusUnavailable(f"The event bus at {self._shown} does not answer: {said}") from None

    async def aclose(self) -> None:
        """Stop the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer)


async def _stopped(part: Any, close: str = "stop") -> None:
    with anyio.move_on_after(_CLOSE_S, shield=True):
        await getattr(part, close)()


connect = Kafka
