"""A real browser: Debian's Chromium, driven by Playwright."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.integration.web.served_daemon import TOKEN, ServedDaemon

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}

CHROMIUM = shutil.which("chromium")

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: install Debian's package chromium")

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextlib.asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    # Its own sandbox can't be set up by root.
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def open_page(browser: Browser, served: ServedDaemon, **options: Any) -> AsyncIterator[Page]:
    """A page of a phone (`options` of the context change that), whose paths are those of the daemon."""
    host, port = served.address
    given: dict[str, Any] = {"viewport": PHONE, "base_url": f"http://{host}:{port}"} | options
    context: BrowserContext = await browser.new_context(**given)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def log_in(page: Page, path: str = "/") -> None:
    """Log in by the form, and end on `path`."""
    await page.goto(f"/login?next={path}")
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(f"**{path}")


async def find_violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is shown, a line each."""
    found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def overflow(page: Page) -> int:
    """Pixels by which the content is wider than the window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
