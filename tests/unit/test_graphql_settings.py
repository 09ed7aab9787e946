"""Settings keep the API at home unless a token guards it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from psg.errors import ValidationFailed
from psg_graphql.settings import ApiSettings, api_settings

TOKEN = "0123456789abcdef-secret"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert api_settings(host=host).loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org"])
def test_beyond_loopback_a_token_is_needed(host: str) -> None:
    with pytest.raises(ValidationFailed, match="PSG_API_TOKEN"):
        api_settings(host=host)
    assert not api_settings(host=host, token=TOKEN).loopback


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
