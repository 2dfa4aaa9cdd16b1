"""The worked examples that several tests measure: one cross account, a long pair, a short one, and one without USDT.

Cross: 1.5 BTC at 60,000 and 20,000 USDT against 10 ETH at 3,000 and 30,000 USDT: assets 110,000, owed 60,000, level
1.83333; BTC alone liquidates at 30,666.67, BTC and ETH together after a drop of 77.19 %.
Long, 5x: 1 BTC bought at 50,000 with 40,000 borrowed: level 1.25, liquidated at 46,000. Short, 5x: 0.8 BTC borrowed
and sold at 50,000, with 10,000 of one's own: level 1.25, liquidated at 54,347.83.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.interest_paid import sum_interest_by_debt
from monitor.core.model.account import (
    CROSS,
    Balance,
    CrossSnapshot,
    InterestCharge,
    IsolatedPair,
    IsolatedSnapshot,
    LeverageTier,
    PairStatus,
    Price,
    Scope,
    Thresholds,
)
from monitor.core.model.action_blocks import ActionBlocks
from monitor.core.model.alert import Alert, AlertKey
from monitor.core.model.events import CrossRead, Event, InterestRead, IsolatedRead, PricesRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, ThresholdState
from monitor.core.state.account_update import apply_account_event

NOW = datetime(2025, 10, 10, 20, 0, tzinfo=UTC)
SETTINGS = AccountSettings(
    "main", isolated_margin_call={Decimal("1.15"): Decimal("1.19"), Decimal("1.05"): Decimal("1.1")}
)
THRESHOLDS = Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1"))
FIVE_TIMES_TIER = LeverageTier(1, Decimal("1.25"), Decimal("1.15"), Decimal(9), Decimal(500_000))
KNOWN_THRESHOLDS = ThresholdState(THRESHOLDS, {"BTCUSDT": (FIVE_TIMES_TIER,)})
SAMPLE_LEVEL = Decimal(110_000) / Decimal(60_000)


def after(seconds: float) -> datetime:
    """The time `seconds` after NOW."""
    return NOW + timedelta(seconds=seconds)


def is_close_to(value: object, expected: str, digits: int = 5) -> bool:
    """Return whether a figure equals the published one, to the published digits."""
    return isinstance(value, Decimal) and round(value, digits) == Decimal(expected)


def select_values(figures: Mapping[str, object], *names: str) -> tuple[object, ...]:
    """Selected figures, to be compared at once."""
    return tuple(figures[name] for name in names)


def prices(at: datetime = NOW, **values: str | int) -> dict[str, Price]:
    return {symbol: Price(Decimal(value), at) for symbol, value in values.items()}


def sample_prices(at: datetime = NOW) -> dict[str, Price]:
    return prices(at, BTCUSDT=60_000, ETHUSDT=3_000)


def sample_balances() -> dict[str, Balance]:
    return {
        "BTC": Balance("BTC", free=Decimal("1.4"), locked=Decimal("0.1")),
        "ETH": Balance("ETH", borrowed=Decimal(10)),
        "USDT": Balance("USDT", free=Decimal(20_000), borrowed=Decimal(30_000)),
    }


def cross_snapshot(
    at: datetime = NOW,
    level: Decimal = SAMPLE_LEVEL,
    balances: Mapping[str, Balance] | None = None,
    assets_btc: Decimal = SAMPLE_LEVEL,
    liabilities_btc: Decimal = Decimal(1),
) -> CrossSnapshot:
    return CrossSnapshot(
        as_of=at,
        received_at=at,
        balances=sample_balances() if balances is None else balances,
        margin_level=level,
        collateral_margin_level=Decimal("1.7583"),
        assets_btc=assets_btc,
        liabilities_btc=liabilities_btc,
    )


def long_pair() -> IsolatedPair:
    return IsolatedPair(
        symbol="BTCUSDT",
        base=Balance("BTC", free=Decimal(1)),
        quote=Balance("USDT", borrowed=Decimal(40_000)),
        margin_level=Decimal("1.25"),
        status=PairStatus.NORMAL,
        index_price=Decimal(50_000),
        liquidation_price=Decimal(46_000),
    )


def short_pair() -> IsolatedPair:
    return replace(
        long_pair(),
        base=Balance("BTC", borrowed=Decimal("0.8")),
        quote=Balance("USDT", free=Decimal(50_000)),
        liquidation_price=Decimal(50_000) / Decimal("0.92"),
    )


def isolated_snapshot(*pairs: IsolatedPair, at: datetime = NOW) -> IsolatedSnapshot:
    return IsolatedSnapshot(at, at, {pair.symbol: pair for pair in pairs or (long_pair(),)})


def new_account_state(
    *,
    started_at: datetime = NOW,
    thresholds: ThresholdState = KNOWN_THRESHOLDS,
    alerts: Mapping[AlertKey, Alert] | None = None,
    action_blocks: ActionBlocks | None = None,
) -> AccountState:
    """An account of which only the thresholds are known."""
    return AccountState(
        account="main",
        started_at=started_at,
        thresholds=thresholds,
        alerts=alerts or {},
        action_blocks=action_blocks or {},
    )


def apply_events(state: AccountState, *events: Event, at: datetime = NOW) -> AccountState:
    """The state after the events."""
    for event in events:
        state = apply_account_event(state, event, at)
    return state


def cross_account_state(at: datetime = NOW, level: Decimal = SAMPLE_LEVEL) -> AccountState:
    """The sample account read at `at`, its prices known at the same moment."""
    return apply_events(new_account_state(), PricesRead(sample_prices(at)), CrossRead(cross_snapshot(at, level)), at=at)


def pair_account_state(pair: IsolatedPair, spot: str | int = 50_000, at: datetime = NOW) -> AccountState:
    """One pair read at `at`, its spot price known at the same moment."""
    return apply_events(
        new_account_state(),
        PricesRead({pair.symbol: Price(Decimal(spot), at)}),
        IsolatedRead(isolated_snapshot(pair, at=at)),
        at=at,
    )


def interest_charge(
    asset: str,
    at: datetime,
    daily_rate: str = "0.00024",
    scope: Scope = CROSS,
    interest: str = "0.1",
    number: int = 1,
    paid_in: str = "",
) -> InterestCharge:
    """An interest charge; 0.00024 a day is 0.001 % an hour."""
    return InterestCharge(
        scope=scope,
        asset=paid_in or asset,
        raw_asset=asset,
        principal=Decimal(1_000),
        interest=Decimal(interest),
        daily_rate=Decimal(daily_rate),
        kind="PERIODIC",
        tx_id=number,
        charged_at=at,
    )


def interest_read(
    *charges: InterestCharge, at: datetime = NOW, complete_for: timedelta = timedelta(days=31)
) -> InterestRead:
    """The read of these charges at `at`, with all charges of `complete_for` recorded."""
    ordered = sorted(charges, key=lambda charge: charge.charged_at)
    return InterestRead(sum_interest_by_debt(ordered, at), at - complete_for, at)
