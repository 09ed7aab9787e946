"""Values by key: what agents of a project remember and share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from psg_client.client import Client
from psg_client.errors import Conflict
from psg_client.generated import StoredValue


class Values:
    """The values of a project. A value is any JSON but null, a key 1 to 512 bytes of text."""

    def __init__(self, client: Client, project_id: str) -> None:
        self._client = client
        self._project_id = project_id

    async def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, ``default`` when it has none."""
        found = await self.stored(key)
        return default if found is None else found.value

    async def stored(self, key: str) -> StoredValue | None:
        """The value of ``key`` with its revision, for ``put(…, expected_revision=…)``."""
        return await self._client.value(project_id=self._project_id, key=key)

    async def put(self, key: str, value: Any, *, expected_revision: int | None = None) -> StoredValue | None:
        """Keep ``value`` under ``key``; returns what is kept now.

        With ``expected_revision`` (0: it has none) raises Conflict when somebody else wrote since. Raises ValueError
        for None: that is what ``forget`` is for.
        """
        if value is None:
            raise ValueError(f"None cannot be kept under {key!r}; forget the key instead")
        made = await self._client.set_value(
            project_id=self._project_id, key=key, value=value, expected_revision=expected_revision
        )
        return made.value

    async def update(self, key: str, change: Callable[[Any], Any], *, default: Any = None) -> Any:
        """Keep ``change(value)``, made anew whenever somebody else was quicker; returns what was kept."""
        while True:
            seen = await self.stored(key)
            value = change(default if seen is None else seen.value)
            try:
                await self.put(key, value, expected_revision=0 if seen is None else seen.revision)
            except Conflict as error:
                if error.code != "stale_revision":
                    raise
                continue
            return value

    async def forget(self, key: str, *, expected_revision: int | None = None) -> None:
        """Remove the value of ``key``; no error when it has none."""
        await self._client.delete_value(
            project_id=self._project_id, key=key, expected_revision=expected_revision
        )

    async def keys(self, prefix: str = "") -> AsyncGenerator[str]:
        """The keys that have values and begin with ``prefix``, by name."""
        after = None
        while True:
            page = await self._client.value_keys(project_id=self._project_id, prefix=prefix, after=after)
            for key in page.keys:
                yield key
            if not page.has_next_page:
                return
            after = page.cursor
