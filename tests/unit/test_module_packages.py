"""Modules of installed packages: loaded and unloaded while the process runs, refused by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from psg_runtime.modules import (
    MODULE_TYPES,
    ModuleExists,
    ModuleManager,
    ModuleNotRunning,
    ModuleSettings,
    ModuleUnknown,
    RegistrationInvalid,
)

pytestmark = pytest.mark.anyio

QUICK = ModuleSettings(startup_timeout_ms=5_000)


PACKAGE = """
from psg_runtime.modules import ModuleRegistration
def module():
    return ModuleRegistration(module_type="{kind}", version="{version}", capabilities=["{kind}.version"],
        operations={{"version": lambda inputs: "{version}"}})
"""


class Site:
    """A folder of installed packages, as an installer leaves them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(self, package: str, version: str, kind: str = "clock", target: str = "module") -> None:
        (self.path / f"{package}.py").write_text(PACKAGE.format(kind=kind, version=version))
        info = self.path / f"{package}-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[psg.modules]\n{package} = {package}:{target}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Site(tmp_path)
    for name in [n for n in sys.modules if n.startswith("psg_test_pkg")]:
        del sys.modules[name]


async def test_modules_of_packages_come_and_go_without_a_restart(site: Site) -> None:
    m = ModuleManager(settings=QUICK)
    with pytest.raises(ModuleUnknown, match="psg_test_pkg_clock"):
        await m.load("psg_test_pkg_clock")
    site.install("psg_test_pkg_clock", "1.0.0")
    (loaded,) = await m.load("psg_test_pkg_clock")
    assert (loaded.module_type, loaded.version) == ("clock", "1.0.0")
    made = await m.initialize_module("clock")
    assert await m.invoke("clock", "version") == "1.0.0"
    # A newer one is installed; the old one goes on until it is unloaded.
    site.install("psg_test_pkg_clock", "1.10.0")
    with pytest.raises(ModuleExists):
        await m.load("psg_test_pkg_clock")
    await m.unload("clock")
    assert "clock" not in m.registrations() and (await m.get_module(made.id)).status == "stopped"
    with pytest.raises(ModuleNotRunning):
        await m.invoke("clock", "version")
    await m.load()
    await m.initialize_module("clock")
    assert await m.invoke("clock", "version") == "1.10.0"
    # Two packages that bring the same module: none of them wins by chance.
    site.install("psg_test_pkg_other", "3.0.0")
    with pytest.raises(ModuleExists, match="clock"):
        await ModuleManager().load()


@pytest.mark.parametrize("target", ["nothing", "__name__"])
async def test_a_package_that_cannot_be_loaded_is_named(site: Site, target: str) -> None:
    site.install("psg_test_pkg_bad", "1.0.0", target=target)
    m = ModuleManager()
    with pytest.raises(RegistrationInvalid, match="psg_test_pkg_bad"):
        await m.load("psg_test_pkg_bad")
    assert tuple(m.registrations()) == MODULE_TYPES
