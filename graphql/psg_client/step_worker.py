"""A worker as functions: each does the steps of one name, in this process, wherever it runs (docs/sdk.md)."""

from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from psg_client.client import Client, client_of
from psg_client.errors import ClientError
from psg_client.generated import WorkerTurn
from psg_client.worker import LEASE_MS, Listener, TurnFailed, Worker

F = TypeVar("F", bound=Callable[..., Any])

PREFIX = "worker:"
CONCURRENCY = 8


class StepWorker:
    """Does steps by functions::

        worker = StepWorker()

        @worker.step("review")
        async def review(text: str) -> dict: ...

        worker.main()

    A function does the steps that a plan gives to ``worker="review"``, and those of an agent or tool of that name that
    the platform knows as ``external``. It gets the step's params as keyword arguments, and the whole turn under the
    name ``turn`` where it has such a parameter; what it returns is the step's output, what it raises its error
    (``TurnFailed`` says more). Functions that are not async run in threads. ``project`` narrows what is taken to one
    project, ``concurrency`` is how many steps are done at once; the other arguments are those of ``Worker``. Without
    ``client`` it connects by itself, as ``psg_client.connect()`` does.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        project: Any = None,
        name: str | None = None,
        concurrency: int = CONCURRENCY,
        lease_ms: int = LEASE_MS,
        drain_s: float = 30.0,
        listener: Listener | None = None,
    ) -> None:
        self._client = client
        self._options: dict[str, Any] = {
            "project_id": getattr(project, "id", project), "name": name, "concurrency": concurrency,
            "lease_ms": lease_ms, "drain_s": drain_s, "listener": listener,
        }  # fmt: skip
        self._functions: dict[str, _Function] = {}
        self._working: Worker | None = None
        self._stopped = False

    def __repr__(self) -> str:
        return f"<worker for {', '.join(self._functions) or 'nothing yet'}>"

    def step(self, name: str) -> Callable[[F], F]:
        """Have a function do the steps of this name. Raises ValueError for a name that is taken."""
        plain = name.removeprefix(PREFIX)

        def take(function: F) -> F:
            if plain in self._functions:
                raise ValueError(f"this worker has a function for {plain!r} already")
            self._functions[plain] = _Function(function)
            return function

        return take

    def stop(self) -> None:
        """Take nothing more; steps under way may finish for ``drain_s`` seconds, then they are given back."""
        self._stopped = True
        if self._working is not None:
            self._working.stop()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Work until ``stop()``; goes on while the API is away.

        Raises ValueError when there is nothing to do, and what the API refuses for good, such as Unauthenticated.
        """
        if not self._functions:
            raise ValueError('this worker has nothing to do: give it functions with @worker.step("name")')
        if self._client is not None:
            await self._run(self._client, task_status)
            return
        async with client_of() as client:
            await self._run(client, task_status)

    async def run_until_signal(self) -> None:
        """Work until SIGINT or SIGTERM, then drain; a second signal gives back at once what is under way."""
        async with anyio.create_task_group() as tasks:

            async def listen(*, task_status: TaskStatus[None]) -> None:
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    task_status.started()
                    async for _ in signals:
                        if self._stopped:
                            tasks.cancel_scope.cancel()
                            return
                        self.stop()
                        if self._options["listener"] is _tell:
                            sys.stderr.write("worker: finishing what is under way (again: gives it back at once)\n")
                            sys.stderr.flush()

            await tasks.start(listen)
            await self.run()
            tasks.cancel_scope.cancel()

    def main(self) -> None:
        """Be a program: work until SIGINT or SIGTERM, and tell on stderr what is done (unless it has a ``listener``).

        Ends with exit code 1 and a line of why where it cannot work.
        """
        if self._options["listener"] is None:
            self._options["listener"] = _tell
        sys.stderr.write(f"{self!r}: waiting for steps; Ctrl-C ends it\n")
        refused: list[ClientError] = []
        try:
            anyio.run(self.run_until_signal)
        except* ClientError as errors:
            refused = list(_leaves(errors))
        if refused:
            raise SystemExit(f"worker: {refused[0].message}")

    async def _run(self, client: Client, task_status: TaskStatus[None]) -> None:
        names = [name for plain in self._functions for name in (f"{PREFIX}{plain}", plain)]
        self._working = Worker(client, names, self._do, **self._options)
        if self._stopped:
            self._working.stop()
        refused: list[ClientError] = []
        try:
            await self._working.run(task_status=task_status)
        except* ClientError as errors:
            refused = list(_leaves(errors))
        finally:
            self._working = None
        if refused:
            raise refused[0]

    async def _do(self, turn: WorkerTurn) -> Any:
        return await self._functions[turn.agent.removeprefix(PREFIX)](turn)


class _Function:
    """A function of somebody's, called with what it asks for."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._signature = inspect.signature(function)
        parameters = self._signature.parameters
        self._takes_turn = "turn" in parameters
        self._takes_params = any(
            name != "turn" and p.kind is not p.VAR_POSITIONAL for name, p in parameters.items()
        )
        call = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
        self._is_async = inspect.iscoroutinefunction(call)

    async def __call__(self, turn: WorkerTurn) -> Any:
        given = dict(turn.params or {}) if self._takes_params or not self._takes_turn else {}
        if self._takes_turn:
            given["turn"] = turn
        try:
            self._signature.bind(**given)
        except TypeError as error:
            raise TurnFailed(
                f"the params of step {turn.key!r} do not fit the function of {turn.agent!r}: {error}",
                code="params_invalid", category="validation_error", retryable=False,
            ) from None  # fmt: skip
        if self._is_async:
            return await self._function(**given)
        answer = await anyio.to_thread.run_sync(lambda: self._function(**given), abandon_on_cancel=True)
        return await answer if inspect.isawaitable(answer) else answer  # a wrapper around an async function


def _tell(what: str, turn: WorkerTurn) -> None:
    sys.stderr.write(f"{turn.agent.removeprefix(PREFIX)}: {what} {turn.key} of {turn.plan_title!r}\n")


def _leaves(errors: BaseExceptionGroup[Any]) -> Any:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
