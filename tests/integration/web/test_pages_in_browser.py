"""The pages in a real browser: whole on a phone, without JavaScript, live, and when the daemon is gone."""

import contextlib
import re
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import expect

from monitor.view.formatting import format_level
from tests.integration.web.browser import (
    DESK,
    PHONE,
    find_violations,
    log_in,
    needs_browser,
    open_browser,
    open_page,
    overflow,
)
from tests.integration.web.page_examples import AlarmedDaemon, alarmed_daemon
from tests.integration.web.served_daemon import served_daemon

pytestmark = [needs_browser]

GONE_MS = 20_000

STATIC_PAGES = ("/login", "/nothing")
"""Pages that no script keeps true: there is nothing in them that grows old."""


def pages_of(alarm: AlarmedDaemon) -> tuple[str, ...]:
    return ("/", "/account/main", alarm.alert, alarm.action, *STATIC_PAGES)


COLOUR = "node => getComputedStyle(node).color"
BEFORE = "node => getComputedStyle(node, '::before').content"
FOCUS = """() => {
    const node = document.activeElement;
    return node === document.body ? null : [node.textContent.trim(), getComputedStyle(node).outlineStyle];
}"""
SLIDE = "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', { bubbles: true })); }"


async def test_phone_shows_each_page_whole_and_axe_finds_nothing_wrong(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm, open_browser() as browser, open_page(browser, alarm.served) as page:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await log_in(page)
        for path in pages_of(alarm):
            await page.goto(path)
            if path not in STATIC_PAGES:
                await expect(page.locator("html")).to_have_class("scripted live")
            assert await find_violations(page) == [], path
            assert await overflow(page) <= 0, path
        assert errors == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK, {"width": 320, "height": 640}], ids=["phone", "desk", "narrow"])
async def test_axe_finds_nothing_wrong_at_any_size_in_any_light(
    tmp_path: Path, scheme: str, size: dict[str, int]
) -> None:
    async with (
        alarmed_daemon(tmp_path) as alarm,
        open_browser() as browser,
        open_page(browser, alarm.served, color_scheme=scheme, viewport=size) as page,
    ):
        await log_in(page)
        for path in pages_of(alarm):
            await page.goto(path)
            for more in await page.locator("summary").all():
                await more.click()
            assert await find_violations(page) == [], path
            assert await overflow(page) <= 0, path


@pytest.mark.slow
async def test_everything_works_without_javascript(tmp_path: Path) -> None:
    async with (
        alarmed_daemon(tmp_path) as alarm,
        open_browser() as browser,
        open_page(browser, alarm.served, java_script_enabled=False) as page,
    ):
        await log_in(page)
        await page.get_by_text("Pause all actions", exact=True).click()
        await page.get_by_role("button", name="Yes, pause all actions").click()
        await expect(page.get_by_text("Actions are paused: nothing is sent.")).to_be_visible()
        await page.get_by_text("Resume actions", exact=True).click()
        await page.get_by_role("button", name="Yes, resume all actions").click()
        await expect(page.get_by_text("Pause all actions", exact=True)).to_be_visible()
        await page.goto(alarm.alert)
        await page.get_by_label("Comment").first.fill("on my way")
        await page.get_by_role("button", name="Acknowledge").click()
        await expect(page.get_by_text("on my way")).to_be_visible()
        await page.goto(alarm.action)
        await page.get_by_text("Approve", exact=True).click()
        await page.get_by_role("button", name="Yes: repay 50 USDT").click()
        await expect(page.get_by_role("heading", name="Shall it be done?")).to_have_count(0)
        await page.goto("/account/main?span=1h")
        await expect(page.locator("#drawing")).to_be_visible()
        await page.get_by_label("By how many per cent").fill("60")
        await page.get_by_role("button", name="Work it out").click()
        await expect(page.get_by_label("By how many per cent")).to_have_value("60")
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_role("link", name="Log in")).to_be_visible()


@pytest.mark.slow
async def test_page_looks_old_at_once_when_the_daemon_is_gone(tmp_path: Path) -> None:
    async with open_browser() as browser, contextlib.AsyncExitStack() as stack:
        served = await stack.enter_async_context(served_daemon(tmp_path))
        async with open_page(browser, served) as page:
            await page.goto("/")
            await expect(page.locator("html")).to_have_class("scripted live")
            figure = page.locator(".hero .figure").first
            fresh = await figure.evaluate(COLOUR)
            assert "NO CONNECTION" not in await page.title()
            await stack.aclose()
            await expect(page.locator("html")).to_have_class("scripted lost", timeout=GONE_MS)
            await expect(page.get_by_role("alert")).to_contain_text("No connection to the daemon")
            assert "NO CONNECTION" in await page.title()
            assert "icon-gone" in str(await page.locator("link[rel=icon]").get_attribute("href"))
            assert await page.locator("h1").evaluate(BEFORE) == '"Last known: "'
            await expect(figure).not_to_have_css("color", fresh)


