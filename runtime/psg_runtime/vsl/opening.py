"""A value store by its address, so that configuration can choose the backend (L3-23)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from psg.errors import ValidationFailed
from psg_runtime.vsl.file_store import FileVSL
from psg_runtime.vsl.memory import InMemoryVSL
from psg_runtime.vsl.port import ValueStore

_EXTRAS = {"redis": "redis", "rediss": "redis", "postgresql": "postgres", "postgres": "postgres"}


def value_store(url: str) -> ValueStore:
    """Return the store at ``memory:``, ``file:///folder``, ``redis://…`` or ``postgresql://…``.

    The Neo4j store is made from a ``Graph`` and a project: ``Neo4jVSL(graph, project_id)``. Raises ``ValidationFailed``
    for another address, or when the extra that a backend needs is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return InMemoryVSL()
    if parts.scheme == "file" and parts.path and not parts.netloc:
        return FileVSL(Path(unquote(parts.path)))
    extra = _EXTRAS.get(parts.scheme)
    if extra is None:
        raise ValidationFailed(
            f"url: no value store has an address that begins with {parts.scheme or url!r}; there are memory:, "
            "file:///folder, redis://host:port/0 and postgresql://user:password@host:port/database",
            field="url",
        )  # fmt: skip
    try:
        if extra == "redis":
            from psg_runtime.vsl.redis_store import RedisVSL

            return RedisVSL(url)
        from psg_runtime.vsl.postgres_store import PostgresVSL

        return PostgresVSL(url)
    except ModuleNotFoundError as error:
        raise ValidationFailed(
            f"url: {parts.scheme}: needs the extra; install psg-platform[{extra}]", field="url", extra=extra
        ) from error
