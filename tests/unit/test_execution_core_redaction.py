"""Secrets under names, inside of texts and echoed elsewhere are redacted; what only sounds like one stays."""

from __future__ import annotations

import copy
import datetime
import time
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import pytest

from psg_runtime.execution_core import REDACTED, Redactor, redact_execution_log, secret_values
from psg_runtime.execution_core.redaction import MAX_VALUES

MARKER = "m4rk3r-5f2b8c"


def words(text: str) -> list[str]:
    return text.split()


SECRET_NAMES = words("""
    password PASSWORD Password PaSsWoRd passwords db_password dbPassword dbpassword user-password password1 passwd pwd
    passphrase api_key apiKey API-KEY ApiKey APIKEY api.key X-Api-Key api_keys key KEY secret secrets SECRET_TOKEN
    client_secret clientSecret CLIENT-SECRET my.secret aws_secret_access_key token TOKEN ToKeN tokens access_token
    accessToken ACCESSTOKEN auth_token authToken AUTH-TOKEN refreshToken sessionToken csrf_token OAuthToken oauth2Token
    Authorization authorization AUTHORIZATION proxy-authorization auth basic_auth credential credentials private
    private_key privateKey PRIVATE-KEY signingKey encryption_key ssh_key stripeKey OPENAI_API_KEY bearer jwt cookie
    Set-Cookie db_pass secret_id password_hash ｐａｓｓｗｏｒｄ pass\u200bword aPi_KeY x-amz-signature
""")
OPEN_NAMES = words("""
    max_tokens maxTokens MAX_TOKENS token_count tokenCount prompt_tokens total_tokens token_limit token_type tokenizer
    tokenize author authors authority authored_by monkey Monkey keyboard keynote turkey hotkey keys missing_keys
    primary_key sort_key foreignKey public_key idempotency_key idempotencyKey secretary secretariat passwordless
    password_policy password_min_length passed passenger compass bypass username user private_ip KeyError authenticated
    description path cost status
""")


@pytest.mark.req("EXEC-22")
@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str) -> None:
    assert redact_execution_log({name: MARKER, "n": 1}) == {name: REDACTED, "n": 1}


@pytest.mark.req("EXEC-22")
@pytest.mark.parametrize("name", OPEN_NAMES)
def test_names_that_only_sound_like_it(name: str) -> None:
    log = {name: 5, "inside": {name: "plain"}, "all": [{name: ["a", 1]}]}
    assert redact_execution_log(log) == log


