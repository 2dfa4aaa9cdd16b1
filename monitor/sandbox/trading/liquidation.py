"""Forced liquidation: orders cancelled, collateral turned into the debts and repaid, a fee, and what is left over.

Everything happens at the spot prices of the second in which the level reached the bar. It stops once the
level is back at the initial bar. Fees go out of the proceeds. When nothing is left and a debt remains, a
cross account owes a liquidation loan in USDC, and an isolated pair's rest is borne by the insurance fund.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ONE, ZERO, down, nearest, step_up, text, up
from monitor.sandbox.ledger.accounts import Account, LiquidationRecord, LiquidationStory, LoanRecord, Margin
from monitor.sandbox.trading import orders
from monitor.sandbox.trading.order_events import tell_exchange_fill
from monitor.sandbox.venue import Venue

# Amounts are cut to eight places: the last of them are not worth another sale.
ROUNDING = Decimal("0.000001")


def liquidate(venue: Venue, account: Account, margin: Margin, *, everything: bool = False) -> LiquidationStory:
    """Liquidate a margin account, and tell about it on the streams and in the histories.

    It ends at the initial bar, or with `everything` only when nothing is owed any more.
    """
    before = venue.valuer.level(margin)
    orders.cancel_all(venue, account, margin, reason="EXCHANGE_CANCELED")
    run = _Run(venue, account, margin, None if everything else venue.valuer.bars(account, margin).initial)
    run.repay_from_own_balance()
    run.sell_collateral()
    forgiven = run.write_off()
    venue.tell_position(margin, run.touched)
    story = LiquidationStory(
        at_ms=venue.now_ms(),
        scope=margin.scope,
        level_before=before if before is not None else ZERO,
        level_after=venue.valuer.level(margin),
        fee_usdt=run.fee_usdt,
        forgiven_usdt=forgiven,
        sold=tuple((asset, text(amount)) for asset, amount in run.sold.items()),
    )
    account.stories.append(story)
    return story


@dataclass(frozen=True, slots=True)
class _Leg:
    symbol: str
    base: str
    side: Literal["BUY", "SELL"]
    quantity: Decimal
    price: Decimal


class _Run:
    """One liquidation in progress."""

    def __init__(self, venue: Venue, account: Account, margin: Margin, stop_at: Decimal | None) -> None:
        self._venue = venue
        self._account = account
        self._margin = margin
        self._stop_at = stop_at
        self.fee_usdt = ZERO
        self.sold: dict[str, Decimal] = {}
        self.touched: dict[str, None] = {}

    def repay_from_own_balance(self) -> None:
        """Pay debts from what is held of the same asset: no sale, no fee."""
        for asset in self._margin.wallet.debts():
            if self._restored():
                return
            self._repay(asset, min(self._margin.wallet.free(asset), self._margin.wallet.owed(asset)))

    def sell_collateral(self) -> None:
        """Sell the most valuable collateral for the most valuable debt until the level is restored."""
        while not self._restored():
            debt = self._most_valuable(self._margin.wallet.debts(), owed=True)
            held = [asset for asset, row in self._margin.wallet.balances.items() if row.free and asset != debt]
            collateral = self._most_valuable(held, owed=False)
            if debt is None or collateral is None or not self._convert(collateral, debt):
                return

    def write_off(self) -> Decimal:
        """Strike out debts that nothing is left for. Returns their value in USDT."""
        wallet = self._margin.wallet
        worth = sum((row.free * self._venue.prices.usdt(asset) for asset, row in wallet.balances.items()), ZERO)
        if self._restored() or worth > Decimal("0.01"):
            return ZERO
        total = ZERO
        for asset in wallet.debts():
            owed = self._venue.books.forgive(wallet, asset)
            total += owed * self._venue.prices.usdt(asset)
            self._venue.tell_liability(self._margin, asset, "REPAY", owed, ZERO)
            self.touched[asset] = None
        if self._margin.symbol is None and total:
            self._account.loan.amount += up(total / (self._venue.prices.usdt("USDC") or ONE))
        return total

    def _restored(self) -> bool:
        level = self._venue.valuer.level(self._margin)
        return level is None or (self._stop_at is not None and level >= self._stop_at - ROUNDING)

    def _most_valuable(self, assets: list[str], *, owed: bool) -> str | None:
        def value(asset: str) -> Decimal:
            row = self._margin.wallet.get(asset)
            return (row.owed if owed else row.free) * self._venue.prices.usdt(asset)

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
        proceeds = down(quantity * price)
        charged = up(proceeds * fee)
        received = down((proceeds - charged) / debt_price)
        if received <= 0:
            return False
        self.sold[collateral] = self.sold.get(collateral, ZERO) + quantity
        self.fee_usdt += charged
        self._trade(collateral, debt, quantity, received, charged)
        self._repay(debt, min(wallet.free(debt), wallet.owed(debt)))
        return True

    def _shortfall(self, fee: Decimal) -> Decimal:
        """How much must be sold, in USDT, for the level to be restored."""
        standing = self._venue.valuer.standing(self._account, self._margin)
        if self._stop_at is None:
            return standing.assets
        share = self._stop_at * (ONE - fee) - ONE
        return (self._stop_at * standing.liabilities - standing.assets) / share if share > 0 else standing.assets

    def _trade(self, collateral: str, debt: str, quantity: Decimal, received: Decimal, charged: Decimal) -> None:
        venue, wallet = self._venue, self._margin.wallet
        for leg in self._leg(collateral, debt, quantity, received):
            order_id = venue.next_order_id()
            self._account.liquidations.append(
                LiquidationRecord(
                    order_id,
                    venue.now_ms(),
                    leg.symbol,
                    self._margin.symbol is not None,
                    leg.side,
                    leg.quantity,
                    nearest(leg.price),
                )
            )
            self._flow(leg.base, f"{leg.side}_LIQUIDATION", leg.quantity, order_id)
            tell_exchange_fill(venue, self._margin, order_id, leg.symbol, leg.side, leg.quantity, leg.price)
        venue.books.pay(collateral, quantity, wallet, "market", "liquidation")
        venue.books.pay(debt, received, "market", wallet, "liquidation")
        venue.books.pay("USDT", charged, "market", "fees", "liquidation fee")
        self._flow("USDT", "LIQUIDATION_FEE", charged, venue.next_tran_id())
        self.touched.update(dict.fromkeys((collateral, debt)))

    def _leg(self, collateral: str, debt: str, quantity: Decimal, received: Decimal) -> list[_Leg]:
        pairs = self._venue.catalogue.pairs
        if f"{collateral}{debt}" in pairs:
            return [_Leg(f"{collateral}{debt}", collateral, "SELL", quantity, received / quantity)]
        if f"{debt}{collateral}" in pairs:
            return [_Leg(f"{debt}{collateral}", debt, "BUY", received, quantity / received)]
        return [
            _Leg(f"{collateral}USDT", collateral, "SELL", quantity, self._spot(collateral)),
            _Leg(f"{debt}USDT", debt, "BUY", received, self._spot(debt)),
        ]

    def _repay(self, asset: str, amount: Decimal) -> None:
        if amount <= 0:
            return
        venue, account, margin = self._venue, self._account, self._margin
        interest, principal = venue.books.repay(margin.wallet, asset, amount, "liquidation")
        tran_id = venue.next_tran_id()
        account.loans.append(
            LoanRecord(tran_id, venue.now_ms(), "REPAY", "AUTO", margin.symbol, asset, principal, interest, "venue")
        )
        self._flow(asset, "REPAY_LIQUIDATION", amount, tran_id)
        venue.record_movement(account, "repay", asset, amount, margin.scope, "lender", tran_id, "venue")
        venue.tell_liability(margin, asset, "REPAY", principal, interest)
        self.touched[asset] = None

    def _flow(self, asset: str, kind: str, amount: Decimal, tran_id: int) -> None:
        self._venue.record_flow(self._account, self._margin.symbol, asset, kind, -amount, tran_id)

    def _spot(self, asset: str) -> Decimal:
        return ONE if asset == "USDT" else (self._venue.prices.spot(f"{asset}USDT") or ZERO)

    def _round_lot(self, asset: str, quantity: Decimal) -> Decimal:
        pair = self._venue.catalogue.pairs.get(f"{asset}USDT")
        return up(quantity) if pair is None else step_up(quantity, pair.step)
