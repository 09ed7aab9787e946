"""``file.read`` and ``file.write`` on a real folder, and every way out of it that we know."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from psg.errors import CapabilityDenied, PsgError, ValidationFailed
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.failures import ActionRefused

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    return folder


async def do(root: Path | None, name: str, **params: Any) -> Any:
    ael = AdapterLayer(CapabilityRegistry(), AelSettings(file_root=root))
    return (await ael.execute({"type": "file_operation", "name": name, "params": params})).output


@pytest.mark.req("L3-29")
async def test_write_then_read(root: Path) -> None:
    written = await do(root, "file.write", path="reports/2026/health.md", content="# Größe\n")
    assert (root / "reports/2026/health.md").read_text(encoding="utf-8") == "# Größe\n"
    read = await do(root, "file.read", path="reports/2026/health.md")
    assert read == {**written, "content": "# Größe\n"}
    assert written["bytes"] == 10


async def test_a_file_is_replaced_as_a_whole_and_nothing_else_stays(root: Path) -> None:
    await do(root, "file.write", path="a.txt", content="a much longer first version")
    await do(root, "file.write", path="a.txt", content="short")
    assert (root / "a.txt").read_text() == "short"
    assert os.listdir(root) == ["a.txt"]


async def test_binary_content(root: Path) -> None:
    data = bytes(range(256))
    await do(root, "file.write", path="b.bin", content=base64.b64encode(data).decode(), encoding="base64")
    assert (root / "b.bin").read_bytes() == data
    assert base64.b64decode((await do(root, "file.read", path="b.bin", encoding="base64"))["content"]) == data
    with pytest.raises(ActionRefused, match="encoding base64"):
        await do(root, "file.read", path="b.bin")
    with pytest.raises(ValidationFailed, match="not base64"):
        await do(root, "file.write", path="b.bin", content="!", encoding="base64")


@pytest.mark.parametrize(
    "path", ["../outside/x", "/etc/passwd", "a/../../outside/x", "..", "", ".", "a/", "a\0b", "./../outside/x"]
)
async def test_a_path_that_leads_outside_is_denied(root: Path, path: str) -> None:
    for name, params in (("file.write", {"content": "x"}), ("file.read", {})):
        with pytest.raises(CapabilityDenied, match="must be relative"):
            await do(root, name, path=path, **params)
    assert os.listdir(root) == []


async def test_links_are_not_followed(root: Path) -> None:
    outside = root.parent / "outside"
    (root / "folder").symlink_to(outside)
    (root / "file.txt").symlink_to(outside / "secret.txt")
    (root / "dangling").symlink_to(outside / "new.txt")
    for path in ("folder/secret.txt", "file.txt"):
        with pytest.raises(CapabilityDenied, match="symbolic link"):
            await do(root, "file.read", path=path)
    for path in ("folder/made.txt", "folder/deep/made.txt", "file.txt", "dangling"):
        with pytest.raises(CapabilityDenied):
            await do(root, "file.write", path=path, content="x")
    assert os.listdir(outside) == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == "secret"
    assert sorted(os.listdir(root)) == ["dangling", "file.txt", "folder"]


async def test_special_files_and_folders_are_refused(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "dir").mkdir()
    for path in ("pipe", "dir"):
        with pytest.raises(PsgError):
            await do(root, "file.read", path=path)
        with pytest.raises(CapabilityDenied, match="not a regular file"):
            await do(root, "file.write", path=path, content="x")
    assert sorted(os.listdir(root)) == ["dir", "pipe"]


async def test_a_file_over_the_limit_is_refused(root: Path) -> None:
    (root / "big").write_bytes(b"x" * 101)
    with pytest.raises(ActionRefused, match="more than 100 bytes"):
        await do(root, "file.read", path="big", max_bytes=100)
    assert (await do(root, "file.read", path="big", max_bytes=101))["bytes"] == 101


async def test_a_missing_file_is_named(root: Path) -> None:
    with pytest.raises(ActionRefused, match=r"`no/such.txt`: No such file"):
        await do(root, "file.read", path="no/such.txt")


async def test_files_are_off_until_a_folder_is_configured() -> None:
    with pytest.raises(CapabilityDenied, match="PSG_FILE_ROOT"):
        await do(None, "file.write", path="x", content="x")


async def test_an_unknown_operation_is_refused(root: Path) -> None:
    with pytest.raises(PsgError, match=r"Unknown file operation `file.delete`"):
        await do(root, "file.delete", path="x")
