"""Fans of levels from the answers of a stress with the past."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.model.odds import OddsAnswer, WindowOdds
from monitor.core.numbers.durations import format_duration
from monitor.view.charts.chart_spec import FanBand, FanChart, FanLine, FanPanel, ThresholdLine, ThresholdRole
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.documents.types.status import StatusDocument
from monitor.view.formatting import format_level, format_threshold
from monitor.view.json_values import Document, json_time
from monitor.view.past.past_days import date_text, odds_text

MAX_PANELS = 6
"""Limit of scopes in one picture: the ones with the greatest odds."""

_BANDS = (("98 of 100 windows", 1, 99), ("90 of 100", 5, 95), ("half of them", 25, 75))
_THRESHOLDS: tuple[tuple[str, ThresholdRole, str], ...] = (
    ("initial_level", "initial", "initial"),
    ("margin_call_level", "margin_call", "margin call"),
    ("liquidation_level", "liquidation", "liquidation"),
)


def past_fan(
    status: StatusDocument, answers: Mapping[tuple[str, str], OddsAnswer], window_hours: int
) -> FanChart | None:
    """The picture, the scopes with the greatest odds on top; None when nothing of the past is known."""
    scopes = {
        (account["account"], label): scope for account in status["accounts"] for label, scope in scopes_of(account)
    }
    drawn = [
        (key, answer) for key, answer in answers.items() if isinstance(answer, WindowOdds) and answer.fan is not None
    ]
    drawn.sort(key=lambda row: (-row[1].odds, row[1].worst_level))
    if not drawn:
        return None
    now = datetime.fromisoformat(status["generated_at"])
    first = drawn[0][1]
    window = format_duration(first.window)
    left_out = f"; the worst {MAX_PANELS} of {len(drawn)}" if len(drawn) > MAX_PANELS else ""
    return FanChart(
        title=f"The balances and debts of now, through the last {first.days} days",
        subtitle=f"lowest level of each hour, in windows of {window} that begin at every full hour{left_out}",
        hours=range(window_hours + 1),
        panels=[_panel(key, answer, scopes[key], now) for key, answer in drawn[:MAX_PANELS]],
    )


def _panel(key: tuple[str, str], answer: WindowOdds, scope: Document, now: datetime) -> FanPanel:
    assert answer.fan is not None
    assert answer.worst is not None
    lines: Mapping[int, Sequence[Decimal]] = answer.fan.percentiles
    name = f"{key[0]} {key[1]}"
    share = f"{answer.liquidated:,} of {answer.windows:,} windows liquidate it, {odds_text(answer.odds)}"
    # The scale ends not far below liquidation, so the worst line may leave it.
    lowest = f"the worst falls to {format_level(answer.worst.level)}"
    return FanPanel(
        title=f"{name}: {share}; {lowest}",
        bands=[FanBand(label, lines[low], lines[high]) for label, low, high in _BANDS],
        lines=[
            FanLine("middle", lines[50]),
            FanLine(f"worst, {date_text(json_time(answer.worst.lowest_at), now)}", answer.fan.worst),
        ],
        thresholds=[
            ThresholdLine(f"{words} {format_threshold(Decimal(scope[level]))}", Decimal(scope[level]), role)
            for level, role, words in _THRESHOLDS
            if scope[level] is not None
        ],
    )
