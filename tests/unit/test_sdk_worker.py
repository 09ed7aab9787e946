"""What becomes of work that is done when a worker that was told to stop has no time left to hand it in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from test_sdk_step_worker import turn

from psg_client import ApiUnavailable, Refused, RequestRejected, Worker, WorkerTurn
from psg_client import worker as workers

pytestmark = pytest.mark.anyio
AWAY = ApiUnavailable("nobody answers")
LATE = RequestRejected("too late", code="deadline_exceeded", retryable=True)
TOO_LARGE = RequestRejected("too large", code="request_too_large")
OVER = Refused("over", code="turn_over")
OUTPUT = {"output": {"done": 1}}


class Api:
    """Grants one turn, and refuses its answer so; the worker's time is over while it is sent for the first time."""

    def __init__(self, *refusals: Exception, always: bool = False) -> None:
        self.told: list[str] = []
        self.answers: list[dict[str, Any]] = []
        self._refusals = refusals
        self._always = always
        self._worker = Worker(self, "a", handler, drain_s=0, listener=self._listen)  # type: ignore[arg-type]

    def _listen(self, what: str, _: WorkerTurn) -> None:
        self.told.append(what)

    async def run(self) -> None:
        with anyio.fail_after(30):
            await self._worker.run()

    async def claim_turn(self, **_: Any) -> Any:
        return SimpleNamespace(turn=turn())

    async def heartbeat_turn(self, **_: Any) -> None:
        return None

    async def complete_turn(self, *, id: str, fence: int, worker: str, **answer: Any) -> None:
        self.answers.append(answer)
        self._worker.stop()
        await self._worker._drained.wait()
        if self._always:
            raise self._refusals[0]
        if len(self.answers) <= len(self._refusals):
            raise self._refusals[len(self.answers) - 1]

    async def release_turn(self, **_: Any) -> None:
        self.answers.append({"released": True})


async def handler(_: WorkerTurn) -> Any:
    return OUTPUT["output"]


@pytest.mark.parametrize("refusal", [AWAY, LATE], ids=["away", "late"])
async def test_what_is_done_is_sent_again_also_when_the_time_to_drain_is_over(refusal: Exception) -> None:
    api = Api(refusal, refusal)
    await api.run()
    assert api.answers == [OUTPUT] * 3
    assert api.told == ["taken", "completed"]


async def test_what_nobody_takes_in_time_is_given_back_and_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LAST_WORD_S", 0.2)
    api = Api(AWAY, always=True)
    await api.run()
    assert api.answers[-1] == {"released": True}
    assert {*map(str, api.answers[:-1])} == {str(OUTPUT)}
    assert api.told == ["taken", "returned"]


async def test_a_turn_that_cannot_be_given_back_in_time_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LAST_WORD_S", 0.2)
    monkeypatch.setattr(workers, "GIVE_BACK_S", 0.2)
    api = Api(AWAY, always=True)
    monkeypatch.setattr(api, "release_turn", lambda **_: anyio.sleep_forever())
    await api.run()
    assert api.told == ["taken", "lost"]


async def test_what_is_refused_for_good_is_the_error_of_the_step_or_the_end_of_the_turn() -> None:
    api = Api(LATE, TOO_LARGE)
    await api.run()
    assert api.answers[:2] == [OUTPUT] * 2 and api.answers[2]["error"]["code"] == "output_refused"
    assert api.told == ["taken", "failed"]
    api = Api(LATE, OVER)
    await api.run()
    assert (api.answers, api.told) == ([OUTPUT] * 2, ["taken", "lost"])
