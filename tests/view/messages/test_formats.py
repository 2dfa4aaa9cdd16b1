"""A message reads the same in every format, and nothing in it is taken for markup."""

import re

from hypothesis import given
from hypothesis import strategies as st

from monitor.view.messages.formats import format_body

TEXT = "main cross is at margin level 1.21\nTo be safe: repay 1,240 USDT\n\nRule near-call: margin_level < 1.4 & on"


def test_plain_text_stays_as_it_is() -> None:
    assert format_body(TEXT, "text") == TEXT


def test_markdown_sets_off_the_first_line_and_escapes_the_rest() -> None:
    assert format_body(TEXT, "markdown") == (
        "**main cross is at margin level 1.21**  \nTo be safe: repay 1,240 USDT  \n\n"
        "Rule near-call: margin\\_level \\< 1.4 & on"
    )


def test_html_sets_off_the_first_line_and_escapes_the_rest() -> None:
    assert format_body(TEXT, "html") == (
        "<b>main cross is at margin level 1.21</b><br/>\nTo be safe: repay 1,240 USDT<br/>\n<br/>\n"
        "Rule near-call: margin_level &lt; 1.4 &amp; on"
    )


def test_a_line_that_looks_like_a_list_is_none() -> None:
    assert format_body("a\n- b\n1. c\n# d", "markdown") == "**a**  \n\\- b  \n\\1. c  \n\\# d"


@given(st.text(alphabet=st.sampled_from("ab<>&\"'*_`[]()!#|~\\ \n"), min_size=1))
def test_no_text_makes_a_tag_or_an_emphasis_of_its_own(text: str) -> None:
    in_html = format_body(f"x\n{text}", "html")
    assert set(re.findall(r"<[^>]*>", in_html)) <= {"<b>", "</b>", "<br/>"}
    in_markdown = format_body(f"x\n{text}", "markdown").removeprefix("**x**")
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_`\[\]<>#|~]", in_markdown)
