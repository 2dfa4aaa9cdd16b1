"""A row of cross that can't be believed: what was known of it stays, and no debt goes missing unnoticed."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import CrossSnapshot
from monitor.core.model.events import CrossRead, PricesRead
from monitor.core.state.apply import apply
from tests.support.examples.accounts import after, cross, sample_balances, sample_prices, started, told

# The sample account at 60,000: 1.5 BTC and 20,000 USDT held, 60,000 USDT owed in all.
BITCOIN = Decimal(60_000)


def odd(asset: str, seconds: float) -> CrossSnapshot:
    """A snapshot without this asset, with the exchange's totals of the whole account."""
    balances = {name: balance for name, balance in sample_balances().items() if name != asset}
    return replace(
        cross(after(seconds), balances=balances),
        assets_btc=Decimal(110_000) / BITCOIN,
        liabilities_btc=Decimal(60_000) / BITCOIN,
        rejected=frozenset({asset}),
    )


def test_a_known_balance_stays_while_its_row_is_odd() -> None:
    state = told(started(), PricesRead(sample_prices()), CrossRead(cross()))
    next_one = apply(state, CrossRead(odd("USDT", 60)), after(60))
    assert next_one.cross is not None
    assert next_one.cross.as_of == after(60)
    assert next_one.cross.balances == sample_balances()


def test_a_first_read_whose_odd_row_may_be_the_debt_is_not_believed() -> None:
    state = told(started(), PricesRead(sample_prices()))
    assert apply(state, CrossRead(odd("USDT", 0)), after(0)).cross is None


def test_a_first_read_whose_odd_row_is_dust_is_believed() -> None:
    state = told(started(), PricesRead(sample_prices()))
    believed = apply(state, CrossRead(odd("DUST", 0)), after(0)).cross
    assert believed is not None
    assert believed.balances == sample_balances()


def test_without_a_price_nobody_can_tell_what_an_odd_row_had() -> None:
    assert apply(started(), CrossRead(odd("DUST", 0)), after(0)).cross is None
