"""The built console under version control is the one that its sources make, and the package is built with it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES, BUILT = "graphql/console", "graphql/psg_graphql/console"


def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("psg_hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the hook looks at, to be changed."""
    for name in (SOURCES, BUILT, "cypher/psg_cypher/browser"):
        ignored = shutil.ignore_patterns("node_modules", ".tests")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "graphql/schema.graphql", tmp_path / "graphql/schema.graphql")
    return tmp_path


def test_the_committed_build_comes_from_the_committed_sources() -> None:
    assert hook().out_of_date(ROOT) is None, "run `make console` and commit what it writes"


def test_every_change_of_a_source_or_a_built_file_is_noticed(tree: Path) -> None:
    module = hook()
    judge, named = module.out_of_date, tree / BUILT / "manifest.json"
    manifest = json.loads(named.read_text("utf-8")) | {"sources": module.source_hash(tree)}
    named.write_text(json.dumps(manifest), "utf-8")
    assert judge(tree) is None
    built = tree / BUILT / manifest["entries"]["console"]["js"]
    content = built.read_bytes()
    built.write_bytes(content + b" ")
    assert "changed after the build" in judge(tree)
    built.unlink()
    assert "not those of its manifest" in judge(tree)
    built.write_bytes(content)
    (tree / BUILT / "extra.js").write_text("alert(1)", "utf-8")
    assert "not those of its manifest" in judge(tree)
    (tree / BUILT / "extra.js").unlink()
    for source in ("src/main.tsx", "package-lock.json", "src/styles/tokens.css"):
        path = tree / SOURCES / source
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        assert "other sources" in judge(tree), source
        path.write_bytes(before)
    (tree / SOURCES / "src" / "added.ts").write_text("export {};", "utf-8")
    assert "other sources" in judge(tree)
    for name in ("{", "[]", '{"files": 1}', ""):
        named.write_text(name, "utf-8")
        assert "manifest" in judge(tree)


def test_a_stale_console_without_node_refuses_the_package(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / SOURCES / "src" / "added.ts").write_text("export {};", "utf-8")
    monkeypatch.setenv("PATH", str(tree))
    module = hook()
    made = module.ConsoleBuildHook(str(tree), {}, None, None, str(tree), "wheel")
    with pytest.raises(RuntimeError, match=r"other sources.*Node\.js and npm are needed"):
        made.initialize("standard", {})
    made.initialize("editable", {})  # who works on the sources is not kept from installing them


def test_the_lock_file_names_no_address() -> None:
    text = (ROOT / SOURCES / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    addresses = set(re.findall(r"https?://[^/\"]+", text))
    assert {a for a in addresses if "registry" in a or "npm" in a} == set()
    assert all("integrity" in entry for name, entry in json.loads(text)["packages"].items() if name)


def test_the_built_console_is_small_and_asks_nobody_else() -> None:
    files = [path for path in (ROOT / BUILT).rglob("*") if path.is_file()]
    manifest = json.loads((ROOT / BUILT / "manifest.json").read_text("utf-8"))
    for name in ("console", "graphiql"):
        assert (ROOT / BUILT / manifest["entries"][name]["js"]).is_file()
    assert sum(path.stat().st_size for path in files) < 3_000_000
    for path in files:
        if path.suffix == ".html":
            page = path.read_text("utf-8")
            assert re.findall(r'(?:src|href)="(?!/console/|data:)', page) == [] and "<style" not in page
            assert re.findall(r"<script(?![^>]* src=)", page) == []
        if path.suffix == ".css":
            assert re.findall(r"url\((?!\"?data:|#|\"?#)[^)]{0,60}", path.read_text("utf-8")) == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_building_anew_gives_the_same_bytes(tree: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not here: Debian and Ubuntu have them as the packages nodejs and npm")
    before = (tree / BUILT / "manifest.json").read_bytes()
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run(
            [npm, *command], cwd=tree / SOURCES, env={**os.environ, "CI": "1"}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tree / BUILT / "manifest.json").read_bytes() == before
