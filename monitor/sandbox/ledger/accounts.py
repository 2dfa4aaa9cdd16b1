"""One user of the exchange: wallets, margin accounts, orders, and history records."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ZERO
from monitor.sandbox.ledger.ledger import SimWallet
from monitor.sandbox.scenario.scenario import SimThresholds

Actor = Literal["api", "hand", "venue"]


@dataclass(slots=True)
class SimMarginAccount:
    """One margin account: cross (`symbol` None) or one isolated pair."""

    account: str
    wallet: SimWallet
    symbol: str | None = None
    created: bool = True
    enabled: bool = True
    is_margin_called: bool = False
    lowest_level: Decimal | None = None
    lowest_at_ms: int = 0
    last_update_ms: int = 0
    disabled_at_ms: int | None = None

    @property
    def scope(self) -> str:
        """ "cross" or the pair's symbol."""
        return self.symbol or "cross"


@dataclass(frozen=True, slots=True)
class LoanRecord:
    """A loan taken or repaid. `kind` is the trigger: AUTO, MANUAL, BNB_AUTO_REPAY, ..."""

    tran_id: int
    at_ms: int
    direction: Literal["BORROW", "REPAY"]
    kind: str
    symbol: str | None
    asset: str
    principal: Decimal
    interest: Decimal
    by: Actor


@dataclass(frozen=True, slots=True)
class InterestRecord:
    """One charge of interest. `asset` is charged, `raw_asset` is the asset of the debt."""

    tran_id: int
    at_ms: int
    symbol: str | None
    asset: str
    raw_asset: str
    principal: Decimal
    interest: Decimal
    daily_rate: Decimal
    kind: str


@dataclass(frozen=True, slots=True)
class TransferRecord:
    """A transfer between two wallets of one user. Places are "spot", "funding", "cross" or a pair's symbol."""

    tran_id: int
    at_ms: int
    kind: str
    asset: str
    amount: Decimal
    source: str
    target: str
    by: Actor


@dataclass(frozen=True, slots=True)
class CapitalFlowRecord:
    """One row of the capital flow of a margin account."""

    number: int
    tran_id: int
    at_ms: int
    symbol: str | None
    asset: str
    kind: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LiquidationRecord:
    """One order that the exchange placed to liquidate."""

    order_id: int
    at_ms: int
    symbol: str
    isolated: bool
    side: Literal["BUY", "SELL"]
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class LiquidationSummary:
    """One liquidation as a whole, as the sandbox's ledger reports it."""

    at_ms: int
    scope: str
    level_before: Decimal
    level_after: Decimal | None
    fee_usdt: Decimal
    forgiven_usdt: Decimal
    sold: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LoanRepayment:
    """One repayment of the liquidation loan."""

    number: int
    at_ms: int
    asset: str
    amount: Decimal


@dataclass(slots=True)
class SimLiquidationLoan:
    """The debt of a bankrupt cross account in USDC."""

    amount: Decimal = ZERO
    repaid: Decimal = ZERO
    repayments: list[LoanRepayment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DustRecord:
    """One small balance turned into another asset. `received` is after the fee, both in the target."""

    tran_id: int
    batch: int
    at_ms: int
    wallet: Literal["SPOT", "MARGIN"]
    asset: str
    amount: Decimal
    target: str
    received: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class SmallLiabilityRecord:
    """One small debt turned into a debt in USDT."""

    at_ms: int
    asset: str
    amount: Decimal
    target_amount: Decimal


@dataclass(slots=True)
class SimOrder:
    """One margin order."""

    order_id: int
    client_id: str
    symbol: str
    isolated: bool
    side: Literal["BUY", "SELL"]
    kind: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    side_effect: str
    created_ms: int
    status: str = "NEW"
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    updated_ms: int = 0
    locked: Decimal = ZERO
    cancelled_as: str = ""
    prevention: str = "NONE"
    borrowed: Decimal = ZERO
    borrowed_asset: str = ""
    repays_at_cancel: bool = True
    stop_price: Decimal = ZERO
    trailing_bips: int = 0
    iceberg: Decimal = ZERO
    list_id: int = -1
    # A stop whose price is not reached yet, and the best price seen while trailing.
    awaits_trigger: bool = False
    best_price: Decimal | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the order may still be filled: on the book, waiting for its price, or for another order."""
        return self.status in ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")

    @property
    def is_pending(self) -> bool:
        """Return whether the order waits for another order of its list to be filled."""
        return self.status == "PENDING_NEW"

    @property
    def is_working(self) -> bool:
        """Return whether the order rests on the book."""
        return self.is_open and not self.is_pending and not self.awaits_trigger

    @property
    def fills_at_market(self) -> bool:
        """Return whether the order takes any price once it works."""
        return self.kind in ("MARKET", "STOP_LOSS", "TAKE_PROFIT")

    @property
    def remaining(self) -> Decimal:
        """The quantity that is not filled yet."""
        return self.quantity - self.executed


@dataclass(slots=True)
class SimOrderList:
    """Orders bound to each other. With a `working_id` the others wait until that one is filled."""

    list_id: int
    client_id: str
    contingency: Literal["OCO", "OTO"]
    symbol: str
    isolated: bool
    order_ids: tuple[int, ...]
    working_id: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class SimPreventedMatch:
    """An order that would have traded with another one of the same user."""

    number: int
    at_ms: int
    symbol: str
    isolated: bool
    taker_id: int
    maker_id: int
    mode: str
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class SimTrade:
    """One fill of a margin order."""

    trade_id: int
    order_id: int
    at_ms: int
    symbol: str
    isolated: bool
    is_buyer: bool
    is_maker: bool
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str


@dataclass(slots=True)
class SimAccount:
    """One user and all that belongs to the user."""

    name: str
    spot: SimWallet
    funding: SimWallet
    cross: SimMarginAccount
    thresholds: SimThresholds
    vip_level: int
    uid: int
    interest_in_bnb: bool
    isolated: dict[str, SimMarginAccount] = field(default_factory=dict)
    loans: list[LoanRecord] = field(default_factory=list)
    interest: list[InterestRecord] = field(default_factory=list)
    transfers: list[TransferRecord] = field(default_factory=list)
    flows: list[CapitalFlowRecord] = field(default_factory=list)
    liquidations: list[LiquidationRecord] = field(default_factory=list)
    liquidation_summaries: list[LiquidationSummary] = field(default_factory=list)
    orders: dict[int, SimOrder] = field(default_factory=dict)
    trades: list[SimTrade] = field(default_factory=list)
    order_lists: dict[int, SimOrderList] = field(default_factory=dict)
    prevented_matches: list[SimPreventedMatch] = field(default_factory=list)
    liquidation_loan: SimLiquidationLoan = field(default_factory=SimLiquidationLoan)
    loan_in_flight: bool = False
    dust: list[DustRecord] = field(default_factory=list)
    dust_client_ids: set[str] = field(default_factory=set)
    small_liabilities: list[SmallLiabilityRecord] = field(default_factory=list)
    spot_fees_in_bnb: bool = False

    def margin(self, symbol: str | None) -> SimMarginAccount | None:
        """The margin account of a pair, or cross for None; None when it was never created."""
        margin = self.cross if symbol is None else self.isolated.get(symbol)
        return margin if margin is not None and margin.created else None

    def margins(self) -> list[SimMarginAccount]:
        """Every margin account that exists."""
        return [margin for margin in (self.cross, *self.isolated.values()) if margin.created]
