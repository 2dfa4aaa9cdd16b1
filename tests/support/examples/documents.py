"""One account whose figures are known from hand-worked examples.

Cross: 1.5 BTC at 60,000 and 20,000 USDT against 10 ETH at 3,000 and 30,000 USDT: assets 110,000, owed 60,000, level
1.8333. The pair: 1 BTC bought at 50,000 with 40,000 borrowed, 5x: level 1.25, liquidation price 46,000.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import (
    Balance,
    CrossSnapshot,
    IsolatedPair,
    IsolatedSnapshot,
    LeverageTier,
    PairStatus,
    Price,
    Thresholds,
)
from monitor.core.model.alert import Alert, AlertKey, AlertState
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, KeyState, ThresholdState
from monitor.core.state.price_state import PriceState, SnapshotPrices
from monitor.core.state.stream_status import StreamStatus

NOW = datetime(2025, 10, 10, 21, 15, 30, tzinfo=UTC)
READ_AT = NOW - timedelta(seconds=30)

SETTINGS = AccountSettings("main", isolated_margin_call={Decimal("1.15"): Decimal("1.19")})

PRICES = {
    symbol: Price(Decimal(value), NOW - timedelta(seconds=1))
    for symbol, value in (("BTCUSDT", "60000"), ("ETHUSDT", "3000"))
}

CROSS = CrossSnapshot(
    as_of=READ_AT,
    received_at=READ_AT,
    balances={
        "BTC": Balance("BTC", free=Decimal("1.4"), locked=Decimal("0.1")),
        "ETH": Balance("ETH", borrowed=Decimal("9.99"), interest=Decimal("0.01")),
        "USDT": Balance("USDT", free=Decimal(20000), borrowed=Decimal(29990), interest=Decimal(10)),
    },
    margin_level=Decimal(110000) / 60000,
    collateral_margin_level=Decimal("1.7583"),
    assets_btc=Decimal(110000) / 60000,
    liabilities_btc=Decimal(1),
)

PAIR = IsolatedPair(
    symbol="BTCUSDT",
    base=Balance("BTC", free=Decimal(1)),
    quote=Balance("USDT", borrowed=Decimal(40000)),
    margin_level=Decimal("1.25"),
    status=PairStatus.NORMAL,
    index_price=Decimal(50000),
    liquidation_price=Decimal(46000),
)

PRICES_THEN = {symbol: price._replace(at=READ_AT) for symbol, price in PRICES.items()}

ISOLATED = IsolatedSnapshot(READ_AT, READ_AT, {"BTCUSDT": PAIR})

STATE = AccountState(
    account="main",
    started_at=NOW - timedelta(hours=1),
    cross=CROSS,
    isolated=ISOLATED,
    thresholds=ThresholdState(
        cross=Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1")),
        tiers={"BTCUSDT": (LeverageTier(1, Decimal("1.25"), Decimal("1.15"), Decimal(9), Decimal(500000)),)},
    ),
    prices=PriceState(
        newest=PRICES, at_cross=SnapshotPrices(prices=PRICES_THEN), at_isolated=SnapshotPrices(prices=PRICES_THEN)
    ),
    keys=KeyState(is_accepted=True),
    streams={
        "account": StreamStatus(True, ("cross", "BTCUSDT"), READ_AT, NOW - timedelta(seconds=2), connects=3),
    },
)

WITHOUT_DEBT = AccountState(
    account="spare",
    started_at=NOW,
    cross=CrossSnapshot(
        READ_AT, READ_AT, {"USDT": Balance("USDT", free=Decimal(500))}, INFINITE, INFINITE, Decimal("0.01"), Decimal(0)
    ),
    thresholds=ThresholdState(cross=Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1"))),
)

ALERT = Alert(
    id=17,
    key=AlertKey("margin-call", "main", "cross"),
    state=AlertState.FIRING,
    severity="critical",
    since=NOW - timedelta(minutes=3),
    when="margin_level <= margin_call_level",
    clear="margin_level > margin_call_level * 1.02",
    summary="margin level 1.21",
    labels={"team": "me"},
    value=Decimal("1.2149"),
    fired_at=NOW - timedelta(minutes=2),
)
