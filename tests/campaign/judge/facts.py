"""What a run left behind, as the judge reads it: what the exchange saw and did, what was written, what people heard.

Times are milliseconds of exchange time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from monitor.core.model.alert import AlertState, Severity
from monitor.core.model.intent import Intent
from monitor.core.model.order import CancelOrders, Reduce, Repay, Transfer
from monitor.core.notifications.outbox import Delivery
from monitor.records.intents import IntentRow

REPAY_PATH, TRANSFER_PATH = "/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer"
ORDER_PATH, OPEN_ORDERS_PATH = "/sapi/v1/margin/order", "/sapi/v1/margin/openOrders"
CROSS_PATH, ISOLATED_PATH = "/sapi/v1/margin/account", "/sapi/v1/margin/isolated/account"

_SOURCES = {
    "MAIN_MARGIN": "spot",
    "FUNDING_MARGIN": "funding",
    "MAIN_ISOLATED_MARGIN": "spot",
    "MARGIN_ISOLATEDMARGIN": "cross",
}


@dataclass(frozen=True, slots=True)
class MoneyRequest:
    """What is to move, as request and intent both tell it. `name` is the one that an order on the market bears."""

    kind: str
    scope: str
    asset: str
    source: str = ""
    amount: Decimal = Decimal(0)
    name: str = ""


@dataclass(frozen=True, slots=True)
class RequestFact:
    """A request that reached the exchange. `wish` None: it moves nothing, or nobody knows what; `intact`: its answer
    left unspoilt; `account`: whose key it bears; `stamp`: when it was signed, by the daemon's own clock."""

    at: int
    method: str
    path: str
    wish: MoneyRequest | None = None
    status: int = 0
    applied: bool = False
    intact: bool = True
    account: str = "main"
    stamp: int = 0
    taken: Decimal = Decimal(0)
    """What was taken of the same asset in the same scope besides, in the moment in which it was carried out."""

    @property
    def left(self) -> int:
        """When it left, as far as is known: what it stood on had to hold then, however long its way took."""
        return self.stamp or self.at


@dataclass(frozen=True, slots=True)
class Execution:
    """What the exchange's ledger says the key has moved. `left` is what stayed free where a transfer came from."""

    at: int
    kind: str
    asset: str
    amount: Decimal
    tran_id: int
    left: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the owner allowed one action."""

    name: str
    kind: str
    max_data_age_ms: int
    max_amount: Decimal | None = None
    max_per_day: Decimal | None = None
    max_actions_per_day: int = 10
    keep_in_source: Decimal = Decimal(0)
    max_slippage: Decimal = Decimal(0)
    approve_within_ms: int = 0
    cooldown_ms: int = 0
    """Zero as well where a worse rung may waive it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Actions were paused from `since` (certainly in force) until right before the resume."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class AlertFact:
    """One alert of the daemon's database, with what was to be told of it."""

    id: int
    rule: str
    severity: Severity
    state: AlertState
    fired: bool
    quieted: bool
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetMovement:
    """Something moved an asset at the exchange, whoever's doing it was."""

    at: int
    asset: str


@dataclass(frozen=True, slots=True)
class RestoreFact:
    """A backup took the place of the database. `paused`: actions were then; `recorded`: the trail says by whom.

    `is_empty`: no backup, but a new database; nobody pauses then.
    """

    at: int
    paused: bool = False
    recorded: bool = False
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class RuleStopFact:
    """The actions of a rule were stopped after an intent; `by` resumed them, None: nobody has."""

    rule: str
    intent: int
    at: int
    until: int | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFact:
    """A row of the trail, in the order in which they were written: a rule is stopped, let go on, or claims an order."""

    what: Literal["stopped", "resumed", "claimed"]
    rule: str
    intent: int


@dataclass(frozen=True, slots=True)
class SuspendFact:
    """A running daemon's machine slept. `noticed`: it says so; `outlived`: that daemon went on for a while."""

    at: int
    seconds: float
    noticed: bool
    outlived: bool


@dataclass(frozen=True, slots=True)
class ClockStepFact:
    """The wall clock of a running daemon was set by so many seconds. `outlived`: that daemon went on for a while."""

    at: int
    seconds: float
    outlived: bool


@dataclass(frozen=True, slots=True)
class RemovalFact:
    """A configuration without this action was in force, from a daemon's word that it is until it was put back."""

    action: str
    span: Span


