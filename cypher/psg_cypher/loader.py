"""Reads the named statements, migrations and Browser assets that this package carries as data.

The format of ``queries/*.cypher``::

    // name: plan_get :read :one
    // One plan with its counters.
    MATCH (p:PsgNode:Plan {project_id: $project_id, id: $id}) RETURN p {.*} AS plan

A statement ends where the next header begins; every text is constant, so that the plan cache of
the server holds one entry for it and no value can ever become part of it.
"""

from __future__ import annotations

import difflib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, LiteralString, cast

Mode = Literal["read", "write"]
Cardinality = Literal["one", "many", "none"]

_HEADER = re.compile(r"^//\s*name:\s*(?P<rest>.*?)\s*$")
_HEADER_REST = re.compile(
    r"^(?P<name>[a-z][a-z0-9_]*)\s+:(?P<mode>read|write)\s+:(?P<cardinality>one|many|none)$"
)
_MIGRATION_FILE = re.compile(r"^V(?P<version>[0-9]+(?:_[0-9]+)*)__(?P<description>[\w-]+)\.cypher$")


class StatementSourceError(ValueError):
    """A ``.cypher`` file of this package breaks the format; the message names file, line and remedy."""


class UnknownStatement(KeyError):
    """No statement has this name; the message proposes near matches."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "unknown statement"


@dataclass(frozen=True, slots=True)
class Statement:
    """One constant, parameterised Cypher statement.

    ``text`` is what is sent; ``mode`` the access mode of its session; ``cardinality`` how many rows a caller
    may expect ("one" means at most one). ``file`` is the file in ``queries/`` it came from.
    """

    name: str
    text: LiteralString = field(repr=False)
    mode: Mode
    cardinality: Cardinality
    description: str
    file: str


@dataclass(frozen=True, slots=True)
class Migration:
    """One schema migration, in the file format of neo4j-migrations (``V0001__what.cypher``).

    ``version`` is the part between ``V`` and ``__`` (dots for single underscores), ``checksum`` the unsigned
    CRC-32 of the executable statements as decimal text: a changed comment line
    is no change, a changed statement is.
    """

    version: str
    description: str
    statements: tuple[LiteralString, ...] = field(repr=False)
    checksum: str
    text: str = field(repr=False)
    source: str = ""

    @property
    def order(self) -> tuple[int, ...]:
        """Sort key: the numbers of the version."""
        return tuple(int(part) for part in self.version.split("."))


def parse_statements(text: str, file: str) -> list[Statement]:
    """Split the text of one ``queries`` file into its statements.

    Raises StatementSourceError for a bad header, text before the first header, or an empty statement.
    """
    found: list[Statement] = []
    block: list[str] = []
    header: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        match = _HEADER.match(line)
        if match is None:
            if header is None and line.strip() and not line.lstrip().startswith("//"):
                raise StatementSourceError(f"{file}:{number}: text before the first '// name:' header")
            block.append(line)
            continue
        if header is not None:
            found.append(_build(file, header, block))
        header, block = (number, match["rest"]), []
    if header is not None:
        found.append(_build(file, header, block))
    return found


def _build(file: str, header: tuple[int, str], block: list[str]) -> Statement:
    """Make the statement that starts at ``header`` from the lines below it."""
    number, rest = header
    match = _HEADER_REST.match(rest)
    if match is None:
        raise StatementSourceError(
            f"{file}:{number}: bad header '// name: {rest}'; "
            "write '// name: snake_case :read|:write :one|:many|:none'"
        )
    at = 0
    description: list[str] = []
    while at < len(block) and block[at].startswith("//"):
        description.append(block[at][2:].strip())
        at += 1
    body = "\n".join(block[at:]).strip().removesuffix(";").rstrip()
    if not body:
        raise StatementSourceError(f"{file}:{number}: statement '{match['name']}' is empty")
    return Statement(
        name=match["name"],
        # The one place where text becomes a LiteralString: it is this package's own file, never input.
        text=cast("LiteralString", body),
        mode=cast("Mode", match["mode"]),
        cardinality=cast("Cardinality", match["cardinality"]),
        description=" ".join(description).strip(),
        file=file,
    )


def parse_migration(file: str, text: str) -> Migration:
    """Read one migration file.

    ``file`` is the bare file name. Statements end with ``;`` at the end of a line. Raises
    StatementSourceError when the name is not ``V<number>__<what>.cypher`` or the file holds no statement.
    """
    match = _MIGRATION_FILE.match(file)
    if match is None:
        raise StatementSourceError(f"{file}: a migration is named V0001__what_it_does.cypher")
    parts = tuple(_split(text))
    if not parts:
        raise StatementSourceError(f"{file}: no statement; each one ends with ';' at the end of a line")
    crc = 0
    for part in parts:
        crc = zlib.crc32(part.encode(), crc)
    return Migration(
        version=match["version"].replace("_", "."),
        description=match["description"].replace("_", " "),
        statements=tuple(cast("LiteralString", part) for part in parts),
        checksum=str(crc),
        text=text,
        source=file,
    )


def _split(text: str) -> Iterator[str]:
    """Yield the statements of a migration without whole-line comments and without the final semicolon."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.strip().startswith("//"):
            lines.append(line.rstrip())
        if line.rstrip().endswith(";") and not line.strip().startswith("//"):
            yield from _one(lines)
            lines = []
    yield from _one(lines)


def _one(lines: list[str]) -> Iterator[str]:
    body = "\n".join(lines).strip().removesuffix(";").rstrip()
    if body:
        yield body


@cache
def statements() -> Mapping[str, Statement]:
    """All named statements, by name, read once.

    Raises StatementSourceError when a file breaks the format or when two statements have one name.
    """
    found: dict[str, Statement] = {}
    for entry in _files("queries"):
        for item in parse_statements(entry.read_text(encoding="utf-8"), entry.name):
            if (earlier := found.get(item.name)) is not None:
                raise StatementSourceError(
                    f"statement '{item.name}' is in both {earlier.file} and {item.file}"
                )
            found[item.name] = item
    return MappingProxyType(found)


def statement(name: str) -> Statement:
    """The statement called ``name``. Raises UnknownStatement (a KeyError) that proposes near matches."""
    known = statements()
    try:
        return known[name]
    except KeyError:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UnknownStatement(f"no Cypher statement is named '{name}'{hint}") from None


def migrations() -> list[Migration]:
    """The migrations of the platform in the order of their versions.

    Raises StatementSourceError when a file breaks the format or when two files have one version.
    """
    return list(_migrations())


@cache
def _migrations() -> tuple[Migration, ...]:
    found = [parse_migration(entry.name, entry.read_text(encoding="utf-8")) for entry in _files("migrations")]
    found.sort(key=lambda migration: migration.order)
    for earlier, later in pairwise(found):
        if earlier.order == later.order:
            raise StatementSourceError(f"{earlier.source} and {later.source} have the same version")
    return tuple(found)


def asset(name: str) -> Traversable:
    """The Browser asset ``browser/<name>`` (guide, style, saved queries). Raises FileNotFoundError."""
    found = files("psg_cypher").joinpath("browser", name)
    if "/" in name or "\\" in name or name.startswith(".") or not found.is_file():
        raise FileNotFoundError(f"no Browser asset is named '{name}'")
    return found


def _files(folder: str) -> list[Traversable]:
    """The ``.cypher`` files of one folder of this package, by name."""
    place = files("psg_cypher").joinpath(folder)
    if not place.is_dir():
        return []
    found = (entry for entry in place.iterdir() if entry.name.endswith(".cypher"))
    return sorted(found, key=lambda entry: entry.name)
