"""Payloads sealed and opened: the format, keys that were replaced, what is no sealed text, and what fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psg.errors import ValidationFailed
from psg.model import codec
from psg.model.cipher import (
    KEY_VARIABLE,
    OLD_KEYS_VARIABLE,
    CannotOpen,
    Cipher,
    PayloadUnreadable,
    from_environment,
    is_sealed,
    key_id,
)
from psg.write.change import Change
from psg.write.command import Command

KEY, OTHER = "0f" * 32, "a1" * 32
MARK = "the-secret-payload"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def keyed() -> Iterator[None]:
    with codec.using(Cipher(KEY)):
        yield


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_what_is_sealed_is_read_as_if_it_were_not(value: Any) -> None:
    text = codec.dumps(value)
    assert not is_sealed(text)
    with codec.using(Cipher(KEY)):
        stored = codec.sealed(text)
        assert is_sealed(stored) and stored != codec.sealed(text)  # fresh random bytes each time
        assert codec.sealed(stored) == stored
        assert codec.loads(stored) == codec.loads(text) == value


def test_the_format_is_iv_tag_ciphertext_in_hexadecimal(keyed: None) -> None:
    iv, tag, ciphertext = codec.sealed('{"a":1}').split("::")
    assert (len(iv), len(tag), len(ciphertext)) == (32, 32, 2 * len('{"a":1}'))


def test_another_key_no_key_and_a_changed_text_are_told() -> None:
    stored = Cipher(KEY).seal(f'"{MARK}"')
    flipped = stored[:-1] + ("0" if stored[-1] != "0" else "1")
    for cipher, text in ((Cipher(OTHER), stored), (Cipher(KEY), flipped), (None, stored)):
        with codec.using(cipher), pytest.raises(PayloadUnreadable) as caught:
            codec.loads(text)
        assert MARK not in str(caught.value) and KEY not in str(caught.value)
    with pytest.raises(CannotOpen):
        Cipher(KEY).open("no sealed text")


def test_a_replaced_key_opens_and_no_longer_seals() -> None:
    old = Cipher(KEY).seal(MARK)
    rotated = Cipher(OTHER, [KEY])
    assert rotated.open(old) == MARK and rotated.known == {key_id(KEY), key_id(OTHER)}
    assert Cipher(OTHER).open(rotated.seal(MARK)) == MARK
    assert key_id(KEY) not in KEY and key_id(KEY) != key_id(OTHER)


@pytest.mark.parametrize("key", ["", "0f", "0g" * 32, "0f" * 33, " " + "0f" * 32, None, 7])
def test_a_key_that_is_none_is_refused_without_being_told(key: Any) -> None:
    with pytest.raises(ValidationFailed, match="32 bytes") as caught:
        Cipher(key)
    assert not key or str(key) not in str(caught.value).replace("32", "")


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(OLD_KEYS_VARIABLE, raising=False)
    assert from_environment() is None
    monkeypatch.setenv(OLD_KEYS_VARIABLE, KEY)
    with pytest.raises(ValidationFailed, match=KEY_VARIABLE):
        from_environment()
    monkeypatch.setenv(KEY_VARIABLE, OTHER)
    found = from_environment()
    assert found is not None and (found.key_id, found.known) == (key_id(OTHER), {key_id(OTHER), key_id(KEY)})
    monkeypatch.setenv(KEY_VARIABLE, "too short")
    with pytest.raises(ValidationFailed, match=KEY_VARIABLE) as caught:
        from_environment()
    assert "too short" not in str(caught.value)


def test_a_change_seals_payloads_once_for_node_and_log_and_leaves_what_is_searched(keyed: None) -> None:
    change = Change(Command("k", None))
    props = {name: codec.dumps({name: MARK}) for name in sorted(codec.SEALED)} | {"description": "found", "key": "a"}
    change.create("Step", "s", props)
    change.set("Step", "s", {}, {"output": codec.dumps(MARK)}, kind="step_updated")
    change.note("runtime_execution", "noted", "Step", "s", {"evidence": {"output": MARK}})
    row = orjson.dumps(change.row("p")).decode()
    assert MARK not in row and "found" in row
    created, _, noted = (codec.loads(event["changes"]) for event in change.events)
    # The log has the very text of the node: the audit compares them without a key.
    assert created["after"]["params"] == change.creates[0]["props"]["params"]
    assert codec.opened_within(created)["after"]["params"] == codec.dumps({"params": MARK})
    assert noted["evidence"] == {"output": MARK}


def test_an_overwritten_long_text_is_kept_sealed_and_found_by_the_hash_of_the_log(keyed: None) -> None:
    change = Change(Command("k", None))
    long = MARK * 1_000
    stored = codec.sealed(codec.dumps(long))
    change.set("Step", "s", {"description": long, "output": stored}, {"description": "x", "output": None}, kind="k")
    kept = {c["hash"]: c["text"] for c in change.row("p")["contents"]}
    before = codec.loads(change.events[0]["changes"])["before"]
    assert MARK not in orjson.dumps(kept).decode()
    assert kept[before["output"]["$sha256"]] == stored
    assert codec.opened(kept[before["description"]["$sha256"]]) == long


def test_without_a_key_nothing_changes() -> None:
    with codec.using(None):
        assert codec.sealed("{}") == "{}" and codec.sealed_props({"output": "{}"}) == {"output": "{}"}
        assert codec.loads(None) is None
