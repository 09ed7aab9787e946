"""The llm adapter against a server on loopback that speaks the OpenAI chat API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from psg.errors import ActionTimeout, ValidationFailed
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.failures import LlmRefused, LlmUnavailable

pytest.importorskip("pydantic_ai")
pytestmark = pytest.mark.anyio
KEY = "sk-test-marker-0123456789"


class ChatServer(ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ChatHandler)
        self.status = 200
        self.body: Any = None
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.held: threading.Event | None = None


class ChatHandler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(({k.lower(): v for k, v in self.headers.items()}, {"path": self.path, **asked}))
        if self.server.held is not None:
            self.server.held.wait(30)
        body = self.server.body if self.server.body is not None else answer(asked["model"])
        raw = json.dumps(body).encode()
        try:
            self.send_response(self.server.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
        except (BrokenPipeError, ConnectionResetError):
            return

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def answer(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "All is well."}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16},
    }


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as chat:
        thread = threading.Thread(target=chat.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield chat
        if chat.held is not None:
            chat.held.set()
        chat.shutdown()
        thread.join()


def layer(server: ChatServer, **settings: Any) -> AdapterLayer:
    url = f"http://127.0.0.1:{server.server_port}/v1"
    given = {"llm_base_url": url, "llm_api_key": KEY, "llm_model": "local-model", **settings}
    return AdapterLayer(CapabilityRegistry(), AelSettings(**given))


async def ask(ael: AdapterLayer, *, timeout_ms: int = 20_000, **params: Any) -> Any:
    action = {"type": "llm_call", "step_id": "s1", "idempotency_key": "idem-1", "timeout_ms": timeout_ms}
    return (await ael.execute({**action, "params": params})).output


@pytest.mark.req("L3-29")
async def test_a_prompt_is_answered(server: ChatServer) -> None:
    ael = layer(server)
    assert ael.unavailable_reason("llm") is None
    output = await ask(ael, prompt="How is it?", system="Be brief.", max_tokens=50, temperature=0.5)
    assert output == {
        "text": "All is well.",
        "model": "local-model",
        "usage": {"input_tokens": 12, "output_tokens": 4},
    }
    headers, asked = server.requests[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is it?"},
    ]
    assert asked["temperature"] == 0.5
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["idempotency-key"] == "idem-1"


async def test_messages_and_another_model(server: ChatServer) -> None:
    messages = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]
    messages.append({"role": "user", "content": "3"})
    assert (await ask(layer(server), messages=messages, model="other"))["model"] == "other"
    assert server.requests[0][1]["messages"] == messages


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (500, LlmUnavailable, True),
        (503, LlmUnavailable, True),
        (429, LlmUnavailable, True),
        (401, LlmRefused, False),
        (400, LlmRefused, False),
        (404, LlmRefused, False),
    ],
)
async def test_an_error_of_the_server_is_classified_and_asked_once(
    server: ChatServer, status: int, kind: type[Exception], retryable: bool
) -> None:
    server.status, server.body = status, {"error": {"message": f"key {KEY} is bad", "type": "x"}}
    with pytest.raises(kind) as caught:
        await ask(layer(server), prompt="?")
    assert caught.value.retryable is retryable  # type: ignore[attr-defined]
    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


async def test_an_answer_that_is_none_is_a_failure(server: ChatServer) -> None:
    server.body = {"unexpected": True}
    with pytest.raises(LlmUnavailable):
        await ask(layer(server), prompt="?")


async def test_nobody_there_is_retryable(server: ChatServer) -> None:
    with ChatServer() as closed:
        port = closed.server_port
    with pytest.raises(LlmUnavailable) as caught:
        await ask(layer(server, llm_base_url=f"http://127.0.0.1:{port}/v1"), prompt="?")
    assert caught.value.retryable


async def test_a_slow_model_is_not_waited_for(server: ChatServer) -> None:
    server.held = threading.Event()
    with pytest.raises(ActionTimeout):
        await ask(layer(server), prompt="?", timeout_ms=300)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"prompt": "a", "messages": [{"role": "user", "content": "b"}]},
        {"prompt": "a", "max_token": 5},
        {"messages": [{"role": "robot", "content": "b"}]},
        {"prompt": "a", "temperature": 9},
    ],
)
async def test_wrong_params_are_refused_before_anything_is_sent(server: ChatServer, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        await ask(layer(server), **params)
    assert server.requests == []
