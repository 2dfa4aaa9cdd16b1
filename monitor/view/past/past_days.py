"""The past in words: how an account, standing as it does now, would have fared on the days that are known."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from monitor.view.documents.types.stress import PastWindowsDocument
from monitor.view.formatting import format_level
from monitor.view.json_values import parse_json_decimal

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_YEAR_SHOWN_FROM = timedelta(days=300)
"""From this age on a date has its year: within it a day and a month name one day."""

_LEAST_MOVE = Decimal("0.0005")
"""A smaller move is told as none."""


def past_days_text(past: PastWindowsDocument, subject: str, now: datetime) -> str:
    """One line: on how many of the last days the scope, standing as now, would have been liquidated, and the worst.

    `subject` names the scope, such as "this account".
    """
    if past["unavailable"] is not None:
        return f"how {subject} would have fared in the past is not known: {past['unavailable']}"
    worst = past["worst"]
    if worst is None:
        return f"nothing is owed in {subject}: no past day liquidates it"
    days, lost = days_text(past["days"]), past["days_liquidated"]
    when = date_text(worst["lowest_at"], now)
    if lost:
        return f"of the last {days} {subject} would not have survived {lost}; the worst: {when}"
    level = format_level(parse_json_decimal(worst["level"]))
    return f"{subject} would have survived each of the last {days}; the worst: {when}, level {level}"


def scope_subject(scope: str) -> str:
    """The words for a scope of that kind in a sentence about it."""
    return "this account" if scope == "cross" else "this pair"


def days_text(days: int) -> str:
    """A number of days in words that follow "the last"."""
    return f"{days} days" if days != 1 else "day"


def date_text(text: str, now: datetime) -> str:
    """The day of a document's time, such as "5 February", with its year where that is not clear."""
    moment = datetime.fromisoformat(text)
    day = f"{moment.day} {_MONTHS[moment.month - 1]}"
    return f"{day} {moment.year}" if now - moment > _YEAR_SHOWN_FROM else day


def odds_text(odds: Decimal) -> str:
    """Odds as a percentage, rounded up: what can happen must not look impossible."""
    percent = odds * 100
    step = Decimal("0.01") if percent < 1 else Decimal("0.1")
    return f"{percent.quantize(step, rounding=ROUND_CEILING):f} %"


def moves_text(moves: Mapping[str, Decimal], most: int) -> str:
    """The largest moves with their signs; further ones are counted, and prices that stood still left out."""
    felt = [(asset, move) for asset, move in moves.items() if abs(move) >= _LEAST_MOVE]
    ordered = sorted(felt, key=lambda row: (-abs(row[1]), row[0]))
    parts = [f"{asset} {move * 100:+.1f} %" for asset, move in ordered[:most]]
    rest = len(ordered) - most
    return ", ".join(parts) + (f" and {rest} more" if rest > 0 else "")
