"""GraphiQL as it is shipped: it works without any other address, under a strict policy."""

from __future__ import annotations

import pytest
from console_browser import Console, keep, running_console
from playwright.async_api import Page, expect
from world import World, step

from psg_graphql.global_id import global_id

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


async def write(page: Page, text: str) -> None:
    """Put ``text`` into the editor in place of what is there."""
    await page.evaluate(
        "text => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(text)", text
    )


async def test_the_query_page_explores_the_schema_and_runs_queries_and_subscriptions(console: Console) -> None:
    world = await World.create(console.graph.db)
    async with console.page("query-page", "/graphiql") as page:
        answer = page.locator(".result-window")
        await expect(page.locator(".graphiql-query-editor .CodeMirror-code")).to_contain_text("projects")
        await page.get_by_role("button", name="Execute query").click()
        await expect(answer).to_contain_text('"projects"')
        await write(page, "{ projects { nodes { nothing } } }")
        await expect(page.locator(".CodeMirror-lint-mark").first).to_be_visible()  # the schema is known: told at once
        project = global_id("Project", world.project_id, world.project_id)
        text = "{ __typename ... on EventBatch { events { seq type } } }"
        await write(page, f'subscription {{ events(projectId: "{project}") {text} }}')
        await page.get_by_role("button", name="Execute query").click()
        await expect(answer).to_contain_text("project_created")
        await world.draft(step("a"))
        await expect(answer).to_contain_text("plan_created")
        await page.get_by_role("button", name="Stop query").click()
        await page.get_by_role("button", name="Show Documentation Explorer").click()
        await page.get_by_role("link", name="Query", exact=True).click()
        await expect(page.locator(".graphiql-doc-explorer")).to_contain_text("killSwitches")
        await keep(page, "query-page-schema")
        await page.get_by_role("button", name="Open settings dialog").click()
        await page.get_by_role("button", name="Dark").click()
        await page.keyboard.press("Escape")


async def test_the_query_page_asks_for_a_token_and_keeps_it_in_its_tab(console: Console) -> None:
    token = "operator-" + "x" * 20
    async with (
        running_console(console.graph.db, console.browser, token=token) as guarded,
        guarded.page("query-page-sign-in", "/graphiql", expected=("status of 401",)) as page,
    ):
        await expect(page.get_by_text("sign in above")).to_be_visible()
        await page.get_by_label("API token").fill(token)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator(".graphiql-query-editor .CodeMirror-code")).to_contain_text("projects")
        await page.get_by_role("button", name="Execute query").click()
        await expect(page.locator(".result-window")).to_contain_text('"data"')
        assert token not in await page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")
        await page.get_by_role("link", name="PSG console").click()
        await expect(page.get_by_role("heading", name="Projects")).to_be_visible()  # signed in there too
