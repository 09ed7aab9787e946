"""A dialog: what people and agents said to each other, recorded as it goes on."""

from __future__ import annotations

from psg_client.client import Client
from psg_client.generated import DialogSummary, MessageInput, MessageRole, MessageSummary

Speaker = MessageRole


class OpenDialog:
    """A dialog of a project. Each message is one command: recorded once, however often an answer is lost."""

    def __init__(self, client: Client, facts: DialogSummary) -> None:
        self._client = client
        self.id = facts.id
        self.uuid = facts.uuid

    def __repr__(self) -> str:
        return f"<dialog {self.uuid}>"

    async def say(self, content: str, *, speaker: Speaker = "agent") -> MessageSummary:
        """Add a message; ``speaker`` is agent, assistant, system or user."""
        message = MessageInput(role=speaker, content=content)
        return (await self._client.add_message(dialog_id=self.id, message=message)).dialog_message

    async def messages(self) -> list[MessageSummary]:
        """All messages, in their order."""
        found: list[MessageSummary] = []
        after = None
        while True:
            dialog = await self._client.dialog_messages(id=self.id, after=after)
            if dialog is None:
                return found
            found += dialog.messages.nodes
            if not dialog.messages.page_info.has_next_page:
                return found
            after = dialog.messages.page_info.end_cursor

    async def end(self) -> None:
        """Mark the dialog as completed."""
        await self._client.transition_dialog(id=self.id, status="completed")
