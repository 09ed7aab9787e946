"""Gives secrets to an action at the last moment, and takes them out of whatever comes back (EXEC-24)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from psg.errors import ActionFailed, PsgError
from psg_runtime.ael.adapters.port import Adapter
from psg_runtime.ael.failures import message_of
from psg_runtime.ael.port import CONTROL_STEPS, Action, ActionResult, Parked
from psg_runtime.secrets.errors import SecretRefused
from psg_runtime.secrets.mask import KNOWN, KnownSecrets, ValueMask
from psg_runtime.secrets.places import refusal, refusal_message
from psg_runtime.secrets.providers import SecretProvider, secret_value
from psg_runtime.secrets.reference import SecretText, revealed, secret_texts

ProgressSink = Callable[[Action, dict[str, Any]], None]


class SecretAccess:
    """The secrets of one attempt: what it asks for is remembered until its result is masked."""

    def __init__(self, provider: SecretProvider, known: KnownSecrets) -> None:
        self._provider = provider
        self._known = known
        self._values: dict[str, str] = {}
        self._derived: set[str] = set()

    async def value(self, name: str) -> str:
        """The value of a secret; raises SecretMissing or SecretRefused."""
        if name not in self._values:
            self._values[name] = await secret_value(self._provider, name)
            self._known.add([self._values[name]])
        return self._values[name]

    async def text(self, text: str | SecretText) -> str:
        """The text with its secrets in it."""
        return text if isinstance(text, str) else text.reveal(await self.values(text.names))

    async def values(self, names: Iterable[str]) -> dict[str, str]:
        """The values of several secrets by name."""
        return {name: await self.value(name) for name in sorted(names)}

    @property
    def names(self) -> frozenset[str]:
        """The secrets this attempt has asked for."""
        return frozenset(self._values)

    def also(self, derived: str) -> None:
        """Mask this as well: something made of a secret, such as the credentials of basic authentication."""
        self._derived.add(derived)
        self._known.add([derived])

    def seen_in(self, text: str) -> bool:
        """Whether a secret that was resolved before stands in the text, put there by a capability around this one."""
        return self._known.every.text(text) != text

    def mask(self) -> ValueMask:
        """The mask for what this attempt gives back."""
        return self._known.mask({*self._values.values(), *self._derived})


# What an adapter has instead of ``run`` when it puts secrets into their places itself, and so knows where they are.
RunWith = Callable[[Action, SecretAccess], Awaitable[ActionResult | Parked]]


class SecretGuard:
    """Stands between the layer and its adapters; an action without secrets passes as if it were not there.

    ``bound`` are secrets that belong to certain hosts: no adapter gets them that does not check where they go.
    """

    def __init__(
        self, provider: SecretProvider, known: KnownSecrets = KNOWN, bound: frozenset[str] = frozenset()
    ) -> None:
        self._provider = provider
        self._known = known
        self._bound = bound

    async def run(self, adapter: Adapter, action: Action) -> ActionResult | Parked:
        """Do the action with its secrets and mask its result or its error."""
        texts = [(at, text) for at, text in secret_texts(action.params)]
        run_with: RunWith | None = getattr(adapter, "run_with", None)
        if not texts and run_with is None and not self._known:
            return await adapter.run(action)
        _check_places(action, texts)
        access = SecretAccess(self._provider, self._known)
        try:
            if run_with is not None:
                result = await run_with(action, access)
            else:
                names = frozenset(name for _, text in texts for name in text.names)
                self._check_bound(names)
                values = await access.values(names)
                result = await adapter.run(replace(action, params=revealed(action.params, values)))
        except PsgError as error:
            raise _masked_error(error, access.mask()) from None
        except Exception as error:
            message = access.mask().text(message_of(error))
            raise ActionFailed(message, error_type=type(error).__name__) from None
        return _masked_result(result, access.mask())

    def _check_bound(self, names: frozenset[str]) -> None:
        if taken := sorted(names & self._bound):
            raise SecretRefused(f"The secret `{taken[0]}` is for `http.request` only (PSG_SECRETS_HOSTS).")

    def progress(self, sink: ProgressSink | None) -> ProgressSink | None:
        """The sink for progress, which then sees no secret either."""
        if sink is None:
            return None

        def masked(action: Action, progress: dict[str, Any]) -> None:
            mask = self._known.every
            if mask:
                action, progress = replace(action, params=mask.value(action.params)), mask.value(progress)
            sink(action, progress)

        return masked


def _check_places(action: Action, texts: Iterable[tuple[tuple[str | int, ...], SecretText]]) -> None:
    kind = "llm" if action.type == "llm_call" else "tool"
    name = action.name
    if action.type == "custom_action" and action.name in CONTROL_STEPS:
        kind, name = str(action.name), None
    for place, text in texts:
        if reason := refusal(kind, name, place):
            raise SecretRefused(f"{refusal_message(str(text), place, reason)}.")


def _masked_result(result: ActionResult | Parked, mask: ValueMask) -> ActionResult | Parked:
    if not mask:
        return result
    if isinstance(result, Parked):
        return replace(result, confirm=mask.value(result.confirm))
    return replace(result, output=mask.value(result.output), error=mask.value(result.error))


def _masked_error(error: PsgError, mask: ValueMask) -> PsgError:
    if mask:
        error.message = mask.text(error.message)
        error.details = mask.value(error.details)
        error.args = (error.message,)
        error.__cause__ = error.__context__ = None  # the original may hold what was masked
    return error
