"""What can be wrong with a request about health and alerts."""

from __future__ import annotations

from psg.errors import NotFound


class UnknownModule(NotFound):
    """There is no module or component of this name to check."""

    code = "unknown_module"


class UnknownAlert(NotFound):
    """There is no alert of this id, or it was removed by retention."""

    code = "unknown_alert"
