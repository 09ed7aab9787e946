"""Keys of an issuer: fetched once, again when they are unknown or old, and what holds while they cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from oidc_issuer import AUDIENCE, Issuer, jwk, running_issuer

from psg_graphql.identity.errors import IdentityUnavailable, TokenRefused
from psg_graphql.identity.key_set import RETRY_S, KeySet
from psg_graphql.identity.oidc import Issuer as Judge
from psg_graphql.identity.settings import OidcSettings

pytestmark = pytest.mark.anyio


class Clock:
    """Time that goes only when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as made:
        yield made


def key_set(issuer: Issuer, clock: Clock, **settings: Any) -> tuple[KeySet, Judge]:
    chosen = OidcSettings(issuer=issuer.url, audience=(AUDIENCE,), timeout_s=2, **settings)
    keys = KeySet(chosen, clock=clock)
    return keys, Judge(chosen, keys=keys)


async def test_many_at_once_fetch_once(issuer: Issuer) -> None:
    _, judge = key_set(issuer, Clock())
    token = issuer.token()
    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(judge.claims, token)
    assert issuer.fetched == 1


async def test_a_new_key_is_found_when_a_token_names_it(issuer: Issuer) -> None:
    clock = Clock()
    _, judge = key_set(issuer, clock)
    await judge.claims(issuer.token())
    issuer.keys = [jwk("one"), jwk("two", number=2)]
    await judge.claims(issuer.token(kid="two", number=2))
    await judge.claims(issuer.token())
    assert issuer.fetched == 2


async def test_made_up_keys_make_one_ask_the_issuer_now_and_then_only(issuer: Issuer) -> None:
    clock = Clock()
    _, judge = key_set(issuer, clock, refetch_s=30)
    await judge.claims(issuer.token())

    async def refused(n: int) -> None:
        with pytest.raises(TokenRefused, match="unknown_key"):
            await judge.claims(issuer.token(kid=f"made up {n}"))

    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(refused, n)
    assert issuer.fetched == 2
    clock.now += 29
    await refused(1)
    assert issuer.fetched == 2
    clock.now += 2
    await refused(2)
    assert issuer.fetched == 3


async def test_a_withdrawn_key_holds_until_keys_are_fetched_again(issuer: Issuer) -> None:
    clock = Clock()
    _, judge = key_set(issuer, clock, keys_s=300)
    token = issuer.token()
    await judge.claims(token)
    issuer.keys = [jwk("two", number=2)]
    clock.now += 299
    await judge.claims(token)
    clock.now += 2
    with pytest.raises(TokenRefused, match="unknown_key"):
        await judge.claims(token)


async def test_a_connection_goes_on_while_keys_rotate_and_ends_when_its_key_is_withdrawn(issuer: Issuer) -> None:
    clock = Clock()
    _, judge = key_set(issuer, clock, keys_s=300)
    claims = await judge.claims(issuer.token())
    again = (claims.expires, claims.kid, claims.algorithm, claims.key_mark)
    issuer.keys = [jwk("one"), jwk("two", number=2)]
    clock.now += 301
    await judge.check_again(*again)
    issuer.keys = [jwk("two", number=2)]
    clock.now += 301
    with pytest.raises(TokenRefused):
        await judge.check_again(*again)
    issuer.keys = [jwk("one", number=7)]
    clock.now += 301
    with pytest.raises(TokenRefused, match="key_changed"):
        await judge.check_again(*again)


async def test_a_connection_ends_with_its_token(issuer: Issuer) -> None:
    keys, judge = key_set(issuer, Clock())
    claims = await judge.claims(issuer.token())
    late = Judge(judge._settings, keys=keys, clock=lambda: claims.expires + 61)
    with pytest.raises(TokenRefused, match="expired"):
        await late.check_again(claims.expires, claims.kid, claims.algorithm, claims.key_mark)


async def test_while_the_issuer_is_away_its_keys_serve_for_a_while(issuer: Issuer) -> None:
    clock = Clock()
    _, judge = key_set(issuer, clock, keys_s=300, stale_s=600)
    token = issuer.token()
    await judge.claims(token)
    issuer.broken = 500
    clock.now += 301
    for _ in range(5):
        await judge.claims(token)
    assert issuer.fetched == 2, "a failed fetch is not repeated for each request"
    clock.now += 600
    with pytest.raises(IdentityUnavailable):
        await judge.claims(token)
    issuer.broken = None
    clock.now += RETRY_S
    await judge.claims(token)


@pytest.mark.parametrize(
    "broken", [500, 302, 404, b"", b"[]", b'{"keys": 5}', b"\xff", b'{"keys": []', b" " * ((1 << 20) + 1)],
    ids=["500", "redirect", "404", "empty", "list", "no keys", "no text", "cut", "too long"],
)  # fmt: skip
async def test_an_issuer_that_answers_nonsense_refuses_nobody_for_it(issuer: Issuer, broken: Any) -> None:
    clock = Clock()
    _, judge = key_set(issuer, clock)
    issuer.broken = broken
    with pytest.raises(IdentityUnavailable):
        await judge.claims(issuer.token())
    issuer.broken = None
    clock.now += RETRY_S
    assert (await judge.claims(issuer.token())).subject == "oidc:ann"
    assert issuer.fetched == 2


@pytest.mark.parametrize(
    "said", [{"issuer": "https://other.example.org"}, {"jwks_uri": "http://example.org/keys"}, {"jwks_uri": 5}]
)
async def test_a_discovery_document_that_leads_elsewhere_is_not_followed(issuer: Issuer, said: dict[str, Any]) -> None:
    _, judge = key_set(issuer, Clock())
    issuer.discovered = said
    with pytest.raises(IdentityUnavailable):
        await judge.claims(issuer.token())
    assert issuer.fetched == 0


async def test_a_slow_issuer_keeps_nobody_whose_key_is_known(issuer: Issuer) -> None:
    clock = Clock()
    _, judge = key_set(issuer, clock, keys_s=300)
    token = issuer.token()
    await judge.claims(token)
    clock.now += 301
    issuer.hold.clear()
    with anyio.fail_after(15):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(judge.claims, token)
            await anyio.wait_all_tasks_blocked()
            await judge.claims(token)
            issuer.hold.set()


async def test_keys_may_be_named_without_discovery_and_a_lone_key_needs_no_name(issuer: Issuer) -> None:
    _, judge = key_set(issuer, Clock(), jwks_url=f"{issuer.url}/keys")
    issuer.discovered = {"issuer": "https://other.example.org"}
    issuer.keys = [jwk(None)]
    assert (await judge.claims(issuer.token(kid=None))).subject == "oidc:ann"
