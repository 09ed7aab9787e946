"""Secrets: plans name them, adapters use them, nothing keeps them (EXEC-24)."""

from __future__ import annotations

from psg_runtime.secrets.errors import SecretMissing, SecretRefused, SecretUnavailable
from psg_runtime.secrets.files import FileSecrets, FolderSecrets
from psg_runtime.secrets.mask import MARKER, ValueMask, mask_log_entry
from psg_runtime.secrets.opening import secrets_of_process
from psg_runtime.secrets.providers import (
    EnvironmentSecrets,
    KeyringSecrets,
    SecretChain,
    SecretProvider,
    secret_value,
)
from psg_runtime.secrets.reference import SecretReference, SecretText

__all__ = [
    "MARKER",
    "EnvironmentSecrets",
    "FileSecrets",
    "FolderSecrets",
    "KeyringSecrets",
    "SecretChain",
    "SecretMissing",
    "SecretProvider",
    "SecretReference",
    "SecretRefused",
    "SecretText",
    "SecretUnavailable",
    "ValueMask",
    "mask_log_entry",
    "secret_value",
    "secrets_of_process",
]
