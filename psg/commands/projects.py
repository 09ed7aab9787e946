"""What a project may be called."""

from __future__ import annotations

from psg.errors import ValidationFailed

NAME_CHARS = 1_000


def check_project(name: str) -> None:
    """Refuse a name that nobody can ask for; raises ``ValidationFailed``."""
    if not name.strip():
        raise ValidationFailed("name: a project needs a name", field="name")
    if len(name) > NAME_CHARS:
        raise ValidationFailed(f"name: {len(name)} characters; {NAME_CHARS} are allowed", field="name")
