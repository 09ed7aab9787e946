"""The console in Chromium against a running platform: live plans, inbox, log, texts of strangers, keys alone."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

import anyio
import pytest
from console_browser import Console, keep
from playwright.async_api import Page, expect
from world import META, World, registry, step

from psg.plan.policy import ApprovalSpec
from psg_graphql.global_id import global_id

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

HOSTILE = (
    "<script>window.hurt=1</script><img src=x onerror='window.hurt=1'>\"'`${window.hurt=1}{{7*7}} "
    "\u202edlrow olleh\u202c \u0007 [a](javascript:window.hurt=1) null undefined NaN \U0001f9a0\u0301\u0301\u0301 "
)
LONG = "word" * 25_000


@pytest.fixture
async def world(console: Console) -> World:
    return await World.create(console.graph.db)


def at(world: World, *more: str) -> str:
    """The address of a page of the project; ``more`` may end with a plan's id."""
    project = f"/projects/{global_id('Project', world.project_id, world.project_id)}"
    if more[:1] == ("plans",):
        more = ("plans", global_id("Plan", world.project_id, more[1]))
    return "/".join((project, *more))


def steps_of(page: Page) -> Callable[[str], object]:
    """Find a step in the list of a plan's page, by its key."""
    listed = page.get_by_role("listbox", name="Steps of the plan")
    return lambda key: listed.get_by_role("option").filter(has_text=re.compile(rf"^{key}"))


async def test_a_plan_is_started_and_seen_live_until_it_is_completed(console: Console, world: World) -> None:
    gate = anyio.Event()

    async def hold() -> str:
        await gate.wait()
        return "done"

    steps = step("first"), step("held", "first", name="hold"), step("last", "held")
    plan_id = await world.approved(*steps, title="Live")
    async with world.running(registry(hold=hold)), console.page("plan-live", at(world, "plans", plan_id)) as page:
        found = steps_of(page)
        await page.get_by_role("button", name="Start").click()
        confirm = page.get_by_role("dialog").get_by_role("button", name="Start")
        if await confirm.count():
            await confirm.click()
        await expect(found("first")).to_contain_text("Completed")
        await expect(found("held")).to_contain_text("Running")
        await expect(found("last")).to_contain_text("Pending")
        await keep(page, "plan-running")
        gate.set()
        await expect(found("last")).to_contain_text("Completed")
        await expect(page.locator("header, .page-head").filter(has_text="Completed").first).to_be_visible()


async def test_a_request_is_decided_in_the_inbox_and_the_step_goes_on(console: Console, world: World) -> None:
    spec = ApprovalSpec(quorum=2, reason_required=True, reason="Ship it?", expires_ms=3_600_000)
    async with world.running(), console.page("inbox", at(world, "approvals")) as page:
        await expect(page.get_by_text("Nothing waits for a decision")).to_be_visible()
        plan_id = await world.started(step("ship", approval=spec), title="Release")
        row = page.get_by_role("row").filter(has_text="ship")
        await expect(row).to_contain_text("0 of 2")
        await keep(page, "inbox-waiting")
        await decide(page, "ann", "looks right")
        await expect(row).to_contain_text("1 of 2")
        await expect(row).to_contain_text("ann")
        await decide(page, "ann", "again")
        await expect(page.get_by_role("alert")).to_be_visible()  # one approver counts once: the refusal is told
        await page.get_by_role("button", name="Not now").click()
        await decide(page, "bob", "me too")
        await expect(page.get_by_text("Nothing waits for a decision")).to_be_visible()
        await world.step_is(plan_id, "ship", "completed")
        await page.get_by_role("button", name="Approved").click()
        await expect(row).to_contain_text("ann, bob")


