"""The simulation loop: every virtual second brings prices, interest, fills, calls, liquidations."""

from decimal import Decimal

from monitor.sandbox.amounts import format_decimal
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount
from monitor.sandbox.lending import interest
from monitor.sandbox.trading import liquidation, orders
from monitor.sandbox.venue import Venue


class ExchangeLoop:
    """Brings a venue up to its timeline's present: prices, due work, interest, fills, calls, liquidations."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._assessed_prices_version = -1

    def catch_up(self) -> None:
        """Process every whole second since the last call, in order, however late the process runs."""
        venue = self._venue
        target = venue.now_ms() // 1000
        try:
            while venue.second < target:
                venue.second += 1
                self._simulate_second()
        finally:
            venue.processing_ms = None
        venue.ledger.now_ms = venue.now_ms()
        self.reassess()

    def reassess(self) -> None:
        """Check levels and orders again if a request or a user action changed something they depend on."""
        if self._venue.dirty or self._venue.prices.version != self._assessed_prices_version:
            self._assess_accounts()

    def _simulate_second(self) -> None:
        venue = self._venue
        moment_ms = venue.ledger.now_ms = venue.processing_ms = venue.second * 1000
        for action in venue.pop_due(moment_ms):
            action()
        venue.prices.move_to(venue.second)
        if venue.second % interest.SECONDS_PER_HOUR == 0:
            interest.charge_hourly_interest(venue)
            venue.dirty = True
        self.reassess()

    def _assess_accounts(self) -> None:
        venue = self._venue
        venue.dirty = False
        self._assessed_prices_version = venue.prices.version
        orders.match_orders(venue)
        for account in venue.accounts.values():
            for margin in account.margins():
                self._assess_level(account, margin)

    def _assess_level(self, account: SimAccount, margin: SimMarginAccount) -> None:
        venue = self._venue
        level = venue.valuer.level(margin)
        if level is None:
            margin.is_margin_called = False
            return
        if margin.lowest_level is None or level < margin.lowest_level:
            margin.lowest_level, margin.lowest_at_ms = level, venue.now_ms()
        bars = venue.valuer.thresholds(account, margin)
        if level > bars.margin_call:
            margin.is_margin_called = False
            return
        if not margin.is_margin_called:
            margin.is_margin_called = True
            self._send_margin_call(margin, level)
        if level <= bars.liquidation:
            liquidation.liquidate(venue, account, margin)

    def _send_margin_call(self, margin: SimMarginAccount, level: Decimal) -> None:
        if margin.symbol is not None:
            return
        fields: dict[str, object] = {"l": format_decimal(level), "s": "MARGIN_CALL"}
        venue = self._venue
        venue.feed.emit(margin.account, None, "risk", "MARGIN_LEVEL_STATUS_CHANGE", fields, venue.now_ms())
