"""Fault points and the back-off: what other crash tests stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import anyio
import pytest

from psg_neo4j import faults
from psg_neo4j.errors import DatabaseAuthFailed, DatabaseTransient, DatabaseUnavailable, OutcomeUnknown
from psg_neo4j.retry import RetryPolicy, repeated

QUICK = RetryPolicy(first=0.001, longest=0.004, deadline=0.2)


def passing(point: str, subject: str, times: int, environment: str) -> subprocess.CompletedProcess[bytes]:
    """A process that passes a fault point several times, printing before each."""
    code = f"""
from psg_neo4j import faults
for number in range({times}):
    print(number, flush=True)
    faults.at({point!r}, {subject!r})
"""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PSG_FAULT": environment},
        capture_output=True,
        check=False,
        timeout=30,
    )


def test_an_unarmed_point_does_nothing_and_an_armed_one_is_disarmed_again() -> None:
    faults.at("nowhere")
    with faults.arm("here", KeyError("x")):
        faults.at("there")
        with pytest.raises(KeyError):
            faults.at("here", "any")
    faults.at("here")


def test_a_point_can_be_narrowed_to_a_subject() -> None:
    seen: list[str] = []
    with faults.arm("here/one", lambda: seen.append("one")), faults.arm("here", lambda: seen.append("all")):
        faults.at("here", "one")
        faults.at("here", "two")
    assert seen == ["one", "all"]


def test_a_process_is_killed_at_the_third_passage() -> None:
    done = passing("commit", "", 5, "commit:kill@3")
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [b"0", b"1", b"2"]


def test_a_process_told_to_raise_says_why() -> None:
    done = passing("commit", "plan_create", 2, "other:kill, commit/plan_create:raise")
    assert done.returncode == 1
    assert b"FaultInjected" in done.stderr and done.stdout.split() == [b"0"]


@pytest.mark.parametrize("text", ["commit", "commit:explode", ":kill", "commit:kill@x"])
def test_a_fault_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PSG_FAULT"):
        faults.arm_from(text)


def test_pauses_grow_to_a_limit_and_are_never_equal_for_all() -> None:
    policy = RetryPolicy()
    spans = [[policy.pause(attempt) for _ in range(50)] for attempt in (0, 3, 20, 5000)]
    assert all(0.0025 <= pause <= 0.005 for pause in spans[0])
    assert all(0.02 <= pause <= 0.04 for pause in spans[1])
    assert all(0.25 <= pause <= 0.5 for span in spans[2:] for pause in span)
    assert len(set(spans[2])) > 40


@pytest.mark.anyio
async def test_what_cannot_get_better_is_not_repeated() -> None:
    calls = 0

    async def attempt() -> None:
        nonlocal calls
        calls += 1
        raise DatabaseAuthFailed

    with pytest.raises(DatabaseAuthFailed):
        await repeated(attempt, QUICK)
    assert calls == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "writes", "ends_as"),
    [
        (DatabaseTransient(), True, DatabaseTransient),
        (DatabaseUnavailable(), True, DatabaseUnavailable),
        (OutcomeUnknown(), True, OutcomeUnknown),
    ],
)
async def test_at_the_deadline_the_last_error_is_told(error: Exception, writes: bool, ends_as: type[Exception]) -> None:
    async def attempt() -> None:
        raise error

    with pytest.raises(ends_as, match=r"gave up after \d+ attempts") as caught:
        await repeated(attempt, QUICK, writes=writes)
    assert type(caught.value) is ends_as
    assert caught.value.__cause__ is error


@pytest.mark.anyio
@pytest.mark.parametrize(("writes", "ends_as"), [(True, OutcomeUnknown), (False, DatabaseUnavailable)])
async def test_a_server_that_never_answers_leaves_a_write_in_doubt(writes: bool, ends_as: type[Exception]) -> None:
    with anyio.fail_after(5), pytest.raises(ends_as) as caught:
        await repeated(anyio.sleep_forever, QUICK, writes=writes)
    assert type(caught.value) is ends_as
