"""An exchange without IO: balances that orders move, and records that lag, pend, lie or are missing."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.actions.revalidation import order_balances
from monitor.core.actions.scope_position import TRADING_FEE
from monitor.core.model.account import (
    CROSS,
    Balance,
    IsolatedPair,
    IsolatedSnapshot,
    LeverageTier,
    PairStatus,
    Scope,
    WalletBalances,
)
from monitor.core.model.events import PricesRead
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import CancelOrders, ExchangeRecord, Order, Reduce, Repay, Transfer
from monitor.core.model.reads import OpenOrdersRead, TradingRulesRead
from monitor.core.model.symbols import OpenOrder, TradingRules
from monitor.core.settlement.observation import Observation
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from tests.support.examples.actions import NOW, PRICES, D, account_state, balance, seconds

Trace = Literal["prompt", "lagging", "pending", "failed", "wrong", "ledger", "missing", "dark"]
"""Records as they should be; late; pending for ever; FAILED where nothing was done; FAILED whatever was done; in the
ledger alone; nowhere; nowhere, and no ledger to be read."""

PAIR = Scope("BTCUSDT")
LAG = seconds(70)
SENT_REF = "77"

MARKET = TradingRules("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"))
TIER = LeverageTier(1, D("1.25"), D("1.15"), D(9), D(500_000))
LONG = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="60000"))
SHORT = (balance("BTC", borrowed="1"), balance("USDT", "110000"))
LOCKED = (balance("BTC", "1.5"), balance("USDT", locked="20000", borrowed="60000"))
IDLE = (balance("USDT", "100"),)


class SimulatedAccount:
    """One account: the scope that matters, cross beside it where that is a pair, and two wallets."""

    def __init__(self, scope: Scope, *rows: Balance) -> None:
        self.scope = scope
        self.rows = {scope: {row.asset: row for row in rows}}
        if scope != CROSS:
            self.rows[CROSS] = {row.asset: row for row in IDLE}
        self.wallets = {"spot": D(20_000), "funding": D(20_000)}
        """What they have of USDT."""
        self.resting = any(row.locked for row in rows)
        self.done_at: datetime | None = None
        """When the order that is looked for was carried out."""

    def copy(self) -> "SimulatedAccount":
        """The same, free to go another way."""
        other = SimulatedAccount(self.scope)
        other.rows = {scope: dict(rows) for scope, rows in self.rows.items()}
        other.wallets, other.resting = dict(self.wallets), self.resting
        return other

    def carry_out(self, order: Order, at: datetime) -> None:
        """The order is executed; with what a trade brings nothing is repaid, without a word."""
        self.done_at = at
        match order:
            case Repay(scope, asset, amount):
                self.change(scope, asset, free=-amount, borrowed=-amount)
            case Transfer(source, scope, asset, amount):
                if source == "cross":
                    self.change(CROSS, asset, free=-amount)
                else:
                    self.wallets[source] -= amount
                self.change(scope, asset, free=amount)
            case Reduce():
                given = order.quantity if order.side == "SELL" else order.quantity * PRICES["BTC"]
                self.change(order.scope, order.sell_asset, free=-given)
                self.change(order.scope, order.asset, free=order.amount * (1 - TRADING_FEE))
            case CancelOrders(scope, _, frees):
                locked = self.rows[scope][frees].locked
                self.change(scope, frees, free=locked, locked=-locked)
                self.resting = False

    def change(self, scope: Scope, asset: str, **by: Decimal) -> None:
        """One balance moves."""
        row = self.rows[scope].get(asset, Balance(asset))
        self.rows[scope][asset] = replace(row, **{name: getattr(row, name) + amount for name, amount in by.items()})

    def state(self, now: datetime, **changes: object) -> AccountState:
        """The account as it is read now."""
        known = account_state(*self.rows[CROSS].values(), now=now)
        known = replace(
            known, wallets={name: WalletBalances(now, {"USDT": free}) for name, free in self.wallets.items()}
        )
        if self.scope != CROSS:
            known = replace(
                known, isolated=self._isolated(now), thresholds=replace(known.thresholds, tiers={PAIR.symbol: (TIER,)})
            )
            known = apply_account_event(known, PricesRead(known.prices.newest), now)
        known = apply_account_event(known, TradingRulesRead({"BTCUSDT": MARKET}, frozenset({"BTC", "USDT"}), now), now)
        resting = (OpenOrder(5, "BTCUSDT", "BUY"),) if self.resting else ()
        known = apply_account_event(
            known, OpenOrdersRead(self.scope, frozenset({5} if self.resting else ()), now, resting), now
        )
        return replace(known, **changes)  # type: ignore[arg-type]  # fields by name

    def observe(self, intent: Intent, trace: Trace, now: datetime, *, was_sent: bool) -> Observation:
        """What one look at an order finds; the ledger is for `with_ledger`."""
        shown = order_balances(self._read(now), intent.order)  # type: ignore[arg-type]  # nothing here is ordered by name
        return Observation(now, self._records(intent, trace, now, was_sent), shown.owed, shown.free, shown.source)

    def with_ledger(self, look: Observation, intent: Intent, trace: Trace) -> Observation:
        """The look with the margin ledger, where it can be read."""
        if trace == "dark":
            return look
        if trace == "missing" or self.done_at is None:
            return replace(look, ledger=())
        kind = "REPAY" if isinstance(intent.order, Repay) else "TRANSFER"
        row = LedgerRow(intent.scope, 9, int(SENT_REF), self.done_at, intent.asset, kind, intent.amount)
        return replace(look, ledger=(row,))

    def _records(self, intent: Intent, trace: Trace, now: datetime, was_sent: bool) -> tuple[ExchangeRecord, ...]:
        if isinstance(intent.order, CancelOrders):
            late = trace == "lagging" and self.done_at is not None and now - self.done_at < LAG
            still = self.resting or late
            return (ExchangeRecord("5", "BTCUSDT", D("0.4"), "PENDING", NOW - seconds(60)),) if still else ()
        status: Literal["PENDING", "CONFIRMED", "FAILED"] | None = None
        done = self.done_at is not None
        match trace:
            case "prompt":
                status = "CONFIRMED" if done else None
            case "lagging":
                status = "CONFIRMED" if self.done_at is not None and now - self.done_at >= LAG else None
            case "pending":
                status = "PENDING" if was_sent else None
            case "failed":
                status = "CONFIRMED" if done else "FAILED" if was_sent else None
            case "wrong":
                status = "FAILED" if was_sent else None
            case "ledger" | "missing" | "dark":
                status = None
        traded = intent.order.quantity if isinstance(intent.order, Reduce) else None
        if status is None:
            return ()
        at = self.done_at or intent.submitted_at or now
        return (ExchangeRecord(SENT_REF, intent.asset, intent.amount, status, at, spent=traded),)

    def _read(self, now: datetime) -> AccountState:
        """The balances alone."""
        known = account_state(*self.rows[CROSS].values(), now=now)
        wallets = {name: WalletBalances(now, {"USDT": free}) for name, free in self.wallets.items()}
        return replace(known, wallets=wallets, isolated=None if self.scope == CROSS else self._isolated(now))

    def _isolated(self, now: datetime) -> IsolatedSnapshot:
        base, quote = (self.rows[PAIR].get(asset, Balance(asset)) for asset in ("BTC", "USDT"))
        held, owed = base.held * PRICES["BTC"] + quote.held, base.owed * PRICES["BTC"] + quote.owed
        pair = IsolatedPair(
            PAIR.symbol, base, quote, held / owed if owed else D("Infinity"), PairStatus.NORMAL, PRICES["BTC"], None
        )
        return IsolatedSnapshot(now, now, {PAIR.symbol: pair})
