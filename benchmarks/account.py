"""The account of the benchmarks: 47 assets held and owed in cross, as core types and as a sandbox account."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from monitor.config.rules.rule_files import parse_rules
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import Policy
from monitor.core.model.account import Balance, CrossSnapshot, Price, Thresholds
from monitor.core.model.events import CrossRead, Event, PricesRead, StreamChanged
from monitor.core.model.stream_payloads import StreamName
from monitor.core.rules.rule import Rule
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, ThresholdState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.scope_value import value_scope
from monitor.resources import packaged_path

ASSETS = ("BTC", "ETH", *(f"A{number:02}" for number in range(44)))
"""Assets priced in USDT, which is the 47th."""

PRICES: Mapping[str, Decimal] = {
    f"{asset}USDT": price
    for asset, price in zip(
        ASSETS,
        (Decimal("60000.00"), Decimal("3000.00"), *(Decimal(10 + 3 * n) for n in range(44))),
        strict=True,
    )
}

BALANCES: Mapping[str, Balance] = {
    **{
        asset: Balance(
            asset,
            free=Decimal("1.5") if asset == "BTC" else Decimal("12.34567890"),
            borrowed=Decimal("3.25") if index % 3 == 1 else Decimal(0),
            interest=Decimal("0.00012345") if index % 3 == 1 else Decimal(0),
        )
        for index, asset in enumerate(ASSETS)
    },
    "USDT": Balance("USDT", free=Decimal(20_000), borrowed=Decimal(60_000)),
}

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BARS = Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1"))
SETTINGS = AccountSettings("main", isolated=())

_STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")


def level_at(prices: Mapping[str, Decimal]) -> Decimal:
    """The level of the account at these prices."""
    return value_scope(BALANCES, {symbol: Price(value, NOW) for symbol, value in prices.items()}).level


def assets_at(prices: Mapping[str, Decimal]) -> Decimal:
    """The value of the account's assets at these prices."""
    return value_scope(BALANCES, {symbol: Price(value, NOW) for symbol, value in prices.items()}).assets


def rules() -> tuple[Rule, ...]:
    """The default ladder."""
    tables = tomllib.loads(packaged_path("config", "rules", "ladder.toml").read_text())["rules"]
    return parse_rules(tables, "ladder")


def policy() -> Policy:
    """The default ladder over this account, with one channel."""
    return Policy(SETTINGS, rules(), ChannelRouting(("sink",)))


def watched_state() -> AccountState:
    """The account read at NOW, its prices known."""
    prices = {symbol: Price(value, NOW) for symbol, value in PRICES.items()}
    own = value_scope(BALANCES, prices)
    btc = PRICES["BTCUSDT"]
    snapshot = CrossSnapshot(
        as_of=NOW,
        received_at=NOW,
        balances=BALANCES,
        margin_level=own.level.quantize(Decimal("1E-8")),
        collateral_margin_level=own.level.quantize(Decimal("1E-8")),
        assets_btc=own.assets / btc,
        liabilities_btc=own.liabilities / btc,
    )
    state = AccountState(account="main", started_at=NOW, thresholds=ThresholdState(cross=BARS))
    events: list[Event] = [PricesRead(prices), CrossRead(snapshot)]
    for event in (*(StreamChanged(name, True, (), NOW) for name in _STREAMS), *events):
        state = apply_account_event(state, event, NOW)
    return state
