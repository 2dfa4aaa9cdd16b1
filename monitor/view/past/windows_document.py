"""Documents of a scope taken through windows of the past."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.odds import find_odds
from monitor.core.model.account import Scope
from monitor.core.model.odds import DAY, OddsAnswer, OddsRemedy, OddsUnavailable, WindowOdds, WorstWindow
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.core.state.account_state import AccountState
from monitor.view.documents.types.stress import PastRemedyDocument, PastWindowsDocument, WorstWindowDocument
from monitor.view.json_values import json_decimal, json_time

MAX_RECORDED_MOVES = 5
"""Limit of the moves in a document that is recorded every second."""


def past_day_document(state: AccountState, scope: Scope, now: datetime) -> PastWindowsDocument | None:
    """The days of the past as they were measured last, with the largest moves alone; None where nothing is measured."""
    answer = find_odds(state, scope, DAY, now)
    if answer is None or (isinstance(answer, WindowOdds) and answer.worst is None):
        return None
    document = past_windows_document(answer)
    if document["worst"] is not None:
        del document["worst"]["moves"][MAX_RECORDED_MOVES:]
    return document


def past_windows_document(
    answer: OddsAnswer, target: Decimal | None = None, remarks: Sequence[str] = ()
) -> PastWindowsDocument:
    """The document of an answer. `target` are the odds that a remedy was asked to reach, beside surviving all."""
    if isinstance(answer, OddsUnavailable):
        return {
            "window_s": answer.window // timedelta(seconds=1),
            "windows": 0,
            "liquidated": 0,
            "odds": None,
            "days": 0,
            "days_liquidated": 0,
            "since": None,
            "until": None,
            "worst": None,
            "level_percentiles": {},
            "assets_without_history": list(answer.assets_without_history),
            "remarks": list(remarks),
            "unavailable": answer.reason,
            "to_survive": None,
            "to_reach": None,
        }
    return {
        "window_s": answer.window // timedelta(seconds=1),
        "windows": answer.windows,
        "liquidated": answer.liquidated,
        "odds": format_decimal(answer.odds),
        "days": answer.days,
        "days_liquidated": answer.days_liquidated,
        "since": json_time(answer.past_since) if answer.past_since is not None else None,
        "until": json_time(answer.past_until) if answer.past_until is not None else None,
        "worst": _worst_window(answer.worst) if answer.worst is not None else None,
        "level_percentiles": {
            str(percent): format_decimal(level) for percent, level in answer.level_percentiles.items()
        },
        "assets_without_history": list(answer.assets_without_history),
        "remarks": list(remarks),
        "unavailable": None,
        "to_survive": _remedy(answer.remedies, ZERO),
        "to_reach": None if target is None else _remedy(answer.remedies, target),
    }


def _worst_window(worst: WorstWindow) -> WorstWindowDocument:
    return {
        "from": json_time(worst.since),
        "until": json_time(worst.until),
        "lowest_at": json_time(worst.lowest_at),
        "level": format_decimal(worst.level),
        "moves": [
            {"asset": asset, "move": format_decimal(move)}
            for asset, move in sorted(worst.moves.items(), key=lambda row: (-abs(row[1]), row[0]))
        ],
    }


def _remedy(remedies: Sequence[OddsRemedy], odds: Decimal) -> PastRemedyDocument | None:
    found = next((remedy for remedy in remedies if remedy.odds == odds), None)
    if found is None:
        return None
    return {
        "odds": format_decimal(found.odds),
        "bring_in_usdt": format_decimal(found.bring_in_usdt),
        "repay_asset": found.repay_asset,
        "repay": json_decimal(found.repay),
    }
