"""The kit's own checker, loaded from the kit; tests that need it are skipped where it or what it imports is absent."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sample_graph import KIT

FLOWS = sorted(p for p in KIT.glob("golden/*/*") if p.is_dir())
PROFILES = {"map-flow-01-turn-taking": "MAP"}


@cache
def oracle() -> Any:
    """The module ``oracle.py`` of the kit."""
    path = KIT / "oracle.py"
    if not path.is_file():
        pytest.skip("the conformance kit is not here (../shared/mplp or MPLP_KIT)")
    for needed in ("jsonschema", "referencing", "yaml"):
        pytest.importorskip(needed, reason="the kit's oracle needs it")
    spec = importlib.util.spec_from_file_location("mplp_kit_oracle", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def profile_of(flow: Path) -> str:
    """The profile a golden flow (its ``input`` or ``expected`` folder) is for."""
    return PROFILES.get(flow.parent.name, "SA")


def invariants_of(flow: Path) -> list[str]:
    """The files with the invariants of a golden flow's own."""
    return [str(file) for file in [flow.parent / "invariants.yaml"] if file.is_file()]
