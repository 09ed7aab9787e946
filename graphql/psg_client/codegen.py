"""Writes ``psg_client/generated.py`` from ``graphql/schema.graphql`` and ``graphql/operations/*.graphql``.

Run ``python -m psg_client.codegen`` in a checkout after changing either; ``--check`` only says whether it is stale.
Each operation has one root field and becomes a method that returns the type of that field; a variable ``$input``
becomes keyword arguments. A named fragment becomes one class, shared by all operations that use it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    parse,
    print_ast,
    validate,
)

from psg_client.codegen_types import TypeWriter, first_line, snake

_HEADER = '''"""Typed operations of the API; written by ``python -m psg_client.codegen``, not by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psg_client.calls import Calls, Reader, command_id_or_new, given, member
'''

GRAPHQL_FOLDER = Path(__file__).resolve().parents[1]
GENERATED = Path(__file__).with_name("generated.py")


class OperationInvalid(ValueError):
    """An operation document does not fit the schema, or not the form this generator knows."""


def generate(schema_text: str, documents: dict[str, str]) -> str:
    """The text of the generated module; ``documents`` are texts by file name. Raises OperationInvalid."""
    schema = build_schema(schema_text)
    source = "\n".join(documents[name] for name in sorted(documents))
    document = parse(source, no_location=True)
    if errors := validate(schema, document):
        raise OperationInvalid("; ".join(error.message for error in errors))
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    types = TypeWriter(schema, fragments)
    texts, methods = [], []
    for operation in sorted(operations, key=_name):
        name = _name(operation)
        parts = [print_ast(operation), *(print_ast(f) for f in _used(operation, fragments))]
        texts.append(f'_{snake(name).upper()} = """\\\n' + "\n\n".join(parts) + '\n"""\n')
        methods.append(_method(schema, types, operation))
    body = ["", "class Operations(Calls):", '    """One method for each operation of graphql/operations."""', ""]
    classes = "\n\n".join(types.text())
    return _HEADER + "\n".join(["", classes, "", *texts, *body, "\n".join(methods).rstrip(), ""])


def _name(operation: OperationDefinitionNode) -> str:
    if operation.name is None:
        raise OperationInvalid("every operation needs a name")
    return operation.name.value


def _used(node: object, fragments: dict[str, FragmentDefinitionNode]) -> list[FragmentDefinitionNode]:
    """The fragments an operation needs, also through others, by name."""
    found: dict[str, FragmentDefinitionNode] = {}
    open_nodes = [node]
    while open_nodes:
        selections = getattr(getattr(open_nodes.pop(), "selection_set", None), "selections", ())
        for selection in selections:
            open_nodes.append(selection)
            if selection.kind == "fragment_spread" and selection.name.value not in found:
                fragment = fragments[selection.name.value]
                found[selection.name.value] = fragment
                open_nodes.append(fragment)
    return [found[name] for name in sorted(found)]


def _method(schema: GraphQLSchema, types: TypeWriter, operation: OperationDefinitionNode) -> str:
    name = _name(operation)
    if len(operation.selection_set.selections) != 1:
        raise OperationInvalid(f"{name}: an operation has exactly one root field here")
    root = schema.get_root_type(operation.operation)
    (field,) = operation.selection_set.selections
    assert root is not None and isinstance(field, FieldNode)
    definition = root.fields[field.name.value]
    result = types.field_type(definition.type, field.selection_set, name)
    parameters, variables = types.parameters(operation.variable_definitions or ())
    key = field.alias.value if field.alias else field.name.value
    read = types.reader(definition.type, field.selection_set, name, f'data["{key}"]')
    returned = f"AsyncGenerator[{result}]" if operation.operation.value == "subscription" else result
    lines = [f"    {'def' if returned != result else 'async def'} {snake(name)}("]
    lines += [f"        {parameter}," for parameter in ["self", *(["*"] if parameters else []), *parameters]]
    lines.append(f"    ) -> {returned}:")
    if definition.description:
        lines.append(f'        """{first_line(definition.description)}"""')
    lines.append(f"        variables = {variables}")
    text = f"_{snake(name).upper()}"
    if returned != result:
        lines.append("        return self._subscribe(")
        lines.append(f'            {text}, "{name}", variables, lambda data: {read}')
        lines.append("        )")
    else:
        lines.append(f'        data = await self._call({text}, "{name}", variables)')
        lines.append(f"        return {read}")
    return "\n".join([*lines, ""])


def sources(folder: Path = GRAPHQL_FOLDER) -> tuple[str, dict[str, str]]:
    """The schema and the operation documents of a checkout."""
    documents = {path.name: path.read_text("utf-8") for path in sorted((folder / "operations").glob("*.graphql"))}
    return (folder / "schema.graphql").read_text("utf-8"), documents


def main(arguments: list[str] | None = None) -> int:
    """Write the generated module, or with ``--check`` return 1 when it is stale."""
    parser = argparse.ArgumentParser(prog="python -m psg_client.codegen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the generated module is stale")
    options = parser.parse_args(arguments)
    text = generate(*sources())
    current = GENERATED.read_text("utf-8") if GENERATED.exists() else ""
    if options.check:
        if text != current:
            sys.stderr.write(f"{GENERATED.name} is stale; run python -m psg_client.codegen\n")
        return int(text != current)
    if text != current:
        GENERATED.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