async def decide(page: Page, who: str, why: str) -> None:
    """Approve the first request as somebody."""
    me = page.locator("nav.side .side-end").get_by_role("button")
    await me.filter(has_text=re.compile("^(Anonymous|ann|bob)$")).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill(who)
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Decide").click()
    await expect(dialog.get_by_role("button", name="Approve")).to_be_disabled()
    await dialog.get_by_label(re.compile("^Reason")).fill(why)
    await dialog.get_by_role("button", name="Approve").click()


async def test_events_come_live_and_are_filtered(console: Console, world: World) -> None:
    async with world.running(), console.page("events", at(world, "events"), color_scheme="dark") as page:
        table = page.get_by_role("table", name="Events")
        await expect(table).to_contain_text("project_created")
        plan_id = await world.started(step("a"), title="Noted")
        await world.finished(plan_id)
        last = await world.head_seq()
        await expect(table.get_by_role("row").nth(1)).to_contain_text(re.compile(rf"^{last}\b|{last}"))
        assert await table.get_by_role("row").count() == last + 1  # each event once, and the head of the table
        await page.get_by_label("Family").select_option("pipeline_stage")
        await expect(table).not_to_contain_text("graph update")
        await expect(table).to_contain_text("plan_completed")
        await page.get_by_label("Entity").select_option("Plan")
        await expect(table).not_to_contain_text("step_completed")
        await page.get_by_role("searchbox").fill("completed plan")
        await expect(table.get_by_role("row")).to_have_count(2)
        await table.get_by_role("row").nth(1).click()
        await expect(page.get_by_role("dialog")).to_contain_text("What it changed")
        await page.keyboard.press("Escape")
        await page.get_by_role("searchbox").fill("nothing is called so")
        await expect(page.get_by_text("No event on this page matches")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_texts_of_strangers_are_shown_as_text_everywhere(console: Console, scheme: str) -> None:
    text = HOSTILE + LONG
    strange = await console.graph.create_project(f"{uuid.uuid4().hex[:8]} {text}"[:200], text[:10_000])
    world = World(console.graph.db, strange.project_id, str(uuid.uuid4()))
    document = {
        "meta": META, "context_id": world.context_id, "title": text[:200], "status": "active",
        "root": {"domain": "test", "environment": "test"},
    }  # fmt: skip
    await world.graph.create_document(world.project_id, "context", document)
    spec = ApprovalSpec(reason=text[:5_000])

    async def fail() -> None:
        raise RuntimeError(text)

    async with world.running(registry(fail=fail)):
        plan_id = await world.started(
            step("ask", approval=spec, description=text[:5_000], params={"text": text}),
            step("broken", name="fail", description=text[:5_000], retries=0), title=text[:500],
        )  # fmt: skip
        await world.step_is(plan_id, "broken", "failed")
        await world.step_is(plan_id, "ask", "in_progress")
        pages = {"plans": at(world), "plan": at(world, "plans", plan_id)}
        pages |= {name: at(world, name) for name in ("events", "approvals", "budgets")}
        async with console.page(f"strange-{scheme}", color_scheme=scheme) as page:
            for name, path in pages.items():
                await page.goto(path)
                if name in ("events", "budgets"):
                    await expect(page.locator("#view table, #view .state").first).to_be_visible()
                else:
                    await expect(page.locator("#view")).to_contain_text("<script>")
                await expect(page.locator("nav.side")).to_contain_text("<script>")
                await keep(page, f"strange-{scheme}-{name}")
                await unhurt(page)
            await page.goto(pages["approvals"])
            await page.get_by_role("button", name="Decide").click()
            await expect(page.get_by_role("dialog")).to_contain_text("<script>")
            await keep(page, f"strange-{scheme}-decide")
            await unhurt(page)
            await page.goto(pages["plan"])
            await steps_of(page)("broken").click()  # type: ignore[attr-defined]
            await expect(page.locator("body")).to_contain_text("more")
            await unhurt(page)


async def unhurt(page: Page) -> None:
    """Nothing of the text ran, became an element, or pushed the page apart."""
    assert await page.evaluate("window.hurt") is None
    assert await page.locator("img[src=x], #view script, a[href^='javascript']").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


async def test_everything_is_reached_with_keys_alone(console: Console, world: World) -> None:
    plan_id = await world.approved(step("one"), step("two", "one"), title="By keys")
    async with world.running(), console.page("keys", at(world)) as page:
        await expect(page.get_by_role("table", name="Plans")).to_contain_text("By keys")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_contain_text("Go to approvals")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="By keys")).to_be_visible()
        assert global_id("Plan", world.project_id, plan_id) in page.url
        for keys, title in (("ga", "Approvals"), ("ge", "Events"), ("gb", "Budgets"), ("gp", "")):
            await page.keyboard.type(keys, delay=30)
            if title:
                await expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
        await expect(page.get_by_role("table", name="Plans")).to_contain_text("By keys")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement !== document.body")
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def focused(page: Page) -> Awaitable[str | None]:
    """What has the focus, as a screen reader names it."""
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


