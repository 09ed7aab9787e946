"""Build hook: the web console's built files go into wheel and sdist, and are built first where they are out of date.

They are under version control, so building the package needs Node.js only after a change to ``graphql/console``.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = "graphql/console"
BUILT = "graphql/psg_graphql/console"


class ConsoleBuildHook(BuildHookInterface):
    """Makes sure that what is packed is what the sources say."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the console where its built files do not come from these sources; raises where that cannot be."""
        if version == "editable":
            return
        root = Path(self.root)
        problem = out_of_date(root)
        if problem is None:
            return
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise RuntimeError(
                f"{problem}. Node.js and npm are needed to build it and are not here: install them and build again, "
                "or take a checkout whose built files are up to date"
            )
        self.app.display_info(f"{problem}: building it")
        build_console(root, npm)
        if (left := out_of_date(root)) is not None:
            raise RuntimeError(f"{left}, although it has just been built")


def build_console(root: Path, npm: str) -> None:
    """Install what package-lock.json names and run the build; raises CalledProcessError."""
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        subprocess.run([npm, *command], cwd=root / SOURCES, check=True)


def out_of_date(root: Path) -> str | None:
    """Say what is wrong with the built files of the tree at ``root``; nothing: they come from its sources, unchanged.

    An sdist without the sources is judged by the built files alone.
    """
    try:
        manifest = json.loads((root / BUILT / "manifest.json").read_text("utf-8"))
        told = dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"The web console is not built ({BUILT} has no readable manifest.json)"
    there = {path.relative_to(root / BUILT).as_posix() for path in (root / BUILT).rglob("*") if path.is_file()}
    if there - {"manifest.json"} != set(told):
        return f"The web console's built files in {BUILT} are not those of its manifest"
    changed = [name for name, digest in told.items() if _sha256((root / BUILT / name).read_bytes()) != digest]
    if changed:
        return f"The web console's built files were changed after the build ({', '.join(sorted(changed))})"
    if (root / SOURCES / "package.json").is_file() and source_hash(root) != manifest.get("sources"):
        return f"The web console in {BUILT} was built from other sources than those of {SOURCES}"
    return None


def source_hash(root: Path) -> str:
    """Return the hash over all that the build reads, as graphql/console/sources.mjs makes it."""
    text = (root / SOURCES / "sources.mjs").read_text("utf-8")
    single, folders = (_names(text, name) for name in ("SINGLE", "FOLDERS"))
    found = [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]
    kinds = re.compile(r"\.(tsx?|css|graphql|html|cypher|svg)$")
    names = [path.relative_to(root).as_posix() for path in found]
    names = [name for name in names if kinds.search(name) and not name.endswith(".d.ts")]
    lines = [f"{name}\0{_sha256((root / name).read_bytes())}\n" for name in sorted([*single, *names])]
    return _sha256("".join(lines).encode())


def _names(text: str, constant: str) -> list[str]:
    found = re.search(rf"const {constant} = \[(.*?)\]", text, re.DOTALL)
    if found is None:
        raise RuntimeError(f"{SOURCES}/sources.mjs does not tell {constant}")
    return re.findall(r'"([^"]+)"', found.group(1))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
