"""What the adapters' mask takes out: the secrets of this process, and what looks like one in any spelling."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from psg_runtime.ael.masking import SecretMask

MARKER = "m4rk3r-5f2b8c"


@pytest.mark.req("EXEC-24")
@pytest.mark.parametrize(
    "name", ["MY_API_KEY", "SERVICE_TOKEN", "dbPassword", "NEO4J_AUTH", "STRIPE_KEY", "AWS_SECRET_ACCESS_KEY"]
)
def test_values_of_secret_variables_are_masked_everywhere(name: str) -> None:
    mask = SecretMask(environ={name: MARKER})
    assert mask.text(f"refused {MARKER}") == mask.known(f"refused {MARKER}") == "refused ***"
    assert mask.value({"a": [f"x{MARKER}"], f"k{MARKER}": 1}) == {"a": ["x***"], "k***": 1}


@pytest.mark.req("EXEC-22", "EXEC-24")
def test_other_variables_are_not() -> None:
    environ = {
        "MAX_TOKENS": "100000000",
        "PATH": "/usr/bin",
        "SSH_AUTH_SOCK": "/run/agent.sock",
        "TOKEN": "short",
        "AUTHOR": MARKER,
    }
    text = f"100000000 /usr/bin /run/agent.sock short {MARKER}"
    assert SecretMask(environ=environ).text(text) == text


@pytest.mark.req("EXEC-22", "EXEC-23", "EXEC-24")
def test_details_of_errors_stay_json_and_keep_the_keys_of_steps() -> None:
    mask = SecretMask(environ={})
    details: dict[Any, Any] = {
        "key": "build", "step_key": "test", "max_tokens": 5, "clientSecret": MARKER, "headers": {"X-Api-Key": MARKER},
        "seen": (1, {2}), "at": datetime.date(2026, 1, 1), 3: b"x", "url": f"https://u:{MARKER}@h/", "none": None,
    }  # fmt: skip
    assert mask.value(details) == {
        "key": "build", "step_key": "test", "max_tokens": 5, "clientSecret": "***", "headers": {"X-Api-Key": "***"},
        "seen": [1, [2]], "at": "2026-01-01", "3": "b'x'", "url": "https://u:***@h/", "none": None,
    }  # fmt: skip
