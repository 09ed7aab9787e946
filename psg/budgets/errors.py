"""Why an attempt may not spend."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import ActionFailed
from psg_neo4j.errors import Category


class BudgetExhausted(ActionFailed):
    """What the attempt would spend is not left in a budget that covers it; the call was not made."""

    code = "budget_exhausted"
    category: ClassVar[Category] = "resource_error"
    retryable = False
