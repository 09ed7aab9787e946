"""Where a plan may name a secret: whatever else would show it, or keep it, is refused before anything runs."""

from __future__ import annotations

from psg_runtime.secrets.reference import SecretReference

Place = tuple[str | int, ...]

_STEP_TYPES = {
    "wait": "a wait step keeps its params in its output",
    "confirm": "a confirmation is shown to people",
    "conditional": "a conditional step keeps its params in its output",
    "plan": "the params of a sub-plan are stored; name the secret in the step that uses it",
    "llm": "a prompt is sent to a language model",
}
_CAPABILITIES = {
    "file.read": "a file's path and content are stored",
    "file.write": "it would be written to a file in clear",
    "code.run": "code of a plan would see it",
}
_PROCESS_PLACES = ("env", "stdin")


def refusal(step_type: str, name: str | None, place: Place) -> str | None:
    """Why a secret cannot stand at ``place`` of the params of such a step, None when it can."""
    if step_type == "foreach":
        return None if place[:2] == ("do", "params") else "in a foreach step only `do.params` may name a secret"
    if name is None and step_type in _STEP_TYPES:
        return _STEP_TYPES[step_type]
    if step_type == "llm":
        return _STEP_TYPES["llm"]
    if name in _CAPABILITIES:
        return _CAPABILITIES[name]
    if name == "process.run" and place[:1] not in [(allowed,) for allowed in _PROCESS_PLACES]:
        return f"arguments of programs are visible to others; use {' or '.join(_PROCESS_PLACES)}"
    return None


def refusal_message(reference: SecretReference | str, place: Place, reason: str) -> str:
    """The refusal as a sentence without its full stop."""
    where = ".".join(str(part) for part in place) or "params"
    return f"{reference} cannot stand in `{where}`: {reason}"