@dataclass(frozen=True, slots=True)
class RefusedConfigFact:
    """A running daemon was told to load a configuration with a flaw."""

    at: int
    flaw: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is judged. `grace_ms`: for how long after a pause what had been claimed may still arrive.

    `requests` and `executions` are those of our own keys; `foreign` is what others moved in the account, and
    `elsewhere` what was moved by a key in another one. `lost` are the intents of databases that a restore replaced.
    """

    limits: tuple[Limits, ...] = ()
    requests: tuple[RequestFact, ...] = ()
    executions: tuple[Execution, ...] = ()
    stirs: tuple[AssetMovement, ...] = ()
    liquidated: tuple[int, ...] = ()
    """When the exchange repaid by itself what it had sold for that."""
    foreign: tuple[Execution, ...] = ()
    foreign_requests: tuple[RequestFact, ...] = ()
    """Requests of another key in the account: a cancellation moves nothing, and leaves no other trace."""
    tells_of_hands: bool = False
    """Whether a rule tells of others who do what the actions do."""
    elsewhere: tuple[Execution, ...] = ()
    intents: tuple[IntentRow, ...] = ()
    lost: tuple[IntentRow, ...] = ()
    restores: tuple[RestoreFact, ...] = ()
    steps: tuple[ClockStepFact, ...] = ()
    suspends: tuple[SuspendFact, ...] = ()
    removals: tuple[RemovalFact, ...] = ()
    refusals: tuple[RefusedConfigFact, ...] = ()
    delisted: frozenset[str] = frozenset()
    """Assets that are to be delisted, and of which every scope holds more than it owes."""
    stops: tuple[RuleStopFact, ...] = ()
    order: tuple[AuditFact, ...] = ()
    judged: Mapping[int, int] = field(default_factory=dict)
    """When it was judged whether an order made things worse, by its number, where that had to wait."""
    trail: tuple[str, ...] = ()
    alerts: tuple[AlertFact, ...] = ()
    notices: tuple[Delivery, ...] = ()
    heard: frozenset[int] = frozenset()
    heard_texts: frozenset[str] = frozenset()
    named: Mapping[int, int] = field(default_factory=dict)
    """When the channel first heard of each intent, by its number."""
    pauses: tuple[Span, ...] = ()
    grace_ms: int = 0
    settle_ms: int = 0
    """How long an order without a trace is looked for before it counts as failed."""
    runs: tuple[Span, ...] = ()
    """When daemons ran, as the database has it."""
    imbalance: Mapping[str, Any] = field(default_factory=dict)
    flipped: tuple[str, ...] = ()
    """Scopes that began with more of a base than they owed of it, and now owe more, in words."""
    ends: tuple[str, ...] = ()
    """What was wrong with how a daemon came to its end, in words."""
    intrusions: tuple[str, ...] = ()
    """What a daemon did while another held its database, in words."""
    bugs: tuple[str, ...] = ()
    """What the logs tell of parts that broke, in words."""


def money_request_of(method: str, path: str, params: Mapping[str, str]) -> MoneyRequest | None:
    """What a request wants moved; None when it is none of those that the program sends by itself."""
    scope = params.get("toSymbol") or params.get("symbol") or "cross"
    amount = Decimal(params.get("amount", "0"))
    match method, path:
        case "POST", p if p == REPAY_PATH and params.get("type") == "REPAY":
            return MoneyRequest("repay", scope, params["asset"], amount=amount)
        case "POST", p if p == TRANSFER_PATH and params.get("type") in _SOURCES:
            return MoneyRequest("transfer", scope, params["asset"], _SOURCES[params["type"]], amount)
        case "POST", p if p == ORDER_PATH:
            where = params["symbol"] if params.get("isIsolated") == "TRUE" else "cross"
            name, quantity = params.get("newClientOrderId", ""), Decimal(params["quantity"])
            return MoneyRequest("reduce", where, params["symbol"], params["side"], quantity, name)
        case "DELETE", p if p == OPEN_ORDERS_PATH:
            where = params["symbol"] if params.get("isIsolated") == "TRUE" else "cross"
            return MoneyRequest("cancel_orders", where, params["symbol"])
    return None


def money_request_of_intent(intent: Intent) -> MoneyRequest | None:
    """What an intent wants moved, in the same terms."""
    scope = intent.scope.symbol or "cross"
    match intent.order:
        case Repay():
            return MoneyRequest("repay", scope, intent.asset, amount=intent.amount)
        case Transfer(source=source):
            return MoneyRequest("transfer", scope, intent.asset, source, intent.amount)
        case Reduce() as order:
            return MoneyRequest("reduce", scope, order.symbol, order.side, order.quantity, order.client_id)
        case CancelOrders(symbol=symbol):
            return MoneyRequest("cancel_orders", scope, symbol)
    return None
