"""Actions of the user beside the program, and changes that tests make to the market."""

from collections.abc import Iterable
from decimal import Decimal

from monitor.sandbox.amounts import ZERO
from monitor.sandbox.api.errors import SimApiError, no_cross_account, no_isolated_account, unknown_symbol
from monitor.sandbox.exchange_loop import ExchangeLoop
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount
from monitor.sandbox.lending import interest, loans, transfers
from monitor.sandbox.scenario.price_path import SimPriceBar
from monitor.sandbox.streams.stream_server import StreamServer
from monitor.sandbox.trading import orders
from monitor.sandbox.venue import Venue


class UserActions:
    """Acts on the exchange without a request. Raises SimApiError where the exchange would refuse."""

    def __init__(self, venue: Venue, simulation_loop: ExchangeLoop, stream_server: StreamServer) -> None:
        self._venue = venue
        self._simulation_loop = simulation_loop
        self._stream_server = stream_server

    def deposit(self, account: str, asset: str, amount: Decimal, place: str = "spot") -> None:
        """Deposit an amount from outside. `place`: spot, funding, cross or a pair's symbol."""
        self._simulation_loop.catch_up()
        owner = self._account(account)
        if place in ("spot", "funding"):
            wallet = owner.spot if place == "spot" else owner.funding
            self._venue.ledger.pay(asset, amount, "world", wallet, "deposit")
            return
        margin = self._margin(owner, place)
        self._venue.ledger.pay(asset, amount, "world", margin.wallet, "deposit")
        self._venue.emit_balance_update(margin, asset, amount)
        self._venue.emit_position(margin, [asset])
        self._reassess()

    def borrow(self, account: str, asset: str, amount: Decimal, symbol: str | None = None) -> int:
        """Borrow on cross, or on a pair. Returns the tranId."""
        return self._change_loan("BORROW", account, asset, amount, symbol)

    def repay(self, account: str, asset: str, amount: Decimal, symbol: str | None = None) -> int:
        """Repay on cross, or on a pair. Returns the tranId."""
        return self._change_loan("REPAY", account, asset, amount, symbol)

    def transfer(
        self,
        account: str,
        kind: str,
        asset: str,
        amount: Decimal,
        from_symbol: str | None = None,
        to_symbol: str | None = None,
    ) -> int:
        """Transfer an amount between wallets. Returns the tranId."""
        self._simulation_loop.catch_up()
        way = transfers.find_route(self._venue, kind, from_symbol, to_symbol)
        tran_id = transfers.execute_transfer(self._venue, self._account(account), way, asset, amount, by="hand")
        self._reassess()
        return tran_id

    def place(self, account: str, symbol: str, side: orders.Side, price: Decimal, quantity: Decimal) -> int:
        """Place a limit order on cross, which stays until filled or cancelled. Returns the orderId."""
        self._simulation_loop.catch_up()
        pair = self._venue.listings.pairs.get(symbol)
        if pair is None:
            raise unknown_symbol()
        name = f"hand-{self._venue.next_order_id()}"
        ticket = orders.OrderRequest(pair, side, "LIMIT", "GTC", quantity, ZERO, price, name, "NO_SIDE_EFFECT")
        owner = self._account(account)
        order, _ = orders.place_order(self._venue, owner, self._margin(owner, "cross"), ticket)
        self._reassess()
        return order.order_id

    def top_up(self, account: str, asset: str, amount: Decimal) -> int:
        """Transfer from spot into cross, as the exchange does by itself near a margin call. Returns the tranId."""
        self._simulation_loop.catch_up()
        tran_id = transfers.top_up(self._venue, self._account(account), asset, amount)
        self._reassess()
        return tran_id

    def charge_interest(self) -> None:
        """Charge an hour of interest now, whatever the time."""
        self._simulation_loop.catch_up()
        interest.charge_hourly_interest(self._venue)
        self._reassess()

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Set a spot price; it stays until the prices are released."""
        self._simulation_loop.catch_up()
        if symbol not in self._venue.listings.pairs:
            raise unknown_symbol()
        self._venue.prices.set_price(symbol, price)
        self._apply_market_change()

    def set_status(self, symbol: str, status: str) -> None:
        """Set the reported status of a symbol; with any but TRADING it sends no frames and gets no bars."""
        if symbol not in self._venue.listings.pairs:
            raise unknown_symbol()
        self._simulation_loop.catch_up()
        self._venue.bars.note_status(symbol, self._venue.second, is_traded=status == "TRADING")
        self._venue.symbol_status.pop(symbol, None)
        if status != "TRADING":
            self._venue.symbol_status[symbol] = status

    def load_bars(self, symbol: str, bars: Iterable[SimPriceBar]) -> None:
        """Give a symbol these hourly bars, and no others before the start."""
        if symbol not in self._venue.listings.pairs:
            raise unknown_symbol()
        self._venue.bars.load(symbol, bars)

    def set_basis(self, symbol: str, basis: Decimal) -> None:
        """Set the index price to spot × (1 + basis)."""
        self._simulation_loop.catch_up()
        if symbol not in self._venue.listings.pairs:
            raise unknown_symbol()
        self._venue.prices.set_basis(symbol, basis)
        self._apply_market_change()

    def set_rate(self, asset: str, daily: Decimal) -> None:
        """Set a daily interest rate."""
        self._simulation_loop.catch_up()
        self._venue.set_rate(asset, daily)

    def freeze(self) -> None:
        """Freeze time, and with it every price."""
        self._simulation_loop.catch_up()
        self._venue.timeline.freeze()

    def unfreeze(self) -> None:
        """Let time run on."""
        self._venue.timeline.unfreeze()

    def freeze_prices(self) -> None:
        """Keep every price constant while time goes on."""
        self._simulation_loop.catch_up()
        self._venue.prices.freeze()

    def release_prices(self) -> None:
        """Let prices follow their paths again."""
        self._venue.prices.release()
        self._apply_market_change()

    def advance(self, seconds: float) -> None:
        """Move time forward, processing every second."""
        self._venue.timeline.advance(seconds)
        self._apply_market_change()

    def _change_loan(self, direction: str, account: str, asset: str, amount: Decimal, symbol: str | None) -> int:
        self._simulation_loop.catch_up()
        owner = self._account(account)
        act = loans.borrow if direction == "BORROW" else loans.repay
        tran_id = act(self._venue, owner, self._margin(owner, symbol or "cross"), asset, amount, by="hand")
        self._reassess()
        return tran_id

    def _apply_market_change(self) -> None:
        self._venue.dirty = True
        self._simulation_loop.catch_up()
        self._stream_server.publish_prices()

    def _reassess(self) -> None:
        self._venue.dirty = True
        self._simulation_loop.reassess()

    def _account(self, name: str) -> SimAccount:
        account = self._venue.accounts.get(name)
        if account is None:
            raise SimApiError(-3003, f"There is no account {name}.")
        return account

    @staticmethod
    def _margin(account: SimAccount, place: str) -> SimMarginAccount:
        margin = account.margin(None if place == "cross" else place)
        if margin is None:
            raise no_cross_account() if place == "cross" else no_isolated_account()
        return margin
