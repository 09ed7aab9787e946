"""What the face without async leaves out, because it cannot work there."""

from __future__ import annotations

import pytest

import psg_client.sync


def test_a_worker_of_a_connection_in_a_thread_is_no_program_and_says_what_is() -> None:
    with psg_client.sync.connect("http://127.0.0.1:9") as psg:
        worker = psg.worker(concurrency=1)
        worker.step("x")(print)
        for name in ("main", "run_until_signal"):
            with pytest.raises(AttributeError, match=r"StepWorker\(.*main\(\)"):
                getattr(worker, name)
        assert {"step", "run", "stop"} <= set(dir(worker)) and not {"main", "run_until_signal"} & set(dir(worker))
        assert repr(worker) == "<worker for x>"
