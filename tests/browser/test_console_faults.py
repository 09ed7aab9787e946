"""The console when things go wrong: a server that goes away, a connection that breaks, tokens that do not hold."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from console_browser import Console, keep, running_console
from playwright.async_api import Page, Route, WebSocketRoute, expect
from world import World, step

from psg.accounts import EVERYWHERE, Accounts, Origin
from psg_graphql.global_id import global_id

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

AWAY = ("Failed to load resource", "WebSocket connection to", "ERR_")
UNKNOWN = ("status of 401",)
ORIGIN = Origin("test")


@dataclass
class Network:
    """What is between a page and the API: can be cut and mended."""

    away: bool = False
    sockets: list[WebSocketRoute] = field(default_factory=list)

    async def lay(self, page: Page) -> None:
        """Stand between from now on."""
        await page.route("**/*", self._asked)
        await page.route_web_socket("**/graphql", self._opened)

    async def _asked(self, route: Route) -> None:
        await (route.abort("internetdisconnected") if self.away else route.continue_())

    async def _opened(self, socket: WebSocketRoute) -> None:
        if self.away:
            await socket.close(code=1011, reason="cut")
            return
        server = socket.connect_to_server()
        server.on_message(lambda message: None if self.away else socket.send(message))
        self.sockets.append(socket)

    async def cut(self) -> None:
        """From now on nothing comes through; what was on its way is lost."""
        self.away = True
        for socket in self.sockets:
            await socket.close(code=1011, reason="cut")
        self.sockets.clear()

    def mend(self) -> None:
        """Let all pass again."""
        self.away = False


def project_page(world: World, *more: str) -> str:
    return "/".join((f"/projects/{global_id('Project', world.project_id, world.project_id)}", *more))


async def numbers(page: Page) -> list[int]:
    """The numbers of the events that are shown, the latest first."""
    cells = page.get_by_role("table", name="Events").locator("tbody tr td:first-child")
    return [int(text.replace(",", "")) for text in await cells.all_inner_texts()]


async def until_all_are_shown(page: Page, world: World) -> None:
    """Every event of the log is on the page, each once."""
    last = await world.head_seq()
    table = page.get_by_role("table", name="Events")
    await expect(table.locator("tbody tr")).to_have_count(last)
    assert await numbers(page) == list(range(last, 0, -1))


async def test_a_connection_that_breaks_is_resumed_without_a_gap(console: Console) -> None:
    world, network = await World.create(console.graph.db), Network()
    async with world.running(), console.page("offline", "/agents", expected=AWAY) as page:
        await network.lay(page)
        await page.goto(project_page(world, "events"))
        await until_all_are_shown(page, world)
        for _ in range(3):
            await network.cut()
            plan_id = await world.started(step("unseen"))
            await world.finished(plan_id)
            await expect(page.get_by_text("The API does not answer")).to_be_visible()
            assert await page.get_by_role("table", name="Events").is_visible()  # what was known stays
            await keep(page, "offline-banner")
            network.mend()
            # It may have asked again by itself in this moment, and taken the button away.
            await page.evaluate("document.querySelector('.banner button')?.click()")
            await until_all_are_shown(page, world)
            await expect(page.get_by_text("The API does not answer")).to_have_count(0)


async def test_a_server_that_is_started_anew_is_followed_again(console: Console) -> None:
    db, world = console.graph.db, await World.create(console.graph.db)
    async with running_console(db, console.browser) as first:
        port = int(first.url.rpartition(":")[2])
        async with first.page("restart", project_page(world, "events"), expected=AWAY) as page:
            await until_all_are_shown(page, world)
            first.stop.set()
            await expect(page.get_by_text("The API does not answer")).to_be_visible()
            await world.draft(step("meanwhile"))
            async with running_console(db, console.browser, port=port):
                await until_all_are_shown(page, world)
                await expect(page.get_by_text("The API does not answer")).to_have_count(0)


async def test_a_token_is_asked_for_and_says_what_is_seen(console: Console) -> None:
    world = await World.create(console.graph.db)
    async with (
        actor_of(console) as (accounts, actor),
        running_console(console.graph.db, console.browser, auth="token") as guarded,
        guarded.page("sign-in", expected=UNKNOWN) as page,
    ):
        token = await accounts.create_token(actor, by=ORIGIN, life_s=600.0)
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await keep(page, "sign-in-form")
        for wrong in ("nonsense", f"{token.text}x", "psg_" + "a" * 60, "\u202e<script>"):
            await sign_in(page, wrong)
            await expect(page.get_by_role("alert")).to_be_visible()
        await sign_in(page, token.text)
        await expect(page.get_by_text("No projects yet")).to_be_visible()  # nothing is granted: guidance, no blank page
        await accounts.grant(actor, world.project_id, "viewer", by=ORIGIN)
        await page.reload()
        await expect(page.get_by_role("table", name="Projects").get_by_role("row")).to_have_count(2)
        assert await page.evaluate("Object.keys(localStorage).concat(document.cookie).join()") == ""
        await page.goto(project_page(world, "events"))
        await expect(page.get_by_role("table", name="Events")).to_contain_text("project_created")
        await accounts.revoke_token(token.token.id, by=ORIGIN)
        await page.goto(project_page(world))
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await keep(page, "sign-in-revoked")
        again = await accounts.create_token(actor, by=ORIGIN, life_s=600.0)
        await sign_in(page, again.text)
        await expect(page.get_by_text("No plans yet")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@asynccontextmanager
async def actor_of(console: Console) -> AsyncIterator[tuple[Accounts, str]]:
    """Accounts, and an actor of whom nothing is left afterwards that could be used."""
    accounts, actor = Accounts(console.graph.db), f"browser-{uuid.uuid4().hex[:8]}"
    try:
        yield accounts, actor
    finally:
        with anyio.CancelScope(shield=True):
            for project_id, roles in (await accounts.grants_of(actor)).items():
                for role in roles:
                    await accounts.revoke(actor, project_id, role, by=ORIGIN)


async def sign_in(page: Page, text: str) -> None:
    await page.get_by_label("Token").fill(text)
    await page.get_by_role("button", name="Sign in").click()


async def test_a_token_that_ends_while_a_page_is_open_leads_to_the_sign_in(console: Console) -> None:
    world = await World.create(console.graph.db)
    async with (
        actor_of(console) as (accounts, actor),
        running_console(console.graph.db, console.browser, auth="token") as guarded,
        guarded.page("token-ended", project_page(world), expected=UNKNOWN) as page,
    ):
        await accounts.grant(actor, EVERYWHERE, "viewer", by=ORIGIN)
        token = await accounts.create_token(actor, by=ORIGIN, life_s=6.0)
        await sign_in(page, token.text)
        await expect(page.get_by_text("No plans yet")).to_be_visible()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.get_by_role("alert")).to_be_visible()


async def test_a_slow_server_is_waited_for_and_told(console: Console) -> None:
    world, gate = await World.create(console.graph.db), anyio.Event()

    async def slow(route: Route, *_: Any) -> None:
        await gate.wait()
        await route.continue_()

    async with console.page("slow", "/agents") as page:
        await page.route("**/graphql", slow)
        await page.goto(project_page(world))
        await expect(page.get_by_role("status").filter(has_text="Loading plans")).to_be_visible()
        gate.set()
        await expect(page.get_by_text("No plans yet")).to_be_visible()


async def test_questions_and_access_are_answered(console: Console) -> None:
    world = await World.create(console.graph.db)
    await world.draft(step("a"), title="Asked about")
    async with console.page("questions", "/questions") as page:
        asked = page.get_by_role("textbox", name="Cypher")
        await asked.fill("MATCH (p:Plan {project_id: $project_id}) RETURN p.title AS plan, 1 AS one")
        await page.get_by_label("Parameters").fill(f'{{"project_id": "{world.project_id}"}}')
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.get_by_role("table", name="Answer")).to_contain_text("Asked about")
        await page.get_by_role("button", name="JSON").click()
        await expect(page.get_by_label("Rows")).to_contain_text('"plan": "Asked about"')
        await asked.fill("MATCH (p:Plan) SET p.title = 'changed'")
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.get_by_label("Parameters").fill("[1")
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.get_by_role("alert").filter(has_text="JSON")).to_be_visible()
        saved = page.get_by_role("combobox").first
        assert await saved.locator("option").count() > 5
        await page.goto("/access")
        await expect(page.get_by_text("everything")).to_be_visible()
        await page.get_by_role("button", name="Audit trail").click()
        await expect(page.get_by_label("Audit trail").locator(".state.empty, table").first).to_be_visible()


async def test_a_server_that_takes_known_documents_only_serves_the_console(console: Console) -> None:
    world = await World.create(console.graph.db)
    plan_id = await world.approved(step("a"), title="By hash")
    async with (
        world.running(),
        running_console(console.graph.db, console.browser, documents="only") as strict,
        strict.page("known-documents", project_page(world)) as page,
    ):
        sent: list[dict[str, Any]] = []
        page.on("request", lambda request: sent.append(request.post_data_json) if request.method == "POST" else None)
        await page.get_by_role("link", name="By hash").click()
        await expect(page.get_by_role("listbox", name="Steps of the plan")).to_contain_text("a")
        await page.get_by_role("button", name="Start").click()
        await expect(page.get_by_role("listbox", name="Steps of the plan")).to_contain_text("Completed")
        assert sent and all("query" not in body and body["documentId"].startswith("sha256:") for body in sent)
    assert await world.finished(plan_id) == ["completed"]
