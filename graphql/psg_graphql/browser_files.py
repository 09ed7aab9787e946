"""Guide, style and saved queries of Neo4j Browser, which is a page of another port and asks with CORS."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import psg_cypher

_MEDIA = {
    ".html": "text/html", ".grass": "text/plain", ".csv": "text/csv", ".cypher": "text/plain",
    ".json": "application/json", ".md": "text/markdown", ".svg": "image/svg+xml",
}  # fmt: skip


async def browser_file(request: Request) -> Response:
    """Answer ``GET /browser/NAME`` and the preflight before it; whose pages may ask was judged before."""
    origin = request.headers.get("origin")
    headers = {"Vary": "Origin", "Cache-Control": "no-cache"}
    if origin is not None:
        headers |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, OPTIONS",
            "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", "*"),
            "Access-Control-Allow-Private-Network": "true",
            "Access-Control-Max-Age": "600",
        }
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    name = request.path_params["name"]
    try:
        content = psg_cypher.asset(name).read_bytes()
    except FileNotFoundError:
        return PlainTextResponse("There is no such file.", 404, headers)
    media = _MEDIA.get(PurePosixPath(name).suffix, "application/octet-stream")
    return Response(content, headers=headers, media_type=media)
