"""docs/reference is what the code says now, and the index of docs/ leads to every document."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from psg_cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("graphql.md", "cli.md", "settings.md", "errors.md", "events.md")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "docs" / "generate_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generator: ModuleType) -> dict[str, str]:
    return generator.pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_not_stale(pages: dict[str, str], name: str) -> None:
    kept = (ROOT / "docs" / "reference" / name).read_text("utf-8")
    assert pages[name] == kept, "run: make reference"
    assert set(pages) == set(PAGES) == {path.name for path in (ROOT / "docs" / "reference").iterdir()}


def test_the_reference_tells_of_everything(pages: dict[str, str]) -> None:
    assert all(f"\n## psg {name}\n" in pages["cli.md"] for name in COMMANDS)
    assert "`--tools`" in pages["cli.md"] and "`PSG_NEO4J_URI`" in pages["settings.md"]
    assert "### createPlan\n" in pages["graphql.md"] and "`database_unavailable`" in pages["errors.md"]
    assert not re.search(r"PydanticUndefined|<(class|object|function)| at 0x", "".join(pages.values()))


def test_the_index_leads_to_every_document() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([^)#]+)", index))
    there = {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}
    there = {name for name in there if not name.startswith("decisions/") and name != "README.md"}
    assert there <= linked | {"decisions/README.md"}, sorted(there - linked)
