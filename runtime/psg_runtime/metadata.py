"""What this runtime declares about itself to the protocol (DD-28)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

RUNTIME_NAME = "psg-platform"
PROTOCOL_VERSIONS = ("1.0.0",)
PROFILES = ("SA", "MAP")


def runtime_metadata() -> dict[str, Any]:
    """Return the protocol's metadata of a runtime: its name and version, the protocol versions and profiles it has."""
    return {
        "runtime_name": RUNTIME_NAME,
        "runtime_version": version(RUNTIME_NAME),
        "supported_protocol_versions": list(PROTOCOL_VERSIONS),
        "supported_profiles": list(PROFILES),
    }
