"""The request to the child process and its answer, as JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.model.odds import (
    MIN_HISTORY,
    LevelFan,
    OddsAnswer,
    OddsRemedy,
    OddsUnavailable,
    WindowOdds,
    WorstWindow,
)
from monitor.odds.past import HourlyPast, PriceColumns

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class OddsRequest:
    """Questions about several liquidation units, over one past and the same windows.

    `targets` are odds that a remedy is to reach; assets without `min_history` have none. `with_fan`: a picture is to be
    drawn.
    """

    past: HourlyPast
    questions: tuple[OddsQuestion, ...]
    windows: tuple[timedelta, ...]
    targets: tuple[Decimal, ...] = ()
    min_history: timedelta = MIN_HISTORY
    with_fan: bool = False


def encode_request(request: OddsRequest) -> bytes:
    """Return the request as the child reads it."""
    past = request.past
    document = {
        "since": _milliseconds(past.since),
        "hours": past.hours,
        "columns": {asset: list(columns) for asset, columns in past.columns.items()},
        "questions": [
            {
                "positions": [
                    [row.asset, *map(str, (row.held, row.borrowed, row.interest, row.price, row.hourly_rate))]
                    for row in question.positions
                ],
                "level": str(question.level),
                "liquidation_level": str(question.liquidation_level),
            }
            for question in request.questions
        ],
        "windows_ms": [window // _MILLISECOND for window in request.windows],
        "targets": list(map(str, request.targets)),
        "min_history_ms": request.min_history // _MILLISECOND,
        "with_fan": request.with_fan,
    }
    return json.dumps(document).encode()


def decode_request(text: bytes) -> OddsRequest:
    """Return the request that `encode_request` wrote."""
    document = json.loads(text)
    columns = {asset: PriceColumns(*texts) for asset, texts in document["columns"].items()}
    return OddsRequest(
        past=HourlyPast(_time(document["since"]), document["hours"], columns),
        questions=tuple(map(_question, document["questions"])),
        windows=tuple(timedelta(milliseconds=window) for window in document["windows_ms"]),
        targets=tuple(map(Decimal, document["targets"])),
        min_history=timedelta(milliseconds=document["min_history_ms"]),
        with_fan=document["with_fan"],
    )


def encode_answers(answers: Iterable[Iterable[OddsAnswer]]) -> bytes:
    """Return the answers to each question, one for each window, as JSON."""
    return json.dumps([[_answer_document(answer) for answer in row] for row in answers]).encode()


def decode_answers(text: bytes) -> tuple[tuple[OddsAnswer, ...], ...]:
    """Return the answers that `encode_answers` wrote. Raises ValueError, KeyError or TypeError for another text."""
    return tuple(tuple(map(_answer, row)) for row in json.loads(text))


def _question(document: Mapping[str, Any]) -> OddsQuestion:
    rows = (OddsPosition(asset, *map(Decimal, amounts)) for asset, *amounts in document["positions"])
    return OddsQuestion(tuple(rows), Decimal(document["level"]), Decimal(document["liquidation_level"]))


def _answer_document(answer: OddsAnswer) -> dict[str, Any]:
    if isinstance(answer, OddsUnavailable):
        return {
            "window_ms": answer.window // _MILLISECOND,
            "reason": answer.reason,
            "assets_without_history": list(answer.assets_without_history),
        }
    worst = answer.worst
    return {
        "window_ms": answer.window // _MILLISECOND,
        "windows": answer.windows,
        "liquidated": answer.liquidated,
        "worst": None
        if worst is None
        else {
            "since": _milliseconds(worst.since),
            "until": _milliseconds(worst.until),
            "lowest_at": _milliseconds(worst.lowest_at),
            "level": str(worst.level),
            "moves": {asset: str(move) for asset, move in worst.moves.items()},
        },
        "level_percentiles": {str(percent): str(level) for percent, level in answer.level_percentiles.items()},
        "assets_without_history": list(answer.assets_without_history),
        "past_since": None if answer.past_since is None else _milliseconds(answer.past_since),
        "past_until": None if answer.past_until is None else _milliseconds(answer.past_until),
        "remedies": [
            [str(r.odds), str(r.bring_in_usdt), r.repay_asset, None if r.repay is None else str(r.repay)]
            for r in answer.remedies
        ],
        "days": answer.days,
        "days_liquidated": answer.days_liquidated,
        "fan": None if answer.fan is None else _fan_document(answer.fan),
    }


def _answer(document: Mapping[str, Any]) -> OddsAnswer:
    window, lacking = timedelta(milliseconds=document["window_ms"]), tuple(document["assets_without_history"])
    if "reason" in document:
        return OddsUnavailable(window, document["reason"], lacking)
    worst, since, until = document["worst"], document["past_since"], document["past_until"]
    return WindowOdds(
        window=window,
        windows=document["windows"],
        liquidated=document["liquidated"],
        worst=None if worst is None else _worst(worst),
        level_percentiles={int(percent): Decimal(level) for percent, level in document["level_percentiles"].items()},
        assets_without_history=lacking,
        past_since=None if since is None else _time(since),
        past_until=None if until is None else _time(until),
        remedies=tuple(
            OddsRemedy(Decimal(odds), Decimal(usdt), asset, None if repay is None else Decimal(repay))
            for odds, usdt, asset, repay in document["remedies"]
        ),
        days=document["days"],
        days_liquidated=document["days_liquidated"],
        fan=None if document["fan"] is None else _fan(document["fan"]),
    )


def _fan_document(fan: LevelFan) -> dict[str, Any]:
    lines = {str(percent): list(map(str, line)) for percent, line in fan.percentiles.items()}
    return {"percentiles": lines, "worst": list(map(str, fan.worst))}


def _fan(document: Mapping[str, Any]) -> LevelFan:
    lines = {int(percent): tuple(map(Decimal, line)) for percent, line in document["percentiles"].items()}
    return LevelFan(lines, tuple(map(Decimal, document["worst"])))


def _worst(document: Mapping[str, Any]) -> WorstWindow:
    return WorstWindow(
        since=_time(document["since"]),
        until=_time(document["until"]),
        lowest_at=_time(document["lowest_at"]),
        level=Decimal(document["level"]),
        moves={asset: Decimal(move) for asset, move in document["moves"].items()},
    )


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _time(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
