"""An MCP server by hand, so that it can do what no library would: the folder it is given says how it behaves.

``tools.json`` are the tools it lists, ``answer.json`` what every call gives (a list: one call after the other);
``say_changed`` makes it announce, with the next call, that its tools changed. ``calls`` gets a line for every call.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

folder = Path(sys.argv[1])


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answered(method: str, request: dict[str, Any]) -> dict[str, Any] | None:
    if method == "initialize":
        return {
            "protocolVersion": request["params"]["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "liar", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": json.loads((folder / "tools.json").read_text())}
    return None


def called(request: dict[str, Any]) -> None:
    with (folder / "calls").open("a") as file:
        file.write(json.dumps(request["params"]) + "\n")
    if (folder / "say_changed").exists():
        (folder / "say_changed").unlink()
        send({"method": "notifications/tools/list_changed"})
    answer = json.loads((folder / "answer.json").read_text())
    if isinstance(answer, list):  # one after the other, the last for all that follow
        number = len((folder / "calls").read_text().splitlines())
        answer = answer[min(number, len(answer)) - 1]
    if answer == "die":
        os._exit(9)
    if answer == "hang":
        return
    if answer == "endless":
        while True:
            sys.stdout.write("x" * 65536)
    if answer == "noise":
        sys.stdout.write("this is no message\n")
        answer = {"content": [{"type": "text", "text": "after the noise"}]}
    send({"id": request["id"], **({"error": answer["error"]} if "error" in answer else {"result": answer})})


def main() -> None:
    if (folder / "start.json").exists():
        start = json.loads((folder / "start.json").read_text())
        if start == "hang":
            time.sleep(3600)
        if start == "die":
            sys.stderr.write("the liar has no licence\n")
            sys.exit(4)
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method", "")
        if "id" not in request:
            continue
        if method == "tools/call":
            called(request)
        elif (result := answered(method, request)) is not None:
            send({"id": request["id"], "result": result})
        else:
            send({"id": request["id"], "error": {"code": -32601, "message": f"no {method}"}})


if __name__ == "__main__":
    main()
