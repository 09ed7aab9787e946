"""What is masked: known values in every spelling, in text, values, streams and log lines."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import logging
import re
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg_runtime.secrets.mask import MARKER, KnownSecrets, StreamMask, ValueMask, mask_log_entry

VALUE = 'Gr%ün/kohl+"3\\7'
SPELLINGS = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in UTF-8": lambda v: json.dumps(v, ensure_ascii=False),
    "JSON in JSON": lambda v: json.dumps({"a": v}),
    "URL": lambda v: quote(v, safe=""),
    "URL path": quote,
    "URL in small letters": lambda v: re.sub("%..", lambda m: m[0].lower(), quote(v, safe="")),
    "form": quote_plus,
    "query": lambda v: urlencode({"q": v}),
    "HTML": html.escape,
    "Python": repr,
    "hex": lambda v: v.encode().hex(),
    "HEX": lambda v: v.encode().hex().upper(),
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64 for URLs": lambda v: base64.urlsafe_b64encode(v.encode()).decode(),
    "basic authentication": lambda v: base64.b64encode(f"user:{v}".encode()).decode(),
    "base64 of more": lambda v: base64.b64encode(f"xx{v} and more".encode()).decode(),
}


@pytest.mark.req("EXEC-24")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_masked(spelling: str) -> None:
    told = SPELLINGS[spelling](VALUE)
    masked = ValueMask([VALUE]).text(f"before {told} after")
    assert MARKER in masked and masked.startswith("before ") and masked.endswith(" after")
    assert len(masked) < len(told) + 20
    assert VALUE[:6] not in masked and quote(VALUE[:6], safe="") not in masked


@given(st.text(min_size=8).filter(lambda v: len(v.strip()) >= 8 and "\0" not in v and v.isprintable()), st.binary())
def test_no_offset_hides_a_value_in_base64(value: str, before: bytes) -> None:
    masked = ValueMask([value]).text(base64.b64encode(before + value.encode() + b"tail").decode())
    assert MARKER in masked


@given(st.data())
def test_a_stream_masks_what_a_whole_does(data: st.DataObject) -> None:
    values = data.draw(st.lists(st.text("ab", min_size=4, max_size=9), min_size=1, max_size=3))
    whole = data.draw(st.text("abc", max_size=80)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    one, many = StreamMask(ValueMask(values)), StreamMask(ValueMask(values))
    expected = one.feed(whole) + one.end()
    assert b"".join([*(many.feed(p) for p in pieces), many.end()]) == expected
    assert many.found == one.found
    assert not any(value.encode() in part for value in values for part in expected.split(MARKER.encode()))


def test_values_are_masked_wherever_they_stand() -> None:
    @dataclasses.dataclass
    class Answer:
        text: str

    mask = ValueMask(["hush-hush", "424242"])
    value = {"a hush-hush": ["x", ("hush-hush", 424242)], "n": [1, 2.5, None, True], "o": Answer("hush-hush!")}
    assert mask.value(value) == {
        f"a {MARKER}": ["x", [MARKER, MARKER]], "n": [1, 2.5, None, True], "o": {"text": f"{MARKER}!"}
    }  # fmt: skip
    assert value["a hush-hush"] == ["x", ("hush-hush", 424242)], "what was given stays"


def test_what_holds_no_secret_keeps_its_type_while_secrets_are_known() -> None:
    @dataclasses.dataclass
    class Answer:
        text: str

    answer = Answer("nothing to hide")
    assert ValueMask(["hush-hush"]).value(answer) is answer


def test_the_longest_value_goes_first_and_no_rest_of_it_stays() -> None:
    assert ValueMask(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{MARKER} {MARKER}"


def test_a_long_line_of_a_key_is_masked_alone() -> None:
    key = "-----BEGIN\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END"
    assert ValueMask([key]).text("got MIIEvQIBADANBgkqhkiG9w0BAQEFAASC") == f"got {MARKER}"


def test_short_values_are_masked_in_their_own_attempt_only() -> None:
    known = KnownSecrets()
    known.add(["tiny", "long-enough"])
    assert known.mask().text("tiny long-enough") == f"tiny {MARKER}"
    assert known.mask(["tiny"]).text("tiny long-enough") == f"{MARKER} {MARKER}"
    assert known.every.text("tiny long-enough") == f"{MARKER} {MARKER}"


def test_nothing_known_costs_nothing() -> None:
    value = {"a": [1, "b"]}
    assert not KnownSecrets() and ValueMask().value(value) is value


def test_only_so_many_values_are_remembered() -> None:
    known = KnownSecrets()
    known.add([f"value-{n:06}" for n in range(1200)])
    assert known.mask().text("value-000000 value-001199") == f"value-000000 {MARKER}"


@pytest.mark.req("EXEC-24")
def test_log_lines_hold_no_known_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownSecrets()
    monkeypatch.setattr("psg_runtime.secrets.mask.KNOWN", known)

    class Thing:
        def __str__(self) -> str:
            return "a hush-hush thing"

    entry: dict[str, Any] = {
        "event": "said hush-hush", "n": 1, "thing": Thing(), "deep": {"a": ["hush-hush"]},
        "exception": "Trace…\nValueError: hush-hush", "_record": logging.makeLogRecord({}),
    }  # fmt: skip
    assert mask_log_entry(None, "info", entry) is entry
    known.add(["hush-hush"])
    masked = mask_log_entry(None, "info", entry)
    assert "hush-hush" not in str({k: str(v) for k, v in masked.items()})
    assert masked["n"] == 1 and masked["_record"] is entry["_record"]
