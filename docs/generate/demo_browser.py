"""The pages of `demo --serve`, and a browser to look at them."""

import asyncio
import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

PHONE: ViewportSize = {"width": 390, "height": 840}
DESK: ViewportSize = {"width": 1440, "height": 900}

SERVED_WITHIN_S = 90

_PAGE = re.compile(r"the page of the (\w+) run: (http://\S+/)  \(to act, log in with (\S+)\)")


@dataclass(frozen=True, slots=True)
class DemoAddress:
    """The page of one run, and the token to log in with."""

    url: str
    token: str


@contextlib.asynccontextmanager
async def serve_demo() -> AsyncIterator[Mapping[str, DemoAddress]]:
    """Play the demo meanwhile; the pages of its runs by their names."""
    with tempfile.TemporaryDirectory() as folder:
        demo = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "demo", "--serve", "--output", folder),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert demo.stderr is not None
        pages: dict[str, DemoAddress] = {}
        try:
            async with asyncio.timeout(SERVED_WITHIN_S):
                while len(pages) < 2 and (line := await demo.stderr.readline()):
                    found = _PAGE.search(line.decode())
                    if found is not None:
                        pages[found.group(1)] = DemoAddress(found.group(2), found.group(3))
            yield pages
        finally:
            demo.terminate()
            await demo.wait()


@contextlib.asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    # Its own sandbox can't be set up by root.
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=args)
        try:
            yield browser
        finally:
            await browser.close()


async def log_in(page: Page, address: DemoAddress) -> None:
    """Log in, and end on the overview."""
    await page.goto(f"{address.url}login")
    await page.get_by_label("Token").fill(address.token)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(address.url)
