"""What kind an operation is, told from its text before it runs."""

from __future__ import annotations

from graphql import GraphQLError, OperationType, get_operation_ast, parse

_MOST_TOKENS = 20_000


def subscribes(text: str | None, operation_name: str | None) -> bool:
    """Tell whether the operation is a subscription; a text that is no document is for others to refuse."""
    if text is None or "subscription" not in text:
        return False
    try:
        operation = get_operation_ast(parse(text, no_location=True, max_tokens=_MOST_TOKENS), operation_name)
    except GraphQLError:
        return False
    return operation is not None and operation.operation is OperationType.SUBSCRIPTION