async def test_boxes_of_the_graph_are_walked_with_arrows_and_opened_with_enter(console: Console, world: World) -> None:
    plan_id = await world.draft(step("one"), step("two", "one"), title="Arrows")
    async with console.page("arrows", at(world, "plans", plan_id)) as page:
        boxes = [page.get_by_role("application").get_by_role("button", name=key, exact=True) for key in ("one", "two")]
        await boxes[0].focus()
        first, second = [await box.bounding_box() or {} for box in boxes]
        there, back = ("Right", "Left") if second["x"] > first["x"] else ("Down", "Up")
        await page.keyboard.press(f"Arrow{there}")
        await expect(boxes[1]).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="two")).to_be_visible()
        await page.keyboard.press(f"Arrow{back}")
        await expect(boxes[0]).to_be_focused()
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


async def test_a_group_of_a_large_graph_that_is_opened_with_enter_hands_the_focus_on(
    console: Console, world: World
) -> None:
    plan_id = await world.draft(*[step(f"s{i:03}") for i in range(300)], title="Grouped")
    async with console.page("groups", at(world, "plans", plan_id)) as page:
        groups = page.get_by_role("application").get_by_role("button", name=re.compile(", group$"))
        await groups.first.focus()
        outer = await focused(page)
        await page.keyboard.press(" ")
        await expect(page.get_by_role("button", name="Close all groups")).to_be_visible()
        await page.wait_for_function("document.activeElement.matches('.react-flow__node')")
        assert await focused(page) not in (outer, None)


async def test_dark_and_light_follow_the_machine_or_the_choice(console: Console, world: World) -> None:
    async with console.page("dark", at(world), color_scheme="dark") as page:
        await expect(page.get_by_text("No plans yet")).to_be_visible()
        shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => +a + +b)"
        assert await page.evaluate(shade) < 150
        await page.get_by_role("button", name="Light").click()
        assert await page.evaluate(shade) > 600
        await page.reload()
        await expect(page.get_by_text("No plans yet")).to_be_visible()
        assert await page.evaluate(shade) > 600


async def test_no_page_is_blank_where_nothing_is(console: Console, world: World) -> None:
    async with console.page("nothing-yet", at(world)) as page:
        for path in ("", "approvals", "events", "sessions", "budgets"):
            await page.goto(at(world, *([path] if path else [])))
            await expect(page.locator("#view .state, #view table").first).to_be_visible()
            await expect(page.locator("#view h1")).to_be_visible()
        for path in ("/agents", "/resources", "/health"):
            await page.goto(path)
            await expect(page.locator("#view .state, #view table").first).to_be_visible()
        await page.goto("/no/such/page")
        await expect(page.get_by_text("There is no such page")).to_be_visible()
        await page.goto("/projects/bm90aGluZw/plans/bm90aGluZw")
        await expect(page.locator("#view .state").first).to_be_visible()
