"""Execution of operations: as graphql-core does it, with a short way for what is read already.

A page of steps has hundreds of objects whose fields are strings and numbers of a row. graphql-core builds a path, an
info and four calls for each of them; here the fields of a selection that need nothing but the row are found once and
told in one loop. Everything else, and every list with a value that is not as it should be, goes the usual way: errors,
their places and their order are graphql-core's own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

from graphql import (
    GraphQLObjectType,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

F = TypeVar("F", bound=Callable[..., Any])
Leaf = tuple[str, str, bool, Callable[[Any], Any]]
"""Response name, attribute, whether null is an error, and how the value is told."""
Rows = tuple[str, Callable[..., Any], "_Selection"]
"""Response name, resolver, and what is asked of each object it returns."""

_TYPENAME = "__typename"
_MARK = "__psg_of_row__"


def of_row(resolver: F) -> F:
    """Mark a resolver ``(self, info)`` that returns a list at once and asks ``info`` for its context only.

    It changes nothing, as it may be called twice. It may return an awaitable where it has to read; then its field goes
    the usual way.
    """
    setattr(resolver, _MARK, True)
    return resolver


class _Selection:
    """The fields of one selection set on one type: ``leaves``, lists of ``rows``, and the ``rest``."""

    __slots__ = ("blank", "grouped", "is_type_of", "leaves", "rest", "rows", "told")

    def __init__(self, kind: GraphQLObjectType, grouped: Any) -> None:
        self.grouped = grouped  # kept, as its id is the key of the memory
        self.is_type_of: Any = kind.is_type_of
        self.blank: dict[str, Any] = dict.fromkeys(grouped)
        self.leaves: list[Leaf] = []
        self.rows: list[Rows] = []
        self.rest: dict[str, Any] = {}
        self.told: dict[int, tuple[Any, dict[str, Any]]] = {}

    @property
    def short(self) -> bool:
        """Whether an object of this selection needs nothing but its row."""
        return not self.rest


class RowExecution(StrawberryGraphQLCoreExecutionContext):
    """Tells what needs only a row in one loop for each object."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._selections: dict[tuple[int, int], _Selection] = {}
        self._asked = SimpleNamespace(context=self.context_value)
        self._watched = self.middleware_manager is not None and bool(self.middleware_manager.middlewares)

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Any, grouped_field_set: Any,
        position_context: Any,
    ) -> Any:  # fmt: skip
        """Return the fields' values by response name, or an awaitable of them."""
        selection = self._selection(parent_type, grouped_field_set)
        values = self._values(selection, source_value) if selection.leaves or selection.rows else None
        if values is None:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        if selection.short:
            return values
        rest: Any = super().execute_fields(parent_type, source_value, path, selection.rest, position_context)
        if self.is_awaitable(rest):
            return _merged(values, rest)
        values.update(rest)
        return values

    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Any, position_context: Any
    ) -> Any:
        """Return the values of a list, or an awaitable of them."""
        kind: Any = get_nullable_type(item_type)
        if is_object_type(kind) and isinstance(items, list):
            selection = self._selection(kind, self.collect_subfields(kind, field_details_list)[0])
            told = self._list(selection, items) if selection.short else None
            if told is not None:
                return told
        return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)

    def _selection(self, kind: GraphQLObjectType, grouped: Any) -> _Selection:
        key = (id(kind), id(grouped))
        found = self._selections.get(key)
        if found is None:
            found = self._selections[key] = _Selection(kind, grouped)
            for name, details in grouped.items():
                if not self._take(found, kind, name, details):
                    found.rest[name] = details
        return found

    def _take(self, selection: _Selection, kind: GraphQLObjectType, name: str, details: Any) -> bool:
        """Add a field to what needs only the row, if it is such a field; with middleware none is."""
        node = details[0].node
        if node.name.value == _TYPENAME:
            selection.blank[name] = kind.name
            return True
        field = self.schema.get_field(kind, node.name.value)
        definition = ((field and field.extensions) or {}).get("strawberry-definition")
        if field is None or definition is None or node.arguments or field.args or self._watched:
            return False
        required = is_non_null_type(field.type)
        returned: Any = get_nullable_type(field.type)
        if definition.is_basic_field and definition.default_resolver is getattr and is_leaf_type(returned):
            selection.leaves.append((name, definition.python_name, required, returned.coerce_output_value))
            return True
        resolver = getattr(definition.base_resolver, "wrapped_func", None)
        if resolver is None or not hasattr(resolver, _MARK) or definition.extensions or not is_list_type(returned):
            return False
        item: Any = get_nullable_type(returned.of_type)
        inner = self._selection(item, self.collect_subfields(item, details)[0])
        if inner.short:
            selection.rows.append((name, resolver, inner))
        return inner.short

    def _values(self, selection: _Selection, source: Any) -> dict[str, Any] | None:
        """Return what an object's row tells, in the order asked for; ``None`` where that needs the usual way."""
        values = selection.blank.copy()
        try:
            for name, attribute, required, tell in selection.leaves:
                value = getattr(source, attribute)
                if value is not None:
                    if isinstance(value, Exception) or (value := tell(value)) is None or value is Undefined:
                        return None
                    values[name] = value
                elif required:
                    return None
            for name, resolver, inner in selection.rows:
                found = resolver(source, self._asked)
                if not isinstance(found, list):
                    _give_up(found)
                    return None
                values[name] = self._list(inner, found)
                if values[name] is None:
                    return None
        except Exception:  # the usual way finds it again, and tells where it was
            return None
        return values

    def _list(self, selection: _Selection, items: list[Any]) -> list[dict[str, Any]] | None:
        """Return all objects of a list; one met again is told once. ``None`` where one needs the usual way."""
        told = selection.told
        found: list[dict[str, Any]] = []
        for item in items:
            known = told.get(id(item))
            if known is None:
                if item is None or not self._is(selection, item) or (values := self._values(selection, item)) is None:
                    return None
                known = told[id(item)] = (item, values)
            found.append(known[1])
        return found

    def _is(self, selection: _Selection, item: Any) -> bool:
        return selection.is_type_of is None or selection.is_type_of(item, self._asked) is True


def _give_up(found: Any) -> None:
    """Close a coroutine that nobody will await."""
    close = getattr(found, "close", None)
    if close is not None:
        close()


async def _merged(values: dict[str, Any], rest: Any) -> dict[str, Any]:
    values.update(await rest)
    return values
