"""The matchers of silences as people write them."""

import pytest

from monitor.core.alerting.silence_matchers import matcher_text, parse_matcher
from monitor.core.model.events import Matcher


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("rule=near-call", Matcher("rule", "=", "near-call")),
        ("severity!=info", Matcher("severity", "!=", "info")),
        ("symbol=~BTC.*", Matcher("symbol", "=~", "BTC.*")),
        ('symbol=~"BTC.*"', Matcher("symbol", "=~", "BTC.*")),
        (' team !~ "a|b" ', Matcher("team", "!~", "a|b")),
        ('note="say \\"so\\" \\\\ now"', Matcher("note", "=", 'say "so" \\ now')),
        ('symbol=~"BTC\\d"', Matcher("symbol", "=~", "BTC\\d")),
        ("asset=", Matcher("asset", "=", "")),
        ("note=a=b", Matcher("note", "=", "a=b")),
    ],
)
def test_a_matcher_is_a_label_an_operator_and_a_value(text: str, matcher: Matcher) -> None:
    assert parse_matcher(text) == matcher
    assert parse_matcher(matcher_text(matcher)) == matcher


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("near-call", "'near-call' is no matcher; write rule=NAME, severity!=info or symbol=~REGEX"),
        ("", "'' is no matcher; write rule=NAME, severity!=info or symbol=~REGEX"),
        ("my rule=x", "'my rule=x' is no matcher; write rule=NAME, severity!=info or symbol=~REGEX"),
        ('rule="a', "'rule=\"a': quotes stand around the whole value; write rule=VALUE"),
        ('rule="a"b', "'rule=\"a\"b': quotes stand around the whole value; write rule=VALUE"),
        (
            "symbol=~[",
            "'symbol=~[' holds no regular expression (unterminated character set at position 0); write it like BTC.*",
        ),
    ],
)
def test_what_is_no_matcher_is_said_in_a_line(text: str, line: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_matcher(text)
    assert str(error.value) == line
