"""A walk over the pages during the demo's crash: `python -m docs.generate.page_walk FOLDER`.

Every few seconds the overview of both runs is photographed, on a phone and on a desk, light and dark; then the other
pages, and after the end of the demo the overview once more. For looking at the pictures one by one after a change of
the design. Needs a browser (Debian: `chromium`).
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from docs.generate.demo_browser import DESK, PHONE, DemoAddress, log_in, open_browser, serve_demo

ROUNDS = 12
PAUSE_S = 8.0
GONE_TIMEOUT_MS = 30_000

LOOKS = (("phone", PHONE, "dark"), ("phone", PHONE, "light"), ("desk", DESK, "light"), ("desk", DESK, "dark"))


async def walk(folder: Path) -> None:
    """Take all pictures, and print the title of each window."""
    async with open_browser() as browser:
        async with serve_demo() as addresses:
            windows = [window async for window in _open_windows(browser, addresses)]
            for number in range(ROUNDS):
                for name, window in windows:
                    await _photograph(window, folder / f"{number:02d}-{name}.png")
                await asyncio.sleep(PAUSE_S)
            await _photograph_others(browser, addresses, folder)
        for name, window in windows:
            await expect(window.locator("html.lost")).to_have_count(1, timeout=GONE_TIMEOUT_MS)
            await _photograph(window, folder / f"gone-{name}.png")


async def _open_windows(browser: Browser, addresses: Mapping[str, DemoAddress]) -> AsyncIterator[tuple[str, Page]]:
    """A window of the overview in each look, half of them of each run."""
    for number, (device, size, scheme) in enumerate(LOOKS):
        run = ("unguarded", "guarded")[number % 2]
        page = await browser.new_page(viewport=size, color_scheme="dark" if scheme == "dark" else "light")
        await log_in(page, addresses[run])
        yield f"{run}-{device}-{scheme}", page


async def _photograph_others(browser: Browser, addresses: Mapping[str, DemoAddress], folder: Path) -> None:
    """The account, and the first alert and action of the guarded run."""
    for device, size, scheme in LOOKS:
        page = await browser.new_page(viewport=size, color_scheme="dark" if scheme == "dark" else "light")
        await log_in(page, addresses["guarded"])
        await page.goto(f"{addresses['guarded'].url}account/main?scope=cross&span=24h")
        await asyncio.sleep(2)
        await _photograph(page, folder / f"account-{device}-{scheme}.png")
        for kind in ("alerts", "actions"):
            path = await page.locator(f"a[href^='/{kind}/']").first.get_attribute("href")
            if path is not None:
                await page.goto(f"{addresses['guarded'].url}{path.lstrip('/')}")
                await asyncio.sleep(1)
                await _photograph(page, folder / f"{kind}-{device}-{scheme}.png")
                await page.goto(f"{addresses['guarded'].url}account/main?scope=cross&span=24h")
        await page.close()


async def _photograph(page: Page, picture: Path) -> None:
    await page.screenshot(path=picture, full_page=True)
    print(f"{picture.name}: {await page.title()}")


if __name__ == "__main__":
    pictures = Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(walk(pictures))
