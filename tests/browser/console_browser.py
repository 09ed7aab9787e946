"""The console in a real Chromium: a platform to look at, and pages that remember what went wrong in them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from psg.graph import Graph
from psg_graphql.server import serve
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARTIFACTS = Path(os.environ.get("PSG_TEST_ARTIFACTS") or Path(__file__).parents[2] / "test-artifacts")
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)  # the machine is shared: how long a page takes is not what these tests ask
# Nothing of the browser itself may go out either.
FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-default-browser-check",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]  # fmt: skip
NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
  (event) => window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


def chromium() -> str | None:
    """Where Chromium is on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """One headless browser, closed afterwards."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Watch:
    """What happened on a page that must not: errors, violations of its policy, requests to elsewhere."""

    origin: str
    problems: list[str] = field(default_factory=list)

    def note(self, page: Page) -> None:
        """Listen to ``page`` from now on."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._asked)
        page.on("websocket", lambda socket: self._address(socket.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text[:500]}")

    def _asked(self, request: Request) -> None:
        self._address(request.url)

    def _address(self, url: str) -> None:
        inside = re.sub(r"^ws", "http", url).startswith(f"{self.origin}/") or url.startswith(("data:", "blob:"))
        if not inside:
            self.problems.append(f"request left the origin: {url[:200]}")


@dataclass
class Console:
    """A running API with its console, the graph behind it, and a browser."""

    url: str
    graph: Graph
    browser: Browser
    stop: anyio.Event

    @asynccontextmanager
    async def page(
        self, name: str, path: str = "/", *, expected: tuple[str, ...] = (), **options: Any
    ) -> AsyncIterator[Page]:
        """A page in a profile of its own; keeps a screenshot as ``name``, and fails if anything went wrong in it.

        ``expected`` are patterns of what may be said in its console all the same, ``options`` those of the profile.
        """
        chosen = {"viewport": {"width": 1360, "height": 850}, "reduced_motion": "reduce", **options}
        context = await self.browser.new_context(base_url=self.url, **chosen)
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(NOTE_VIOLATIONS)
        page, watch = await context.new_page(), Watch(self.url)
        watch.note(page)
        try:
            await page.goto(path)
            yield page
            violations = await page.evaluate("window.violations")
        except BaseException:
            with anyio.CancelScope(shield=True):
                await keep(page, f"{name}-failed")
            raise
        else:
            await keep(page, name)
            found = [p for p in watch.problems if not any(re.search(pattern, p) for pattern in expected)]
            assert not (found or violations), "\n".join([*found, *(f"violation: {v}" for v in violations)])
        finally:
            with anyio.CancelScope(shield=True):
                await context.close()


async def keep(page: Page, name: str) -> None:
    """Keep a screenshot of what a person would see now."""
    await anyio.Path(ARTIFACTS).mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=ARTIFACTS / f"{name}.png", animations="disabled")


@asynccontextmanager
async def running_console(db: Database, browser: Browser, **settings: Any) -> AsyncIterator[Console]:
    """The API on a free port with its console, ended as an operator would."""
    chosen = ApiSettings(**{"port": 0, **settings})
    graph, stop, ready = Graph(db), anyio.Event(), anyio.Event()
    address: list[str] = []

    def announced(url: str) -> None:
        address.append(url)
        ready.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: serve(graph, chosen, stop=stop, on_ready=announced))
        with anyio.fail_after(20):
            await ready.wait()
        try:
            yield Console(address[0], graph, browser, stop)
        finally:
            stop.set()
