"""The picture of the page in the README: `python -m docs.generate.page_picture docs/images/page.png`.

Plays `demo --serve` and photographs the page of the unguarded run on a phone, at the moment of the margin call. Needs a
browser (Debian: `chromium`).
"""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import expect

from docs.generate.demo_browser import PHONE, log_in, open_browser, serve_demo

STORY_TIMEOUT_MS = 180_000


async def make_picture(picture: Path) -> None:
    """Play the demo as far as the margin call."""
    async with serve_demo() as pages, open_browser() as browser:
        page = await browser.new_page(viewport=PHONE, color_scheme="light", reduced_motion="reduce")
        await log_in(page, pages["unguarded"])
        await expect(page.locator(".hero.bad")).to_be_visible(timeout=STORY_TIMEOUT_MS)
        await page.screenshot(path=picture)


if __name__ == "__main__":
    asyncio.run(make_picture(Path(sys.argv[1])))
