"""Encryption of values: the stored form of DD-20 and DD-21, and what a wrong key or a changed value does."""

from __future__ import annotations

import json
import re

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import ValidationFailed
from psg_runtime.vsl import DecryptionFailed, EncryptedVSL, InMemoryVSL, NotOffered

pytestmark = pytest.mark.anyio

KEY = "00112233445566778899aabbccddeeff" * 2
OTHER = "ff" * 32


def opened(payload: str, key: str = KEY) -> object:
    """The stored form read by another implementation of AES-256-GCM, from the text of DD-21 alone."""
    iv, tag, ciphertext = (bytes.fromhex(part) for part in payload.split("::"))
    reader = Cipher(algorithms.AES256(bytes.fromhex(key)), modes.GCM(iv, tag)).decryptor()
    return json.loads(reader.update(ciphertext) + reader.finalize())


def sealed(value: object, iv: bytes, key: str = KEY) -> str:
    """A payload as the specification's own code makes it."""
    writer = Cipher(algorithms.AES256(bytes.fromhex(key)), modes.GCM(iv)).encryptor()
    ciphertext = writer.update(json.dumps(value).encode()) + writer.finalize()
    return f"{iv.hex()}::{writer.tag.hex()}::{ciphertext.hex()}"


@pytest.mark.req("DD-19", "DD-20", "DD-21")
async def test_the_backend_sees_iv_tag_and_ciphertext_only() -> None:
    backend = InMemoryVSL()
    store = EncryptedVSL(backend, KEY)
    value = {"secret": "the marker text", "n": [1, 2.5, None]}
    await store.set("key", value)
    stored = await backend.get("key")
    assert re.fullmatch(r"[0-9a-f]{32}::[0-9a-f]{32}::([0-9a-f]{2})+", stored)
    assert "marker" not in stored and b"marker".hex() not in stored
    assert opened(stored) == value
    assert await store.get("key") == value


@pytest.mark.req("DD-20")
async def test_equal_values_are_stored_differently_each_time() -> None:
    backend = InMemoryVSL()
    store = EncryptedVSL(backend, KEY)
    seen = set()
    for _ in range(50):
        await store.set("key", "same")
        seen.add((await backend.get("key")).split("::")[0])
    assert len(seen) == 50


@pytest.mark.req("DD-21")
async def test_a_payload_of_another_implementation_is_read() -> None:
    backend = InMemoryVSL()
    await backend.set("key", sealed({"from": "elsewhere"}, bytes(range(16))))
    assert await EncryptedVSL(backend, KEY).get("key") == {"from": "elsewhere"}
    assert await EncryptedVSL(backend, KEY.upper()).get("key") == {"from": "elsewhere"}


@pytest.mark.req("DD-21")
async def test_a_missing_key_is_none() -> None:
    assert await EncryptedVSL(InMemoryVSL(), KEY).get("missing") is None


@pytest.mark.req("DD-21")
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_changed_part_makes_get_fail_and_stays_as_it_is(place: int) -> None:
    backend = InMemoryVSL()
    store = EncryptedVSL(backend, KEY)
    await store.set("key", "value")
    parts = (await backend.get("key")).split("::")
    digits = parts[place]
    parts[place] = ("0" if digits[0] != "0" else "1") + digits[1:]
    tampered = "::".join(parts)
    await backend.set("key", tampered)
    with pytest.raises(DecryptionFailed, match="tampered") as failure:
        await store.get("key")
    assert failure.value.category == "validation_error" and not failure.value.retryable
    assert await backend.get("key") == tampered


@pytest.mark.req("DD-21")
async def test_a_wrong_key_makes_get_fail_and_the_right_one_still_reads() -> None:
    backend = InMemoryVSL()
    await EncryptedVSL(backend, KEY).set("key", "value")
    with pytest.raises(DecryptionFailed, match="the key is another one"):
        await EncryptedVSL(backend, OTHER).get("key")
    assert await EncryptedVSL(backend, KEY).get("key") == "value"


@pytest.mark.parametrize("stored", ["plain text", "", "00::11", 7, {"a": 1}, "zz" * 16 + "::" + "00" * 16 + "::00"])
async def test_what_was_never_encrypted_is_told_and_left_alone(stored: object) -> None:
    backend = InMemoryVSL()
    await backend.set("key", stored)
    with pytest.raises(DecryptionFailed, match="not encrypted"):
        await EncryptedVSL(backend, KEY).get("key")
    assert await backend.get("key") == stored


@pytest.mark.req("DD-20")
@pytest.mark.parametrize("key", ["", "00" * 31, "00" * 33, "zz" * 32, "00" * 31 + "0 ", None, b"00" * 32])
def test_a_key_that_is_not_32_bytes_in_hex_is_refused_without_showing_it(key: object) -> None:
    with pytest.raises(ValidationFailed, match="64 hexadecimal digits") as refused:
        EncryptedVSL(InMemoryVSL(), key)  # type: ignore[arg-type]
    assert not key or str(key) not in str(refused.value)


@pytest.mark.req("DD-19")
async def test_nodes_are_refused_instead_of_going_to_the_backend_in_the_clear() -> None:
    backend = InMemoryVSL()
    store = EncryptedVSL(backend, KEY)
    with pytest.raises(NotOffered):
        await store.write_node("Role", "r", {"name": "the marker text"})
    assert await backend.query_graph({"type": "Role"}) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(JSON)
@pytest.mark.req("L3-20", "DD-21")
async def test_any_json_comes_back_equal(value: object) -> None:
    plain = InMemoryVSL()
    store = EncryptedVSL(InMemoryVSL(), KEY)
    for each in (plain, store):
        await each.set("key", value)
        assert repr(await each.get("key")) == repr(value)
