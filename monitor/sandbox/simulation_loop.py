"""What time does to the exchange, second by virtual second, however late the process runs."""

from decimal import Decimal

from monitor.sandbox.amounts import text
from monitor.sandbox.ledger.accounts import Account, Margin
from monitor.sandbox.lending import interest
from monitor.sandbox.trading import liquidation, orders
from monitor.sandbox.venue import Venue


class Clockwork:
    """Brings a venue up to its timeline's present: prices, due work, interest, fills, calls, liquidations."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._judged_prices = -1

    def catch_up(self) -> None:
        """Live through every whole second that has passed since the last call, in order."""
        venue = self._venue
        target = venue.now_ms() // 1000
        try:
            while venue.second < target:
                venue.second += 1
                self._second()
        finally:
            venue.living_ms = None
        venue.books.now_ms = venue.now_ms()
        self.settle()

    def settle(self) -> None:
        """Judge levels and orders again if something they depend on changed by hand or by a request."""
        if self._venue.restless or self._venue.prices.version != self._judged_prices:
            self._judge()

    def _second(self) -> None:
        venue = self._venue
        moment_ms = venue.books.now_ms = venue.living_ms = venue.second * 1000
        for action in venue.take_due(moment_ms):
            action()
        venue.prices.move_to(venue.second)
        if venue.second % interest.HOUR_S == 0:
            interest.charge_hour(venue)
            venue.restless = True
        self.settle()

    def _judge(self) -> None:
        venue = self._venue
        venue.restless = False
        self._judged_prices = venue.prices.version
        orders.match(venue)
        for account in venue.accounts.values():
            for margin in account.margins():
                self._judge_level(account, margin)

    def _judge_level(self, account: Account, margin: Margin) -> None:
        venue = self._venue
        level = venue.valuer.level(margin)
        if level is None:
            margin.called = False
            return
        if margin.lowest_level is None or level < margin.lowest_level:
            margin.lowest_level, margin.lowest_at_ms = level, venue.now_ms()
        bars = venue.valuer.bars(account, margin)
        if level > bars.margin_call:
            margin.called = False
            return
        if not margin.called:
            margin.called = True
            self._call(margin, level)
        if level <= bars.liquidation:
            liquidation.liquidate(venue, account, margin)

    def _call(self, margin: Margin, level: Decimal) -> None:
        if margin.symbol is not None:
            return
        fields: dict[str, object] = {"l": text(level), "s": "MARGIN_CALL"}
        venue = self._venue
        venue.feed.emit(margin.account, None, "risk", "MARGIN_LEVEL_STATUS_CHANGE", fields, venue.now_ms())
