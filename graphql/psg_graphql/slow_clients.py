"""Clients that send the head of a request drop by drop are let go: a connection costs a descriptor (ECOSYSTEM 4.3)."""

from __future__ import annotations

from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0
"""Seconds that the head of a request may take, from the first byte or the begin of the connection."""


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which bounds answers and idle connections but not heads that never end."""

    head_s = HEAD_S
    _waiting: Any = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; wait on while it is the begin of a head."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """The next head may have begun meanwhile."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait()
        else:
            self._stop()

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.head_s, self._lost)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _lost(self) -> None:
        self._waiting = None
        if self.transport.get_protocol() is self and not self.transport.is_closing():
            self.transport.close()
