"""Matchers of silences as people write them."""

import pytest

from monitor.core.alerting.silence_matchers import matcher_text, parse_matcher
from monitor.core.model.alert import SilenceMatcher


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("rule=near-call", SilenceMatcher("rule", "=", "near-call")),
        ("severity!=info", SilenceMatcher("severity", "!=", "info")),
        ("symbol=~BTC.*", SilenceMatcher("symbol", "=~", "BTC.*")),
        ('symbol=~"BTC.*"', SilenceMatcher("symbol", "=~", "BTC.*")),
        (' team !~ "a|b" ', SilenceMatcher("team", "!~", "a|b")),
        ('note="say \\"so\\" \\\\ now"', SilenceMatcher("note", "=", 'say "so" \\ now')),
        ('symbol=~"BTC\\d"', SilenceMatcher("symbol", "=~", "BTC\\d")),
        ("asset=", SilenceMatcher("asset", "=", "")),
        ("note=a=b", SilenceMatcher("note", "=", "a=b")),
    ],
)
def test_a_matcher_is_a_label_an_operator_and_a_value(text: str, matcher: SilenceMatcher) -> None:
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
            "'symbol=~[' holds no regular expression (missing ]: [); write it like BTC.*",
        ),
        (
            "symbol=~(?!BTC).*",
            "'symbol=~(?!BTC).*' holds no regular expression (invalid perl operator: (?!); write it like BTC.*",
        ),
        (
            "symbol=~((a{99}){99}){99}",
            "'symbol=~((a{99}){99}){99}' holds no regular expression (invalid repetition size: {99}); "
            "write it like BTC.*",
        ),
    ],
)
def test_invalid_matcher_is_refused_in_one_line(text: str, line: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_matcher(text)
    assert str(error.value) == line
