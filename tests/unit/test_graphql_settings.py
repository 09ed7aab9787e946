"""Settings keep the API at home unless who asks is proved."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from psg.errors import ValidationFailed
from psg_graphql.settings import ApiSettings, api_settings

TOKEN = "0123456789abcdef-secret"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert api_settings(host=host).loopback


BEYOND = ["0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org"]


@pytest.mark.parametrize("host", BEYOND)
def test_beyond_loopback_who_asks_is_proved(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api_settings(host=host).auth_modes == ("token",)
    assert not api_settings(host=host, token=TOKEN).loopback
    monkeypatch.setenv("PSG_AUTH", "none")
    with pytest.raises(ValidationFailed, match=r"PSG_AUTH=none.*127\.0\.0\.1"):
        api_settings(host=host)


@pytest.mark.parametrize(
    ("said", "token", "modes"),
    [(None, None, ("none",)), (None, TOKEN, ("token",)), ("", None, ("none",)), ("none", None, ("none",)),
     ("token", None, ("token",)), ("Token, OIDC", None, ("token", "oidc")), ("oidc,oidc", TOKEN, ("oidc",))],
)  # fmt: skip
def test_how_who_asks_is_proved(
    said: str | None, token: str | None, modes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSG_OIDC_ISSUER", "https://id.example.org")
    monkeypatch.setenv("PSG_OIDC_AUDIENCE", "psg")
    if said is not None:
        monkeypatch.setenv("PSG_AUTH", said)
    assert api_settings(token=token).auth_modes == modes


@pytest.mark.parametrize(
    ("said", "more", "match"),
    [("all", {}, "none of none, token, oidc"), ("none,token", {}, "stands alone"), ("oidc", {}, "PSG_OIDC_ISSUER"),
     ("none", {"PSG_API_TOKEN": TOKEN}, "unset one"), (",", {}, "none of"),
     ("token", {"PSG_API_TOKEN": f"psg_{'0' * 16}_{'a' * 64}"}, "token of an account"),
     ("oidc", {"PSG_OIDC_ISSUER": "https://id.example.org"}, "PSG_OIDC_AUDIENCE"),
     ("oidc", {"PSG_OIDC_ISSUER": "http://id.example.org", "PSG_OIDC_AUDIENCE": "a"}, "https"),
     ("oidc", {"PSG_OIDC_ALGORITHMS": "RS256,none"}, "none is not accepted"),
     ("oidc", {"PSG_OIDC_ALGORITHMS": "HS256"}, "HS256 is not accepted"),
     ("oidc", {"PSG_OIDC_LEEWAY_S": "1e9"}, "leeway_s"),
     ("oidc", {"PSG_OIDC_GROUP_GRANTS": f"{{{TOKEN}"}, "group_grants"),
     ("oidc", {"PSG_OIDC_GROUP_GRANTS": '{"staff": {"*": ["owner"]}}'}, "owner")],
)  # fmt: skip
def test_settings_that_are_not_safe_are_refused_by_name(
    said: str, more: dict[str, str], match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSG_AUTH", said)
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationFailed, match=match) as caught:
        api_settings()
    assert TOKEN not in caught.value.message
    assert "a" * 64 not in caught.value.message


def test_a_short_token_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_API_TOKEN", "hunter2")
    with pytest.raises(ValidationFailed) as caught:
        api_settings()
    assert "16 characters" in caught.value.message
    assert "hunter2" not in str(caught.value) + repr(caught.value.details)


def test_environment_is_read_and_the_token_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_API_TOKEN", TOKEN)
    monkeypatch.setenv("PSG_API_PORT", "9001")
    settings = ApiSettings()
    assert (settings.port, settings.token) == (9001, SecretStr(TOKEN))
    assert TOKEN not in repr(settings)


def test_a_bad_value_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_API_PORT", "many")
    with pytest.raises(ValidationFailed, match="port"):
        api_settings()
