"""Why a worker's word about a turn does not count."""

from __future__ import annotations

from psg.errors import Refused, StaleFence


class TurnOver(StaleFence):
    """The turn is not the worker's any more: its lease ran out, or the step was ended; its answer has no effect."""

    code = "turn_over"


class TurnElsewhere(Refused):
    """Another worker holds this turn."""

    code = "turn_elsewhere"


class TurnAnswered(Refused):
    """The turn was answered already; the first answer holds."""

    code = "turn_answered"
