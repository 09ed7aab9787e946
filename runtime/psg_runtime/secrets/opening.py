"""The providers that a process's settings name."""

from __future__ import annotations

from pathlib import Path

from psg_runtime.secrets.files import FileSecrets, FolderSecrets
from psg_runtime.secrets.providers import EnvironmentSecrets, KeyringSecrets, SecretChain, SecretProvider


def secrets_of_process(path: Path | None, keyring_service: str | None) -> SecretProvider:
    """The environment, then the folder or file ``path``, then the keyring, as far as they are configured."""
    providers: list[SecretProvider] = [EnvironmentSecrets()]
    if path is not None:
        providers.append(FolderSecrets(path) if path.is_dir() else FileSecrets(path))
    if keyring_service:
        providers.append(KeyringSecrets(keyring_service))
    return SecretChain(providers)
