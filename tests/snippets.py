"""The fenced blocks of README.md and docs/**/*.md, and how each kind is judged (decision 0098).

A fence names its language: ``python``, ``console``, ``yaml``, ``json``, ``toml``, ``env``, ``graphql``, ``cypher``, or
``text`` for what is no code (commands in it still have to exist). What cannot run says why: ``python no-run: needs a
Redis``; such are counted. An HTML comment ``<!-- before: … -->`` right above a python fence holds code that is run
first and that readers need not see.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import click
import typer.main

from psg_cli.main import app

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = {"python", "console", "yaml", "json", "toml", "env", "graphql", "cypher", "text"}
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<code>.*?)^(?P=indent)```[ ]*$", re.DOTALL | re.MULTILINE)
BEFORE = re.compile(r"<!-- before:\n(?P<code>(?:(?!-->).)*)-->\s*\Z", re.DOTALL)
PROGRAM = "anyio.run("
NO_RUN = "no-run:"


@dataclass(frozen=True)
class Snippet:
    """One fence; ``before`` is hidden code, ``reason`` why it is not run (None: it is)."""

    file: str
    line: int
    language: str
    reason: str | None
    code: str
    before: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def documents() -> list[str]:
    """README and everything below docs/ but decisions, which tell of their time, as names below the root."""
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run([*listing, "README.md", "docs/*.md"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        names = [path.relative_to(ROOT).as_posix() for path in found]
    else:
        names = answer.stdout.splitlines()
    left_out = ("docs/decisions/", "docs/reference/")
    return sorted(n for n in names if not n.startswith(left_out) and (ROOT / n).is_file())


def snippets(name: str) -> list[Snippet]:
    """The fences of a document, in order."""
    return parse(name, (ROOT / name).read_text("utf-8"))


def parse(name: str, text: str) -> list[Snippet]:
    found = []
    for match in FENCE.finditer(text):
        info = match["info"].strip()
        language, _, rest = info.partition(" ")
        reason = rest.strip().removeprefix(NO_RUN).strip() if rest.strip().startswith(NO_RUN) else None
        line = text.count("\n", 0, match.start()) + 1
        indent = len(match["indent"])
        code = "".join(part[indent:] if part.strip() else "\n" for part in match["code"].splitlines(keepends=True))
        before = BEFORE.search(text[: match.start()])
        found.append(Snippet(name, line, language, reason, code, before["code"] if before else ""))
    return found


def of(language: str, name: str) -> list[Snippet]:
    """The fences of one language that are to be run."""
    return [s for s in snippets(name) if s.language == language and s.reason is None]


@dataclass(frozen=True)
class Line:
    """One command of a console fence and what it is said to print."""

    words: str
    printed: list[str]


def console_lines(code: str) -> list[Line]:
    """The commands (``$ …``, continued after a backslash) with the lines printed below each."""
    lines: list[Line] = []
    continued = False
    for text in code.splitlines():
        if continued or text.startswith("$ "):
            words = text.strip() if continued else re.sub(r"\s{2,}# .*$", "", text[2:])
            more = words.endswith("\\")
            words = words.rstrip("\\").strip()
            if continued:
                lines[-1] = Line(f"{lines[-1].words} {words}", [])
            else:
                lines.append(Line(words, []))
            continued = more
        elif lines and text.strip():
            lines[-1].printed.append(text)
    return lines


ASSIGNED = re.compile(r"^(?:[A-Z][A-Z0-9_]*=\S* +)+")


def psg_words(command: str) -> list[str] | None:
    """The words after ``psg`` of a command line, None when it is another program's."""
    words = ASSIGNED.sub("", command).split()
    return words[1:] if words and words[0].rpartition("/")[2] == "psg" else None


def unknown_words(words: list[str]) -> list[str]:
    """What of ``psg …`` does not exist: a command, or an option of the command that it ends at."""
    command: click.Command = typer.main.get_command(app)
    unknown = []
    path = True
    for word in words:
        if word in ("&", "|", ";", "&&", "#", "<", ">"):
            break
        bare = word.strip("[]().,;")
        inner = getattr(command, "commands", None)
        if path and inner is not None and re.fullmatch(r"[a-z][a-z-]*", bare):
            if bare not in inner:
                return [f"psg … {bare}"]
            command = inner[bare]
        elif bare.startswith("-"):
            path = False
            unknown += [o for o in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", bare) if o not in options(command)]
        else:
            path = path and inner is not None
    return unknown


def options(command: click.Command) -> set[str]:
    """Every way to write an option of a command."""
    known = {"--help", "-h", "--version"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    return known


def synopsis(code: str) -> list[list[str]]:
    """The ``psg`` commands of a text fence, each up to its explanation (two blanks or more)."""
    found = []
    for part in re.split(r"\n|\s{3,}", code):
        words = psg_words(part.strip().removeprefix("$ "))
        if words is not None:
            found.append(words)
    return found
