"""Rejected rows of cross: the last known balances stay, and no debt goes missing unnoticed."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import CrossSnapshot
from monitor.core.model.events import CrossRead, PricesRead
from monitor.core.state.account_update import apply_account_event
from tests.support.examples.accounts import (
    after,
    apply_events,
    cross_snapshot,
    new_account_state,
    sample_balances,
    sample_prices,
)

# The sample account at 60,000: 1.5 BTC and 20,000 USDT held, 60,000 USDT owed in all.
BITCOIN = Decimal(60_000)


def snapshot_without_row(asset: str, seconds: float) -> CrossSnapshot:
    """Return a snapshot without this asset, with the exchange's totals of the whole account."""
    balances = {name: balance for name, balance in sample_balances().items() if name != asset}
    return replace(
        cross_snapshot(after(seconds), balances=balances),
        assets_btc=Decimal(110_000) / BITCOIN,
        liabilities_btc=Decimal(60_000) / BITCOIN,
        rejected=frozenset({asset}),
    )


def test_known_balance_stays_while_its_row_is_rejected() -> None:
    state = apply_events(new_account_state(), PricesRead(sample_prices()), CrossRead(cross_snapshot()))
    next_one = apply_account_event(state, CrossRead(snapshot_without_row("USDT", 60)), after(60))
    assert next_one.cross is not None
    assert next_one.cross.as_of == after(60)
    assert next_one.cross.balances == sample_balances()


def test_first_snapshot_is_rejected_when_the_missing_row_may_be_a_debt() -> None:
    state = apply_events(new_account_state(), PricesRead(sample_prices()))
    assert apply_account_event(state, CrossRead(snapshot_without_row("USDT", 0)), after(0)).cross is None


def test_first_snapshot_is_accepted_when_the_missing_row_is_dust() -> None:
    state = apply_events(new_account_state(), PricesRead(sample_prices()))
    believed = apply_account_event(state, CrossRead(snapshot_without_row("DUST", 0)), after(0)).cross
    assert believed is not None
    assert believed.balances == sample_balances()


def test_first_snapshot_with_a_rejected_row_needs_prices() -> None:
    assert apply_account_event(new_account_state(), CrossRead(snapshot_without_row("DUST", 0)), after(0)).cross is None
