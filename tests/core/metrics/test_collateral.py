"""Transfer-out limits of cross: by the exchange's ratios, by its own level, and by the free amount."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.metrics.collateral import TransferOutLimit, collateral_drift, transfer_out_limits
from monitor.core.model.account import Balance, CollateralTier, CrossSnapshot, Price
from monitor.core.model.events import CrossRead, PricesRead
from monitor.core.model.reads import CollateralRatiosRead
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_snapshot,
    new_account_state,
    sample_balances,
    sample_prices,
)

D = Decimal
TIERS = {
    "BTC": (CollateralTier(D(0), D(60_000), D(1)), CollateralTier(D(60_000), None, D("0.8"))),
    "USDT": (CollateralTier(D(0), None, D(1)),),
}


def snapshot(level: str, balances: dict[str, Balance] | None = None) -> CrossSnapshot:
    """Return a snapshot of 110,000 USDT against 30,000, without a debt in dollars.

    1.5 BTC at 60,000 and 20,000 USDT against 10 ETH at 3,000.
    """
    rows = {**sample_balances(), "USDT": Balance("USDT", D(20_000))} if balances is None else balances
    return replace(cross_snapshot(balances=rows), margin_level=D(110_000) / 30_000, collateral_margin_level=D(level))


def state(read: CrossSnapshot, tiers: bool = True) -> AccountState:
    events = (CollateralRatiosRead(TIERS, NOW),) if tiers else ()
    return apply_events(new_account_state(), PricesRead(sample_prices(NOW)), *events, CrossRead(read))


# BTC counts 60,000 + 0.8 x 30,000, USDT 20,000: 104,000 against 30,000 is 3.4666..., and 60,000 must remain.
OWN = str(D(104_000) / 30_000)


def test_assets_with_the_lowest_ratio_may_leave_first() -> None:
    # 44,000 to spare: the upper 30,000 of BTC count 24,000, the other 20,000 whole: 50,000 at 60,000. USDT: all of it.
    found = transfer_out_limits(state(snapshot(OWN)), SETTINGS, NOW)
    assert [(one.asset, round(one.amount, 6), round(one.value_usdt)) for one in found] == [
        ("BTC", D("0.833333"), 50_000),
        ("USDT", D(20_000), 20_000),
    ]


def test_locked_balance_may_not_leave() -> None:
    rows = {**sample_balances(), "BTC": Balance("BTC", D("0.5"), locked=D(1)), "USDT": Balance("USDT", D(20_000))}
    assert transfer_out_limits(state(snapshot(OWN, rows)), SETTINGS, NOW)[0] == TransferOutLimit(
        "BTC", D("0.5"), D(30_000)
    )


def test_disagreeing_level_counts_all_collateral_in_full() -> None:
    # The exchange reports 2.5: 75,000 against 30,000, and 15,000 to spare.
    disagreeing = state(snapshot("2.5"))
    assert transfer_out_limits(disagreeing, SETTINGS, NOW) == (
        TransferOutLimit("BTC", D("0.25"), D(15_000)),
        TransferOutLimit("USDT", D(15_000), D(15_000)),
    )
    assert transfer_out_limits(state(snapshot("2.5"), tiers=False), SETTINGS, NOW) == transfer_out_limits(
        disagreeing, SETTINGS, NOW
    )


def test_price_fall_since_the_read_lowers_the_limit() -> None:
    # BTC at 40,000: all of its 60,000 count whole, 80,000 in all, and 20,000 to spare.
    fallen = apply_events(state(snapshot(OWN)), PricesRead({"BTCUSDT": Price(D(40_000), after(1))}), at=after(1))
    found = transfer_out_limits(fallen, SETTINGS, after(1))
    assert {one.asset: round(one.value_usdt) for one in found} == {"BTC": 20_000, "USDT": 20_000}


def test_no_transfer_out_limit_when_forbidden_or_unknown() -> None:
    assert transfer_out_limits(state(snapshot("1.99")), SETTINGS, NOW) == ()
    assert transfer_out_limits(state(replace(snapshot(OWN), transfer_out_enabled=False)), SETTINGS, NOW) == ()
    assert transfer_out_limits(state(snapshot(OWN)), SETTINGS, after(20)) == ()
    assert transfer_out_limits(state(snapshot("Infinity", {"BTC": Balance("BTC", D(1))})), SETTINGS, NOW) == ()
    assert transfer_out_limits(new_account_state(), SETTINGS, NOW) == ()


def test_own_collateral_level_is_compared_with_the_exchanges() -> None:
    assert collateral_drift(state(snapshot(OWN))) == 0
    # Ours 3.4666 against 3.25: a fifteenth more.
    assert round(collateral_drift(state(snapshot("3.25"))) or D(0), 6) == D("0.066667")
    assert collateral_drift(state(snapshot(OWN), tiers=False)) is None
    assert collateral_drift(new_account_state()) is None
