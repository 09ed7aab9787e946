"""Plans that a language model proposes, against a server on loopback that speaks the OpenAI chat API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_ael_llm import ChatServer, answer, server  # noqa: F401 - `server` is a fixture

from psg.errors import CapabilityDenied
from psg_runtime import Executor, LlmPlanner, Planner
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.failures import LlmUnavailable
from psg_runtime.in_memory import PlanNotApproved
from psg_runtime.planning import PlanProposalInvalid

pytest.importorskip("pydantic_ai")
pytestmark = pytest.mark.anyio

GOAL = {"id": "g1", "description": "Find and tell", "success_criteria": ["told"], "context": {"topic": "graphs"}}
SEARCH = {
    "id": "find", "type": "tool", "name": "web_search", "description": "Find", "params": {"query": "{{params.topic}}"},
    "dependencies": [],
}  # fmt: skip
TELL = {**SEARCH, "id": "tell", "params": {"query": "{{find.output.found}}"}, "dependencies": ["find"]}


def registry() -> tuple[CapabilityRegistry, list[str]]:
    made, called = CapabilityRegistry(), list[str]()

    def web_search(query: str) -> dict[str, str]:
        called.append(query)
        return {"found": f"all about {query}"}

    made.register(name="web_search", type="tool", call=web_search, description="Search the web")
    made.register(name="hidden", type="tool", call=web_search, enabled=False)
    return made, called


def saying(*texts: str) -> list[dict[str, Any]]:
    """Answers of the model."""
    made = [answer("local-model") for _ in texts]
    for one, text in zip(made, texts, strict=True):
        one["choices"][0]["message"]["content"] = text
    return made


def planner(server: ChatServer, made: CapabilityRegistry, **options: Any) -> Planner:  # noqa: F811
    url = f"http://127.0.0.1:{server.server_port}/v1"
    settings = AelSettings(llm_base_url=url, llm_api_key="sk-test-marker-0123456789", llm_model="local-model")
    layer = AdapterLayer(made, settings)
    return Planner(registry=layer, llm=LlmPlanner(layer, **options))


@pytest.mark.req("ORCH-27")
@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```"])
async def test_a_proposal_is_a_draft_until_somebody_approves_it(server: ChatServer, fence: str) -> None:  # noqa: F811
    made, called = registry()
    (server.body,) = saying(fence.replace("{}", json.dumps({"steps": [SEARCH, TELL]})))
    planning = planner(server, made)
    draft = await planning.plan(GOAL)
    assert draft.draft is True and draft.goal_id == "g1"
    assert called == []
    with pytest.raises(PlanNotApproved):
        await Executor(made).execute(draft)
    result = await Executor(made).execute(planning.approve(draft, by="ann"))
    assert result.output == {"found": "all about all about graphs"}
    ((_, asked),) = server.requests
    assert asked["response_format"]["type"] == "json_schema"
    told = asked["messages"][1]["content"]
    assert "Find and tell" in told and "web_search" in told and "hidden" not in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("I cannot do that.", "no JSON"),
        ("", "no JSON"),
        ("[]", "no JSON object"),
        (json.dumps({"steps": []}), "at least one step"),
        (json.dumps({"steps": [SEARCH], "approval": None}), "not an object"),
        (json.dumps({"steps": [SEARCH] * 201}), "201 steps"),
        ("x" * 300_000, "300000 characters"),
        (json.dumps({"steps": [{**SEARCH, "name": "unheard_of"}]}), "unheard_of"),
        (json.dumps({"steps": [{**SEARCH, "name": "hidden"}]}), "disabled"),
        (json.dumps({"steps": [{**SEARCH, "name": "process.run", "params": {"argv": ["rm"]}}]}), "proposed plan"),
        (json.dumps({"steps": [{**SEARCH, "dependencies": ["tell"]}, TELL]}), "cycle"),
        (json.dumps({"steps": [SEARCH, SEARCH]}), "two steps"),
        (json.dumps({"steps": [{**SEARCH, "dependencies": ["ghost"]}]}), "`ghost`"),
        (json.dumps({"steps": [{**SEARCH, "params": {"query": "{{tell.output}}"}}]}), "tell"),
        (json.dumps({"steps": [{**SEARCH, "type": "plan"}]}), "type `plan`"),
        (json.dumps({"steps": [{**SEARCH, "approval": {"quorum": 1}}]}), "`approval`"),
        (json.dumps({"steps": ["search"]}), "no object"),
        (json.dumps({"steps": [{**SEARCH, "retries": 10**9}]}), "retries"),
    ],
)
async def test_a_proposal_that_is_no_plan_is_told_and_never_executed(
    server: ChatServer, text: str, says: str  # noqa: F811
) -> None:
    made, called = registry()
    (server.body,) = saying(text)
    with pytest.raises(PlanProposalInvalid) as caught:
        await planner(server, made, attempts=1).plan(GOAL)
    assert says in caught.value.message
    assert len(caught.value.message) < 2_000
    assert called == [] and len(server.requests) == 1


async def test_a_wrong_proposal_is_sent_back_with_what_is_wrong(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    made, _ = registry()
    (server.body,) = saying("Sorry?")
    with pytest.raises(PlanProposalInvalid):
        await planner(server, made, attempts=3).plan(GOAL)
    assert len(server.requests) == 3
    last = server.requests[-1][1]["messages"]
    assert [m["role"] for m in last] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "no JSON" in last[-1]["content"]


async def test_without_a_model_or_with_one_that_fails_there_is_a_clear_error(server: ChatServer) -> None:  # noqa: F811
    made, _ = registry()
    layer = AdapterLayer(made, AelSettings(llm_api_key=None))
    with pytest.raises(CapabilityDenied, match="no LLM key"):
        await Planner(llm=LlmPlanner(layer)).plan(GOAL)
    server.status, server.body = 500, {"error": {"message": "broken"}}
    with pytest.raises(LlmUnavailable):
        await planner(server, made).plan(GOAL)
