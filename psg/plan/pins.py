"""How a step names a version of a capability: ``name@1.2.0``."""

from __future__ import annotations


def split_pin(name: str) -> tuple[str, str | None]:
    """``name@1.2.0`` as name and version; without a pin the version is None."""
    before, at, version = name.partition("@")
    return before, version if at else None
