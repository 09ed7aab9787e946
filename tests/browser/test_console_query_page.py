"""GraphiQL as it is shipped: it works without any other address, under a strict policy."""

from __future__ import annotations

import pytest
from console_browser import Console, keep
from playwright.async_api import expect

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


async def test_the_query_page_explores_the_schema_and_runs_queries_and_subscriptions(console: Console) -> None:
    async with console.page("query-page", "/graphiql") as page:
        await expect(page.locator(".graphiql-query-editor .CodeMirror-code")).to_contain_text("projects")
        await page.get_by_role("button", name="Execute query").click()
        await expect(page.locator(".result-window")).to_contain_text('"projects"')
        await page.get_by_role("button", name="Show Documentation Explorer").click()
        await page.get_by_role("link", name="Query", exact=True).click()
        await expect(page.locator(".graphiql-doc-explorer")).to_contain_text("killSwitches")
        await keep(page, "query-page-schema")
        await page.get_by_role("button", name="Open settings dialog").click()
        await page.get_by_role("button", name="Dark").click()
        await page.keyboard.press("Escape")
