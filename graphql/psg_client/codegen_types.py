"""From GraphQL selections and input types to the text of Python classes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    ListTypeNode,
    NonNullTypeNode,
    SelectionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    type_from_ast,
)

_SCALARS = {"Int": "int", "Float": "float", "Boolean": "bool", "JSON": "Any", "BigInt": "int", "Long": "int"}
_KEYWORDS = {"from", "global", "class", "import", "in", "is", "not", "or", "and", "type"}


_CLASS = '''\
@dataclass(frozen=True, slots=True)
class {name}:
    """{doc}"""

{fields}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> {name}:
        return cls(
{readers}
        )
'''

_INPUT = '''\
@dataclass(frozen=True, slots=True, kw_only=True)
class {name}:
    """{doc}"""

{fields}

    def data(self) -> dict[str, Any]:
        return {entries}
'''


def snake(name: str) -> str:
    """``planProgress`` as ``plan_progress``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _argument(name: str) -> str:
    made = snake(name)
    return f"{made}_" if made in _KEYWORDS - {"type"} else made


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


class TypeWriter:
    """Collects the classes that the operations need, each written once."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._inputs: dict[str, str] = {}
        self._classes: dict[str, str] = {}
        self._enums: dict[str, str] = {}
        self._tables: dict[str, str] = {}

    def text(self) -> list[str]:
        """All classes collected so far: enums, inputs, results in the order of their use, unions."""
        enums, inputs = ([found[name] for name in sorted(found)] for found in (self._enums, self._inputs))
        head = ["\n".join([*enums, ""])] if enums else ["\n"]
        tail = ["\n".join(self._tables.values())] if self._tables else []
        return [*head, *inputs, *self._classes.values(), *tail]

    # Results

    def field_type(self, kind: GraphQLOutputType, selection: SelectionSetNode | None, name: str) -> str:
        """The annotation of a field, writing the classes it needs under ``name``."""
        if isinstance(kind, GraphQLNonNull):
            return self._bare(kind.of_type, selection, name)
        return f"{self._bare(kind, selection, name)} | None"

    def _bare(self, kind: GraphQLOutputType, selection: SelectionSetNode | None, name: str) -> str:
        if isinstance(kind, GraphQLList):
            return f"list[{self.field_type(kind.of_type, selection, name)}]"
        if is_leaf_type(kind):
            return self._leaf(kind)
        assert selection is not None
        members = self._members(kind, selection, name)
        return " | ".join(dict.fromkeys(members.values()))

    def reader(self, kind: GraphQLOutputType, selection: SelectionSetNode | None, name: str, value: str) -> str:
        """An expression that turns the JSON ``value`` into the annotated type."""
        if is_leaf_type(get_named_type(kind)):
            return value
        if not isinstance(kind, GraphQLNonNull):
            inner = self.reader(GraphQLNonNull(kind), selection, name, value)
            return f"None if {value} is None else {inner}"
        bare = kind.of_type
        if isinstance(bare, GraphQLList):
            return f"[{self.reader(bare.of_type, selection, name, 'item')} for item in {value}]"
        assert selection is not None
        members = self._members(bare, selection, name)
        if is_abstract_type(bare):
            table = f"_{snake(name).upper()}_MEMBERS"
            rows = "".join(f'    "{typename}": {made}.read,\n' for typename, made in members.items())
            union = " | ".join(dict.fromkeys(members.values()))
            self._tables[table] = f"{table}: dict[str, Reader[{union}]] = {{\n{rows}}}"
            return f"member({value}, {table})"
        return f"{next(iter(members.values()))}.read({value})"

    def _members(self, kind: GraphQLOutputType, selection: SelectionSetNode, name: str) -> dict[str, str]:
        """Class names by the typenames that a selection can yield and that it says something about.

        Failure members (those with a ``code``) are left out: they are raised.
        """
        if not is_abstract_type(kind):
            return {_name(kind): self._class(kind, selection, name)}
        found: dict[str, str] = {}
        for part in selection.selections:
            target = self._condition(part)
            if target is None or is_abstract_type(target) or "code" in target.fields:
                continue
            inner = part.selection_set if isinstance(part, InlineFragmentNode) else _spread(part)
            found[target.name] = self._class(target, inner, f"{name}{target.name}")
        if not found:
            raise ValueError(f"{name}: select the members of {_name(kind)} by `... on Type`")
        return found

    def _condition(self, part: SelectionNode) -> Any:
        fragment = self._fragments[part.name.value] if isinstance(part, FragmentSpreadNode) else part
        if isinstance(fragment, InlineFragmentNode | FragmentDefinitionNode) and fragment.type_condition:
            return self._schema.type_map[fragment.type_condition.name.value]
        return None

    def _class(self, kind: Any, selection: SelectionSetNode, name: str) -> str:
        parts = selection.selections
        if len(parts) == 1 and isinstance(parts[0], FragmentSpreadNode):
            name, selection = parts[0].name.value, self._fragments[parts[0].name.value].selection_set
        name = _pascal(name)
        if name in self._classes:
            return name
        self._classes[name] = ""  # keeps the place, and ends recursion
        fields, readers = [], []
        for field in self._fields(selection):
            if field.name.value == "__typename":
                continue
            key = field.alias.value if field.alias else field.name.value
            below = f"{name}{_pascal(key)}"
            definition = kind.fields[field.name.value]
            fields.append(f"    {snake(key)}: {self.field_type(definition.type, field.selection_set, below)}")
            read = self.reader(definition.type, field.selection_set, below, f'data["{key}"]')
            readers.append(f"            {snake(key)}={read},")
        del self._classes[name]  # the classes of its fields come before it
        self._classes[name] = _CLASS.format(
            name=name, doc=_doc(kind.description, name), fields="\n".join(fields), readers="\n".join(readers)
        )
        return name

    def _fields(self, selection: SelectionSetNode) -> Iterable[FieldNode]:
        for part in selection.selections:
            if isinstance(part, FieldNode):
                yield part
            elif isinstance(part, FragmentSpreadNode):
                yield from self._fields(self._fragments[part.name.value].selection_set)
            elif isinstance(part, InlineFragmentNode):
                yield from self._fields(part.selection_set)

    # Arguments

    def parameters(self, variables: Iterable[VariableDefinitionNode]) -> tuple[list[str], str]:
        """Keyword parameters of a method, and the expression that makes its variables."""
        required: list[str] = []
        optional: list[str] = []
        entries = []
        for variable in variables:
            name = variable.variable.name.value
            kind: Any = type_from_ast(self._schema, variable.type)
            named = get_named_type(kind)
            if name == "input" and isinstance(named, GraphQLInputObjectType):
                must, may, inner = self._input_fields(named)
                required, optional = required + must, optional + may
                entries.append(f'"input": {_given(inner, 16)}')
            elif isinstance(variable.type, NonNullTypeNode) and variable.default_value is None:
                required.append(f"{_argument(name)}: {self._annotation(variable.type)}")
                entries.append(f'"{name}": {self._data(kind, _argument(name))}')
            else:
                optional.append(f"{_argument(name)}: {_optional(self._annotation(variable.type))} = None")
                entries.append(f'"{name}": {self._data(kind, _argument(name))}')
        return required + optional, _given(entries, 8)

    def _input_fields(self, kind: GraphQLInputObjectType, owner: str = "") -> tuple[list[str], list[str], list[str]]:
        required: list[str] = []
        optional: list[str] = []
        entries = []
        for name, field in kind.fields.items():
            made = _argument(name)
            annotation = self._input_annotation(field.type)
            if isinstance(field.type, GraphQLNonNull) and field.ast_node and field.ast_node.default_value is None:
                required.append(f"{made}: {annotation}")
            else:
                optional.append(f"{made}: {_optional(annotation)} = None")
            value = self._data(field.type, owner + made)
            if name == "commandId":
                value = f"command_id_or_new({value})"
            entries.append(f'"{name}": {value}')
        return required, optional, entries

    def _annotation(self, node: Any) -> str:
        if isinstance(node, NonNullTypeNode):
            return self._annotation(node.type)
        if isinstance(node, ListTypeNode):
            return f"list[{self._annotation(node.type)}]"
        return self._input_annotation(self._schema.type_map[node.name.value])

    def _input_annotation(self, kind: Any) -> str:
        if isinstance(kind, GraphQLNonNull):
            return self._input_annotation(kind.of_type)
        if isinstance(kind, GraphQLList):
            return f"list[{self._input_annotation(kind.of_type)}]"
        if isinstance(kind, GraphQLInputObjectType):
            return self._input_class(kind)
        return self._leaf(kind)

    def _data(self, kind: Any, value: str) -> str:
        """The expression for a value inside the variables; ``given`` later leaves out what is None."""
        if not isinstance(get_named_type(kind), GraphQLInputObjectType):
            return value
        bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        one = "[item.data() for item in {0}]" if isinstance(bare, GraphQLList) else "{0}.data()"
        made = one.format(value)
        return made if isinstance(kind, GraphQLNonNull) else f"None if {value} is None else {made}"

    def _input_class(self, kind: GraphQLInputObjectType) -> str:
        if kind.name not in self._inputs:
            self._inputs[kind.name] = ""
            required, optional, entries = self._input_fields(kind, "self.")
            fields = "\n".join(f"    {field}" for field in [*required, *optional])
            doc = _doc(kind.description, kind.name)
            self._inputs[kind.name] = _INPUT.format(name=kind.name, doc=doc, fields=fields, entries=_given(entries, 8))
        return kind.name

    def _leaf(self, kind: Any) -> str:
        if isinstance(kind, GraphQLEnumType):
            line = f"{kind.name} = Literal[{', '.join(_quoted(value) for value in kind.values)}]"
            rows = "".join(f"    {_quoted(value)},\n" for value in kind.values)
            self._enums[kind.name] = line if len(line) <= 120 else f"{kind.name} = Literal[\n{rows}]"
            return kind.name
        return _SCALARS.get(kind.name, "str")


def _name(kind: Any) -> str:
    return str(kind.name)


def _spread(part: SelectionNode) -> SelectionSetNode:
    return SelectionSetNode(selections=(part,))


def _given(entries: list[str], indent: int) -> str:
    """A dictionary without what is None, on one line where it fits."""
    line = f"given({{{', '.join(entries)}}})"
    if len(line) + indent <= 90 and "\n" not in line:
        return line
    margin = " " * indent
    inner = "".join(f"{margin}        {entry},\n" for entry in entries)
    return f"given(\n{margin}    {{\n{inner}{margin}    }}\n{margin})"


def _quoted(value: str) -> str:
    return f'"{value}"'


def _optional(annotation: str) -> str:
    return annotation if annotation == "Any" else f"{annotation} | None"


def _doc(description: str | None, name: str) -> str:
    return first_line(description or f"{name} as the API tells it.")


def first_line(text: str) -> str:
    """The first paragraph of a description, as a docstring on one line."""
    line = " ".join(text.strip().split("\n\n")[0].split()).replace("\\", "\\\\").replace('"', "'")
    return line if len(line) <= 95 else line[:94].rsplit(" ", 1)[0] + " …"
