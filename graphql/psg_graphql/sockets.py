"""graphql-transport-ws with operations named by their hash, and messages judged before they are used."""

from __future__ import annotations

from typing import Any

from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ErrorMessage

from psg.errors import PsgError
from psg_graphql.trusted_documents import TrustedDocuments

_LONGEST_ID = 200


class TransportSocket(BaseGraphQLTransportWSHandler[Any, None]):
    """One connection; its view has ``documents`` and the settings' longest query text."""

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
        return None

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
