"""Lists in environment variables: commas or JSON, the same for every setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from psg.listed import listed
from psg_cli.commands.development import _TITLES
from psg_cli.doctor.environment import SETTINGS
from psg_graphql.identity.settings import OidcSettings
from psg_graphql.settings import ApiSettings
from psg_runtime.ael.settings import AelSettings
from psg_runtime.orchestrator.settings import OrchestratorSettings


@pytest.mark.parametrize(
    ("text", "found"),
    [("a, b ,", ("a", "b")), ('["a", "b"]', ("a", "b")), (" [] ", ()), ("", ()), (("a",), ("a",)), (None, None)],
)
def test_commas_and_json_say_the_same(text: Any, found: Any) -> None:
    assert listed(text) == found


@pytest.mark.parametrize("text", ["[a", '["a"', "[1,]"])
def test_what_begins_as_json_has_to_be_json(text: str) -> None:
    with pytest.raises(ValueError, match="separated by commas"):
        listed(text)


@pytest.mark.parametrize("text", ["one,two", '["one", "two"]'])
def test_every_setting_takes_both(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PSG_OIDC_ISSUER", "https://issuer.example")
    names = "PSG_OIDC_AUDIENCE PSG_API_ALLOWED_HOSTS PSG_ALLOW_PROCESS PSG_PROCESS_ROOTS PSG_PROJECTS"
    for name in names.split():
        monkeypatch.setenv(name, text)
    both = ("one", "two")
    assert OidcSettings().audience == both and ApiSettings().allowed_hosts == both
    assert AelSettings().allow_process == both and AelSettings().process_roots == tuple(map(Path, both))
    assert OrchestratorSettings().projects == both


def test_members_of_another_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_ALLOW_PROCESS", "[1]")
    with pytest.raises(ValidationError):
        AelSettings()


def test_every_class_of_settings_is_shown_and_checked() -> None:
    assert set(_TITLES) == set(SETTINGS)
