"""The value state layer: values, nodes, snapshots and transactions behind one port (L3-20 … L3-24).

``RedisVSL`` and ``PostgresVSL`` are in modules of their own (``redis_store``, ``postgres_store``), since they need
extras; ``value_store(url)`` finds them.
"""

from __future__ import annotations

from psg_runtime.vsl.cached import CachedVSL
from psg_runtime.vsl.encrypted import EncryptedVSL
from psg_runtime.vsl.errors import (
    DecryptionFailed,
    NotOffered,
    SchemaVersionMismatch,
    TransactionConflict,
    TransactionUnknown,
    ValueDamaged,
    ValueStoreError,
    ValueStoreFull,
    ValueStoreUnavailable,
)
from psg_runtime.vsl.file_store import FileVSL
from psg_runtime.vsl.graph_store import Neo4jVSL
from psg_runtime.vsl.memory import InMemoryVSL
from psg_runtime.vsl.opening import value_store
from psg_runtime.vsl.port import (
    GraphQuery,
    TransactionHandle,
    ValueStateLayer,
    ValueStateLayerExtended,
    ValueStore,
)
from psg_runtime.vsl.project_migration import ProjectsMigration, migrate_projects
from psg_runtime.vsl.schema_migration import SchemaMigration, migrate_1_0_to_1_1
from psg_runtime.vsl.transition import atomic_plan_transition

__all__ = [
    "CachedVSL",
    "DecryptionFailed",
    "EncryptedVSL",
    "FileVSL",
    "GraphQuery",
    "InMemoryVSL",
    "Neo4jVSL",
    "NotOffered",
    "ProjectsMigration",
    "SchemaMigration",
    "SchemaVersionMismatch",
    "TransactionConflict",
    "TransactionHandle",
    "TransactionUnknown",
    "ValueDamaged",
    "ValueStateLayer",
    "ValueStateLayerExtended",
    "ValueStore",
    "ValueStoreError",
    "ValueStoreFull",
    "ValueStoreUnavailable",
    "atomic_plan_transition",
    "migrate_1_0_to_1_1",
    "migrate_projects",
    "value_store",
]
