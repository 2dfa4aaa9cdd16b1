"""The pages over HTTP, from a daemon beside the sandbox exchange: what a browser without JavaScript gets."""

import re
from pathlib import Path

from tests.integration.web.page_examples import BROWSER, alarmed_daemon
from tests.integration.web.served_daemon import TOKEN, WITHOUT_TOKEN, served_daemon
from tests.support.daemon import eventually
from tests.support.database_lock import locked_database

FIRST_PAINT_BYTES = 60_000


async def test_pages_show_the_account_the_alert_and_its_action(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm:
        served = alarm.served
        overview = await served.get("/", BROWSER)
        assert overview.status == 200
        assert overview.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in overview.headers["content-security-policy"]
        assert overview.headers["cache-control"] == "no-store"
        assert "A critical alert fires" in overview.text
        account = (await served.get("/account/main?span=1h&drop=35", BROWSER)).text
        assert "Balances and debts" in account
        assert re.search(r'value="35"', account)
        alert = (await served.get(alarm.alert, BROWSER)).text
        assert "margin_level &gt; 0.5" in alert
        assert "Repay 50 USDT" in alert
        action = (await served.get(alarm.action, BROWSER)).text
        assert "Waits for your approval" in action
        for page in (overview.text, account, alert, action):
            assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in page
        # Nobody has logged in: nothing can be pressed.
        assert "<form" not in overview.text + alert + action


async def test_forms_act_and_lead_back_to_their_page(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm:
        served = alarm.served
        login = await served.log_in()

        async def submit(page: str, action: str, **fields: str) -> str:
            """Send a form that stands on the page, with its hidden fields; return the page that follows."""
            text = (await served.get(page, {**BROWSER, **login.cookie})).text
            form = re.search(rf'<form method="post" action="{action}">(.*?)</form>', text, re.DOTALL)
            assert form is not None, text
            hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form.group(1)))
            answer = await served.post_form(action, {**BROWSER, **login.cookie}, **(hidden | fields))
            assert answer.status == 303, answer.text
            return (await served.get(answer.headers["location"], {**BROWSER, **login.cookie})).text

        # A minute: what was typed is lost when the page loads itself anew.
        alert = (await served.get(alarm.alert, {**BROWSER, **login.cookie})).text
        assert '<meta http-equiv="refresh" content="60">' in alert
        acked = await submit(alarm.alert, f"/api/v1{alarm.alert}/ack", comment="I <b>look</b> at it")
        assert "Acknowledge again" in acked
        assert "I &lt;b&gt;look&lt;/b&gt; at it" in acked
        assert "Actions are paused" in await submit("/", "/api/v1/actions/pause")
        assert "Actions are paused" not in await submit("/", "/api/v1/actions/resume")
        assert "You rejected it" in await submit(alarm.action, f"/api/v1{alarm.action}/reject")

        async def rejected() -> bool:
            return "Rejected by a person" in (await served.get(alarm.action, BROWSER)).text

        await eventually(rejected)


async def test_silence_of_an_alert_starts_and_ends_on_its_page(tmp_path: Path) -> None:
    async with alarmed_daemon(tmp_path) as alarm:
        served = alarm.served
        login = await served.log_in()
        headers = {**BROWSER, **login.cookie}
        fields = {"form_token": login.form_token, "next": alarm.alert, "duration": "2h", "comment": "maintenance"}
        answer = await served.post_form(
            "/api/v1/silences", headers, matchers="rule=always", include_critical="true", **fields
        )
        assert answer.status == 303, answer.text

        async def silenced() -> bool:
            return "Silence 1 by" in (await served.get(alarm.alert, headers)).text

        await eventually(silenced)
        stranger = await served.post_form("/silences/1/expire", BROWSER, form_token=login.form_token)
        assert stranger.status == 401
        ended = await served.post_form("/silences/1/expire", headers, form_token=login.form_token, next=alarm.alert)
        assert (ended.status, ended.headers["location"]) == (303, alarm.alert)


async def test_request_that_fails_gets_a_page_in_a_browser_and_a_document_elsewhere(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served:
        page = await served.get("/alerts/999", BROWSER)
        assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "Not found" in page.text
        # Its address may be that of a form, which can't be loaded again.
        assert "<script" not in page.text
        assert (await served.get("/account/nobody", BROWSER)).status == 404
        assert (await served.get("/nothing")).error == "not_found"
        assert (await served.get("/api/v1/nothing", BROWSER)).error == "not_found"
        wrong = await served.post_form("/login", BROWSER, token="wrong")
        assert (wrong.status, wrong.headers["content-type"]) == (401, "text/html; charset=utf-8")
        assert '<input type="password"' in wrong.text
        expired = await served.post_form("/api/v1/actions/pause", BROWSER, form_token="old")
        assert (expired.status, "Log in first" in expired.text) == (401, True)


async def test_login_page_leads_to_the_page_that_asked(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served:
        page = (await served.get("/login?next=/alerts/1", BROWSER)).text
        assert 'name="next" value="/alerts/1"' in page
        wrong = await served.post_form("/login", BROWSER, token="wrong", next="/alerts/1")
        assert (wrong.status, 'name="next" value="/alerts/1"' in wrong.text) == (401, True)
        elsewhere = await served.post_form("/login", BROWSER, token="wrong", next="//attacker.example")
        assert 'name="next" value="/"' in elsewhere.text
        answer = await served.post_form("/login", BROWSER, token=TOKEN, next="/alerts/1")
        assert (answer.status, answer.headers["location"]) == (303, "/alerts/1")


async def test_page_without_a_token_says_that_it_is_read_only(tmp_path: Path) -> None:
    async with served_daemon(tmp_path, WITHOUT_TOKEN) as served:
        assert "Read-only: no token is configured" in (await served.get("/", BROWSER)).text


async def test_first_paint_fits_its_budget_and_files_may_be_kept(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served:
        page = await served.get("/", BROWSER)
        paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        assert len(paths) == 4
        answers = [await served.get(path) for path in paths]
        assert [answer.status for answer in answers] == [200] * 4
        assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}
        assert len(page.body) + sum(len(answer.body) for answer in answers) <= FIRST_PAINT_BYTES
        assert (await served.get("/static/page.css")).headers["cache-control"] == "no-cache"


async def test_static_files_are_found_by_their_exact_names_only(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served:
        for path in (
            "../renderer.py",
            "..%2frenderer.py",
            "vendor/../page.css",
            "vendor",
            "vendor/uPlot.LICENSE",
            "%00",
        ):
            assert (await served.get(f"/static/{path}")).status in (400, 404), path


async def test_overview_comes_from_memory_while_the_database_fails(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served:
        with locked_database(f"sqlite:///{tmp_path}/monitor.db"):

            async def loud() -> bool:
                page = await served.get("/", BROWSER)
                assert page.status == 200
                return "the database can&#39;t be written" in page.text and "margin call" in page.text

            await eventually(loud, 60)
            page = (await served.get("/", BROWSER)).text
            assert '<section class="health bad"' in page
