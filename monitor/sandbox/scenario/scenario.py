"""The initial state of a sandbox: accounts, keys, balances, prices, rates, interpretations."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

from monitor.sandbox.amounts import ZERO
from monitor.sandbox.scenario.price_path import SimPricePath, path_from_bars, read_price_bars


@dataclass(frozen=True, slots=True)
class ApiKeyPermissions:
    """The permissions of an API key, as apiRestrictions reports them."""

    reading: bool = True
    margin: bool = True
    trading: bool = True
    transfer: bool = True
    withdraw: bool = False
    ip_restrict: bool = True
    internal_transfer: bool = False
    futures: bool = False
    options: bool = False
    portfolio_margin: bool = False
    ips: tuple[str, ...] = ("127.0.0.1", "::1")
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKeySpec:
    """One API key: with a secret (HMAC), or with the PEM of an Ed25519 or RSA public key."""

    api_key: str
    api_secret: str = ""
    public_key: str = ""
    permissions: ApiKeyPermissions = ApiKeyPermissions()


@dataclass(frozen=True, slots=True)
class InitialBalance:
    """One asset in a margin account. `free` and `locked` are held; `borrowed` and `interest` are owed."""

    free: Decimal = ZERO
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PairSpec:
    """One isolated pair of an account. `created` false: it shows as the placeholder row only."""

    base: InitialBalance = InitialBalance()
    quote: InitialBalance = InitialBalance()
    enabled: bool = True
    created: bool = True


@dataclass(frozen=True, slots=True)
class SimThresholds:
    """The thresholds of a cross account: borrowing, margin call, liquidation."""

    initial: Decimal
    margin_call: Decimal
    liquidation: Decimal


CROSS_3X = SimThresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1"))
CROSS_5X = SimThresholds(Decimal("1.25"), Decimal("1.16"), Decimal("1.1"))


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """One user of the exchange. Without `keys` it gets one HMAC key made from its name."""

    name: str = "main"
    keys: tuple[ApiKeySpec, ...] = ()
    spot: Mapping[str, Decimal] = field(default_factory=dict)
    funding: Mapping[str, Decimal] = field(default_factory=dict)
    cross: Mapping[str, InitialBalance] = field(default_factory=dict)
    cross_created: bool = True
    bars: SimThresholds = CROSS_3X
    isolated: Mapping[str, PairSpec] = field(default_factory=dict)
    vip_level: int = 0
    uid: int | None = None
    """The number of the user; None: derived from the position among the accounts."""
    interest_in_bnb: bool = False

    def all_keys(self) -> tuple[ApiKeySpec, ...]:
        """The keys given, or the one made from the name."""
        return self.keys or (hmac_key(self.name),)


@dataclass(frozen=True, slots=True)
class SimCollateralTier:
    """One collateral tier: from `min_usd` of an asset's value on, `rate` of it counts as collateral."""

    min_usd: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class ApiInterpretations:
    """The reading that the sandbox follows where the exchange's documents leave one open."""

    renewed_subscription_id: Literal["same", "new"] = "same"
    token_renewal: Literal["extends", "refused"] = "extends"
    token_expiration_unit: Literal["us", "ms"] = "us"
    direct_isolated_transfer: bool = False
    auto_borrow_repay: bool = False
    max_borrowable_weight: Literal["750 UID", "50 IP"] = "750 UID"
    transfer_weight: int = 300
    zero_style: Literal["padded", "plain"] = "padded"
    collateral_key: str = "TotalCollateralValueInUSDT"
    margin_transfer_times: Literal["ms", "s"] = "ms"
    transfer_txid_is_tranid: bool = True
    risk_key_minutes: int = 60
    liability_event: Literal["delta", "total"] = "delta"
    loan_sends_balance_update: bool = False
    capital_flow_signed: bool = False
    small_rest_code: Literal[-3015, -3024] = -3015
    bnb_interest: Literal["accrues", "paid"] = "accrues"
    key_refused_status: Literal[400, 401] = 401
    retired_path_status: int = 404
    retired_path_body: Literal["html", "empty", "json"] = "html"
    delist_time_unit: Literal["s", "ms"] = "s"
    open_orders_weight: Literal["10 IP", "symbols"] = "10 IP"
    isolated_manual_liquidation: bool = False
    small_liability_body: Literal["empty", "object"] = "empty"
    history_lag_s: int = 0
    flow_lag_s: int | None = None
    """The lag of the capital flow; None: that of the histories."""
    loan_pending_s: int = 0
    empty_transfer_history: Literal["rows", "no rows"] = "rows"
    window_end: Literal["included", "left out"] = "included"
    unused_usdt_row: Literal["zeros", "absent"] = "zeros"
    """The row of USDT in cross where none is held or owed: regions without USDT leave it out."""
    no_liquidation_loan: Literal["refused", "zeros", "object", "list"] = "refused"
    liquidations_of_cross: Literal["cross", "all"] = "cross"


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The request limits in a clock minute, and the rate of control frames."""

    api_ip_weight: int = 6000
    sapi_ip_weight: int = 12_000
    sapi_uid_weight: int = 180_000
    subscription_numbers: int = 65_535
    """The number of subscriptions that one connection may make in its lifetime."""
    market_messages_per_s: int = 5
    market_streams: int = 1024
    requests_after_429: int = 10
    loan_delay_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything a sandbox starts with.

    `prices` are fixed spot prices, `paths` prices through time, `bars` files converted into paths (later ones take
    precedence). `basis` sets index = spot × (1 + basis). `rates` are daily interest rates, `leverage` the family of an
    isolated pair (10, 5 or 3). `quiet` symbols send market frames only when their price moves. `only_pairs` gives the
    one pair of an asset without a USDT-quoted pair. `depth` is the base quantity of a symbol that can be traded in one
    second (unlimited if absent).
    """

    name: str = "custom"
    start: datetime = datetime(2025, 10, 10, 20, 48, tzinfo=UTC)
    duration_s: int | None = None
    accounts: tuple[AccountSpec, ...] = (AccountSpec(),)
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    paths: Mapping[str, SimPricePath] = field(default_factory=dict)
    bars: Mapping[str, Path] = field(default_factory=dict)
    basis: Mapping[str, Decimal] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    leverage: Mapping[str, int] = field(default_factory=dict)
    collateral: Mapping[str, tuple[SimCollateralTier, ...]] = field(default_factory=dict)
    inventory: Mapping[str, Decimal] = field(default_factory=dict)
    min_repay: Mapping[str, Decimal] = field(default_factory=dict)
    no_index: frozenset[str] = frozenset()
    no_transfer_in: frozenset[str] = frozenset()
    delistings: tuple[tuple[datetime, tuple[str, ...], tuple[str, ...]], ...] = ()
    listings: tuple[tuple[datetime, tuple[str, ...], tuple[str, ...]], ...] = ()
    only_pairs: Mapping[str, str] = field(default_factory=dict)
    depth: Mapping[str, Decimal] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    restricted_long: tuple[str, ...] = ()
    collateral_full: tuple[str, ...] = ()
    limit_price_pairs: tuple[str, ...] = ()
    quiet: frozenset[str] = frozenset()
    commission: Decimal = Decimal("0.001")
    liquidation_fee: Decimal = Decimal("0.02")
    maintenance: bool = False
    readings: ApiInterpretations = ApiInterpretations()
    limits: RequestLimits = RequestLimits()

    def all_paths(self) -> dict[str, SimPricePath]:
        """Every price path, including those of bar files. Raises PriceFileError."""
        return {**self.paths, **{symbol: path_from_bars(read_price_bars(path)) for symbol, path in self.bars.items()}}

    def with_bars(self, bars: Mapping[str, Path]) -> "Scenario":
        """This scenario with other prices: it starts with the first bar and ends with the last.

        Raises PriceFileError.
        """
        paths = {symbol: path_from_bars(read_price_bars(path)) for symbol, path in bars.items()}
        if not paths:
            return self
        start_ms = min(path.start_ms for path in paths.values())
        end_ms = max(path.end_ms for path in paths.values())
        return replace(
            self,
            start=datetime.fromtimestamp(start_ms // 1000, UTC),
            duration_s=(end_ms - start_ms) // 1000 + 1,
            paths={**self.paths, **paths},
        )

    def starting_at(self, moment: datetime) -> "Scenario":
        """This scenario with all its prices and delistings shifted to start at `moment`. Raises PriceFileError."""
        span = moment - self.start
        return replace(
            self,
            start=moment,
            paths={symbol: path.shift(span // timedelta(milliseconds=1)) for symbol, path in self.all_paths().items()},
            bars={},
            delistings=tuple((at + span, cross, isolated) for at, cross, isolated in self.delistings),
        )


def hmac_key(name: str, permissions: ApiKeyPermissions | None = None) -> ApiKeySpec:
    """The HMAC key of `name`: always the same, 64 letters and digits like the exchange's."""
    return ApiKeySpec(
        api_key=hashlib.sha256(f"sandbox key of {name}".encode()).hexdigest(),
        api_secret=hashlib.sha256(f"sandbox secret of {name}".encode()).hexdigest(),
        permissions=permissions or ApiKeyPermissions(),
    )


def initial_balance(free: str = "0", borrowed: str = "0", interest: str = "0", locked: str = "0") -> InitialBalance:
    """An InitialBalance from texts."""
    return InitialBalance(Decimal(free), Decimal(borrowed), Decimal(interest), Decimal(locked))
