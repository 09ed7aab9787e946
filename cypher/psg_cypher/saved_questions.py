"""The saved questions: one source for the guide of Neo4j Browser, the API, the command line and the web console.

Each is a file ``browser/<name>.cypher``; its first line is its title, and the parameters it names are those below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "project_id": "UUID of the project.",
        "plan_id": "UUID of the plan.",
        "step_key": "Key of the step within its plan.",
    }
)


@dataclass(frozen=True, slots=True)
class SavedQuestion:
    """``name`` of the file, ``title`` for people, ``text`` in Cypher, ``parameters`` in the order of ``PARAMETERS``."""

    name: str
    title: str
    text: str = field(repr=False)
    parameters: tuple[str, ...]

    @property
    def of_project(self) -> bool:
        """Whether it reads one project only: each of its patterns is bound to ``$project_id``."""
        return "project_id" in self.parameters


@cache
def saved_questions() -> Mapping[str, SavedQuestion]:
    """All saved questions by name."""
    found: dict[str, SavedQuestion] = {}
    for entry in sorted(files("psg_cypher").joinpath("browser").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".cypher"):
            name, text = entry.name.removesuffix(".cypher"), entry.read_text(encoding="utf-8")
            title = text.partition("\n")[0].removeprefix("//").strip()
            used = set(re.findall(r"\$(\w+)", text))
            found[name] = SavedQuestion(name, title, text, tuple(p for p in PARAMETERS if p in used))
    return MappingProxyType(found)
