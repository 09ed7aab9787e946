"""A receiver of HTTP requests as a process of its own: it does work once for each key, and answers badly.

Arguments: a file for its log. Prints its port. Every line of the log is JSON: ``what`` (``arrival`` or ``effect``),
``path``, ``key`` (the Idempotency-Key) and ``at`` (seconds). Paths:

- ``/once/…`` answers as one should.
- ``/late/…`` does the work, then keeps the first asker of a key waiting longer than anybody waits.
- ``/twice/…`` sends its answer two times.
- ``/broken/…`` does the work, then answers 500 to the first asker of a key.
- ``/cut/…`` does the work, then closes the connection without a word.
- ``/plain/…`` knows no keys: every arrival is an effect.
- ``/echo/…`` gives back what it got, ``/echo/500`` with that status.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE_S = 5.0


class Receiver(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    log_file: Path
    lock = threading.Lock()
    done: dict[str, int] = {}

    def do_POST(self) -> None:
        """Do the work of a request, if its key is new."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.path.split("/")[1]
        key = self.headers.get("Idempotency-Key") or ""
        with self.lock:
            self._log("arrival", key)
            first = kind == "plain" or key not in self.done
            if first:
                self._log("effect", key)
            self.done[key] = self.done.get(key, 0) + 1
            told = {"key": key, "effects": 1 if kind != "plain" else self.done[key]}
        self._answer(kind, first, told | ({"headers": dict(self.headers), "path": self.path, "body": body.decode()}
                                          if kind == "echo" else {}))  # fmt: skip

    do_GET = do_POST

    def _answer(self, kind: str, first: bool, told: dict[str, Any]) -> None:
        if kind == "late" and first:
            time.sleep(PATIENCE_S)
        if kind == "cut" and first:
            self.close_connection = True
            return
        status = 500 if (kind == "broken" and first) or self.path.startswith("/echo/500") else 200
        data = json.dumps(told).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self.wfile.write((head.encode() + data) * (2 if kind == "twice" else 1))

    def _log(self, what: str, key: str) -> None:
        line = json.dumps({"what": what, "path": self.path, "key": key, "at": time.time()})
        with self.log_file.open("a") as file:
            file.write(line + "\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


def main() -> None:
    """Serve until killed."""
    Receiver.log_file = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
