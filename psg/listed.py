"""Lists in environment variables: separated by commas, or as JSON; one way for all settings."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def listed(value: Any) -> Any:
    """Return the parts of a text, ``a, b`` or ``["a", "b"]``; what is no text as it is.

    Raises ``ValueError`` for what begins as JSON and is no list.
    """
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        return tuple(json.loads(value))
    except ValueError as error:
        raise ValueError("is neither a list separated by commas nor one of JSON") from error


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
