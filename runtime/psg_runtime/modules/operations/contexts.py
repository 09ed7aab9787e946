"""The context module: a bounded number of contexts, and a cache that is never older than the graph (CORE-25)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

import psg_cypher
from psg.commands.documents import store_document
from psg.model.codec import dumps
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked
from psg_runtime.modules.errors import ModuleLimitReached, RegistrationInvalid
from psg_runtime.modules.operations.documents import Documents
from psg_runtime.modules.operations.inputs import Request

CACHED = 1_000
_FIELDS = ("context_id", "id", "title", "name", "summary", "status", "tags", "language", "owner_role", "constraints")


class ContextConfiguration(BaseModel):
    """``max_contexts``: most contexts of a project that are not deleted. ``default_ttl``: seconds for which a cached
    answer may serve. ``enable_caching``: whether queries are cached at all.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True, strict=True)

    max_contexts: int = Field(default=1000, ge=1, le=10**9)
    default_ttl: int | float = Field(default=3600, gt=0, le=10**9, allow_inf_nan=False)
    enable_caching: bool = True

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> ContextConfiguration:
        """Check the configuration of a context module; raises ``RegistrationInvalid``."""
        try:
            return cls.model_validate(dict(configuration))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise RegistrationInvalid(f"configuration of module 'context': {place}: {first['msg']}") from None


@dataclass(slots=True)
class ContextCache:
    """Answers of queries, each with the end of the project's log at which it was true.

    An answer serves only while the log still ends there, whichever process writes: asking for the end of the log is
    cheaper than reading, opening and putting documents together. None serves longer than ``ttl_s`` seconds.
    """

    ttl_s: float
    hits: int = 0
    misses: int = 0
    entries: OrderedDict[str, tuple[int, float, dict[str, Any]]] = field(default_factory=OrderedDict)

    def find(self, key: str, seq: int) -> dict[str, Any] | None:
        """Return the answer under ``key`` that is true at ``seq``."""
        entry = self.entries.get(key)
        if entry is None or entry[0] != seq or anyio.current_time() - entry[1] >= self.ttl_s:
            self.entries.pop(key, None)
            self.misses += 1
            return None
        self.hits += 1
        self.entries.move_to_end(key)
        return entry[2]

    def keep(self, key: str, seq: int, answer: dict[str, Any]) -> None:
        """Keep an answer that was read when the log ended at ``seq``."""
        self.entries[key] = (seq, anyio.current_time(), answer)
        while len(self.entries) > CACHED:
            self.entries.popitem(last=False)


class Contexts(Documents):
    """Contexts of a project by the module's configuration."""

    def __init__(self, configuration: ContextConfiguration) -> None:
        super().__init__("context")
        self.configuration = configuration
        self.cache = ContextCache(configuration.default_ttl)

    def document(self, request: Request) -> dict[str, Any]:
        """A context of the inputs: ``name`` or ``title``; ``type`` is its domain, other words are kept in its root."""
        if "document" in request.rest:
            return super().document(request)
        root = request.fields("root")
        kind = request.take("type", "domain")
        root.setdefault("domain", str(kind) if kind is not None else "workflow")
        root.setdefault("environment", str(request.take("environment", default="production")))
        for word in [w for w in request.rest if w not in _FIELDS]:
            root[word] = request.rest.pop(word)
        request.rest["root"] = root
        if not request.rest.get("title") and not request.rest.get("name"):
            request.rest["title"] = "context"
        return super().document(request)

    async def store(self, request: Request, document: Mapping[str, Any]) -> None:
        """Store a context unless the project has as many as it may; counted behind the project's lock."""
        asked = request.command()
        command = Command("create_context", dict(document), asked["actor"], asked["command_id"], request.correlation_id)
        limit = self.configuration.max_contexts

        async def decide(locked: Locked) -> Change:
            counted = await locked.read_one("context_count", status=None)
            if counted is not None and counted["count"] >= limit:
                raise ModuleLimitReached(
                    f"this project has {counted['count']} contexts and may have {limit} (maxContexts); delete one",
                    limit=limit, count=counted["count"],
                )  # fmt: skip
            return store_document(request.project_id, "context", document, command)

        await request.graph.locked(request.project_id, command, decide)

    async def query(self, request: Request) -> dict[str, Any]:
        """As of every module, from the cache while nothing was written to the project."""
        if not self.configuration.enable_caching:
            return await super().query(request)
        key = f"{request.project_id} {dumps(request.rest)}"
        head = await request.graph.db.read_one(psg_cypher.statement("log_head"), project_id=request.project_id)
        if head is None:
            return await super().query(request)
        found = self.cache.find(key, head["seq"])
        if found is None:
            # Read after the end of the log: it may be newer than that, never older.
            found = await super().query(request)
            self.cache.keep(key, head["seq"], found)
        return deepcopy(found)

    def health(self) -> dict[str, Any]:
        """What the cache does, for the health details."""
        cache = self.cache
        return {"cached": len(cache.entries), "cacheHits": cache.hits, "cacheMisses": cache.misses}
