"""The film of a walk over the pages: `python -m docs.generate.page_film docs/images/walk.webp`.

Plays `demo --serve`, waits on the overview of the guarded run for the fall, and then walks: worst account, alert,
acknowledgement, silence, action, pause, resume. Each press is ringed. Needs a browser (Debian: `chromium`).
"""

import asyncio
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.async_api import Locator, Page, expect

from docs.generate.demo_browser import PHONE, log_in, open_browser, serve_demo
from docs.generate.page_steps import PageSteps

STORY_TIMEOUT_MS = 180_000
WAITING_ROUNDS = 60

MOMENT_MS, LOOK_MS, PRESS_MS = 700, 2200, 900
RING = "#d0168c"
QUALITY = 55


@dataclass(slots=True)
class Film:
    """The frames so far, each with how long it is shown."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    shown_ms: list[int] = field(default_factory=list)

    async def take(self, shown_ms: int = LOOK_MS) -> None:
        """Add the window as it is."""
        picture = await self.page.screenshot(animations="disabled")
        self.frames.append(Image.open(io.BytesIO(picture)).convert("RGB"))
        self.shown_ms.append(shown_ms)

    async def show(self, part: str) -> None:
        """Add the window with a part of the page, by its selector."""
        await self.page.locator(part).scroll_into_view_if_needed()
        await self.take()

    async def press(self, target: Locator) -> None:
        """Press it, with a frame before in which it is ringed."""
        await target.scroll_into_view_if_needed()
        await self.take(PRESS_MS)
        box = await target.bounding_box()
        if box is not None:
            edges = (box["x"] - 5, box["y"] - 5, box["x"] + box["width"] + 5, box["y"] + box["height"] + 5)
            ImageDraw.Draw(self.frames[-1]).rounded_rectangle(edges, radius=8, outline=RING, width=4)
        await target.click()

    def write(self, file: Path) -> None:
        first, *others = self.frames
        first.save(file, save_all=True, append_images=others, duration=self.shown_ms, loop=0, quality=QUALITY, method=6)


async def make_film(file: Path) -> None:
    """Play the demo, and record the walk."""
    async with serve_demo() as pages, open_browser() as browser:
        page = await browser.new_page(viewport=PHONE, color_scheme="light", reduced_motion="reduce")
        film = Film(page)
        await log_in(page, pages["guarded"])
        await _wait_for_alert(film)
        await _walk(film)
    film.write(file)


async def _wait_for_alert(film: Film) -> None:
    """Record the overview until a critical alert fires."""
    critical = film.page.locator(".alert.bad")
    for _ in range(WAITING_ROUNDS):
        if await critical.count():
            break
        await film.take(MOMENT_MS)
        await film.page.wait_for_timeout(2_000)
    await expect(critical).not_to_have_count(0, timeout=STORY_TIMEOUT_MS)
    await film.take()


async def _walk(film: Film) -> None:
    steps = PageSteps(film.page, film.press)
    await steps.open_worst_account()
    await film.take()
    await steps.open_worst_alert()
    await film.take()
    await steps.acknowledge("awake, looking at it")
    await film.show("#ack")
    await steps.silence("on the phone with the desk")
    await film.show("#silence")
    await steps.return_to_account()
    await steps.open_action()
    await film.take()
    await steps.pause()
    await film.show(".pause")
    await steps.resume()
    await film.show(".pause")


if __name__ == "__main__":
    asyncio.run(make_film(Path(sys.argv[1])))
