"""The picture of recorded samples: a value holds until the next sample, and not for ever."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import Alert, AlertKey, AlertState, MetricScope
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.metric import METRICS
from monitor.core.model.metric_values import MissingReason, SamplePoint
from monitor.core.model.order import ActionKind, Order, Repay, Transfer
from monitor.records.history import HistoryRow
from monitor.view.charts.history_chart import history_chart, history_panels, supports_panels

NOON = datetime(2025, 10, 10, 12, tzinfo=UTC)


def _sample(at: datetime, value: Decimal | None, missing: MissingReason | None = None) -> SamplePoint:
    return SamplePoint(at, value, missing)


def _series(
    points: Sequence[SamplePoint], metric: str = "margin_level", scope: MetricScope = "cross", subject: str = ""
) -> HistoryRow:
    return HistoryRow(metric, "main", scope, subject, "raw", tuple(points))


def _drawn(*samples: tuple[int, str | None], until: int) -> list[tuple[int, str | None]]:
    """The line of samples at minutes after noon, likewise in minutes."""
    points = [_sample(NOON + timedelta(minutes=at), None if value is None else Decimal(value)) for at, value in samples]
    end = NOON + timedelta(minutes=until)
    picture = history_chart(METRICS["margin_level"], [_series(points)], {}, (), (), NOON, end)
    return [
        (int((at - NOON) / timedelta(minutes=1)), None if value is None else str(value))
        for at, value in picture.lines[0].points
    ]


def test_a_level_that_did_not_change_is_a_flat_line_until_now() -> None:
    assert _drawn((0, "1.83"), until=50) == [(0, "1.83"), (50, "1.83")]


def test_a_fall_after_a_calm_hour_is_steep() -> None:
    assert _drawn((0, "1.8"), (50, "1.2"), until=51) == [(0, "1.8"), (50, "1.8"), (50, "1.2"), (51, "1.2")]


def test_unwatched_time_is_a_gap() -> None:
    assert _drawn((0, "1.8"), (600, "1.2"), until=601) == [
        (0, "1.8"),
        (120, "1.8"),
        (120, None),
        (600, "1.2"),
        (601, "1.2"),
    ]


def test_missing_value_interrupts_the_line() -> None:
    assert _drawn((0, "1.8"), (5, None), until=50) == [(0, "1.8"), (5, "1.8"), (5, None)]


def _intent(number: int, kind: ActionKind, order: Order, minute: int) -> Intent:
    return Intent(
        id=number,
        plan=1,
        action=kind,
        kind=kind,
        mode="live",
        account="main",
        order=order,
        state=IntentState.CONFIRMED,
        amount_usdt=order.amount,
        created_at=NOON,
        settled_at=NOON + timedelta(minutes=minute),
    )


def test_transfer_and_repayment_share_one_mark() -> None:
    intents = (
        _intent(1, "repay", Repay(CROSS, "USDT", Decimal(5000)), 1),
        _intent(2, "transfer_in", Transfer("spot", CROSS, "USDT", Decimal("16092.73793411")), 2),
        _intent(3, "repay", Repay(CROSS, "USDT", Decimal("16092.73793411")), 3),
        _intent(4, "transfer_in", Transfer("spot", CROSS, "BTC", Decimal("0.5")), 50),
    )
    series = _series([_sample(NOON, Decimal(2))])
    picture = history_chart(METRICS["margin_level"], [series], {}, (), intents, NOON, NOON + timedelta(hours=1))
    assert [(mark.at, mark.text) for mark in picture.markers] == [
        (NOON + timedelta(minutes=1), "repaid 5,000 USDT"),
        (NOON + timedelta(minutes=3), "brought in and repaid 16,100 USDT"),
        (NOON + timedelta(minutes=50), "brought in 0.5 BTC"),
    ]


def test_a_distance_is_drawn_against_its_end() -> None:
    series = _series([_sample(NOON, Decimal("0.2"))], metric="distance_to_liquidation")
    picture = history_chart(METRICS["distance_to_liquidation"], [series], {}, (), (), NOON, NOON)
    assert [(bar.label, bar.value) for bar in picture.thresholds] == [("liquidation", Decimal(0))]


def test_gap_is_labelled_safe_or_blind() -> None:
    points = [
        _sample(NOON, Decimal(2)),
        _sample(NOON + timedelta(hours=1), None, "infinite"),
        _sample(NOON + timedelta(hours=2), Decimal(3)),
        _sample(NOON + timedelta(hours=9), Decimal(3)),
    ]
    end = NOON + timedelta(hours=9)
    picture = history_chart(METRICS["margin_level"], [_series(points)], {}, (), (), NOON, end)
    assert [(gap.start.hour, gap.end.hour, gap.text) for gap in picture.gaps] == [
        (13, 14, "nothing owed"),
        (16, 21, "not recorded"),
    ]


def test_of_many_series_those_near_the_end_are_drawn() -> None:
    many = [_series([_sample(NOON, Decimal(9 - n)), _sample(NOON, None)], subject=f"A{n}") for n in range(9)]
    picture = history_chart(METRICS["margin_level"], many, {}, (), (), NOON, NOON)
    assert [line.label for line in picture.lines] == [f"main A{n}" for n in (3, 4, 5, 6, 7, 8)]
    assert picture.subtitle.endswith("; the 6 lowest of 9")


def test_the_prices_behind_a_level_are_shown_beneath_it_while_they_moved() -> None:
    end = NOON + timedelta(hours=1)
    level = _series([_sample(NOON, Decimal(2))])
    moved = _series([_sample(NOON, Decimal(60_000)), _sample(end, Decimal(50_000))], metric="price_usdt", subject="BTC")
    seen_once = _series([_sample(NOON, Decimal(3000))], metric="price_usdt", subject="ETH")
    picture = history_chart(METRICS["margin_level"], [level], {}, (), (), NOON, end, [moved, seen_once])
    assert [line.label for line in picture.prices] == ["BTC price"]


def test_every_scope_has_a_panel_with_its_own_bars_alerts_and_actions() -> None:
    end = NOON + timedelta(hours=1)
    pair = Scope("BTCUSDT")
    cross = _series([_sample(NOON, Decimal(2)), _sample(end, Decimal("1.4"))])
    isolated = _series([_sample(NOON, Decimal(3))], scope="isolated", subject="BTCUSDT")
    bars = {"": "1.5", "BTCUSDT": "1.35"}

    def bars_of(one: HistoryRow) -> dict[str, HistoryRow]:
        return {"initial_level": _series([_sample(NOON, Decimal(bars[one.subject]))], metric="initial_level")}

    alert = Alert(
        id=4,
        key=AlertKey("below-initial", "main", "cross"),
        state=AlertState.FIRING,
        severity="warning",
        since=end,
        when="",
        clear="",
        summary="",
        fired_at=end,
    )
    repaid = _intent(1, "repay", Repay(pair, "USDT", Decimal(1240)), 30)
    assert supports_panels([cross, isolated])
    panels = history_panels(METRICS["margin_level"], [cross, isolated], bars_of, [alert], [repaid], NOON, end)
    assert [panel.title for panel in panels.panels] == ["main cross", "main BTCUSDT"]
    assert [[bar.label for bar in panel.thresholds] for panel in panels.panels] == [["initial 1.50"], ["initial 1.35"]]
    marks = [[mark.text for mark in panel.markers] for panel in panels.panels]
    assert marks == [["#4 below-initial"], ["repaid 1,240 USDT"]]


def test_scopes_without_thresholds_and_actions_share_one_chart() -> None:
    assets = [_series([_sample(NOON, Decimal(1))], metric="price_usdt", scope="asset", subject=a) for a in ("A", "B")]
    assert not supports_panels(assets)
    assert not supports_panels([_series([_sample(NOON, Decimal(1))])])
