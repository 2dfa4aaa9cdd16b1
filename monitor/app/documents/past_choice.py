"""The past that a stress takes accounts through, as a person asks for it."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from monitor.app.parameters import duration_parameter, fraction_parameter
from monitor.core.numbers.durations import format_duration
from monitor.errors import ParameterInvalid

DEFAULT_WINDOW = timedelta(days=1)
MAX_WINDOW = timedelta(days=30)

WORST = "worst"
"""The value of `like` that takes the worst window of the account's own past."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PastChoice:
    """Span of the past (None: all that is kept), length of its windows, and odds to reach, if any."""

    span: timedelta | None
    window: timedelta
    target: Decimal | None = None


def parse_past_choice(
    history: str | None, window: str | None, target_odds: str | None, *, is_like_worst: bool = False
) -> PastChoice | None:
    """The past that the parameters ask for; None when they ask for none. Raises ParameterInvalid."""
    span = None if history is None else _parse_span(history)
    length = DEFAULT_WINDOW if window is None else _parse_window(window)
    target = None if target_odds is None else _parse_target(target_odds)
    if span is None and target is None and not is_like_worst:
        if window is not None:
            raise ParameterInvalid("window", "no past is asked for", mend="add --history 90d")
        return None
    if span is not None and span < length:
        raise ParameterInvalid(
            "history",
            f"{format_duration(span)} is shorter than a window of {format_duration(length)}",
            mend="ask for a longer past, or give a shorter --window",
        )
    return PastChoice(span, length, target)


def check_past_is_kept(choice: PastChoice, kept: timedelta) -> None:
    """Refuse a past that is longer than the prices that the configuration keeps. Raises ParameterInvalid."""
    if not kept:
        raise ParameterInvalid(
            "history", "past prices are switched off", mend='set [risk] history = "90d", and let the daemon run'
        )
    if choice.span is not None and choice.span > kept:
        raise ParameterInvalid(
            "history",
            f"{format_duration(choice.span)} is longer than the {format_duration(kept)} of prices that are kept",
            mend="ask for less, or raise [risk] history",
        )
    if choice.window > kept:
        raise ParameterInvalid(
            "window",
            f"{format_duration(choice.window)} is longer than the {format_duration(kept)} of prices that are kept",
            mend="give a shorter one, or raise [risk] history",
        )


def _parse_span(text: str) -> timedelta:
    span = duration_parameter("history", text)
    if span < _HOUR:
        raise ParameterInvalid("history", f"{text} is no past", mend="write one such as 90d")
    return span


def _parse_window(text: str) -> timedelta:
    window = duration_parameter("window", text)
    if window < _HOUR or window % _HOUR:
        raise ParameterInvalid(
            "window", f"{text} is no whole number of hours, as past prices are", mend="write one such as 24h or 7d"
        )
    if window > MAX_WINDOW:
        raise ParameterInvalid("window", f"{text} is too long", mend=f"at most {format_duration(MAX_WINDOW)}")
    return window


def _parse_target(text: str) -> Decimal:
    target = fraction_parameter("target_odds", text)
    if not 0 <= target < 1:
        raise ParameterInvalid(
            "target_odds", f"{text} is no share of windows to be lost", mend="write one from 0% on, such as 1%"
        )
    return target
