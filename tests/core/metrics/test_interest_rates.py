"""Interest rates as charged, and the time until interest alone liquidates."""

from decimal import Decimal

from monitor.core.metrics.interest_rates import debt_rate, hourly_rate, seconds_to_liquidation
from monitor.core.model.account import Balance, Scope
from monitor.core.model.events import NextRatesRead, RatesRead
from monitor.core.model.metric import MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    interest_charge,
    interest_read,
    new_account_state,
)

ONE_USDT = {"USDT": Decimal(1)}


def state_with_debts(*assets: str) -> AccountState:
    return apply_events(new_account_state(), interest_read(*(interest_charge(asset, after(-60)) for asset in assets)))


def test_rate_of_an_hour_is_a_24th_of_the_daily_one() -> None:
    assert hourly_rate(state_with_debts("USDT"), "USDT") == Decimal("0.00001")


def test_rate_of_one_scope_is_not_that_of_another() -> None:
    state = state_with_debts("USDT")
    assert hourly_rate(state, "USDT", "BTCUSDT") is None
    assert hourly_rate(state, "BTC") is None


def test_time_is_that_of_the_last_full_hour_needed() -> None:
    # 1,000 owed, 1,300 held, level 1.25: 40 may be added; 0.01 an hour makes 4,000 charges, the first in 40 minutes.
    owed = (Balance("USDT", borrowed=Decimal(1_000)),)
    at = after(20 * 60)
    found = seconds_to_liquidation(
        state_with_debts("USDT"), SETTINGS, "", owed, ONE_USDT, Decimal("1.3"), Decimal("1.25"), at
    )
    assert found == 40 * 60 + 3_999 * 3_600


def test_interest_bears_no_interest() -> None:
    # 900 borrowed and 100 interest owed: 0.009 an hour; 40 / 0.009 = 4,444.4, so 4,445 charges.
    owed = (Balance("USDT", borrowed=Decimal(900), interest=Decimal(100)),)
    found = seconds_to_liquidation(
        state_with_debts("USDT"), SETTINGS, "", owed, ONE_USDT, Decimal("1.3"), Decimal("1.25"), NOW
    )
    assert found == 4_445 * 3_600


def test_nothing_owed_never_ends() -> None:
    found = seconds_to_liquidation(state_with_debts(), SETTINGS, "", (), {}, INFINITE, Decimal("1.25"), NOW)
    assert found == INFINITE


def test_time_is_unknown_without_rate_price_or_threshold() -> None:
    owed = (Balance("USDT", borrowed=Decimal(1_000)),)
    level, bar = Decimal("1.3"), Decimal("1.25")
    unavailable = MissingValue.UNAVAILABLE
    assert seconds_to_liquidation(state_with_debts("BTC"), SETTINGS, "", owed, ONE_USDT, level, bar, NOW) is unavailable
    assert seconds_to_liquidation(state_with_debts("USDT"), SETTINGS, "", owed, {}, level, bar, NOW) is unavailable
    assert (
        seconds_to_liquidation(state_with_debts("USDT"), SETTINGS, "", owed, ONE_USDT, level, unavailable, NOW)
        is unavailable
    )
    assert (
        seconds_to_liquidation(state_with_debts("USDT"), SETTINGS, "ETHUSDT", owed, ONE_USDT, level, bar, NOW)
        is unavailable
    )


def test_time_is_unknown_with_a_rate_of_too_long_ago() -> None:
    # Charged a minute before NOW, and rates count as current for three hours.
    owed = (Balance("USDT", borrowed=Decimal(1_000)),)
    level, bar = Decimal("1.3"), Decimal("1.25")
    for seconds, is_known in ((3 * 3600 - 60, True), (3 * 3600 - 59, False)):
        at = after(seconds)
        found = seconds_to_liquidation(state_with_debts("USDT"), SETTINGS, "", owed, ONE_USDT, level, bar, at)
        assert isinstance(found, Decimal) is is_known
        assert found is not MissingValue.UNAVAILABLE or not is_known


def test_scopes_keep_their_own_charges() -> None:
    pair = Scope("BTCUSDT")
    dear = interest_charge("USDT", after(-60), daily_rate="0.0024", scope=pair)
    state = apply_events(new_account_state(), interest_read(interest_charge("USDT", after(-60)), dear))
    assert hourly_rate(state, "USDT") == Decimal("0.00001")
    assert hourly_rate(state, "USDT", "BTCUSDT") == Decimal("0.0001")


def published_rates(hourly: str, at_s: float = 0) -> RatesRead:
    return RatesRead({"USDT": Decimal(hourly)}, {}, after(at_s))


def test_debt_not_charged_yet_has_the_published_rate() -> None:
    state = apply_events(new_account_state(), published_rates("0.00002"))
    assert hourly_rate(state, "USDT") == Decimal("0.00002")
    assert hourly_rate(state, "USDT", "BTCUSDT") is None


def test_charged_rate_takes_precedence_over_the_published_one() -> None:
    assert hourly_rate(apply_events(state_with_debts("USDT"), published_rates("0.00002", 3_600)), "USDT") == Decimal(
        "0.00001"
    )


def test_old_charge_of_a_repaid_debt_does_not_override_the_published_rate() -> None:
    assert hourly_rate(
        apply_events(state_with_debts("USDT"), published_rates("0.00002", 3 * 3_600)), "USDT"
    ) == Decimal("0.00002")


def test_pair_not_charged_yet_has_the_rate_of_the_coming_hour() -> None:
    coming = NextRatesRead({"USDT": Decimal("0.00003")}, {"USDT": Decimal("0.00004")}, NOW)
    rate = debt_rate(apply_events(new_account_state(), coming), "USDT", "BTCUSDT")
    assert rate is not None
    assert (rate.hourly, rate.next_hourly) == (Decimal("0.00004"), Decimal("0.00004"))
    cross = debt_rate(apply_events(state_with_debts("USDT"), coming), "USDT")
    assert cross is not None
    assert (cross.hourly, cross.next_hourly, cross.as_of) == (Decimal("0.00001"), Decimal("0.00003"), after(-60))
