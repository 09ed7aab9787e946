"""Modules of installed packages: loaded and unloaded while the process runs, refused by name."""

from __future__ import annotations

import shutil
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
    Packages,
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

    def install(
        self, package: str, version: str, kind: str = "clock", target: str = "module", release: str = "1"
    ) -> None:
        (self.path / f"{package}.py").write_text(PACKAGE.format(kind=kind, version=version))
        info = self.path / f"{package}-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {release}\n")
        (info / "entry_points.txt").write_text(f"[psg.modules]\n{package} = {package}:{target}\n")

    def remove(self, package: str) -> None:
        (self.path / f"{package}.py").unlink()
        shutil.rmtree(self.path / f"{package}-1.dist-info")


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


async def test_what_is_installed_and_removed_is_followed(site: Site) -> None:
    m = ModuleManager(settings=QUICK)
    packages = Packages(m)

    async def runs() -> dict[str, str]:
        await packages.look()
        return {x.module_type: x.version for x in await m.list_modules()}

    assert await runs() == {}
    site.install("psg_test_pkg_clock", "1.0.0")
    site.install("psg_test_pkg_bad", "1.0.0", kind="bad", target="nothing")
    site.install("psg_test_pkg_bell", "1.0.0", kind="bell")
    assert await runs() == {"clock": "1.0.0", "bell": "1.0.0"}
    clock = next(x for x in await m.list_modules() if x.module_type == "clock")
    assert await runs() == await runs() and (await m.get_module(clock.id)).status == "running"
    site.install("psg_test_pkg_clock", "1.10.0", release="2")
    site.remove("psg_test_pkg_bell")
    site.install("psg_test_pkg_bad", "1.0.0", kind="bad", release="2")
    assert await runs() == {"clock": "1.10.0", "bad": "1.0.0"}
    assert await m.invoke("clock", "version") == "1.10.0"
    with pytest.raises(ModuleNotRunning):
        await m.invoke("bell", "version")


@pytest.mark.parametrize("target", ["nothing", "__name__"])
async def test_a_package_that_cannot_be_loaded_is_named(site: Site, target: str) -> None:
    site.install("psg_test_pkg_bad", "1.0.0", target=target)
    m = ModuleManager()
    with pytest.raises(RegistrationInvalid, match="psg_test_pkg_bad"):
        await m.load("psg_test_pkg_bad")
    assert tuple(m.registrations()) == MODULE_TYPES
