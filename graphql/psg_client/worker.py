"""A worker outside: fetches the turns of an agent, does them with your function, and answers."""

from __future__ import annotations

import inspect
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol
from uuid import uuid4

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from psg_client.client import Client
from psg_client.errors import ClientError, Forbidden, Unauthenticated
from psg_client.generated import WorkerTurn
from psg_client.transport import Backoff

log = logging.getLogger(__name__)

Handler = Callable[[WorkerTurn], Any]
"""Does a turn and returns its output, as JSON; async, or plain (then it runs in a thread)."""

LEASE_MS = 30_000
WAIT_MS = 20_000
BEATS_PER_LEASE = 3
MESSAGE_CHARS = 4_000
GIVE_BACK_S = 3.0
LAST_WORD_S = 10.0
NOT_OURS = frozenset(("turn_over", "turn_elsewhere", "turn_answered", "not_found", "forbidden"))
"""Codes by which the API says that the turn is not this worker's, or not any more."""


class TurnFailed(Exception):
    """Raised by a handler: the turn failed, with this ``code``; unless ``retryable``, for good."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "action_failed",
        category: str = "module_error",
        retryable: bool = True,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.error = {
            "code": code, "message": message, "category": category, "retryable": retryable,
            "details": dict(details or {}),
        }  # fmt: skip


class Listener(Protocol):
    """Is told what becomes of turns: ``taken``, ``completed``, ``failed``, ``lost``, ``returned``."""

    def __call__(self, what: str, turn: WorkerTurn, /) -> None:
        """Hear it."""


class Worker:
    """Works as one agent or several, ``concurrency`` turns at a time, until ``stop()``.

    A turn is held by heartbeats while its handler runs. A handler whose turn is taken away (a cancelled plan, a lease
    that ran out) is cancelled; a plain function in a thread is left behind, and its answer is not sent. ``lease_ms``
    is how long a turn waits for a worker that died; ``drain_s`` how long handlers may go on after ``stop()`` before
    their turns are given back; what is done by then is sent for ten seconds more. ``project_id`` and ``plan_id`` narrow
    what is taken; ``name`` is unique to this worker.
    """

    def __init__(
        self,
        client: Client,
        agent: str | Sequence[str],
        handler: Handler,
        *,
        name: str | None = None,
        project_id: str | None = None,
        plan_id: str | None = None,
        concurrency: int = 1,
        lease_ms: int = LEASE_MS,
        wait_ms: int = WAIT_MS,
        drain_s: float = 30.0,
        listener: Listener | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError("concurrency is 1 or more")
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._client = client
        self._handler = handler
        self._concurrency = concurrency
        self._wanted: dict[str, Any] = {
            "agents": [agent] if isinstance(agent, str) else list(agent), "worker": self.name,
            "project_id": project_id, "plan_id": plan_id, "lease_ms": lease_ms,
        }  # fmt: skip
        self._wait_ms = wait_ms
        self._drain_s = drain_s
        self._tell: Listener = listener or (lambda what, turn: None)
        self._stopping = anyio.Event()
        self._drained = anyio.Event()
        self._asking = anyio.Lock()

    def stop(self) -> None:
        """Take nothing more; turns under way may finish for ``drain_s`` seconds."""
        self._stopping.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Work until ``stop()``; goes on while the API is away. Raises what it refuses for good."""
        async with anyio.create_task_group() as tasks:
            task_status.started()
            tasks.start_soon(self._drain)
            async with anyio.create_task_group() as slots:
                for _ in range(self._concurrency):
                    slots.start_soon(self._slot)
            tasks.cancel_scope.cancel()

    async def _drain(self) -> None:
        await self._stopping.wait()
        await anyio.sleep(self._drain_s)
        self._drained.set()

    async def _slot(self) -> None:
        backoff, away = Backoff(), False
        while not self._stopping.is_set():
            try:
                async with self._asking:  # one request waits for turns, however many there is room for
                    turn = None if self._stopping.is_set() else await self._claim()
            except ClientError as error:
                if not error.retryable:
                    raise
                if not away:
                    log.warning("no turns can be fetched for now, trying on: %s", error)
                away = True
                await self._pause(backoff.next())
                continue
            away = False
            backoff.reset()
            if turn is not None:
                await self._do(turn)

    async def _claim(self) -> WorkerTurn | None:
        """Ask for a turn; one that was granted while this worker was stopped is given back."""
        command_id = str(uuid4())
        came: list[WorkerTurn | ClientError | None] = []
        try:
            async with anyio.create_task_group() as asking:

                async def ask() -> None:
                    try:
                        claimed = await self._client.claim_turn(
                            **self._wanted, wait_ms=self._wait_ms, command_id=command_id
                        )
                        came.append(claimed.turn)
                    except ClientError as error:
                        came.append(error)
                    asking.cancel_scope.cancel()

                asking.start_soon(ask)
                await self._stopping.wait()
                asking.cancel_scope.cancel()
        finally:
            if not came:
                with anyio.move_on_after(GIVE_BACK_S, shield=True):
                    await self._give_back_granted(command_id)
        (found,) = came or [None]
        if isinstance(found, ClientError):
            raise found
        return found

    async def _give_back_granted(self, command_id: str) -> None:
        """The same command again, without waiting: whatever it was granted before."""
        try:
            late = await self._client.claim_turn(**self._wanted, command_id=command_id)
        except ClientError:
            return  # the lease takes it back
        if late.turn is not None:
            await self._give_back(late.turn)

    async def _do(self, turn: WorkerTurn) -> None:
        """Do one turn and answer it, unless it is taken away meanwhile."""
        self._tell("taken", turn)
        answer: dict[str, Any] = {}
        held = True
        async with anyio.create_task_group() as tasks:

            async def keep() -> None:
                nonlocal held
                held = await self._hold(turn)
                tasks.cancel_scope.cancel()

            async def hand_in() -> None:
                await self._drained.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(keep)
            tasks.start_soon(hand_in)
            try:
                answer = await self._answer(turn)
            except anyio.get_cancelled_exc_class():
                if held:  # this worker ends: by drain, or because whoever runs it was cancelled
                    await self._give_back(turn)
                raise
            tasks.cancel_scope.cancel()
        if not held:
            self._tell("lost", turn)
        elif answer:
            await self._complete(turn, answer)

    async def _answer(self, turn: WorkerTurn) -> dict[str, Any]:
        try:
            if inspect.iscoroutinefunction(self._handler) or inspect.iscoroutinefunction(
                getattr(self._handler, "__call__", None)  # noqa: B004 - an instance with an async __call__
            ):
                return {"output": await self._handler(turn)}
            return {"output": await anyio.to_thread.run_sync(self._handler, turn, abandon_on_cancel=True)}
        except TurnFailed as failed:
            return {"error": failed.error}
        except Exception as error:
            log.warning("%s failed at step %s (attempt %s)", turn.agent, turn.key, turn.attempt, exc_info=True)
            message = f"{type(error).__name__}: {error}"[:MESSAGE_CHARS]
            return {"error": {"message": message, "details": {"error_type": type(error).__name__}}}

    async def _hold(self, turn: WorkerTurn) -> bool:
        """Send heartbeats until the turn is lost: refused, or unheard for a whole lease."""
        lease_s = turn.lease_ms / 1000
        heard = anyio.current_time()
        backoff = Backoff()
        pause = lease_s / BEATS_PER_LEASE
        while True:
            await anyio.sleep(pause)
            sent = anyio.current_time()
            try:
                with anyio.fail_after(max(0.1, heard + lease_s - sent)):
                    await self._client.heartbeat_turn(id=turn.id, fence=turn.fence, worker=self.name)
            except (ClientError, TimeoutError) as error:
                if isinstance(error, ClientError) and not error.retryable:
                    return False
                if anyio.current_time() - heard >= lease_s:
                    return False
                pause = backoff.next()
                continue
            heard, pause = sent, lease_s / BEATS_PER_LEASE
            backoff.reset()

    async def _complete(self, turn: WorkerTurn, answer: dict[str, Any]) -> None:
        """Have the answer taken; once drained there is an end to that, and the turn is given back."""
        heard: str | None = None
        async with anyio.create_task_group() as tasks:

            async def hurry() -> None:
                await self._drained.wait()
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORD_S

            tasks.start_soon(hurry)
            heard = await self._sent(turn, answer)
            tasks.cancel_scope.cancel()
        if heard is None:
            await self._give_back(turn)
        else:
            self._tell(heard, turn)

    async def _sent(self, turn: WorkerTurn, answer: dict[str, Any]) -> str:
        """Send the answer until it is heard: it is recorded once, however often it is sent.

        Only what is refused for good becomes the error of the step: the same output may be taken later.
        """
        backoff = Backoff()
        while True:
            try:
                await self._client.complete_turn(id=turn.id, fence=turn.fence, worker=self.name, **answer)
            except (ClientError, TypeError, ValueError) as error:
                refused = error if isinstance(error, ClientError) else None
                if refused is not None and refused.retryable:
                    await anyio.sleep(backoff.next())
                elif "error" not in answer and not _lost(refused):
                    answer = {"error": {"message": f"the output was not taken: {error}"[:MESSAGE_CHARS],
                                        "code": "output_refused", "retryable": False}}  # fmt: skip
                else:
                    return "lost"
                continue
            return "failed" if "error" in answer else "completed"

    async def _give_back(self, turn: WorkerTurn) -> None:
        told = "lost"
        with anyio.move_on_after(GIVE_BACK_S, shield=True), suppress(ClientError):
            await self._client.release_turn(id=turn.id, fence=turn.fence, worker=self.name)
            told = "returned"
        self._tell(told, turn)

    async def _pause(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._stopping.wait()


def _lost(refused: ClientError | None) -> bool:
    """Whether a refusal says that the turn is not this worker's (any more), or that it may not work (any more)."""
    return refused is not None and (refused.code in NOT_OURS or isinstance(refused, Forbidden | Unauthenticated))
