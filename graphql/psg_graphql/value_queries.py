"""Queries of values by key."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg.errors import ValidationFailed
from psg_graphql.connections import MAX_FIRST, After, First, cursor_of, key_of, page_size
from psg_graphql.global_id import project_of
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.value import StoredValue, ValueKeys, stored_value_from
from psg_runtime.vsl import stored_values

_Project = Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")]
_PREFIX_MOST = 512


@strawberry.type
class ValueQueries:
    @query("What a project keeps under a key; null when there is nothing.")
    async def value(self, info: Info, project_id: _Project, key: str) -> StoredValue | None:
        found = await stored_values.read_value(info.context.graph, project_of(project_id), key)
        return stored_value_from(found) if found.present else None

    @query("The keys under which a project keeps values, by name; with `prefix` those that begin with it.")
    async def value_keys(
        self, info: Info, project_id: _Project, prefix: str = "", first: First = MAX_FIRST, after: After = None
    ) -> ValueKeys:
        if len(prefix) > _PREFIX_MOST:
            raise ValidationFailed(f"prefix: keys have up to {_PREFIX_MOST} bytes", field="prefix")
        inside, wanted = project_of(project_id), page_size(first)
        keys = await stored_values.value_keys(
            info.context.graph, inside, prefix, str(key_of(after, "")), wanted + 1
        )
        shown = keys[:wanted]
        return ValueKeys(keys=shown, cursor=cursor_of(shown[-1]) if shown else after, has_next_page=len(keys) > wanted)
