"""Recorded samples as moments: what is rebuilt from them, and what silence means."""

from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS, Balance
from monitor.core.model.metric import Missing, Value
from monitor.core.numbers.amounts import INFINITE
from monitor.simulation.backtest import Backtest, backtest
from monitor.simulation.portfolio import Portfolio
from monitor.simulation.recorded_frames import FILL, Recorded, recorded_frames
from monitor.simulation.simulator import Frame
from tests.simulation.example_account import REPAY, START, D, policy


def minute(number: int, price: int, level: str, **further: Value) -> list[Recorded]:
    """What is written at one read of the account of `story`, some minutes after the start."""
    at = START + timedelta(minutes=number)
    cross: dict[str, Value] = {
        "margin_level": D(level),
        "initial_level": D("1.5"),
        "margin_call_level": D("1.3"),
        "liquidation_level": D("1.1"),
    }
    usdt: dict[str, Value] = {"held": D(2000), "owed": D(40_000), "price_usdt": D(1), "spot_free": D(20_000)}
    return [
        *(Recorded(at, "cross", "", name, value) for name, value in cross.items()),
        *(Recorded(at, "asset", "BTC", name, D(value)) for name, value in (("held", 1), ("owed", 0))),
        Recorded(at, "asset", "BTC", "price_usdt", D(price)),
        *(Recorded(at, "asset", "USDT", name, value) for name, value in usdt.items()),
        Recorded(at, "monitor", "", "data_age", Decimal(0)),
        Recorded(at, "monitor", "", "poll_interval", Decimal(60)),
        *(Recorded(at, "account", "", name, value) for name, value in further.items()),
    ]


def moments(samples: list[Recorded], since: datetime = START) -> list[Frame]:
    return list(recorded_frames(samples, since))


def tried(samples: list[Recorded]) -> Backtest:
    return backtest(policy(REPAY), Portfolio(), lambda: recorded_frames(samples, START), gap=FILL, liquidates=False)


def test_balances_bars_and_prices_are_rebuilt() -> None:
    (frame,) = moments(minute(0, 60_000, "1.55"))
    assert frame.portfolio is not None
    assert frame.portfolio.cross["BTC"] == Balance("BTC", free=D(1))
    assert frame.portfolio.cross["USDT"] == Balance("USDT", free=D(2000), borrowed=D(40_000))
    assert frame.portfolio.wallets["spot"]["USDT"] == 20_000
    assert frame.portfolio.bars is not None and frame.portfolio.bars.margin_call == D("1.3")
    assert frame.prices["BTCUSDT"] == 60_000
    assert frame.portfolio.scales[CROSS] == 1


def test_the_level_is_the_recorded_one_also_where_ours_would_be_another() -> None:
    # 62,000 ÷ 40,000 is 1.55; the exchange said 1.5345, a hundredth less.
    found = tried(minute(0, 60_000, "1.5345") + minute(1, 51_000, "1.31175"))
    assert found.without.lows[CROSS].level == D("1.31175")
    assert [alert.key.rule for alert in found.story.fired] == ["low"]


def test_an_order_of_the_rehearsal_stays_on_top_of_what_is_recorded_later() -> None:
    found = tried(minute(0, 60_000, "1.55") + minute(1, 51_000, "1.325") + minute(2, 49_000, "1.275"))
    assert [intent.amount for intent in found.story.done] == [2000]
    # (49,000 + 0) ÷ 38,000, where 51,000 ÷ 40,000 was recorded.
    assert found.story.lows[CROSS].level.quantize(D("1E-8")) == D("1.28947368")
    assert found.without.lows[CROSS].level == D("1.275")


def test_what_the_daemon_saw_of_itself_is_told_as_it_was() -> None:
    frames = moments(minute(0, 60_000, "1.55", key_accepted=D(0)))
    assert frames[0].given["account", ""] == {"key_accepted": 0}


def test_a_silence_that_went_on_is_blindness_and_a_long_one_was_a_daemon_that_was_off() -> None:
    blind = moments(minute(0, 60_000, "1.55") + minute(3, 60_000, "1.55"))
    assert [(frame.at - START).total_seconds() for frame in blind] == [0, 30, 60, 90, 120, 150, 180]
    assert [frame.is_read for frame in blind] == [True, *[False] * 5, True]
    ages = [frame.given["monitor", ""]["data_age"] for frame in blind]
    assert ages == [0, 30, 60, 90, 120, 150, 0]
    assert len(moments(minute(0, 60_000, "1.55") + minute(30, 60_000, "1.55"))) == 2


def test_between_two_reads_in_time_the_account_is_looked_at_too() -> None:
    frames = moments(minute(0, 60_000, "1.55") + minute(1, 60_000, "1.55"))
    assert [frame.is_read for frame in frames] == [True, True, True]


def test_what_was_known_before_the_beginning_counts() -> None:
    later = Recorded(START + timedelta(minutes=1), "cross", "", "margin_level", D("1.5"))
    samples = [*minute(0, 60_000, "1.55"), later]
    frames = moments(samples, START + timedelta(seconds=50))
    assert [(frame.at - START).total_seconds() for frame in frames] == [60]
    assert frames[0].portfolio is not None and frames[0].portfolio.cross["BTC"].free == 1


def test_a_scope_that_can_not_be_valued_keeps_its_recorded_figures() -> None:
    samples = [each for each in minute(0, 51_000, "1.325") if each.metric != "price_usdt"]
    found = tried(samples)
    assert [alert.value for alert in found.story.fired] == [D("1.325")]
    assert found.story.done == []


def test_an_account_without_debt_has_none_in_the_rehearsal_either() -> None:
    samples = [
        Recorded(
            each.at, each.scope, each.subject, each.metric, INFINITE if each.metric == "margin_level" else each.value
        )
        for each in minute(0, 60_000, "1.55")
    ]
    (frame,) = moments(samples)
    assert frame.portfolio is not None and frame.portfolio.cross["USDT"].owed == 0


def test_a_figure_that_went_missing_is_missing() -> None:
    stale = Recorded(START + timedelta(minutes=4), "cross", "", "margin_level", Missing.UNAVAILABLE)
    frames = moments([*minute(0, 60_000, "1.55"), stale])
    assert frames[-1].is_read is False
    assert frames[-1].given["cross", ""]["margin_level"] is Missing.UNAVAILABLE
