"""The text of a message for Telegram: markup escaped, room left for what is added later."""

from dataclasses import replace

from monitor.notify.telegram.message_text import MAX_CHARS, cut, message_html, with_state
from monitor.view.messages.message import notice_message


def test_plain_text_is_escaped_and_its_title_bold() -> None:
    message = replace(notice_message("info", "1 < 2 & more"), title="[NOTICE] <x>")
    assert message_html(message) == "<b>[NOTICE] &lt;x&gt;</b>\n1 &lt; 2 &amp; more"


def test_html_of_a_template_stands_as_it_is() -> None:
    message = replace(notice_message("info", "x"), title="t", text="<i>a</i><br/>\nb", format="html")
    assert message_html(message) == "<b>t</b>\n<i>a</i>\nb"
    assert message_html(replace(message, plain=True)) == "<b>t</b>\n&lt;i&gt;a&lt;/i&gt;&lt;br/&gt;\nb"


def test_long_message_leaves_room_for_its_state() -> None:
    text = message_html(notice_message("info", "x" * 10_000))
    whole = with_state(text, ["y" * 10_000])
    assert len(whole.replace("<b>", "").replace("</b>", "")) <= MAX_CHARS and whole.endswith(" …</b>")
    assert with_state(text, []) == text
    assert cut("short", 5) == "short" and cut("longer text", 8) == "longer …"
