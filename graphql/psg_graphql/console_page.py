"""The query page at ``GET /graphql``: one file that loads nothing from anywhere, so that it works offline."""

from __future__ import annotations

from importlib.resources import files

CONSOLE_PAGE = files("psg_graphql").joinpath("console.html").read_text(encoding="utf-8")
