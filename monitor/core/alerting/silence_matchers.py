"""Matchers of silences as text: `rule=near-call`, `severity!=info`, `symbol=~"BTC.*"`."""

import re
from collections.abc import Mapping
from typing import Literal

from monitor.core.alerting.linear_regex import find_problem, matches_whole
from monitor.core.model.alert import SilenceMatcher

MAX_MATCHER_LENGTH = 200

_MATCHER = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PLAIN = re.compile(r"[\w.:*+-]+")
_OPERATORS: Mapping[str, Literal["=", "!=", "=~", "!~"]] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}


def parse_matcher(text: str) -> SilenceMatcher:
    r"""Parse one matcher. Its value may be in double quotes, where `\"` and `\\` mean `"` and `\`.

    Raises ValueError, with the fix, for text of another form and for an invalid regular expression.
    """
    found = _MATCHER.fullmatch(text)
    if found is None or len(text) > MAX_MATCHER_LENGTH:
        raise ValueError(f"{_excerpt(text)} is no matcher; write rule=NAME, severity!=info or symbol=~REGEX")
    name, operator, value = found.groups()
    if value.startswith('"'):
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            raise ValueError(f"{_excerpt(text)}: quotes stand around the whole value; write {name}{operator}VALUE")
        value = re.sub(r'\\(["\\])', r"\1", quoted.group(1))
    if operator in ("=~", "!~"):
        problem = find_problem(value)
        if problem:
            raise ValueError(f"{_excerpt(text)} holds no regular expression ({problem}); write it like BTC.*")
    return SilenceMatcher(name, _OPERATORS[operator], value)


def matches_labels(matcher: SilenceMatcher, labels: Mapping[str, str]) -> bool:
    """Return whether the matcher fits the labels; one that they lack is the empty text.

    A regular expression that can't be read fits nothing, whatever its operator: messages leave.
    """
    value = labels.get(matcher.name, "")
    match matcher.op:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return matches_whole(matcher.value, value) is True
        case "!~":
            return matches_whole(matcher.value, value) is False


def matcher_text(matcher: SilenceMatcher) -> str:
    """Text of a matcher as `parse_matcher` reads it. The value is quoted where it could be misread."""
    value = matcher.value
    if not _PLAIN.fullmatch(value):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{matcher.name}{matcher.op}{value}"


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
