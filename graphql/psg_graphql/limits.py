"""What one operation may cost, judged before it runs: one rule that visits every fragment once (ECOSYSTEM 1.4).

A rule that expands fragments anew at each spread takes exponential time on nested ones; this one adds up what it
found in a fragment the first time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    is_object_type,
)
from strawberry.extensions import AddValidationRules
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from psg.errors import ValidationFailed
from psg_graphql.connections import MAX_FIRST
from psg_graphql.settings import ApiSettings

LIST_FIELDS: Mapping[str, int] = {"dependencies": 10, "decisions": 10, "modules": 10, "changedSteps": MAX_FIRST}

DEEPEST = 150
LONGEST_NUMBER = 400
_NUMBER = re.compile(rf"[0-9]{{{LONGEST_NUMBER + 1}}}")


@dataclass(frozen=True, slots=True)
class Weight:
    """What a selection adds up to: nesting, fields after expansion, aliases, and objects it may return."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    cost: int = 0

    def beside(self, other: Weight) -> Weight:
        """Return the weight of two selections in one set."""
        return Weight(
            max(self.depth, other.depth), self.fields + other.fields, self.aliases + other.aliases,
            self.cost + other.cost,
        )  # fmt: skip


class Weigher:
    """Weighs the operations of one document."""

    def __init__(self, fragments: Mapping[str, SelectionSetNode], page_sizes: Mapping[str, int]) -> None:
        self._fragments = fragments
        self._page_sizes = page_sizes
        self._known: dict[str, Weight] = {}
        self._level = 0

    def weigh(self, selections: SelectionSetNode) -> Weight:
        """Return the weight of a selection set; nesting beyond any limit is not followed."""
        if self._level >= DEEPEST:
            return Weight(depth=DEEPEST)
        self._level += 1
        total = self._sum(selections)
        self._level -= 1
        return total

    def _sum(self, selections: SelectionSetNode) -> Weight:
        total = Weight()
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                total = total.beside(self._field(selection))
            elif isinstance(selection, FragmentSpreadNode):
                total = total.beside(self._fragment(selection.name.value))
            else:
                total = total.beside(self.weigh(selection.selection_set))  # type: ignore[attr-defined]
        return total

    def _fragment(self, name: str) -> Weight:
        if name not in self._known:
            self._known[name] = Weight()  # a cycle counts once; another rule refuses it
            body = self._fragments.get(name)
            if body is not None:
                self._known[name] = self.weigh(body)
        return self._known[name]

    def _field(self, node: FieldNode) -> Weight:
        alias = int(node.alias is not None)
        if node.selection_set is None:
            return Weight(1, 1, alias, 0)
        if node.name.value.startswith("__"):
            inner = self.weigh(node.selection_set)
            return Weight(1, 1 + inner.fields, alias + inner.aliases, 1)  # graphql-core bounds its depth
        inner = self.weigh(node.selection_set)
        times = self._times(node)
        return Weight(inner.depth + 1, inner.fields + 1, inner.aliases + alias, times + times * inner.cost)

    def _times(self, node: FieldNode) -> int:
        """How many objects the field may return: its page size, that of the schema, or the largest for a variable."""
        for argument in node.arguments or ():
            if argument.name.value == "first":
                if isinstance(argument.value, IntValueNode):
                    return max(1, min(int(argument.value.value), MAX_FIRST))
                if isinstance(argument.value, VariableNode):
                    return MAX_FIRST
            if argument.name.value == "ids":
                return MAX_FIRST
        return self._page_sizes.get(node.name.value, 1)


def page_sizes(schema: GraphQLSchema) -> dict[str, int]:
    """Return how many objects a field returns when its page size is left out, by the field's name."""
    found = dict(LIST_FIELDS)
    for kind in schema.type_map.values():
        if not is_object_type(kind):
            continue
        for name, field in kind.fields.items():
            if (first := field.args.get("first")) is not None:
                default: Any = getattr(first, "default_value", None)
                found[name] = max(found.get(name, 1), default if isinstance(default, int) else MAX_FIRST)
    return found


def limit_rule(settings: ApiSettings) -> type[ASTValidationRule]:
    """Return the validation rule that refuses operations beyond the limits of ``settings``."""
    limits = {
        "depth": settings.max_depth, "fields": settings.max_fields, "aliases": settings.max_aliases,
        "cost": settings.max_cost,
    }  # fmt: skip
    sizes: dict[int, dict[str, int]] = {}

    class OperationLimits(ASTValidationRule):
        """Refuses an operation that is too deep, too wide, or asks for too many objects."""

        def enter_document(self, node: DocumentNode, *_: Any) -> None:
            # Before any rule makes a number of it: Python refuses to, and an error that is not ours is told to nobody.
            if node.loc is not None and _NUMBER.search(node.loc.source.body):
                raise GraphQLError(f"A number has more than {LONGEST_NUMBER} digits.")

        def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
            schema = self.context.schema  # type: ignore[attr-defined]
            if id(schema) not in sizes:
                sizes[id(schema)] = page_sizes(schema)
            weigher = self._weigher(sizes[id(schema)])
            weight = weigher.weigh(node.selection_set)
            for name, limit in limits.items():
                found = getattr(weight, name)
                if found > limit:
                    message = f"The operation has {name} {found}, at most {limit} is allowed; ask for less at a time."
                    extensions = {"code": "limit_exceeded", "limit": name, "found": found, "allowed": limit}
                    self.report_error(GraphQLError(message, nodes=[node], extensions=extensions))

        def _weigher(self, sizes: Mapping[str, int]) -> Weigher:
            found = [d for d in self.context.document.definitions if isinstance(d, FragmentDefinitionNode)]
            return Weigher({d.name.value: d.selection_set for d in found}, sizes)

    return OperationLimits


def operation_limits(settings: ApiSettings) -> type[AddValidationRules]:
    """Return the schema extension with the rule; one class, so that the validation cache knows it again."""
    rule = limit_rule(settings)

    class Limits(AddValidationRules):
        """Adds the limits to the rules of every validation."""

        def __init__(self) -> None:
            super().__init__([rule])

    return Limits


def check_body_size(context: ExecutionContext, max_bytes: int) -> None:
    """Refuse large bodies of anything but mutations, as only those carry documents; raises ``ValidationFailed``."""
    size = getattr(context.context, "body_bytes", 0)
    if size > max_bytes and context.operation_type is not OperationType.MUTATION:
        raise ValidationFailed(f"the request has {size} bytes; a query may have {max_bytes}", limit=max_bytes)
