"""What can be wrong with a recorded run."""

from __future__ import annotations

from psg.errors import NotFound, ValidationFailed


class ReplayUnknown(NotFound):
    """Nothing was recorded of this plan."""


class ReplayUnreadable(ValidationFailed):
    """The export of a recorded run is no such export, or not whole."""

    code = "replay_unreadable"
