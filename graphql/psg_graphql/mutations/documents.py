"""Import of protocol documents."""

from __future__ import annotations

import strawberry

from psg_graphql.documents import import_all
from psg_graphql.global_id import project_of
from psg_graphql.mutations import inputs, results
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.scalars import Module


@strawberry.type
class DocumentMutations:
    @mutation("Store protocol documents, in the order of their references; each is a command of its own.")
    async def import_documents(self, info: Info, input: inputs.ImportDocumentsInput) -> results.ImportResult:
        given = [(entry.module.value, entry.document) for entry in input.documents]
        stored = await import_all(info, project_of(input.project_id), given)
        return results.ImportPayload(
            documents=[
                results.ImportedDocument(id=strawberry.ID(i), module=Module(module), replayed=replayed)
                for i, module, replayed in stored
            ]
        )
