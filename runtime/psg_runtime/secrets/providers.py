"""Where values of secrets come from: the environment, files, the keyring of the operating system, or your own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Protocol

import anyio.to_thread

from psg_runtime.secrets.errors import SecretMissing, SecretRefused, SecretUnavailable
from psg_runtime.secrets.mask import MIN_SECRET_CHARS
from psg_runtime.secrets.reference import SECRET_NAME

ENVIRONMENT_PREFIX = "PSG_SECRET_"
MAX_SECRET_CHARS = 64 * 1024


class SecretProvider(Protocol):
    """Gives the value of a secret by its name, or None when it has none of this name.

    ``label`` says in error messages who was asked. ``get`` is asked in every attempt, so that a rotated value
    counts at once; it may raise SecretRefused or SecretUnavailable.
    """

    @property
    def label(self) -> str:
        """Who is asked, for people."""

    async def get(self, name: str) -> str | None:
        """The value, or None."""


class EnvironmentSecrets:
    """``PSG_SECRET_<NAME>`` of this process's environment: the name as written, else in capitals with underscores."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    @property
    def label(self) -> str:
        return f"the environment ({ENVIRONMENT_PREFIX}…)"

    async def get(self, name: str) -> str | None:
        capitals = name.upper().replace("-", "_").replace(".", "_")
        for spelling in (name, capitals):
            if (value := self._environ.get(ENVIRONMENT_PREFIX + spelling)) is not None:
                return value
        return None


class KeyringSecrets:
    """The keyring of the operating system, entry ``service``/name; needs the optional part ``keyring``."""

    def __init__(self, service: str) -> None:
        self._service = service

    @property
    def label(self) -> str:
        return f"the keyring (service {self._service})"

    async def get(self, name: str) -> str | None:
        # It talks to a daemon, which may ask the user: never in the event loop, and left behind by a timeout.
        return await anyio.to_thread.run_sync(self._read, name, abandon_on_cancel=True)

    def _read(self, name: str) -> str | None:
        try:
            import keyring
            import keyring.errors
        except ImportError as error:
            message = "The keyring cannot be read: install psg-platform[keyring] or unset PSG_SECRETS_KEYRING."
            raise SecretUnavailable(message) from error
        try:
            return keyring.get_password(self._service, name)
        except keyring.errors.KeyringError as error:
            message = f"The keyring does not answer: {type(error).__name__}."
            raise SecretUnavailable(message) from error


class SecretChain:
    """Asks one provider after the other; the first that has the secret counts."""

    def __init__(self, providers: Sequence[SecretProvider]) -> None:
        self._providers = tuple(providers)

    @property
    def label(self) -> str:
        return ", ".join(provider.label for provider in self._providers) or "nobody"

    async def get(self, name: str) -> str | None:
        for provider in self._providers:
            if (value := await provider.get(name)) is not None:
                return value
        return None


async def secret_value(provider: SecretProvider, name: str) -> str:
    """The value of a secret, fit to be used and masked.

    Raises SecretMissing naming the providers that were asked, or SecretRefused for a value that is too short to be
    masked, too long, or no plain text.
    """
    if SECRET_NAME.fullmatch(name) is None:
        raise SecretRefused(f"`{name[:128]}` is no name of a secret: letters, digits, `_`, `-` and `.`.")
    value = await provider.get(name)
    if value is None:
        message = f"There is no secret `{name}` here; asked were: {provider.label}."
        raise SecretMissing(message, name=name)
    if not isinstance(value, str) or len(value.strip()) < MIN_SECRET_CHARS:
        message = f"The secret `{name}` has fewer than {MIN_SECRET_CHARS} characters and could not be masked."
        raise SecretRefused(message, name=name)
    if len(value) > MAX_SECRET_CHARS or "\0" in value or not _is_unicode(value):
        message = f"The secret `{name}` is no text of at most {MAX_SECRET_CHARS} characters."
        raise SecretRefused(message, name=name)
    return value


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
