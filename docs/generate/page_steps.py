"""Steps of a person on the pages, from the overview to the pause switch and back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect


async def click(target: Locator) -> None:
    await target.click()


@dataclass(frozen=True, slots=True)
class PageSteps:
    """The steps on one window; each ends on the page that shows its outcome. `press` is called for every press."""

    page: Page
    press: Callable[[Locator], Awaitable[None]] = click

    async def open_worst_account(self) -> None:
        """From the overview, by the name of the worst scope."""
        await self.press(self.page.locator("#worst a"))
        await self.page.wait_for_url("**/account/**")

    async def open_worst_alert(self) -> None:
        """From an account, by the first of the alerts that fire."""
        await self.press(self.page.locator("[aria-labelledby=alerts] .alert > .title").first)
        await self.page.wait_for_url("**/alerts/*")

    async def acknowledge(self, comment: str) -> None:
        """On the page of an alert."""
        await self.page.locator("#ack-comment").fill(comment)
        await self.press(self.page.get_by_role("button", name="Acknowledge"))
        await expect(self.page.get_by_role("heading", name="Acknowledged", exact=True)).to_be_visible()

    async def silence(self, comment: str) -> None:
        """On the page of an alert: for as long as the form proposes, critical messages included."""
        await self.press(self.page.get_by_text("Send no messages for a while"))
        await self.page.locator("#silence-comment").fill(comment)
        await self.page.get_by_label("Critical messages too").check()
        await self.press(self.page.get_by_role("button", name="Silence", exact=True))
        await expect(self.page.get_by_role("button", name="End the silence now")).to_be_visible()

    async def return_to_account(self) -> None:
        """From the page of an alert or an action, by the path above it."""
        await self.press(self.page.locator(".crumb a").last)
        await self.page.wait_for_url("**/account/**")

    async def open_action(self) -> None:
        """From the page of an alert or an account, by the first action on it."""
        await self.press(self.page.locator(".action > .title").first)
        await self.page.wait_for_url("**/actions/*")

    async def pause(self) -> None:
        """Pause all actions, by two presses."""
        await self.press(self.page.get_by_text("Pause all actions", exact=True))
        await self.press(self.page.get_by_role("button", name="Yes, pause all actions"))
        await expect(self.page.get_by_text("Resume actions", exact=True)).to_be_visible()

    async def resume(self) -> None:
        """Resume them, by two presses."""
        await self.press(self.page.get_by_text("Resume actions", exact=True))
        await self.press(self.page.get_by_role("button", name="Yes, resume all actions"))
        await expect(self.page.get_by_text("Pause all actions", exact=True)).to_be_visible()
