"""One truth on the page and in the chat: what is acknowledged there is shown here."""

from pathlib import Path

import pytest

from tests.integration.replies.test_telegram_buttons import FIRST, LOW, RULE, data_of, is_firing, number_of
from tests.integration.web.served_daemon import WITH_TOKEN, served_daemon
from tests.support.services.telegram_server import telegram_server


@pytest.mark.slow
async def test_acknowledgement_on_the_page_is_shown_by_the_message(tmp_path: Path) -> None:
    async with telegram_server() as chat:
        tables = RULE + chat.config() + WITH_TOKEN
        async with served_daemon(tmp_path, tables, first=FIRST) as served:
            served.box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)
            number, ack = number_of(alert), data_of(alert, "Acknowledge")
            login = await served.log_in()
            answer = await served.post_form(
                f"/api/v1/alerts/{number}/ack",
                {**login.cookie, "Accept": "text/html"},
                form_token=login.form_token,
                comment="I <b>look</b> & act",
            )
            assert answer.status == 303, answer.text
            shown = await chat.wait_for_message(
                lambda m: m.id == alert.id and "Acknowledged by web 127.0.0.1" in m.text
            )
            assert "I <b>look</b> & act" in shown.text
            assert shown.labels == ["Silence 1 h", "Status"]
            late = await chat.press(alert.id, "", data=ack)
            refusal = f"Web 127.0.0.1 has acknowledged alert #{number} already"
            assert await chat.wait_for_answer(late) == (refusal, True)
