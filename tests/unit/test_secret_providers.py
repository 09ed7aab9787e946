"""Where secrets come from: the environment, folders, files, the keyring, one after the other."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from psg_runtime.secrets import (
    EnvironmentSecrets,
    FileSecrets,
    FolderSecrets,
    KeyringSecrets,
    SecretChain,
    SecretMissing,
    SecretProvider,
    SecretRefused,
    SecretUnavailable,
    secret_value,
    secrets_of_process,
)

pytestmark = pytest.mark.anyio


def private(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("name", "value"), [("exact", "as-written"), ("api-key.v2", "capitals"), ("none", None)])
async def test_the_environment_has_names_as_written_or_in_capitals(name: str, value: str | None) -> None:
    environ = {"PSG_SECRET_exact": "as-written", "PSG_SECRET_EXACT": "no", "PSG_SECRET_API_KEY_V2": "capitals"}
    assert await EnvironmentSecrets(environ).get(name) == value


async def test_the_environment_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = EnvironmentSecrets()
    monkeypatch.setenv("PSG_SECRET_ROTATED", "first")
    assert await provider.get("ROTATED") == "first"
    monkeypatch.setenv("PSG_SECRET_ROTATED", "second")
    assert await provider.get("ROTATED") == "second"


async def test_a_folder_has_a_file_for_each_secret(tmp_path: Path) -> None:
    private(tmp_path / "token", "from-a-file\r\n", 0o444)
    (tmp_path / "linked").symlink_to(tmp_path / "token")
    (tmp_path / "folder").mkdir()
    provider = FolderSecrets(tmp_path)
    assert await provider.get("token") == "from-a-file"
    assert await provider.get("linked") == "from-a-file"
    assert await provider.get("absent") is None
    with pytest.raises((SecretRefused, SecretUnavailable)):
        await provider.get("folder")
    assert await FolderSecrets(tmp_path / "folder").get("../token") is None


async def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    private(tmp_path / "token", "value", 0o666)
    with pytest.raises(SecretRefused, match="0666"):
        await FolderSecrets(tmp_path).get("token")
    (tmp_path / "token").chmod(0o600)
    os.chmod(tmp_path, 0o777)
    with pytest.raises(SecretRefused, match="open to others"):
        await FolderSecrets(tmp_path).get("token")
    os.chmod(tmp_path, 0o1777)
    assert await FolderSecrets(tmp_path).get("token") == "value"
    os.chmod(tmp_path, 0o700)


DOTENV = """# a comment
export A=bare value # comment
B="in quotes \\"and\\" a\\nline"
C='single $x'

D=
"""


async def test_a_dotenv_file_is_read_and_read_again_when_it_changed(tmp_path: Path) -> None:
    file = private(tmp_path / "all.env", DOTENV)
    provider = FileSecrets(file)
    values = [await provider.get(name) for name in "ABCDE"]
    assert values == ["bare value", 'in quotes "and" a\nline', "single $x", "", None]
    private(file, "A=rotated-and-longer\n")
    assert await provider.get("A") == "rotated-and-longer"


async def test_a_json_file_is_read(tmp_path: Path) -> None:
    provider = FileSecrets(private(tmp_path / "all.json", '{"TOKEN": "from-json"}'))
    assert await provider.get("TOKEN") == "from-json" and await provider.get("x") is None


@pytest.mark.req("EXEC-24")
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.env", "A=hush-hush\nhush-hush\n", "line 2: not NAME=value"),
        ("x.env", 'A="hush-hush\n', "line 1: not NAME=value"),
        ("x.json", '{"A": "hush-hush"', "not a JSON object"),
        ("x.json", '{"A": {"B": "hush-hush"}}', "not a JSON object"),
        ("x.json", '["hush-hush"]', "not a JSON object"),
        ("x.env", b"A=hush-hush\xff\n", "not UTF-8"),
    ],
)
async def test_a_broken_file_is_refused_without_showing_it(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    with pytest.raises(SecretRefused, match=reason) as caught:
        await FileSecrets(private(tmp_path / name, content)).get("A")
    assert "hush" not in str(caught.value) and "hush" not in str(caught.value.details)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
async def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "all.env", "A=value-of-a\n")
    provider = FileSecrets(file)
    assert await provider.get("A") == "value-of-a"
    file.chmod(mode)
    with pytest.raises(SecretRefused, match="chmod 600"):
        await provider.get("A")


async def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SecretUnavailable, match="No such file") as caught:
        await FileSecrets(tmp_path / "none.env").get("A")
    assert caught.value.retryable


async def test_the_keyring_is_asked_only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretUnavailable, match=r"psg-platform\[keyring\]"):
        await KeyringSecrets("psg").get("A")
    asked: list[tuple[str, str]] = []
    fake, errors = types.ModuleType("keyring"), types.ModuleType("keyring.errors")

    class KeyringError(Exception):
        pass

    def get_password(service: str, name: str) -> str | None:
        asked.append((service, name))
        if name == "LOCKED":
            raise KeyringError("hush-hush")
        return {"A": "from-keyring"}.get(name)

    fake.get_password, fake.errors, errors.KeyringError = get_password, errors, KeyringError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    provider = SecretChain([EnvironmentSecrets({"PSG_SECRET_B": "from-env"}), KeyringSecrets("psg")])
    assert [await provider.get(name) for name in "ABC"] == ["from-keyring", "from-env", None]
    assert asked == [("psg", "A"), ("psg", "C")]
    with pytest.raises(SecretUnavailable, match="KeyringError") as caught:
        await provider.get("LOCKED")
    assert "hush" not in str(caught.value)


class One:
    label = "one"

    def __init__(self, value: str | None) -> None:
        self.value = value

    async def get(self, name: str) -> str | None:
        return self.value


async def test_an_unknown_secret_names_itself_and_who_was_asked(tmp_path: Path) -> None:
    provider = secrets_of_process(tmp_path, "psg-service")
    (tmp_path / "x").write_text("")
    chain: SecretProvider = SecretChain([One(None), *provider._providers[:2]])  # type: ignore[attr-defined]
    with pytest.raises(SecretMissing) as caught:
        await secret_value(chain, "TOKEN_OF_X")
    message = str(caught.value)
    assert all(word in message for word in ("`TOKEN_OF_X`", "one", "the environment", str(tmp_path)))
    assert not caught.value.retryable


@pytest.mark.req("EXEC-24")
@pytest.mark.parametrize("value", ["", "abc", "  ab  ", "\n\n\n\n\n", "x" * 70_000, "with\0nul", "half \ud800"])
async def test_a_value_that_cannot_be_masked_is_refused(value: str) -> None:
    with pytest.raises(SecretRefused) as caught:
        await secret_value(One(value), "TOKEN")
    assert not value.strip() or value not in str(caught.value)


@pytest.mark.parametrize("name", ["", "../x", ".x", "a/b", "a b", "1a", "ä", "x" * 200])
async def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SecretRefused, match="no name"):
        await secret_value(One("value-of-it"), name)
