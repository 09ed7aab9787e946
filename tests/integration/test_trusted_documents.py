"""Trusted documents: what is known runs by its hash, and in the mode ``only`` nothing else does."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from graphql_api import Api, hear, running_api, say, subscribe

from psg.accounts.accounts import Accounts, Origin
from psg.errors import ValidationFailed
from psg_client import generated
from psg_graphql.settings import ApiSettings
from psg_graphql.trusted_documents import TrustedDocuments, document_id, shipped
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
OWN = "query Mine { health { status } }\n"
AD_HOC = "query AdHoc { health { status version } }"
OLD = "query Health { health { status } } # of an older client\n"
WATCH = "subscription Watch($p: ID!) { events(projectId: $p) { __typename ... on EventBatch { cursor } } }"
OPERATOR = "the-operator-s-own-token"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.graphql").write_text(OWN)
    (tmp_path / "watch.graphql").write_text(WATCH)
    return tmp_path


@asynccontextmanager
async def token_of(db: Database, role: str) -> AsyncIterator[dict[str, str]]:
    """Headers with the API token of a new actor who has one role everywhere."""
    accounts, name, by = Accounts(db), f"documents-{role}-{uuid.uuid4().hex}", Origin("tests")
    await accounts.grant(name, "*", role, by=by)
    made = await accounts.create_token(name, by=by)
    try:
        yield {"authorization": f"Bearer {made.text}"}
    finally:
        await accounts.revoke_token(made.token.id, by=by)
        await accounts.revoke(name, "*", role, by=by)


async def asked(api: Api, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    """Status, and the data or the code of the first error."""
    answer = await api.http.post("/graphql", json=body, headers=headers)
    told = answer.json()
    return answer.status_code, told["errors"][0]["extensions"]["code"] if told.get("errors") else told["data"]


def test_the_operations_of_client_and_console_are_known() -> None:
    texts = set(shipped().values())
    assert generated._PROJECTS in texts and len(texts) > 100
    assert all(document_id(text) == name and len(name) == 71 for name, text in shipped().items())
    assert any(text not in vars(generated).values() for text in texts)  # the console's


@pytest.mark.parametrize("text", ["query {", "fragment F on Plan { id }", "", "\xff"])
def test_a_folder_with_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.graphql").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValidationFailed, match=r"bad\.graphql"):
        TrustedDocuments.of(ApiSettings(documents="only", documents_folder=tmp_path))
    with pytest.raises(ValidationFailed, match="no folder"):
        TrustedDocuments.of(ApiSettings(documents_folder=tmp_path / "nope"))


async def test_prefer_runs_hashes_and_texts(db: Database, folder: Path) -> None:
    async with running_api(db, documents="prefer", documents_folder=folder) as api:
        assert await asked(api, {"documentId": document_id(OWN)}) == (200, {"health": {"status": "ok"}})
        assert (await asked(api, {"query": AD_HOC}))[0] == 200
        given = {"documentId": document_id(generated._PROJECTS), "variables": {"first": 1}}
        assert "projects" in (await asked(api, given))[1]
        # An older client, whose text this release has no hash of, is told so and sends the text.
        assert await asked(api, {"documentId": document_id(OLD)}) == (400, "document_unknown")
        assert (await asked(api, {"documentId": document_id(OLD), "query": OLD}))[0] == 200
        for wrong in ("sha256:", "md5:abc", "", 7, [1], {"a": 1}, document_id(OWN).upper()):
            assert await asked(api, {"documentId": wrong}) == (400, "document_unknown"), wrong
        modern = {"accept": "application/graphql-response+json"}
        refused = await api.http.post("/graphql", json={"documentId": "x"}, headers=modern)
        assert refused.headers["content-type"].startswith(modern["accept"])
        apollo = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a" * 64}}}
        answer = await api.http.post("/graphql", json=apollo)
        assert (answer.status_code, answer.json()["errors"][0]["message"]) == (400, "PersistedQueryNotSupported")
        facts = (await api.http.get("/console/config.json")).json()
        assert facts["documents"] == "prefer"


async def test_off_knows_none(db: Database) -> None:
    async with running_api(db, documents="off") as api:
        assert await asked(api, {"documentId": document_id(generated._PROJECTS)}) == (400, "document_unknown")
        assert (await asked(api, {"query": AD_HOC}))[0] == 200


async def test_only_refuses_texts_of_all_but_those_who_may_ask_anything(db: Database, folder: Path) -> None:
    settings: dict[str, Any] = {"documents": "only", "documents_folder": folder, "token": OPERATOR}
    modern = {"accept": "application/graphql-response+json"}
    async with running_api(db, **settings) as api, token_of(db, "viewer") as viewer, token_of(db, "cypher") as asker:
        assert await asked(api, {"query": AD_HOC}, **viewer, **modern) == (400, "document_required")
        for text in ("{ __schema { types { name } } }", "{ nonsense", OWN + " "):
            assert await asked(api, {"query": text}, **viewer) == (200, "document_required")
        known = (200, {"health": {"status": "ok"}})
        assert await asked(api, {"documentId": document_id(OWN)}, **viewer) == known
        assert await asked(api, {"query": OWN}, **viewer) == known  # its text is as good as its hash
        assert (await asked(api, {"query": AD_HOC}, **asker))[1]["health"]["status"] == "ok"
        assert (await asked(api, {"query": AD_HOC}))[1]["health"]["status"] == "ok"  # the operator
        stream = {**viewer, "accept": "text/event-stream"}
        assert "document_required" in (await api.http.post("/graphql", json={"query": AD_HOC}, headers=stream)).text
        await on_a_socket(api, viewer["authorization"])


async def on_a_socket(api: Api, authorization: str) -> None:
    """A socket is no way around: known hashes run, other texts do not, and the socket goes on."""
    project_id = await api.project()
    async with api.socket() as socket:
        await say(socket, type="connection_init", payload={"authorization": authorization})
        assert (await hear(socket))["type"] == "connection_ack"
        await subscribe(socket, WATCH + "#", id="1", p=project_id)
        refused = await hear(socket)
        assert refused["payload"][0]["extensions"]["code"] == "document_required", refused
        await say(socket, type="subscribe", id="2", payload={"documentId": "sha256:nope"})
        unknown = await hear(socket)
        assert (unknown["type"], unknown["id"]) == ("error", "2")
        assert unknown["payload"][0]["extensions"]["code"] == "document_unknown"
        given = {"documentId": document_id(WATCH), "variables": {"p": project_id}}
        await say(socket, type="subscribe", id="3", payload=given)
        assert (await hear(socket))["payload"]["data"]["events"]["__typename"] == "EventBatch"
