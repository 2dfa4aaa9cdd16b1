"""A walk of a person over the pages with real presses: from the overview to the pause switch and back."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from docs.generate.page_steps import PageSteps
from tests.integration.web.browser import log_in, needs_browser, open_browser, open_page
from tests.integration.web.page_examples import AlarmedDaemon, alarmed_daemon

pytestmark = [needs_browser, pytest.mark.slow]


async def is_paused(alarm: AlarmedDaemon) -> bool:
    return bool((await alarm.served.get("/api/v1/status")).json()["daemon"]["paused"])


async def test_walk_from_the_overview_to_a_pause_and_back(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm, open_browser() as browser, open_page(browser, alarm.served) as page:
        steps, heading = PageSteps(page), page.get_by_role("heading", level=1)
        await log_in(page)
        await expect(heading).to_have_text("A critical alert fires")
        await steps.open_worst_account()
        await expect(heading).to_have_text("A critical alert fires")
        await expect(page.get_by_role("heading", name="Balances and debts")).to_be_visible()
        await steps.open_worst_alert()
        await expect(page).to_have_url(alarm.alert)
        await expect(heading).to_contain_text("main cross: margin level")
        await expect(page.get_by_role("heading", name="Not acknowledged")).to_be_visible()

        await steps.acknowledge("awake")
        await expect(page.locator("#ack")).to_contain_text("awake")
        (document,) = (await alarm.served.get("/api/v1/alerts")).json()["items"]
        assert (document["acked"]["comment"], document["acked"]["by"][:3]) == ("awake", "web")

        await steps.silence("at it")
        await expect(page.locator("#silence")).to_contain_text("holds until")
        await expect(page.locator("#silence")).to_contain_text("at it")

        await steps.open_action()
        await expect(page).to_have_url(alarm.action)
        await expect(heading).to_have_text("Repay 50 USDT")
        await expect(page.get_by_role("heading", name="Shall it be done?")).to_be_visible()

        await steps.pause()
        await expect(page.get_by_text("Actions are paused: nothing is sent.")).to_be_visible()
        assert await is_paused(alarm)
        await steps.resume()
        await expect(page.get_by_text("They are not paused.")).to_be_visible()
        assert not await is_paused(alarm)