@pytest.mark.slow
async def test_page_looks_old_when_a_device_wakes_up_until_it_was_read_again(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served, open_browser() as browser, open_page(browser, served) as page:
        await page.clock.install()
        await page.goto("/")
        await expect(page.locator("html")).to_have_class("scripted live")
        async with contextlib.AsyncExitStack() as stack:
            # Nothing is answered, as on a phone whose network is not back yet.
            await page.route("**/*", lambda _: None)
            stack.push_async_callback(page.unroute, "**/*")
            await page.clock.fast_forward(3_600_000)
            await expect(page.locator("html.aged, html.lost")).to_have_count(1)
            await expect(page).to_have_title(re.compile("^(OLD|NO CONNECTION) 1 h"))
        await expect(page.locator("html")).to_have_class("scripted live", timeout=GONE_MS)
        await expect(page).not_to_have_title(re.compile("OLD|NO CONNECTION"))


@pytest.mark.slow
async def test_silent_event_stream_is_opened_anew_and_not_called_live(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served, open_browser() as browser, open_page(browser, served) as page:
        await page.clock.install()
        await page.goto("/")
        connection = page.locator("#connection")
        await expect(connection).to_have_text("live,")
        # The stream is not answered any more; everything else is.
        await page.route("**/api/v1/live", lambda _: None)
        await page.clock.fast_forward(61_000)
        await page.clock.fast_forward(11_000)
        await expect(connection).to_have_text("checked,")
        await page.unroute("**/api/v1/live")
        await page.clock.fast_forward(11_000)
        await expect(connection).to_have_text("live,")


@pytest.mark.slow
async def test_link_on_a_page_of_another_site_opens_the_page_with_its_session(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm, open_browser() as browser, open_page(browser, alarm.served) as page:
        await log_in(page)
        host, port = alarm.served.address
        await page.goto(f'data:text/html,<a href="http://{host}:{port}{alarm.alert}">the alert</a>')
        await page.get_by_role("link", name="the alert").click()
        await expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
        await expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.mark.slow
async def test_typed_comment_and_open_parts_survive_new_figures(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm, open_browser() as browser, open_page(browser, alarm.served) as page:
        await log_in(page, alarm.alert)
        await page.get_by_text("Send no messages for a while").click()
        await page.locator("#silence-comment").fill("half a sent")
        await page.locator("#ack-comment").fill("and this")
        made = await page.locator("main").get_attribute("data-generated")
        await expect(page.locator("main")).not_to_have_attribute("data-generated", str(made), timeout=GONE_MS)
        await expect(page.locator("#silence-comment")).to_have_value("half a sent")
        await expect(page.locator("#ack-comment")).to_have_value("and this")
        await expect(page.locator("#silence-comment")).to_be_visible()


@pytest.mark.slow
async def test_slider_agrees_with_the_document_of_the_same_fall(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served, open_browser() as browser, open_page(browser, served) as page:
        await page.goto("/account/main")
        slider = page.locator("#drop")
        await expect(slider).to_have_attribute("type", "range")
        for percent in (7, 33, 61):
            await slider.evaluate(SLIDE, percent)
            document = (await served.get(f"/api/v1/stress?drop={percent}%25")).json()
            for item in document["accounts"]:
                row = page.locator(f"#stress-rows li[data-key={item['symbol'] or item['scope']}]")
                await expect(row.locator(".after")).to_have_text(format_level(Decimal(item["level_after"])))
                is_over = "bad" in str(await row.get_attribute("class"))
                assert is_over is item["liquidated"]


@pytest.mark.slow
async def test_keyboard_reaches_everything_and_shows_where_it_is(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm, open_browser() as browser, open_page(browser, alarm.served) as page:
        await log_in(page)
        reached: list[str] = []
        for _ in range(40):
            await page.keyboard.press("Tab")
            focus = await page.evaluate(FOCUS)
            if focus is None:
                break
            assert focus[1] != "none", focus
            reached.append(focus[0])
        assert reached[0] == "Skip to the content"
        assert "Pause all actions" in reached
        assert any(text.startswith("Acknowledge") for text in reached)
        assert reached[-1] == "Log out"
