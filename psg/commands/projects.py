"""What a project may be called."""

from __future__ import annotations

from psg.errors import ValidationFailed

NAME_CHARS = 1_000
DESCRIPTION_CHARS = 4_000


def check_project(name: str, description: str | None) -> None:
    """Refuse a name that nobody can ask for; raises ``ValidationFailed``."""
    if not name.strip():
        raise ValidationFailed("name: a project needs a name", field="name")
    for field, text, most in (("name", name, NAME_CHARS), ("description", description or "", DESCRIPTION_CHARS)):
        if len(text) > most:
            raise ValidationFailed(f"{field}: {len(text)} characters; {most} are allowed", field=field)
