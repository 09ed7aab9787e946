"""Answers broken at random: a result or an error of ours, always in time, never half a file."""

from __future__ import annotations

import gzip
import os
import random
import zlib
from pathlib import Path
from typing import Any

import anyio
import pytest
from scripted_server import chunked, reply, serving

from psg.errors import PsgError
from psg_runtime.ael import ActionResult, AdapterLayer, AelSettings, CapabilityRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.req("L3-29")]
WHOLE = [
    reply(200, '{"a": [1, 2, "ü"]}', Content_Type="application/json; charset=utf-8", ETag="x"),
    reply(200, gzip.compress(b"zipped text" * 50, mtime=0), Content_Encoding="gzip"),
    reply(200, zlib.compress(b"deflated" * 50), Content_Encoding="deflate"),
    chunked(b"some", b"pieces", b"of text", Content_Type="text/plain; charset=utf-16"),
    chunked(gzip.compress(b"a", mtime=0), gzip.compress(b"b", mtime=0), Content_Encoding="gzip"),
    reply(302, "", Location="/again"),
    reply(429, "slow down", Retry_After="7"),
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(204),
]


def broken(rng: random.Random) -> bytes:
    """One of the answers with some bytes changed, cut out, repeated, or with the end missing."""
    data = bytearray(rng.choice(WHOLE))
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(len(data)) if data else 0
        to = min(len(data), at + rng.randint(1, 8))
        match rng.randrange(4):
            case 0:
                data[at:to] = rng.randbytes(to - at)
            case 1:
                del data[at:to]
            case 2:
                data[at:at] = data[at:to] * rng.randint(1, 20)
            case _:
                del data[max(at, 1) :]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_a_broken_answer_is_a_result_or_an_error(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    settings = AelSettings(
        http_allow=("127.0.0.1",), http_allow_private=("127.0.0.1",), file_root=tmp_path, http_read_ms=2000,
        http_max_bytes=5000, http_max_file_bytes=5000,
    )  # fmt: skip
    ael = AdapterLayer(CapabilityRegistry(), settings)
    outcomes = set()
    async with serving(lambda request: broken(rng)) as server:
        for number in range(60):
            params: dict[str, Any] = {"url": server.url(), "max_redirects": 2}
            params |= {"file": f"f{number}"} if number % 3 == 0 else {}
            before = set(os.listdir(tmp_path))
            try:
                with anyio.fail_after(30):
                    result = await ael.execute({"type": "tool_call", "name": "http.request", "params": params})
                assert isinstance(result, ActionResult) and result.output["status"] in range(200, 300)
                outcomes.add("result")
            except PsgError as error:
                assert error.code in ("http_unreachable", "http_refused", "http_status", "http_denied",
                                      "output_too_large", "validation_failed")  # fmt: skip
                assert set(os.listdir(tmp_path)) == before, "nothing is left of a download that failed"
                outcomes.add(error.code)
    assert {"result", "http_unreachable"} <= outcomes
