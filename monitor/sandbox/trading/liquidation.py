"""Forced liquidation: orders cancelled, collateral sold, debts repaid, a fee, and the rest.

Everything happens at the spot prices of the second in which the level reached the liquidation level. It stops once the
level is back at the initial level. Fees are paid from the proceeds. When nothing is left and a debt remains, a cross
account owes a liquidation loan in USDC, and the insurance fund bears an isolated pair's rest.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ONE, ZERO, format_decimal, round_down, round_half_up, round_up, step_up
from monitor.sandbox.ledger.accounts import (
    LiquidationRecord,
    LiquidationSummary,
    LoanRecord,
    SimAccount,
    SimMarginAccount,
)
from monitor.sandbox.trading import orders
from monitor.sandbox.trading.order_events import emit_liquidation_fill
from monitor.sandbox.venue import Venue

# Amounts are cut to eight places: the last digits are not worth another sale.
LEVEL_TOLERANCE = Decimal("0.000001")


def liquidate(
    venue: Venue, account: SimAccount, margin: SimMarginAccount, *, until_debt_free: bool = False
) -> LiquidationSummary:
    """Liquidate a margin account, and report it on the streams and in the histories.

    It ends at the initial level, or with `until_debt_free` only when nothing is owed any more.
    """
    before = venue.valuer.level(margin)
    orders.expire_all_orders(venue, account, margin, reason="EXCHANGE_CANCELED")
    run = _Liquidation(
        venue, account, margin, None if until_debt_free else venue.valuer.thresholds(account, margin).initial
    )
    run.repay_from_own_balance()
    run.sell_collateral()
    forgiven = run.write_off()
    venue.emit_position(margin, run.changed_assets)
    story = LiquidationSummary(
        at_ms=venue.now_ms(),
        scope=margin.scope,
        level_before=before if before is not None else ZERO,
        level_after=venue.valuer.level(margin),
        fee_usdt=run.fee_usdt,
        forgiven_usdt=forgiven,
        sold=tuple((asset, format_decimal(amount)) for asset, amount in run.sold.items()),
    )
    account.liquidation_summaries.append(story)
    return story


@dataclass(frozen=True, slots=True)
class _LiquidationTrade:
    symbol: str
    base: str
    side: Literal["BUY", "SELL"]
    quantity: Decimal
    price: Decimal


class _Liquidation:
    """One liquidation in progress."""

    def __init__(self, venue: Venue, account: SimAccount, margin: SimMarginAccount, stop_at: Decimal | None) -> None:
        self._venue = venue
        self._account = account
        self._margin = margin
        self._stop_at = stop_at
        self.fee_usdt = ZERO
        self.sold: dict[str, Decimal] = {}
        self.changed_assets: dict[str, None] = {}

    def repay_from_own_balance(self) -> None:
        """Pay debts from the same asset's balance: no sale, no fee."""
        for asset in self._margin.wallet.debts():
            if self._is_restored():
                return
            self._repay(asset, min(self._margin.wallet.free(asset), self._margin.wallet.owed(asset)))

    def sell_collateral(self) -> None:
        """Sell the most valuable collateral for the most valuable debt until the level is restored."""
        while not self._is_restored():
            debt = self._most_valuable(self._margin.wallet.debts(), owed=True)
            held = [asset for asset, row in self._margin.wallet.balances.items() if row.free and asset != debt]
            collateral = self._most_valuable(held, owed=False)
            if debt is None or collateral is None or not self._convert(collateral, debt):
                return

    def write_off(self) -> Decimal:
        """Write off the debts that remain. Returns their value in USDT."""
        wallet = self._margin.wallet
        worth = sum((row.free * self._venue.prices.usdt_price(asset) for asset, row in wallet.balances.items()), ZERO)
        if self._is_restored() or worth > Decimal("0.01"):
            return ZERO
        total = ZERO
        for asset in wallet.debts():
            owed = self._venue.ledger.forgive(wallet, asset)
            total += owed * self._venue.prices.usdt_price(asset)
            self._venue.emit_liability_change(self._margin, asset, "REPAY", owed, ZERO)
            self.changed_assets[asset] = None
        if self._margin.symbol is None and total:
            self._account.liquidation_loan.amount += round_up(total / (self._venue.prices.usdt_price("USDC") or ONE))
        return total

    def _is_restored(self) -> bool:
        level = self._venue.valuer.level(self._margin)
        return level is None or (self._stop_at is not None and level >= self._stop_at - LEVEL_TOLERANCE)

    def _most_valuable(self, assets: list[str], *, owed: bool) -> str | None:
        def value(asset: str) -> Decimal:
            row = self._margin.wallet.get(asset)
            return (row.owed if owed else row.free) * self._venue.prices.usdt_price(asset)

        best = max(assets, key=value, default=None)
        return best if best is not None and value(best) else None

    def _convert(self, collateral: str, debt: str) -> bool:
        """Sell as much collateral as restores the level, or as there is, and repay the debt. False: nothing sold."""
        venue, wallet = self._venue, self._margin.wallet
        price, debt_price = self._spot(collateral), self._spot(debt)
        if not price or not debt_price:
            return False
        fee = venue.scenario.liquidation_fee
        needed = min(self._shortfall(fee), wallet.owed(debt) * debt_price / (ONE - fee))
        quantity = min(wallet.free(collateral), self._round_lot(collateral, needed / price))
        if quantity <= 0:
            return False
        proceeds = round_down(quantity * price)
        charged = round_up(proceeds * fee)
        received = round_down((proceeds - charged) / debt_price)
        if received <= 0:
            return False
        self.sold[collateral] = self.sold.get(collateral, ZERO) + quantity
        self.fee_usdt += charged
        self._record_trades(collateral, debt, quantity, received, charged)
        self._repay(debt, min(wallet.free(debt), wallet.owed(debt)))
        return True

    def _shortfall(self, fee: Decimal) -> Decimal:
        """The value to sell, in USDT, for the level to be restored."""
        standing = self._venue.valuer.value_account(self._account, self._margin)
        if self._stop_at is None:
            return standing.assets
        share = self._stop_at * (ONE - fee) - ONE
        return (self._stop_at * standing.liabilities - standing.assets) / share if share > 0 else standing.assets

    def _record_trades(
        self, collateral: str, debt: str, quantity: Decimal, received: Decimal, charged: Decimal
    ) -> None:
        venue, wallet = self._venue, self._margin.wallet
        for leg in self._split_trades(collateral, debt, quantity, received):
            order_id = venue.next_order_id()
            self._account.liquidations.append(
                LiquidationRecord(
                    order_id,
                    venue.now_ms(),
                    leg.symbol,
                    self._margin.symbol is not None,
                    leg.side,
                    leg.quantity,
                    round_half_up(leg.price),
                )
            )
            self._record_flow(leg.base, f"{leg.side}_LIQUIDATION", leg.quantity, order_id)
            emit_liquidation_fill(venue, self._margin, order_id, leg.symbol, leg.side, leg.quantity, leg.price)
        venue.ledger.pay(collateral, quantity, wallet, "market", "liquidation")
        venue.ledger.pay(debt, received, "market", wallet, "liquidation")
        venue.ledger.pay("USDT", charged, "market", "fees", "liquidation fee")
        self._record_flow("USDT", "LIQUIDATION_FEE", charged, venue.next_tran_id())
        self.changed_assets.update(dict.fromkeys((collateral, debt)))

    def _split_trades(
        self, collateral: str, debt: str, quantity: Decimal, received: Decimal
    ) -> list[_LiquidationTrade]:
        pairs = self._venue.listings.pairs
        if f"{collateral}{debt}" in pairs:
            return [_LiquidationTrade(f"{collateral}{debt}", collateral, "SELL", quantity, received / quantity)]
        if f"{debt}{collateral}" in pairs:
            return [_LiquidationTrade(f"{debt}{collateral}", debt, "BUY", received, quantity / received)]
        return [
            _LiquidationTrade(f"{collateral}USDT", collateral, "SELL", quantity, self._spot(collateral)),
            _LiquidationTrade(f"{debt}USDT", debt, "BUY", received, self._spot(debt)),
        ]

    def _repay(self, asset: str, amount: Decimal) -> None:
        if amount <= 0:
            return
        venue, account, margin = self._venue, self._account, self._margin
        interest, principal = venue.ledger.repay(margin.wallet, asset, amount, "liquidation")
        tran_id = venue.next_tran_id()
        account.loans.append(
            LoanRecord(tran_id, venue.now_ms(), "REPAY", "AUTO", margin.symbol, asset, principal, interest, "venue")
        )
        self._record_flow(asset, "REPAY_LIQUIDATION", amount, tran_id)
        venue.record_movement(account, "repay", asset, amount, margin.scope, "lender", tran_id, "venue")
        venue.emit_liability_change(margin, asset, "REPAY", principal, interest)
        self.changed_assets[asset] = None

    def _record_flow(self, asset: str, kind: str, amount: Decimal, tran_id: int) -> None:
        self._venue.record_flow(self._account, self._margin.symbol, asset, kind, -amount, tran_id)

    def _spot(self, asset: str) -> Decimal:
        return ONE if asset == "USDT" else (self._venue.prices.spot(f"{asset}USDT") or ZERO)

    def _round_lot(self, asset: str, quantity: Decimal) -> Decimal:
        pair = self._venue.listings.pairs.get(f"{asset}USDT")
        return round_up(quantity) if pair is None else step_up(quantity, pair.step)
