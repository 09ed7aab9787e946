"""Clients and servers of different versions: what was released keeps working, what cannot says which one is older."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, execute_sync, parse, validate

from psg_client import ConfirmSummary, Forbidden, NotFound, PlanSummary, RequestRejected, ServerTooOld, UnknownAnswer
from psg_client.calls import Calls, member
from psg_client.errors import CommandFailed
from psg_client.transport import _rejected

ROOT = Path(__file__).resolve().parents[2]
RELEASED = sorted((ROOT / "tests" / "recorded" / "client_operations").iterdir())


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.name)
def test_operations_of_released_clients_are_still_valid(release: Path) -> None:
    schema = build_schema((ROOT / "graphql" / "schema.graphql").read_text("utf-8"))
    texts = [path.read_text("utf-8") for path in sorted(release.glob("*.graphql"))]
    assert texts
    document = parse("\n".join(texts))
    assert [error.message for error in validate(schema, document)] == []
    assert len(document.definitions) > 100


PLAN = {
    "id": "i", "uuid": "u", "projectId": "p", "contextId": "c", "traceId": None, "title": "t", "objective": "o",
    "status": "in_progress", "paused": False, "loading": False, "revision": 1, "stepsTotal": 1, "stepsOpen": 1,
    "stepsFailed": 0, "startedAt": None, "finishedAt": None,
}  # fmt: skip


def test_a_newer_server_may_say_more_than_a_client_knows() -> None:
    plan = PlanSummary.read({**PLAN, "status": "hibernating", "mood": {"new": "field"}})
    assert plan.status == "hibernating"


def test_a_union_member_that_only_a_newer_server_has_is_named() -> None:
    with pytest.raises(UnknownAnswer, match=r"'PlanDeferred'.*upgrade psg-platform here") as caught:
        member({"__typename": "PlanDeferred", "until": "later"}, {"PlanPayload": PlanSummary.read})
    assert caught.value.code == "unknown_answer" and isinstance(caught.value, RequestRejected)


def test_an_error_member_that_only_a_newer_server_has_is_still_an_error_with_its_code() -> None:
    answer = {"__typename": "Exhausted", "code": "exhausted", "message": "m", "category": "resource_error",
              "retryable": True, "details": {"a": 1}}  # fmt: skip
    with pytest.raises(CommandFailed, match="m") as caught:
        member(answer, {})
    assert (caught.value.code, caught.value.retryable, caught.value.details) == ("exhausted", True, {"a": 1})


class Streamed:
    """A transport whose stream has these messages."""

    retry_for_s = 0.0

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = messages

    def stream(self, *_: Any) -> Any:
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opened() -> Any:
            async def items() -> Any:
                for message in self._messages:
                    yield message

            yield items()

        return opened()


@pytest.mark.anyio
async def test_a_stream_goes_on_behind_a_kind_of_message_that_only_a_newer_server_sends() -> None:
    first, news, last = ({"__typename": name, **PLAN} for name in ("Known", "Advice", "Known"))
    calls = Calls(Streamed(first, news, last))  # type: ignore[arg-type]
    stream = calls._subscribe("s", "S", {}, lambda data: member(data, {"Known": PlanSummary.read}))
    assert len([item async for item in stream]) == 2


OLDER = build_schema("""
enum Family { old }
input Made { title: String! }
type Plan { id: ID! }
type Query { plan(id: ID!): Plan  plans(made: Made, family: Family): [Plan!] }
""")


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{ plan(id: 1) { id mood } }", {}),
        ("{ why(id: 1) { id } }", {}),
        ("{ plan(id: 1, asOf: 3) { id } }", {}),
        ("query Q($v: SetValueInput!) { plans(made: $v) { id } }", {}),
        ("{ plan(id: 1) { ... on Run { id } } }", {}),
        ("query Q($m: Made) { plans(made: $m) { id } }", {"m": {"title": "t", "key": "new"}}),
        ("query Q($f: Family) { plans(family: $f) { id } }", {"f": "new"}),
    ],
)
def test_a_server_that_lacks_what_is_asked_for_is_told_to_be_the_older_one(text: str, variables: Any) -> None:
    document = parse(text)
    found = validate(OLDER, document) or execute_sync(OLDER, document, variable_values=variables).errors or []
    message = found[0].message
    error = _rejected([{"message": message, "extensions": {"code": "request_invalid"}}])
    assert isinstance(error, ServerTooOld) and error.code == "server_too_old"
    assert message in error.message and "Upgrade the server" in error.message


def test_an_error_of_the_work_itself_is_not_taken_for_an_old_server() -> None:
    said = {"message": "Unknown field", "extensions": {"code": "plan_invalid", "category": "validation_error"}}
    assert not isinstance(_rejected([said]), ServerTooOld)
    for code, kind in (("forbidden", Forbidden), ("not_found", NotFound)):
        error = _rejected([{"message": "m", "extensions": {"code": code, "details": {"field": "id"}}}])
        assert isinstance(error, kind) and error.details["field"] == "id"


def test_generated_readers_take_null_where_it_is_allowed() -> None:
    data = {
        "id": "i", "uuid": "u", "targetType": "plan", "status": "pending", "requestedByRole": "r", "requestedAt": "t",
        "reason": None, "planId": None, "stepId": None, "step": None, "decisions": [], "approval": None,
    }  # fmt: skip
    assert ConfirmSummary.read(data).approval is None


def test_the_sdk_brings_nothing_of_the_server_with_it() -> None:
    script = "import sys, json, psg_client, psg_client.sync; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    roots = {name.split(".")[0] for name in json.loads(done.stdout)}
    ours = {"psg", "psg_cypher", "psg_neo4j", "psg_runtime", "psg_cli", "psg_graphql"}
    theirs = {"neo4j", "strawberry", "graphql", "starlette", "uvicorn", "pydantic", "pydantic_settings", "yaml",
              "typer", "structlog", "rich", "cryptography", "jwt", "websockets", "watchfiles"}  # fmt: skip
    assert "psg_client" in roots and roots & (ours | theirs) == set()
