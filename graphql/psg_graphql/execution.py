"""Execution of operations: as graphql-core does it, with a short way for fields that are an attribute of a row.

A page of steps has hundreds of objects whose fields are strings and numbers read before. graphql-core builds a path, an
info and four calls for each of them; here the plain ones of a selection are found once and read in one loop. What is
not plain, and every object with a value that is not as it should be, goes the usual way, so that errors are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLObjectType,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

Read = tuple[str, str, bool, Callable[[Any], Any]]
"""Response name, attribute, whether null is an error, and how the value is told."""

_TYPENAME = "__typename"


class _Selection:
    """The fields of one selection set on one type: ``plain`` ones, and the ``rest``."""

    __slots__ = ("blank", "grouped", "plain", "rest")

    def __init__(self, grouped: Any) -> None:
        self.grouped = grouped  # kept, as its id is the key of the memory
        self.plain: list[Read] = []
        self.rest: dict[str, Any] = {}
        self.blank: dict[str, Any] = dict.fromkeys(grouped)


class RowExecution(StrawberryGraphQLCoreExecutionContext):
    """Reads plain fields in one loop for each object."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._selections: dict[tuple[int, int], _Selection] = {}

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Any, grouped_field_set: Any,
        position_context: Any,
    ) -> Any:  # fmt: skip
        """Return the fields' values by response name, or an awaitable of them."""
        selection = self._selection(parent_type, grouped_field_set)
        plain = _values(selection, source_value) if selection.plain else None
        if plain is None:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        if not selection.rest:
            return plain
        rest: Any = super().execute_fields(parent_type, source_value, path, selection.rest, position_context)
        if self.is_awaitable(rest):
            return _merged(plain, rest)
        plain.update(rest)
        return plain

    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Any, position_context: Any
    ) -> Any:
        """Return the values of a list, or an awaitable of them; rows with plain fields only are told in one loop."""
        kind = get_nullable_type(item_type)
        if is_object_type(kind) and isinstance(items, list):
            selection = self._selection(kind, self.collect_subfields(kind, field_details_list)[0])
            if selection.plain and not selection.rest:
                told = _rows(selection, kind.is_type_of, items, info)
                if told is not None:
                    return told
        return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)

    def _selection(self, kind: GraphQLObjectType, grouped: Any) -> _Selection:
        key = (id(kind), id(grouped))
        found = self._selections.get(key)
        if found is None:
            found = self._selections[key] = self._sort(kind, grouped)
        return found

    def _sort(self, parent_type: GraphQLObjectType, grouped: Any) -> _Selection:
        """Part the fields of a selection; with middleware there are no plain ones."""
        selection = _Selection(grouped)
        watched = self.middleware_manager is not None and bool(self.middleware_manager.middlewares)
        for name, details in grouped.items():
            node = details[0].node
            read = None if watched else self._plain(parent_type, name, node)
            if node.name.value == _TYPENAME:
                selection.blank[name] = parent_type.name
            elif read is not None:
                selection.plain.append(read)
            else:
                selection.rest[name] = details
        return selection

    def _plain(self, parent_type: GraphQLObjectType, name: str, node: Any) -> Read | None:
        field = self.schema.get_field(parent_type, node.name.value)
        if field is None or node.arguments or any(is_required_argument(a) for a in field.args.values()):
            return None
        definition = (field.extensions or {}).get("strawberry-definition")
        if definition is None or not getattr(field.resolve, "_is_default", False) or not definition.is_basic_field:
            return None
        required = is_non_null_type(field.type)
        leaf: Any = get_nullable_type(field.type)
        if not is_leaf_type(leaf) or definition.default_resolver is not getattr:
            return None
        return name, definition.python_name, required, leaf.coerce_output_value


def _values(selection: _Selection, source: Any) -> dict[str, Any] | None:
    """Return the plain fields of an object in the order asked for, ``None`` where one of them is in error."""
    values = selection.blank.copy()
    try:
        for name, attribute, required, tell in selection.plain:
            value = getattr(source, attribute)
            if value is not None:
                if isinstance(value, Exception) or (value := tell(value)) is None or value is Undefined:
                    return None
                values[name] = value
            elif required:
                return None
    except Exception:  # the usual way finds it again, and tells where it was
        return None
    return values


def _rows(selection: _Selection, is_type_of: Any, items: list[Any], info: Any) -> list[Any] | None:
    """Return all objects of a list, ``None`` where one of them needs the usual way."""
    told: list[Any] = []
    for item in items:
        if item is None or (is_type_of is not None and is_type_of(item, info) is not True):
            return None
        values = _values(selection, item)
        if values is None:
            return None
        told.append(values)
    return told


async def _merged(plain: dict[str, Any], rest: Any) -> dict[str, Any]:
    plain.update(await rest)
    return plain
