"""JWTs: which hold, which do not, whatever keys and claims say; by real keys of a real issuer on loopback."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from oidc_issuer import AUDIENCE, Issuer, coded, jwk, private_key, running_issuer

from psg_graphql.identity.errors import TokenRefused
from psg_graphql.identity.oidc import Issuer as Judge
from psg_graphql.identity.settings import OidcSettings

pytestmark = pytest.mark.anyio
PROJECT = str(uuid.uuid4())


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as made:
        made.keys = [
            jwk("one"), jwk("rsa", "RSA"), jwk("okp", "OKP"), jwk("weak", "weak"), jwk("two", number=2),
            jwk("enc", number=3, use="enc"), jwk("ops", number=4, key_ops=["sign"]),
            jwk("rs512", "RSA", 5, alg="RS512"), jwk("named", "RSA", 6, alg="PS256"),
            {"kty": "oct", "kid": "shared", "k": coded(b"x" * 64)}, {"kty": "EC", "kid": "broken", "crv": "P-256"},
            "nothing", {"kid": "empty"},
        ]  # fmt: skip
        yield made


def judge(issuer: Issuer, **settings: Any) -> Judge:
    return Judge(OidcSettings(issuer=issuer.url, audience=(AUDIENCE,), **settings))


@pytest.mark.parametrize(
    "how",
    [{}, {"kid": "rsa", "kind": "RSA"}, {"kid": "rsa", "kind": "RSA", "algorithm": "PS256"},
     {"kid": "okp", "kind": "OKP"}, {"kid": "two", "number": 2}, {"kid": "named", "kind": "RSA", "number": 6,
     "algorithm": "PS256"}, {"aud": ["other", AUDIENCE]}, {"iat": ..., "nbf": ...}, {"headers": {"typ": "at+jwt"}}],
)  # fmt: skip
async def test_tokens_of_the_issuer_hold(issuer: Issuer, how: dict[str, Any]) -> None:
    claims = await judge(issuer).claims(issuer.token(**how))
    assert claims.subject == "oidc:ann"
    assert claims.expires > time.time()


def tampered(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{coded({**issuer.claims(), 'sub': 'root'})}.{signature}"


def headed(header: Any) -> Callable[[Issuer], str]:
    return lambda issuer: f"{coded(header)}.{coded(issuer.claims())}.{coded(b'x' * 64)}"


REFUSED: dict[str, Callable[[Issuer], str]] = {
    "unsigned": lambda i: i.unsigned(),
    "unsigned, spelled otherwise": lambda i: i.unsigned("nOnE"),
    "signed with the public key": lambda i: i.signed_with_public_key(),
    "of another issuer": lambda i: i.token(iss="https://other.example.org"),
    "issuer with a slash more": lambda i: i.token(iss=f"{i.url}/"),
    "without issuer": lambda i: i.token(iss=...),
    "for another audience": lambda i: i.token(aud="other"),
    "for nobody": lambda i: i.token(aud=[]),
    "without audience": lambda i: i.token(aud=...),
    "without end": lambda i: i.token(exp=...),
    "over": lambda i: i.token(exp=time.time() - 61),
    "not yet": lambda i: i.token(nbf=time.time() + 62),
    "from the future": lambda i: i.token(iat=time.time() + 62),
    "end as text": lambda i: i.token(exp="9999999999"),
    "end is true": lambda i: i.token(exp=True),
    "end far beyond": lambda i: i.token(exp=10**15),
    "end is no number": lambda i: i.token(exp=float("nan")),
    "end is infinite": lambda i: i.token(exp=float("inf")),
    "end below zero": lambda i: i.token(exp=-1),
    "signed by another key": lambda i: i.token(kid="one", number=9),
    "of a key that is not there": lambda i: i.token(kid="none"),
    "without the name of a key, several fit": lambda i: i.token(kid=None),
    "changed": tampered,
    "without signature": lambda i: i.token().rpartition(".")[0] + ".",
    "an algorithm that is not allowed": lambda i: i.token(kid="rsa", kind="RSA", algorithm="RS512"),
    "not the algorithm of its key": lambda i: i.token(kid="named", kind="RSA", number=6, algorithm="RS256"),
    "a key of another kind": lambda i: i.token(kid="rsa"),
    "a weak key": lambda i: i.token(kid="weak", kind="weak"),
    "a shared secret among the keys": lambda i: i.token(kid="shared"),
    "a key for encryption": lambda i: i.token(kid="enc", number=3),
    "a key not to verify": lambda i: i.token(kid="ops", number=4),
    "header with demands": lambda i: i.token(headers={"crit": ["exp"], "exp": 1}),
    "key named by a list": headed({"alg": "ES256", "kid": ["one"]}),
    "header is a list": headed([1]),
    "header is a text": headed("alg"),
    "no algorithm": headed({"kid": "one"}),
    "algorithm is a list": headed({"alg": ["ES256"], "kid": "one"}),
    "no subject": lambda i: i.token(sub=...),
    "subject is a number": lambda i: i.token(sub=5),
    "subject with a worker": lambda i: i.token(sub="ann/worker"),
    "subject with a line": lambda i: i.token(sub="ann\nroot"),
    "empty subject": lambda i: i.token(sub=" "),
    "two dots": lambda i: "..",
    "no base64": lambda i: "§.§.§",
    "nested deeply": lambda i: f"{coded(b'[' * 5_000)}.{coded(b'[' * 5_000)}.x",
    "claims nested deeply": lambda i: f"{i.token().partition('.')[0]}.{coded(b'[' * 9_000)}.x",
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", REFUSED)
async def test_tokens_that_do_not_hold(issuer: Issuer, name: str) -> None:
    with pytest.raises(TokenRefused):
        await judge(issuer).claims(REFUSED[name](issuer))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
async def test_clocks_may_differ_by_the_leeway_and_no_more(issuer: Issuer, claim: str) -> None:
    began = time.time()
    skew = {"exp": -50, "nbf": 50, "iat": 50}[claim]
    token = issuer.token(**{claim: began + skew})
    assert (await judge(issuer).claims(token)).subject == "oidc:ann"
    with pytest.raises(TokenRefused):
        await judge(issuer, leeway_s=20).claims(token)


async def test_what_a_token_grants_and_what_it_cannot(issuer: Issuer) -> None:
    settings = {
        "group_grants": {"admins": {"*": ["admin", "cypher"]}, "shop": {PROJECT: ["operator"]}},
        "groups_claim": "realm_access.roles", "actor_claim": "email", "actor_prefix": "",
    }  # fmt: skip
    said = {
        "email": "ann@example.org", "realm_access": {"roles": ["shop", "other", 5, None, ["admins"]]},
        "psg_grants": {PROJECT: ["viewer", "owner", 7], "*": "approver", "no project": ["admin"], "": ["admin"]},
    }  # fmt: skip
    claims = await judge(issuer, **settings).claims(issuer.token(**said))
    assert claims.subject == "ann@example.org"
    assert claims.grants == {PROJECT: {"viewer", "operator"}, "*": {"approver"}}
    for odd in ({"psg_grants": ["admin"]}, {"psg_grants": {PROJECT: ["cypher"]}}, {"psg_grants": {"*": {"admin": 1}}},
                {"realm_access": "admins"}, {"realm_access": {"roles": {"admins": 1}}}):  # fmt: skip
        found = await judge(issuer, **settings).claims(issuer.token(email="a", **odd))
        assert "admin" not in found.grants.get("*", ())
        assert all("cypher" not in roles for roles in found.grants.values())


def test_the_test_keys_are_of_their_own() -> None:
    assert private_key("EC") is private_key("EC")
    assert private_key("EC") is not private_key("EC", 2)
