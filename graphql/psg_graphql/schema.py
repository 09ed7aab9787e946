"""The schema with its guards: limits, masked errors, caches."""

from __future__ import annotations

from functools import partial
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import DisableIntrospection, MaxTokensLimiter, ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import SchemaExtensionsRunner
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError

from psg import tracing
from psg.errors import PsgError
from psg_graphql.execution import RowExecution
from psg_graphql.limits import check_body_size, operation_limits
from psg_graphql.masking import PublicErrors, public_error
from psg_graphql.mutations import Mutation
from psg_graphql.queries import Query
from psg_graphql.scalars import SCALARS
from psg_graphql.settings import ApiSettings
from psg_graphql.subscriptions import Subscription
from psg_graphql.tracing import Traces
from psg_graphql.trusted_documents import TrustedDocuments
from psg_graphql.types.collab import Collab, Participant
from psg_graphql.types.confirm import Confirm, Decision
from psg_graphql.types.context import Context
from psg_graphql.types.core import Core
from psg_graphql.types.dialog import Dialog, Message
from psg_graphql.types.extension import Extension
from psg_graphql.types.network import Network, NetworkNode
from psg_graphql.types.plan import Plan
from psg_graphql.types.project import Project
from psg_graphql.types.resource import TrackedResource
from psg_graphql.types.role import Role
from psg_graphql.types.step import Step
from psg_graphql.types.trace import Trace, TraceSegment

NODE_TYPES = [
    Project, Context, Plan, Step, Trace, TraceSegment, Confirm, Decision, Role, Dialog, Message, Collab, Participant,
    Extension, Core, Network, NetworkNode, TrackedResource,
]  # fmt: skip


class PsgSchema(strawberry.Schema):
    """The schema; no error leaves it unmasked, not even one that an extension raised.

    ``documents`` judge texts before they are parsed, ``max_query_body_bytes`` bounds requests that store nothing.
    """

    documents: TrustedDocuments | None = None
    max_query_body_bytes: int | None = None

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """Judge who asks what, and how much, on every way in: an extension that raises would break off a stream."""
        try:
            if self.documents is not None and context.context is not None:
                self.documents.admit(context.context.actor, context.query)
            failed = await super()._prepare_operation_async(context, extensions_runner)
            if failed is None and self.max_query_body_bytes is not None:
                check_body_size(context, self.max_query_body_bytes)
        except PsgError as error:
            context.pre_execution_errors = [GraphQLError(error.message, original_error=error)]
            return PreExecutionError(data=None, errors=context.pre_execution_errors)
        return failed

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Mask the errors where they are."""
        errors[:] = [public_error(error) for error in errors]


def make_schema(
    settings: ApiSettings, *, in_order: bool = False, documents: TrustedDocuments | None = None
) -> PsgSchema:
    """Return the executable schema with the limits and switches of ``settings``.

    ``in_order`` sorts it, to be printed: the sorted copy cannot tell the members of a union apart when it runs.
    ``documents`` refuse what they do not know when their mode is ``only``.
    """
    extensions: list[Any] = [
        *([Traces] if tracing.enabled() else []),
        PublicErrors,
        partial(MaxTokensLimiter, max_token_count=settings.max_tokens),
        operation_limits(settings),
        ParserCache,
        ValidationCache,
    ]
    if not settings.introspection:
        extensions.append(DisableIntrospection)
    schema = PsgSchema(
        query=Query, mutation=Mutation, subscription=Subscription, types=NODE_TYPES, extensions=extensions,
        execution_context_class=RowExecution,
        config=StrawberryConfig(sort_schema=in_order, disable_field_suggestions=True, scalar_map=SCALARS),
    )  # fmt: skip
    schema.documents = documents
    schema.max_query_body_bytes = settings.max_query_body_bytes
    return schema
