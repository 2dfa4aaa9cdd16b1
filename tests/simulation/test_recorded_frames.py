"""Frames from recorded samples: the portfolio rebuilt from them, and the meaning of pauses."""

from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS, Balance
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.simulation.backtest import Backtest, run_backtest
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.recorded_frames import FILL_INTERVAL, ReplaySample, recorded_frames
from monitor.simulation.simulator import MarketFrame
from tests.simulation.example_account import REPAY, START, D, policy


def minute(number: int, price: int, level: str, **further: MetricValue) -> list[ReplaySample]:
    """Samples recorded at one read of the example account, some minutes after the start."""
    at = START + timedelta(minutes=number)
    cross: dict[str, MetricValue] = {
        "margin_level": D(level),
        "initial_level": D("1.5"),
        "margin_call_level": D("1.3"),
        "liquidation_level": D("1.1"),
    }
    usdt: dict[str, MetricValue] = {"held": D(2000), "owed": D(40_000), "price_usdt": D(1), "spot_free": D(20_000)}
    return [
        *(ReplaySample(at, "cross", "", name, value) for name, value in cross.items()),
        *(ReplaySample(at, "asset", "BTC", name, D(value)) for name, value in (("held", 1), ("owed", 0))),
        ReplaySample(at, "asset", "BTC", "price_usdt", D(price)),
        *(ReplaySample(at, "asset", "USDT", name, value) for name, value in usdt.items()),
        ReplaySample(at, "monitor", "", "data_age", Decimal(0)),
        ReplaySample(at, "monitor", "", "poll_interval", Decimal(60)),
        *(ReplaySample(at, "account", "", name, value) for name, value in further.items()),
    ]


def moments(samples: list[ReplaySample], since: datetime = START) -> list[MarketFrame]:
    return list(recorded_frames(samples, since))


def story_of(samples: list[ReplaySample]) -> Backtest:
    return run_backtest(
        policy(REPAY),
        SimulatedPortfolio(),
        lambda: recorded_frames(samples, START),
        gap=FILL_INTERVAL,
        liquidates=False,
    )


def test_balances_thresholds_and_prices_are_rebuilt() -> None:
    (frame,) = moments(minute(0, 60_000, "1.55"))
    assert frame.portfolio is not None
    assert frame.portfolio.cross["BTC"] == Balance("BTC", free=D(1))
    assert frame.portfolio.cross["USDT"] == Balance("USDT", free=D(2000), borrowed=D(40_000))
    assert frame.portfolio.wallets["spot"]["USDT"] == 20_000
    assert frame.portfolio.thresholds is not None and frame.portfolio.thresholds.margin_call == D("1.3")
    assert frame.prices["BTCUSDT"] == 60_000
    assert frame.portfolio.level_factors[CROSS] == 1


def test_the_level_is_the_recorded_one_also_where_ours_would_be_another() -> None:
    # 62,000 ÷ 40,000 is 1.55; the exchange said 1.5345, a hundredth less.
    found = story_of(minute(0, 60_000, "1.5345") + minute(1, 51_000, "1.31175"))
    assert found.without_actions.lows[CROSS].level == D("1.31175")
    assert [alert.key.rule for alert in found.timeline.fired] == ["low"]


def test_simulated_order_stays_on_top_of_later_samples() -> None:
    found = story_of(minute(0, 60_000, "1.55") + minute(1, 51_000, "1.325") + minute(2, 49_000, "1.275"))
    assert [intent.amount for intent in found.timeline.executed] == [2000]
    # (49,000 + 0) ÷ 38,000, where 51,000 ÷ 40,000 was recorded.
    assert found.timeline.lows[CROSS].level.quantize(D("1E-8")) == D("1.28947368")
    assert found.without_actions.lows[CROSS].level == D("1.275")


def test_recorded_monitor_metrics_are_used_as_recorded() -> None:
    frames = moments(minute(0, 60_000, "1.55", key_accepted=D(0)))
    assert frames[0].overrides["account", ""] == {"key_accepted": 0}


def test_short_gap_is_stale_data_and_long_gap_is_downtime() -> None:
    blind = moments(minute(0, 60_000, "1.55") + minute(3, 60_000, "1.55"))
    assert [(frame.at - START).total_seconds() for frame in blind] == [0, 30, 60, 90, 120, 150, 180]
    assert [frame.is_read for frame in blind] == [True, *[False] * 5, True]
    ages = [frame.overrides["monitor", ""]["data_age"] for frame in blind]
    assert ages == [0, 30, 60, 90, 120, 150, 0]
    assert len(moments(minute(0, 60_000, "1.55") + minute(30, 60_000, "1.55"))) == 2


def test_account_is_evaluated_between_recorded_reads() -> None:
    frames = moments(minute(0, 60_000, "1.55") + minute(1, 60_000, "1.55"))
    assert [frame.is_read for frame in frames] == [True, True, True]


def test_samples_before_the_start_count() -> None:
    later = ReplaySample(START + timedelta(minutes=1), "cross", "", "margin_level", D("1.5"))
    samples = [*minute(0, 60_000, "1.55"), later]
    frames = moments(samples, START + timedelta(seconds=50))
    assert [(frame.at - START).total_seconds() for frame in frames] == [60]
    assert frames[0].portfolio is not None and frames[0].portfolio.cross["BTC"].free == 1


def test_a_scope_that_can_not_be_valued_keeps_its_recorded_figures() -> None:
    samples = [sample for sample in minute(0, 51_000, "1.325") if sample.metric != "price_usdt"]
    found = story_of(samples)
    assert [alert.value for alert in found.timeline.fired] == [D("1.325")]
    assert found.timeline.executed == []


def test_an_account_without_debt_has_none_in_the_rehearsal_either() -> None:
    samples = [
        ReplaySample(
            sample.at,
            sample.scope,
            sample.subject,
            sample.metric,
            INFINITE if sample.metric == "margin_level" else sample.value,
        )
        for sample in minute(0, 60_000, "1.55")
    ]
    (frame,) = moments(samples)
    assert frame.portfolio is not None and frame.portfolio.cross["USDT"].owed == 0


def test_a_figure_that_went_missing_is_missing() -> None:
    stale = ReplaySample(START + timedelta(minutes=4), "cross", "", "margin_level", MissingValue.UNAVAILABLE)
    frames = moments([*minute(0, 60_000, "1.55"), stale])
    assert frames[-1].is_read is False
    assert frames[-1].overrides["cross", ""]["margin_level"] is MissingValue.UNAVAILABLE