@pytest.mark.req("EXEC-21", "EXEC-22", "EXEC-23")
@pytest.mark.parametrize("name", ["password", "apiKey", "SECRET", "access-token", "private_key"])
@pytest.mark.parametrize(
    "value",
    [
        MARKER, 12345, 1.5, True, b"m4rk3r-5f2b8c", [MARKER], [[MARKER], {"a": MARKER}], (MARKER, 1), {MARKER},
        frozenset((MARKER,)), {"a": {"b": MARKER}}, {"user": "u", "value": MARKER}, {1: MARKER}, "", [], object(),
        bytearray(b"m4rk3r-5f2b8c"), (item for item in [MARKER]), datetime.date(2026, 1, 1),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_of_any_shape_at_any_depth(name: str, value: Any) -> None:
    for log in ({name: value}, {"a": {"b": [{"c": ({name: value},)}]}}):
        redacted = redact_execution_log(log)
        assert MARKER not in repr(redacted)
        assert REDACTED in repr(redacted)
    assert redact_execution_log({name: value}) == {name: REDACTED}
    assert redact_execution_log({name: None}) == {name: None}


@pytest.mark.req("EXEC-23")
def test_names_that_count_as_often_as_they_hold_a_secret() -> None:
    log = {
        "tokens": 5, "tokens_used": 1.5, "tokens_per_call": [1, 2], "usage": {"tokens": {"input": 5, "x": MARKER}},
        "has_password": True, "requires_token": False, "is_private": True, "key": {"name": "a"},
        "session_tokens": [MARKER],
    }  # fmt: skip
    expected = {**log, "usage": {"tokens": {"input": 5, "x": REDACTED}}, "session_tokens": [REDACTED]}
    assert redact_execution_log(log) == expected
    assert redact_execution_log({"has_password": MARKER, "tokens": MARKER}) == {
        "has_password": REDACTED,
        "tokens": REDACTED,
    }


@pytest.mark.req("EXEC-23")
def test_credentials_keep_who_and_lose_what() -> None:
    log = {"auth": {"username": "u", "type": "basic", "api_key": MARKER, "x": MARKER, "y": [MARKER, {"z": MARKER}]}}
    assert redact_execution_log(log) == {
        "auth": {"username": "u", "type": "basic", "api_key": REDACTED, "x": REDACTED, "y": [REDACTED, {"z": REDACTED}]}
    }
    assert redact_execution_log({"auth": ("u", MARKER)}) == {"auth": (REDACTED, REDACTED)}


@pytest.mark.req("EXEC-23")
def test_names_and_values_apart() -> None:
    log = {
        "env": [{"name": "DB_PASSWORD", "value": MARKER}, {"name": "PATH", "value": "/bin"}],
        "headers": [("Authorization", MARKER), ["x-api-key", MARKER], ("Accept", "a")],
        "argv": ["run", "--password", MARKER, "--max-tokens", "5", f"--token={MARKER}"],
        "tags": ["secret", "urgent"],
    }
    assert redact_execution_log(log) == {
        "env": [{"name": "DB_PASSWORD", "value": REDACTED}, {"name": "PATH", "value": "/bin"}],
        "headers": [("Authorization", REDACTED), ["x-api-key", REDACTED], ("Accept", "a")],
        "argv": ["run", "--password", REDACTED, "--max-tokens", "5", f"--token={REDACTED}"],
        "tags": ["secret", "urgent"],
    }


TEXTS = [
    ("Bearer abc", "Bearer [REDACTED]"),
    ("bearer\tabc.def", "bearer\t[REDACTED]"),
    ("password=abc", "password=[REDACTED]"),
    ("PASSWORD: abc, n=1", "PASSWORD: [REDACTED], n=1"),
    ('{"apiKey": "a \\" b", "n": 1}', '{"apiKey": "[REDACTED]", "n": 1}'),
    ('{\\"token\\": \\"a b\\", \\"n\\": 1}', '{\\"token\\": \\"[REDACTED]\\", \\"n\\": 1}'),
    ("{'secrets': ['a', 'b'], 'n': 2}", "{'secrets': [REDACTED], 'n': 2}"),
    ("Login(user='u', password='a b')", "Login(user='u', password='[REDACTED]')"),
    ("password=SecretStr('abc') n=1", "password=[REDACTED] n=1"),
    ("?access_token=abc&page=2", "?access_token=[REDACTED]&page=2"),
    ("https://user:abc@host/x", "https://user:[REDACTED]@host/x"),
    ("postgres://user:a@b@host/db", "postgres://user:[REDACTED]@host/db"),
    ("redis://:abc@host", "redis://:[REDACTED]@host"),
    ("https://abc@host", "https://[REDACTED]@host"),
    ("postgres://user:a/b?c#d@host/db", "postgres://user:[REDACTED]@host/db"),
    ('Bearer "abc"', 'Bearer "[REDACTED]"'),
    (
        "<user>u</user><ns:password type='x'>abc</ns:password>",
        "<user>u</user><ns:password type='x'>[REDACTED]</ns:password>",
    ),
    ("password: |\n  abc\n  abc\nn: 1", "password: [REDACTED]\nn: 1"),
    ("Authorization: Basic YTpi\nn: 1", "Authorization: [REDACTED]\nn: 1"),
    ("curl -H 'Cookie: a=b; c=d' --token abc x", "curl -H 'Cookie: [REDACTED]' --token [REDACTED] x"),
    ("['--password', 'abc', 'x']", "['--password', '[REDACTED]', 'x']"),
    ("-Dpassword=abc", "-Dpassword=[REDACTED]"),
    ("Server=h;Pwd=abc;Port=1", "Server=h;Pwd=[REDACTED];Port=1"),
    ("key sk-abcdefghijklmnopqrstuv used", "key [REDACTED] used"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123", "[REDACTED]"),
    ("AKIAABCDEFGHIJKLMNOP", "[REDACTED]"),
    ("a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln b", "a [REDACTED] b"),
    ("password=[REDACTED]abc", "password=[REDACTED]"),
    ('password="abc', "password=[REDACTED]"),
    ("if password == 'abc'", "if password == '[REDACTED]'"),
]


@pytest.mark.req("EXEC-22", "EXEC-24")
@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_secrets_inside_of_texts(text: str, expected: str) -> None:
    assert redact_execution_log(text) == expected
    assert redact_execution_log({"log": [text]}) == {"log": [expected]}
    assert redact_execution_log(expected) == expected
    assert redact_execution_log(text.encode()) == expected.encode()
    assert redact_execution_log(ValueError(text)) == f"ValueError: {expected}"


@pytest.mark.req("EXEC-22")
@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=100, token_count: 5 tokens: 7", "KeyError: 'name'", "key: build, auth: none", "monkey=5",
        "a@b.example",
        "https://host/path?user=a@b", "https://host:80/p?u=a@b", "ssh://git@host/x", "the author: me",
        "basic principles", "::", "http://h:80/a:b",
        "used 5 tokens: more than allowed", "2026-01-01T00:00:00", "",
    ],
)  # fmt: skip
def test_texts_that_hold_none(text: str) -> None:
    assert redact_execution_log(text) == text


def test_a_private_key_is_redacted_to_its_end_or_that_of_the_text() -> None:
    head, tail = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"
    assert redact_execution_log(f"a\n{head}\n{MARKER}\n{tail}\nb") == f"a\n{REDACTED}\nb"
    assert redact_execution_log(f"a\n{head}\n{MARKER}") == f"a\n{REDACTED}"


@pytest.mark.req("EXEC-21")
def test_the_input_is_left_alone_and_kinds_are_kept() -> None:
    moment, ident = datetime.datetime(2026, 1, 1), uuid.UUID(int=1)
    log = OrderedDict(a=[1, (2, {3}), {"password": [MARKER]}], b=moment, c=ident, d=None, e=2**80, f=b"\xff", g=1.5)
    before = copy.deepcopy(log)
    redacted = redact_execution_log(log)
    assert log == before
    assert redacted == {**before, "a": [1, (2, {3}), {"password": REDACTED}]}
    assert type(redacted) is dict
    redacted["a"][2]["password"] = "changed"
    assert log == before


class Colour(Enum):
    RED = "red"


class Raising:
    def __repr__(self) -> str:
        raise RuntimeError(MARKER)

    __str__ = __repr__

    def __hash__(self) -> int:
        return 1


class RaisingMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError(MARKER)

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


@dataclass
class Login:
    user: str
    password: str


Pair = namedtuple("Pair", "user password")


@pytest.mark.req("EXEC-19", "EXEC-23")
def test_objects() -> None:
    redacted = redact_execution_log(
        {
            "dataclass": Login("u", MARKER), "named": Pair("u", MARKER),
            "proxy": MappingProxyType({"password": MARKER}),
            "raising": Raising(), "mapping": RaisingMapping(), "enum": Colour.RED, "path": PurePosixPath("a/b"),
            "object": object(), "type": Login,
        }
    )  # fmt: skip
    login = {"user": "u", "password": REDACTED}
    assert redacted.pop("type").endswith("Login'>")
    assert redacted == {
        "dataclass": login, "named": login, "proxy": {"password": REDACTED}, "raising": REDACTED, "mapping": REDACTED,
        "enum": "red", "path": "a/b", "object": "<object object>",
    }  # fmt: skip


@pytest.mark.req("EXEC-23")
def test_keys_of_any_type() -> None:
    log = {1: "c", None: "b", ("x", "password"): MARKER, b"api_key": MARKER, Raising(): MARKER, Colour.RED: "d"}
    redacted = redact_execution_log(log)
    assert MARKER not in repr(redacted)
    assert {key: redacted[key] for key in (1, None, Colour.RED)} == {1: "c", None: "b", Colour.RED: "d"}
    assert len(redacted) == len(log)


def test_keys_that_hold_secrets() -> None:
    log = {f"https://u:{MARKER}@h": 1, "https://u:other@h": 2, "https://u:third@h": 3}
    shown = "https://u:[REDACTED]@h"
    assert redact_execution_log(log) == {shown: 1, f"{shown}#2": 2, f"{shown}#3": 3}


@pytest.mark.req("EXEC-19")
def test_what_has_no_end_is_cut_off() -> None:
    cycle: dict[str, Any] = {"n": 1}
    cycle["self"] = [cycle]
    assert redact_execution_log(cycle) == {"n": 1, "self": [REDACTED]}
    deep: Any = MARKER
    for _ in range(10_000):
        deep = [deep]
    assert MARKER not in repr(redact_execution_log(deep))
    shared: Any = [1]
    assert redact_execution_log([shared, shared]) == [[1], [1]]  # twice is not a cycle
    for _ in range(60):
        shared = [shared, shared]
    started = time.monotonic()
    redact_execution_log(shared)
    assert time.monotonic() - started < 30
    many = redact_execution_log(list(range(MAX_VALUES + 5)))
    assert (many[10], many[-1]) == (10, REDACTED)


@pytest.mark.parametrize("text", [
    "a." * 100_000, "a-" * 100_000, "://" * 60_000, "password=" * 20_000, '"' * 200_000, "\\" * 200_000,
    "password=(" * 20_000,
    'password="' + '\\"' * 100_000, "bearer " * 30_000, "basic " + "a" * 200_000, "sk-" * 60_000, "eyJ" * 60_000,
    "://a:" * 40_000, "--a " * 50_000, "password" + " " * 200_000, "tokens:(" * 20_000, "tokens:'a " * 20_000,
    "://a:" * 40_000 + " @", "<password>" * 20_000 + "</", "<a " * 60_000 + "</", "token:|\n" * 40_000,
    "-----BEGIN PRI" "VATE KEY-----" * 8_000,
], ids=lambda text: text[:12])  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    redact_execution_log(text)
    assert time.process_time() - started < 5  # what is quadratic takes minutes


@pytest.mark.req("EXEC-24")
def test_echoes_of_secrets_are_redacted_wherever_they_stand() -> None:
    context = {
        "db": {"password": MARKER, "port": 5432},
        "tokens": 5,
        "l": [Login("u", "other-" + MARKER)],
        "pwd": "short",
    }
    known = secret_values(context, {"api_key": [b"bytes-" + MARKER.encode()]}, RaisingMapping())
    assert set(known) == {MARKER, f"other-{MARKER}", f"bytes-{MARKER}"}
    redactor = Redactor(known=known)
    assert (
        redactor.text(f"login with other-{MARKER} and {MARKER} at 5432")
        == "login with [REDACTED] and [REDACTED] at 5432"
    )
    assert redactor.value({"a": [f"x{MARKER}y"]}) == {"a": [f"x{REDACTED}y"]}


def test_a_redactor_of_ones_own() -> None:
    redactor = Redactor(marker="***", open_names=("Key", "session_token"))
    assert redactor.value({"key": "a", "SESSION_TOKEN": "b", "token": "c"}) == {
        "key": "a", "SESSION_TOKEN": "b", "token": "***",
    }  # fmt: skip
    assert redactor.text("token=a") == "token=***"
