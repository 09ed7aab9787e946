"""Where settings of the command line come from, and what errors look like."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from psg.errors import InvalidId, NotFound, PsgError, ValidationFailed
from psg_cli.browser_link import browser_link
from psg_cli.failures import (
    EXIT_FAILURE,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    UsageError,
    exit_status,
    only_cause,
    report,
)
from psg_cli.settings import load_env_file, load_settings
from psg_client import ApiUnavailable, Refused
from psg_neo4j.errors import DatabaseUnavailable


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PSG_"):
            monkeypatch.delenv(name)


def test_flags_beat_the_environment_and_the_environment_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / ".env"
    env.write_text("PSG_PROJECT=from-file\nPSG_ROLE=from-file\nPSG_ACTOR=from-file\nOTHER_SECRET=x\n")
    monkeypatch.setenv("PSG_ROLE", "from-environment")
    monkeypatch.setenv("PSG_ACTOR", "from-environment")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    load_env_file(env)
    assert "OTHER_SECRET" not in os.environ
    settings = load_settings(actor="from-flag", project=None)
    assert (settings.project, settings.role, settings.actor) == ("from-file", "from-environment", "from-flag")


def test_tools_are_a_comma_separated_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_TOOLS", "a.b, c.d:e ,")
    assert load_settings().tools == ("a.b", "c.d:e")


def test_it_is_known_whether_the_api_address_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load_settings().api_url_given
    monkeypatch.setenv("PSG_API_URL", "http://other/graphql")
    assert load_settings().api_url_given


def test_the_client_looks_where_the_same_settings_let_the_api_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_API_PORT", "18911")
    assert load_settings().api_url == "http://127.0.0.1:18911/graphql" and not load_settings().api_url_given
    for anywhere in ("0", "many"):
        monkeypatch.setenv("PSG_API_PORT", anywhere)
        assert load_settings().api_url == "http://127.0.0.1:8765/graphql"


def test_a_setting_that_cannot_be_read_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_DEBUG", "hunter2")
    with pytest.raises(ValidationFailed, match="PSG_DEBUG") as caught:
        load_settings()
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ApiUnavailable("x"), EXIT_UNREACHABLE),
        (DatabaseUnavailable(), EXIT_UNREACHABLE),
        (UsageError("x"), EXIT_USAGE),
        (NotFound("x"), EXIT_FAILURE),
        (Refused("x", code="invalid_transition"), EXIT_FAILURE),
        (RuntimeError("x"), EXIT_FAILURE),
    ],
)
def test_the_exit_status_tells_unreachable_wrong_usage_and_failure_apart(error: Exception, status: int) -> None:
    assert exit_status(error) == status


def test_an_error_is_code_message_and_hint_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(ApiUnavailable("Nobody answers at [there].")) == EXIT_UNREACHABLE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "api_unavailable: Nobody answers at [there]." in printed.err and "psg up" in printed.err


def test_an_unexpected_error_shows_no_traceback_unless_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report(ZeroDivisionError("boom"))
    assert "Traceback" not in (quiet := capsys.readouterr().err) and "boom" in quiet and "PSG_DEBUG" in quiet
    monkeypatch.setenv("PSG_DEBUG", "1")
    report(ZeroDivisionError("boom"))
    assert "ZeroDivisionError: boom" in capsys.readouterr().err


def test_the_cause_inside_nested_groups_is_found_before_what_it_broke() -> None:
    cause = PsgError("cause")
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [RuntimeError("noise"), cause])])
    assert only_cause(group) is cause


def test_the_browser_link_carries_the_statement_with_both_ids() -> None:
    project, plan = str(uuid4()), str(uuid4())
    link = urlsplit(browser_link("http://127.0.0.1:7474/", project, plan))
    query = parse_qs(link.query)
    assert link.path == "/browser/" and query["cmd"] == ["edit"]
    statement = query["arg"][0]
    assert f"'{project}'" in statement and f"'{plan}'" in statement and "$" not in statement


def test_the_browser_link_takes_nothing_but_ids() -> None:
    with pytest.raises(InvalidId):
        browser_link("http://127.0.0.1:7474", str(uuid4()), "'}) DETACH DELETE plan //")
