"""Accounts over a real API: tokens and JWTs that hold, hold no more, or never did; what admins may give."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from graphql_api import FAILURE, Api, hear, next_of, running_api, say, subscribe
from oidc_issuer import AUDIENCE, Issuer, jwk, running_issuer
from structlog.testing import capture_logs

from psg.accounts import Accounts, Origin
from psg_cypher import parse_statements
from psg_graphql.global_id import parse_global_id
from psg_graphql.identity.settings import OidcSettings
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

OPERATOR = "the-token-of-the-operator"
WHO = "{ viewer { name subject method tokenId unrestricted grants { projectId roles } } }"
EVENTS = """subscription($p: ID!, $a: String) { events(projectId: $p, after: $a) { __typename
    ... on EventBatch { cursor events { seq } } ... on Heartbeat { cursor } ... on Closing { cursor } } }"""
FORGET, EXPIRE = parse_statements(
    """
// name: forget :write :none
MATCH (n) WHERE any(l IN labels(n) WHERE l IN ['ApiToken', 'Grant', 'AuditRecord']) AND n.actor CONTAINS $mark DELETE n
// name: expire :write :none
MATCH (n:ApiToken {id: $id}) SET n.expires_ms = n.created_ms
""",
    "accounts_api.cypher",
)


@dataclass
class World:
    api: Api
    accounts: Accounts
    issuer: Issuer
    mark: str
    project: str
    other: str

    @property
    def uuid(self) -> str:
        return parse_global_id(self.project).project_id

    def name(self, name: str) -> str:
        return f"{name}.{self.mark}"

    async def token(self, name: str, *roles: str, project: str | None = None, **more: Any) -> str:
        """The text of a token of an actor who has these roles in the project (``*``: everywhere)."""
        where = project or self.uuid
        for role in roles:
            await self.accounts.grant(self.name(name), where, role, by=Origin(self.name("setup")))
        return (await self.accounts.create_token(self.name(name), by=Origin(self.name("setup")), **more)).text

    async def sent(self, token: str | None, query: str = WHO, **headers: str) -> httpx2.Response:
        authorization = {} if token is None else {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=self.api.url, timeout=20) as http:
            return await http.post("/graphql", json={"query": query}, headers={**authorization, **headers})

    async def did(self, token: str, name: str, kind: str, fields: str, **given: Any) -> dict[str, Any]:
        """The result of a mutation, by who has ``token``."""
        text = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ __typename {fields} {FAILURE} }} }}"
        answer = await self.api.post(text, {"input": given}, authorization=f"Bearer {token}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"][name]

    async def created(self, token: str, **given: Any) -> dict[str, Any]:
        fields = "... on CreatedApiTokenPayload { text token { id actor roles projectIds expiresAt madeWith active } }"
        return await self.did(token, "createApiToken", "CreateApiTokenInput", fields, **given)

    async def granted(self, token: str, give: bool = True, **given: Any) -> dict[str, Any]:
        name = "grantRole" if give else "revokeRole"
        return await self.did(token, name, "RoleGrantInput", "... on RoleGrantPayload { changed roles }", **given)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as made:
        yield made


@pytest.fixture
async def world(db: Database, issuer: Issuer) -> AsyncIterator[World]:
    issuer.keys, issuer.broken = [jwk("one")], None
    mark = uuid.uuid4().hex[:10]
    oidc = OidcSettings(issuer=issuer.url, audience=(AUDIENCE,), keys_s=0.05, refetch_s=0.05, stale_s=0)
    async with running_api(db, auth="token,oidc", token=OPERATOR, oidc=oidc) as api:
        try:
            yield World(api, Accounts(db), issuer, mark, await api.project(), await api.project())
        finally:
            await db.write(FORGET, mark=mark)


async def test_a_token_made_by_mutation_works_until_it_is_revoked(world: World) -> None:
    made = await world.created(
        OPERATOR, actor=world.name("ci"), projectIds=[world.project], roles=["agent"], grant=True, lifeDays=1
    )
    assert made["token"]["active"] is True
    assert made["token"]["expiresAt"] is not None
    viewer = (await world.sent(made["text"])).json()["data"]["viewer"]
    assert viewer == {
        "name": world.name("ci"), "subject": world.name("ci"), "method": "api_token", "tokenId": made["token"]["id"],
        "unrestricted": False, "grants": [{"projectId": world.project, "roles": ["agent"]}],
    }  # fmt: skip
    taken = await world.granted(OPERATOR, False, actor=world.name("ci"), projectId=world.project, role="agent")
    assert taken == {"__typename": "RoleGrantPayload", "changed": True, "roles": []}
    assert (await world.sent(made["text"])).json()["data"]["viewer"]["grants"] == []
    ended = await world.did(
        OPERATOR, "revokeApiToken", "RevokeApiTokenInput", "... on RevokedApiTokenPayload { revoked token { active } }",
        tokenId=made["token"]["id"],
    )  # fmt: skip
    assert ended == {
        "__typename": "RevokedApiTokenPayload", "revoked": [made["token"]["id"]], "token": {"active": False},
    }  # fmt: skip
    assert (await world.sent(made["text"])).status_code == 401


async def test_a_command_sent_twice_shows_no_second_secret(world: World) -> None:
    given = {"actor": world.name("ci"), "commandId": str(uuid.uuid4())}
    made, again = await world.created(OPERATOR, **given), await world.created(OPERATOR, **given)
    assert made["__typename"] == "CreatedApiTokenPayload"
    assert (again["__typename"], again["code"]) == ("Conflict", "token_taken")


async def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(world: World, db: Database) -> None:
    good = await world.token("a", "viewer")
    expired, revoked = await world.token("a"), await world.token("a")
    await db.write(EXPIRE, id=expired.split("_")[1])
    await world.accounts.revoke_token(revoked.split("_")[1], by=Origin(world.name("setup")))
    bad = {
        "none": None, "of nobody": f"psg_{'0' * 16}_{'0' * 64}", "expired": expired, "revoked": revoked,
        "secret of another": "_".join([*good.split("_")[:2], revoked.split("_")[2]]), "malformed": good[:-1],
        "upper": good.upper(), "long": "x" * 20_000, "operator's, cut": OPERATOR[:-1],
        "foreign jwt": world.issuer.token(iss="https://other.example.org"), "unsigned": world.issuer.unsigned(),
        "expired jwt": world.issuer.token(exp=time.time() - 61), "unknown key": world.issuer.token(kid="x"),
        "shared secret": world.issuer.signed_with_public_key(), "three dots": "a.b.c.d", "two dots": "..",
    }  # fmt: skip
    answers = set()
    with capture_logs() as logs:
        for token in bad.values():
            answer = await world.sent(token)
            kept = {k: v for k, v in answer.headers.items() if k not in ("x-request-id", "date")}
            answers.add((answer.status_code, answer.content, tuple(sorted(kept.items()))))
    assert len(answers) == 1
    ((status, body, _),) = answers
    assert status == 401
    assert b'"unauthenticated"' in body
    why = {entry["why"] for entry in logs if entry["event"] == "unauthenticated"}
    assert why >= {"missing", "unknown", "expired", "revoked", "too_long", "algorithm", "not_valid", "unknown_key"}
    told = repr(logs)
    for token in (good, expired, revoked):
        assert token.split("_")[2] not in told
    assert (await world.sent(good)).status_code == 200


async def test_a_token_elsewhere_than_in_the_header_is_none(world: World) -> None:
    good = await world.token("a", "viewer")
    async with httpx2.AsyncClient(base_url=world.api.url) as http:
        for named in ("token", "access_token", "authorization"):
            cookie = {"cookie": f"{named}={good}"}
            answer = await http.post("/graphql", params={named: good}, json={"query": WHO}, headers=cookie)
            assert answer.status_code == 401, named
        basic = await http.post("/graphql", json={"query": WHO}, headers={"authorization": f"Basic {good}"})
        assert basic.status_code == 401
    for scheme in ("bearer", "BEARER"):
        async with httpx2.AsyncClient(base_url=world.api.url) as http:
            answer = await http.post("/graphql", json={"query": WHO}, headers={"authorization": f"{scheme} {good}"})
            assert answer.status_code == 200


async def test_a_jwt_grants_what_it_says_and_what_is_kept_for_its_subject(world: World) -> None:
    subject = f"ann.{world.mark}"
    token = world.issuer.token(sub=subject, psg_grants={world.uuid: ["viewer"]})
    viewer = (await world.sent(token)).json()["data"]["viewer"]
    assert (viewer["name"], viewer["method"]) == (f"oidc:{subject}", "oidc")
    assert viewer["grants"] == [{"projectId": world.project, "roles": ["viewer"]}]
    await world.accounts.grant(f"oidc:{subject}", world.uuid, "approver", by=Origin(world.name("setup")))
    viewer = (await world.sent(token)).json()["data"]["viewer"]
    assert viewer["grants"] == [{"projectId": world.project, "roles": ["approver", "viewer"]}]
    unprefixed = await world.accounts.grants_of(subject)
    assert unprefixed == {}


async def test_while_the_issuer_is_away_nobody_is_called_a_stranger(world: World) -> None:
    world.issuer.broken = 500
    answer = await world.sent(world.issuer.token())
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "identity_unavailable"
    assert answer.json()["errors"][0]["extensions"]["retryable"] is True
    assert (await world.sent(OPERATOR)).status_code == 200


async def test_a_token_speaks_for_its_actor_and_its_workers_and_for_nobody_else(world: World) -> None:
    name, token = world.name("ann"), await world.token("ann", "viewer")
    for actor in (name, f"{name}/worker-1"):
        viewer = (await world.sent(token, **{"x-psg-actor": actor})).json()["data"]["viewer"]
        assert (viewer["name"], viewer["subject"]) == (actor, name)
    for actor in ("bob", f"{name}x", f"x/{name}", name.upper(), "anonymous"):
        answer = await world.sent(token, **{"x-psg-actor": actor})
        assert answer.status_code == 403, actor
        assert answer.json()["errors"][0]["extensions"]["code"] == "actor_refused"
    assert (await world.sent(token, **{"x-psg-actor": f"{name}/a b"})).status_code == 400
    denied = await world.accounts.audit_records(first=10, latest=True, actor=name)
    assert [(r.act, r.reason, r.outcome, r.token_id) for r in denied] == [
        ("authenticate", "actor_refused", "denied", token.split("_")[1])
    ]
    assert denied[0].request_id is not None
    viewer = (await world.sent(OPERATOR, **{"x-psg-actor": "anybody"})).json()["data"]["viewer"]
    assert (viewer["name"], viewer["unrestricted"]) == ("anybody", True)


async def test_metrics_are_of_all_projects(world: World) -> None:
    async with httpx2.AsyncClient(base_url=world.api.url) as http:
        found = {}
        for who, token in (
            ("nobody", "x"), ("of a project", await world.token("a", "admin")), ("operator", OPERATOR),
            ("everywhere", await world.token("b", "viewer", project="*")),
        ):  # fmt: skip
            found[who] = (await http.get("/metrics", headers={"authorization": f"Bearer {token}"})).status_code
    assert found == {"nobody": 401, "of a project": 403, "operator": 200, "everywhere": 200}


async def test_admins_of_a_project_grant_inside_it_only(world: World) -> None:
    admin, somebody = await world.token("boss", "admin"), world.name("somebody")
    for role in ("viewer", "admin"):
        given = await world.granted(admin, actor=somebody, projectId=world.project, role=role)
        assert given["__typename"] == "RoleGrantPayload", given
    for more in ({"projectId": world.other}, {}):
        denied = await world.granted(admin, actor=somebody, role="viewer", **more)
        assert denied["__typename"] in ("Forbidden", "NotFound"), denied
    cypher = await world.granted(admin, actor=somebody, projectId=world.project, role="cypher")
    assert cypher["__typename"] == "ValidationError"
    assert await world.accounts.grants_of(somebody) == {world.uuid: {"viewer", "admin"}}
    operator = await world.token("op", "operator")
    denied = await world.granted(operator, actor=world.name("op"), projectId=world.project, role="admin")
    assert denied["__typename"] == "Forbidden"


async def test_admins_of_a_project_make_tokens_for_names_below_theirs_only(world: World) -> None:
    admin = await world.token("boss", "admin", life_s=3_600)
    worker = f"{world.name('boss')}/worker"
    fine = {"actor": worker, "projectIds": [world.project], "roles": ["agent"], "lifeDays": 0.01, "grant": True}
    made = await world.created(admin, **fine)
    assert made["__typename"] == "CreatedApiTokenPayload", made
    assert made["token"]["madeWith"] == admin.split("_")[1]
    viewer = (await world.sent(made["text"])).json()["data"]["viewer"]
    assert viewer["grants"] == [{"projectId": world.project, "roles": ["agent"]}]
    for wrong in (
        {"actor": "somebody.else"}, {"actor": f"{world.name('boss')}er/x"}, {"projectIds": [world.other]},
        {"projectIds": [world.project, world.other]}, {"projectIds": None}, {"roles": None}, {"lifeDays": 1},
        {"lifeDays": None}, {"roles": ["cypher"]},
    ):  # fmt: skip
        denied = await world.created(admin, **{**fine, **wrong})
        assert denied["__typename"] in ("Forbidden", "ValidationError"), wrong
    narrow = await world.token("boss", projects=[world.uuid], roles=["viewer"])
    assert (await world.created(narrow, **{**fine, "roles": ["viewer"], "lifeDays": 1}))["__typename"] == "Forbidden"
    theirs = await world.token("other")
    denied = await world.did(
        admin, "revokeApiToken", "RevokeApiTokenInput", "... on RevokedApiTokenPayload { revoked }",
        tokenId=theirs.split("_")[1],
    )  # fmt: skip
    assert denied["__typename"] == "NotFound"
    assert (await world.sent(theirs)).status_code == 200


async def test_a_token_of_somebody_else_is_told_like_one_that_never_was(world: World) -> None:
    mine, theirs = await world.token("ann"), (await world.token("other")).split("_")[1]
    told = []
    for token_id in (theirs, "0" * 16):
        fields = "... on RevokedApiTokenPayload { revoked }"
        denied = await world.did(mine, "revokeApiToken", "RevokeApiTokenInput", fields, tokenId=token_id)
        told.append({**denied, "message": denied["message"].replace(token_id, "<id>")})
    assert told[0] == told[1]
    assert told[0]["code"] == "token_unknown"


async def test_what_a_jwt_makes_ends_within_the_days_that_are_set(world: World) -> None:
    subject = f"ann.{world.mark}"
    jwt = world.issuer.token(sub=subject, exp=time.time() + 60, psg_grants={world.uuid: ["viewer"]})
    for life in (None, 91):
        refused = await world.created(jwt, actor=f"oidc:{subject}", lifeDays=life)
        assert (refused["__typename"], refused["code"]) == ("Forbidden", "beyond_scope"), life
        assert "90.000" in refused["message"]
    for actor, life in ((f"oidc:{subject}", {}), (f"oidc:{subject}/w", {"lifeDays": 1})):
        made = await world.created(jwt, actor=actor, **life)
        assert made["token"]["expiresAt"] is not None
    (told, _) = await world.accounts.audit_records(first=2, actor=f"oidc:{subject}", outcome="allowed")
    assert (told.act, told.details["method"]) == ("token.create", "oidc")
    admin = world.issuer.token(sub=f"boss.{world.mark}", psg_grants={"*": ["admin"]})
    assert (await world.created(admin, actor=world.name("ci"), lifeDays=None))["token"]["expiresAt"] is None


async def test_everybody_sees_the_own_accounts_admins_those_of_their_project(world: World) -> None:
    viewer, admin = await world.token("ann", "viewer"), await world.token("boss", "admin")

    async def asked(token: str, query: str) -> Any:
        return (await world.sent(token, query)).json()

    own = "{ apiTokens { totalCount nodes { actor } } grants { totalCount nodes { actor role } } }"
    found = await asked(viewer, own)
    assert found["data"] == {
        "apiTokens": {"totalCount": 1, "nodes": [{"actor": world.name("ann")}]},
        "grants": {"totalCount": 1, "nodes": [{"actor": world.name("ann"), "role": "viewer"}]},
    }  # fmt: skip
    of_project = f'{{ grants(projectId: "{world.project}") {{ totalCount nodes {{ actor }} }} }}'
    assert (await asked(viewer, of_project))["errors"][0]["extensions"]["code"] == "forbidden"
    seen = (await asked(admin, of_project))["data"]["grants"]
    assert seen == {"totalCount": 2, "nodes": [{"actor": world.name("ann")}, {"actor": world.name("boss")}]}
    page = f'{{ grants(projectId: "{world.project}", first: 1) {{ pageInfo {{ hasNextPage endCursor }} }} }}'
    cursor = (await asked(admin, page))["data"]["grants"]["pageInfo"]["endCursor"]
    rest = f'{{ grants(projectId: "{world.project}", after: "{cursor}") {{ nodes {{ actor }} }} }}'
    assert (await asked(admin, rest))["data"]["grants"]["nodes"] == [{"actor": world.name("boss")}]
    others = f'{{ apiTokens(actor: "{world.name("boss")}") {{ nodes {{ id }} }} }}'
    assert (await asked(viewer, others))["errors"][0]["extensions"]["code"] == "forbidden"
    trail = f'{{ auditRecords(projectId: "{world.project}") {{ nodes {{ act actor outcome count }} }} }}'
    assert (await asked(viewer, trail))["errors"][0]["extensions"]["code"] == "forbidden"
    nodes = (await asked(admin, trail))["data"]["auditRecords"]["nodes"]
    denied = [n for n in nodes if n["outcome"] == "denied"]
    assert [(n["act"], n["actor"]) for n in denied] == [
        ("Query.auditRecords", world.name("ann")), ("Query.grants", world.name("ann"))
    ]  # fmt: skip
    assert "grant.give" in {n["act"] for n in nodes}
    everything = "{ auditRecords { nodes { seq } } }"
    assert (await asked(admin, everything))["errors"][0]["extensions"]["code"] == "forbidden"


async def test_a_subscription_outlives_the_rotation_of_keys_and_ends_when_its_own_is_withdrawn(world: World) -> None:
    def token(kid: str, number: int) -> str:
        return world.issuer.token(kid=kid, number=number, sub=world.mark, psg_grants={world.uuid: ["viewer"]})

    async with world.api.socket(init={"authorization": f"Bearer {token('one', 0)}"}) as socket:
        await subscribe(socket, EVENTS, p=world.project)
        first = await next_of(socket, "events")
        seen = [e["seq"] for e in first["events"]]
        world.issuer.keys = [jwk("one"), jwk("two", number=2)]
        await world.api.context(world.project)
        batch = await next_of(socket, "events")
        seen += [e["seq"] for e in batch["events"]]
        world.issuer.keys = [jwk("two", number=2)]
        await world.api.context(world.project)
        while (message := await hear(socket))["type"] == "next" and not message["payload"].get("errors"):
            batch = message["payload"]["data"]["events"]
            seen += [e["seq"] for e in batch.get("events", ())]
        error = (message["payload"].get("errors") if message["type"] == "next" else message["payload"])[0]
        assert error["extensions"]["code"] == "unauthenticated"
        cursor = error["extensions"]["details"]["cursor"]
        assert cursor == batch["cursor"]
    await world.api.context(world.project)
    async with world.api.socket(init={"authorization": f"Bearer {token('two', 2)}"}) as socket:
        await subscribe(socket, EVENTS, p=world.project, a=cursor)
        seen += [e["seq"] for e in (await next_of(socket, "events"))["events"]]
    head = await world.api.ask("query($p: ID!) { project(id: $p) { cursor } }", p=world.project)
    assert seen == list(range(1, int(head["project"]["cursor"]) + 1))


async def test_a_socket_is_refused_without_a_token_that_holds(world: World) -> None:
    good = await world.token("a", "viewer")
    for init in ({}, {"authorization": "Bearer x"}, {"authorization": good}, {"authorization": 5}, {"token": good},
                 {"authorization": "Bearer ö"}, {"authorization": f"Bearer {good}", "actor": "ö"}):  # fmt: skip
        async with world.api.socket() as socket:
            await say(socket, type="connection_init", payload=init)
            await socket.wait_closed()
            assert socket.close_code == 4403, init
    async with world.api.socket(init={"authorization": f"Bearer {good}", "actor": world.name("a") + "/w"}) as socket:
        await subscribe(socket, WHO)
        assert (await next_of(socket, "viewer"))["name"] == f"{world.name('a')}/w"
        await hear(socket)
        await world.accounts.revoke_token(good.split("_")[1], by=Origin(world.name("setup")))
        await subscribe(socket, WHO, id="2")
        message = await hear(socket)
        assert "unauthenticated" in repr(message), "a connection is asked again for each operation"
