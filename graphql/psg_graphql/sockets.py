"""graphql-transport-ws with operations named by their hash, and messages judged before they are used."""

from __future__ import annotations

from typing import Any

import anyio
import orjson
from graphql import GraphQLError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ErrorMessage

from psg.errors import PsgError
from psg_graphql.operation_kind import subscribes
from psg_graphql.trusted_documents import TrustedDocuments

TOO_BUSY = ("too_busy", "Too many requests of this actor are under way; try again")
TOO_LATE = ("deadline_exceeded", "The request took too long and was given up")
_LONGEST_ID = 200


class TransportSocket(BaseGraphQLTransportWSHandler[Any, None]):
    """One connection; its view has ``documents``, the settings' longest query text, and counts sockets by actor."""

    _counted_as: str | None = None

    async def handle_connection_init(self, message: Any) -> None:
        """Let an actor in who does not hold too many connections already."""
        await super().handle_connection_init(message)
        if not self.connection_acknowledged or self._counted_as is not None:
            return
        view: Any = self.view
        self._counted_as = self.context.actor.who
        view.sockets[self._counted_as] += 1
        if view.sockets[self._counted_as] > view.most_sockets:
            await self.websocket.close(code=4429, reason="Too many connections of this actor")

    async def shutdown(self) -> None:
        """End what runs, and the counting."""
        sockets = self.view.sockets  # type: ignore[attr-defined]
        if self._counted_as is not None:
            sockets[self._counted_as] -= 1
            if not sockets[self._counted_as]:
                del sockets[self._counted_as]
        await super().shutdown()

    async def handle_message(self, message: Any) -> None:
        """Take a message of the right shape; others close the connection with 4400."""
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self.handle_invalid_message("A message is an object with a type")
            return
        if message["type"] in ("subscribe", "complete"):
            id = message.get("id")
            if not isinstance(id, str) or not 0 < len(id) <= _LONGEST_ID:
                await self.handle_invalid_message("A message about an operation needs an id")
                return
        if message["type"] == "subscribe" and self.connection_acknowledged:
            told = self._invalid(message.get("payload"))
            if told is not None:
                await self.handle_invalid_message(told)
                return
            if not await self._named(message):
                return
        await super().handle_message(message)  # type: ignore[arg-type]

    def _invalid(self, payload: Any) -> str | None:
        """What is wrong with the payload of a subscribe message."""
        view: Any = self.view
        if not isinstance(payload, dict):
            return "A subscribe message needs a payload"
        for name, kind in (("query", str), ("operationName", str), ("variables", dict)):
            if not isinstance(payload.get(name), kind | None):
                return f"{name} has a wrong type"
        if len(payload.get("query") or "") > view.longest_query:
            return f"The query text is longer than {view.longest_query} characters"
        if payload.get("variables") and "mutation" not in (payload.get("query") or ""):
            try:
                size = len(orjson.dumps(payload["variables"]))
            except orjson.JSONEncodeError:  # it reads deeper than it writes
                return "The variables are nested too deep"
            if size > view.largest_query_body:
                return f"The variables have {size} bytes; a query may have {view.largest_query_body}"
        return None

    async def run_operation(self, operation: Any) -> None:
        """Run an operation; all but subscriptions within a deadline and a number at once, as over HTTP."""
        if subscribes(operation.query, operation.operation_name):
            await super().run_operation(operation)
            return
        view: Any = self.view
        with view.counted(self.context.actor.who) as counted:
            if not counted:
                await self._refuse(operation, *TOO_BUSY)
                return
            try:
                with anyio.fail_after(view.deadline(operation.query)):
                    await super().run_operation(operation)
            except TimeoutError:
                await self._refuse(operation, *TOO_LATE)

    async def _refuse(self, operation: Any, code: str, message: str) -> None:
        facts = {"code": code, "category": "resource_error", "retryable": True}
        await operation.send_initial_errors([GraphQLError(message, extensions=facts)])

    async def _named(self, message: dict[str, Any]) -> bool:
        """Put the text of a ``documentId`` where a text would be; an unknown one ends the operation, not the socket."""
        documents: TrustedDocuments = self.view.documents  # type: ignore[attr-defined]
        payload = message["payload"]
        if payload.get("query") is not None:
            return True
        try:
            payload["query"] = documents.text(payload.get("documentId"))
        except PsgError as error:
            facts = {k: v for k, v in error.to_dict().items() if k != "message"}
            told: Any = {"message": error.message, "extensions": facts}
            refusal: ErrorMessage = {"id": message["id"], "type": "error", "payload": [told]}
            await self.send_message(refusal)
            return False
        return True
