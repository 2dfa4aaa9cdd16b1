"""Matchers of a new silence, checked against what alerts can have."""

from collections.abc import Iterable, Sequence

from monitor.config.model import Config
from monitor.core.alerting.silence_matchers import parse_matcher
from monitor.core.model.alert import SEVERITIES, SilenceMatcher
from monitor.errors import UsageError, suggest_nearest

BUILT_IN_LABELS = ("rule", "account", "scope", "symbol", "asset", "severity")
"""Labels that alerts have without their rule's own."""

_SCOPES = ("cross", "isolated", "asset", "account", "monitor")


def parse_matchers(texts: Iterable[str]) -> tuple[SilenceMatcher, ...]:
    """Return the matchers. Raises UsageError for text that is none."""
    return tuple(_parse(text) for text in texts)


def check_matchers(matchers: Iterable[SilenceMatcher], config: Config) -> None:
    """Raise UsageError for a label that no alert has, or a value that the label never has: probably a typing error."""
    for matcher in matchers:
        _check(matcher, config)


def _parse(text: str) -> SilenceMatcher:
    try:
        return parse_matcher(text)
    except ValueError as error:
        message, _, mend = str(error).partition("; ")
        raise UsageError(message, mend=mend) from error


def _check(matcher: SilenceMatcher, config: Config) -> None:
    labels = dict.fromkeys((*BUILT_IN_LABELS, *(name for rule in config.rules for name in rule.labels)))
    if matcher.name not in labels:
        raise UsageError(f'no alert has a label "{matcher.name}"', mend=suggest_nearest(matcher.name, labels))
    values: dict[str, Sequence[str]] = {
        "rule": [rule.name for rule in config.rules],
        "account": [account.name for account in config.accounts],
        "scope": _SCOPES,
        "severity": SEVERITIES,
    }
    known = values.get(matcher.name)
    if known is not None and matcher.op in ("=", "!=") and matcher.value not in known:
        raise UsageError(f'there is no {matcher.name} "{matcher.value}"', mend=suggest_nearest(matcher.value, known))
