"""Writes the schema to ``graphql/schema.graphql``: ``python -m psg_graphql.export [FILE]``; ``-`` prints it."""

from __future__ import annotations

import sys
from pathlib import Path

from psg_graphql.schema import make_schema
from psg_graphql.settings import ApiSettings

TARGET = Path(__file__).parents[1] / "schema.graphql"


def schema_text() -> str:
    """Return the schema in SDL, sorted."""
    return make_schema(ApiSettings.model_construct(), in_order=True).as_str().rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema to the file named, by default where it is checked in."""
    if arguments == ["-"]:
        sys.stdout.write(schema_text())
        return 0
    target = Path(arguments[0]) if arguments else TARGET
    target.write_text(schema_text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
