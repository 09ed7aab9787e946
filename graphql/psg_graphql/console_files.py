"""The web console: built files that the package ships, served so that a page can do nothing but talk to this API.

The pages are public and hold no data; what they show they ask of ``/graphql`` with the token of who uses them.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from psg_graphql.health import release
from psg_graphql.settings import ApiSettings

PAGE, QUERY_PAGE = "index.html", "graphiql.html"
CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
# What the API answers itself; a path below these is never a page of the console.
API_PATHS = frozenset(("graphql", "healthz", "readyz", "metrics", "browser", "console", "graphiql"))

_MEDIA = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
    ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8", ".map": "application/json",
}  # fmt: skip
_HASHED = re.compile(r"-[A-Za-z0-9_]{8,}\.[a-z0-9]+$")
_PRIVATE = frozenset(("manifest.json",))  # of the build, of no use to a browser
_WORTH_COMPRESSING = 1_000
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_MISSING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>PSG: no console</title>
<h1>The web console is not in this installation</h1>
<p>Its built files are missing. In a clone, <code>make console</code> builds them (it needs Node.js); an installed
package is incomplete: install it again.</p>
<p>The API works without it: GraphQL is at <code>/graphql</code>, its state at <a href="/readyz">/readyz</a>.</p></html>
"""


@dataclass(frozen=True)
class ConsoleFile:
    """One built file."""

    name: str
    content: bytes

    @property
    def media(self) -> str:
        """Its media type."""
        return _MEDIA.get(PurePosixPath(self.name).suffix, "application/octet-stream")

    @property
    def lasting(self) -> bool:
        """Whether its name changes with its content, so that it may be kept for ever."""
        return _HASHED.search(self.name) is not None

    @cached_property
    def etag(self) -> str:
        """Changes with the content; weak, as it is the same for the compressed form."""
        return f'W/"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    @cached_property
    def compressed(self) -> bytes:
        """Its content by gzip, made once."""
        return gzip.compress(self.content, 6, mtime=0)


class ConsoleFiles:
    """Serves the console: pages, their files, and what they have to know of this server before they ask it."""

    def __init__(self, settings: ApiSettings, folder: Traversable | None = None) -> None:
        """Take ``folder`` of built files; absent: the one in the package."""
        self._settings = settings
        self._folder = folder or files("psg_graphql").joinpath("console")

    @cached_property
    def _files(self) -> Mapping[str, ConsoleFile]:
        """All built files by their path: only what is in here can be asked for, so no path leads outside."""
        return dict(_read(self._folder, "")) if self._folder.is_dir() else {}

    async def file(self, request: Request) -> Response:
        """Answer any path that nothing else answers: a built file (``/console/…``), or the page for a client route."""
        path = request.path_params.get("path", "")
        first, _, name = path.partition("/")
        found = self._files.get(name) if first == "console" and name not in (PAGE, QUERY_PAGE) else None
        if found is not None:
            return _answer(request, found, {})
        if first in API_PATHS or not (path in ("", PAGE) or "text/html" in request.headers.get("accept", "")):
            return PlainTextResponse("There is nothing at this address.", 404, _HEADERS)
        page = self._files.get(PAGE)
        if page is None:
            return HTMLResponse(_MISSING, 503, {**_HEADERS, "Content-Security-Policy": "default-src 'none'"})
        return _answer(request, page, {"Content-Security-Policy": CONSOLE_POLICY})

    async def config(self, request: Request) -> Response:
        """Answer ``GET /console/config.json``: what the pages need to know before anybody has signed in."""
        return JSONResponse(self.facts(), headers={**_HEADERS, "Cache-Control": "no-store"})

    def facts(self) -> dict[str, object]:
        """Return the release, how to sign in, and where the other pages are; nothing of it is secret."""
        settings = self._settings
        return {
            "version": release(),
            "auth": list(settings.auth_modes),
            "documents": settings.documents,
            "ide": settings.ide,
            "browser": None if settings.browser_url is None else settings.browser_url.rstrip("/"),
        }

    async def query_page(self, request: Request) -> Response:
        """Answer ``GET /graphiql``, and ``GET /graphql`` of a browser: the query page, where it is switched on."""
        page = self._files.get(QUERY_PAGE) if self._settings.ide else None
        if page is None:
            return PlainTextResponse("The query page is switched off, or not in this installation.", 404, _HEADERS)
        # Its editor writes a few style elements of its own; they carry this nonce, and no others are taken.
        nonce = secrets.token_urlsafe(16)
        policy = CONSOLE_POLICY.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")
        content = page.content.replace(b"__NONCE__", nonce.encode())
        headers = {**_HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return Response(content, 200, headers, page.media)


def _answer(request: Request, found: ConsoleFile, extra: Mapping[str, str]) -> Response:
    caching = "public, max-age=31536000, immutable" if found.lasting else "no-cache"
    headers = {**_HEADERS, **extra, "ETag": found.etag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if found.etag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers=headers)
    content = found.content
    if len(content) >= _WORTH_COMPRESSING and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = found.compressed, "gzip"
    return Response(content, 200, headers, found.media)


def _read(folder: Traversable, above: str) -> list[tuple[str, ConsoleFile]]:
    found: list[tuple[str, ConsoleFile]] = []
    for entry in folder.iterdir():
        name = f"{above}{entry.name}"
        if entry.is_dir():
            found += _read(entry, f"{name}/")
        elif name not in _PRIVATE:
            found.append((name, ConsoleFile(name, entry.read_bytes())))
    return found
