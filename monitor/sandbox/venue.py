"""The state of the exchange: accounts, ledger, prices, time, and the events of each change."""

import heapq
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from monitor.sandbox.amounts import ZERO, format_decimal, format_plain
from monitor.sandbox.event_feed import EventFeed
from monitor.sandbox.ledger.accounts import Actor, CapitalFlowRecord, SimAccount, SimMarginAccount
from monitor.sandbox.ledger.ledger import SimLedger, SimWallet
from monitor.sandbox.ledger.valuation import Valuer
from monitor.sandbox.market.bars import HourlyBars
from monitor.sandbox.market.listings import Listings
from monitor.sandbox.market.prices import CurrentPrices
from monitor.sandbox.scenario.scenario import AccountSpec, ApiKeySpec, InitialBalance, Scenario
from monitor.sandbox.virtual_clock import VirtualClock

FIRST_UID = 354_937_868
"""The number of the first user; later users count up from it."""


@dataclass(frozen=True, slots=True)
class SimMovement:
    """Money moved by a request, a user action or the exchange itself. Texts as in the ledger's JSON."""

    at_ms: int
    account: str
    kind: str
    asset: str
    amount: Decimal
    source: str
    target: str
    tran_id: int
    by: Actor


class Venue:
    """The state of the sandbox exchange. It does nothing by itself: see `ExchangeLoop` for the effects of time."""

    def __init__(self, scenario: Scenario, timeline: VirtualClock) -> None:
        self.scenario = scenario
        self.timeline = timeline
        self.listings = Listings(scenario)
        self.bars = HourlyBars(int(scenario.start.timestamp()), self.listings.pairs)
        self.prices = CurrentPrices(
            scenario.all_paths(),
            self.listings.prices,
            self.listings.pair_assets(),
            scenario.basis,
            self.bars.note_price,
        )
        self.valuer = Valuer(self.prices, self.listings)
        self.ledger = SimLedger()
        self.feed = EventFeed()
        self.second = int(scenario.start.timestamp())
        self.prices.move_to(self.second)
        for symbol in self.prices.symbols():
            self.bars.begin(symbol, self.prices.spot(symbol) or ZERO)
        self.ledger.now_ms = self.second * 1000
        self.movements: list[SimMovement] = []
        # Symbols with another status than TRADING; they send no frames.
        self.symbol_status: dict[str, str] = {}
        # Changes of daily rates: time, and the rate before.
        self.rate_changes: dict[str, list[tuple[int, Decimal]]] = {}
        self.accounts: dict[str, SimAccount] = {}
        self.keys: dict[str, tuple[SimAccount, ApiKeySpec]] = {}
        # While time is caught up, the second being processed; else None.
        self.processing_ms: int | None = None
        # Set when something that levels or orders depend on has changed since the last check.
        self.dirty = True
        zero = self.format_amount(ZERO)
        self.blank_rows = {
            asset: {"asset": asset, "borrowed": zero, "free": zero, "interest": zero, "locked": zero, "netAsset": zero}
            for asset in self.listings.assets
        }
        self._tran_ids = itertools.count(100_000_001)
        self._interest_ids = itertools.count(1_352_286_576_452_864_727)
        self._order_ids = itertools.count(26_769_564_559)
        self._trade_ids = itertools.count(3_570_680_726)
        self._flow_ids = itertools.count(123_456)
        self._list_ids = itertools.count(13_509)
        # The quantity traded of each symbol, and the second of the trade.
        self._traded: dict[str, tuple[int, Decimal]] = {}
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._due_numbers = itertools.count()
        for spec in scenario.accounts:
            self._open_account(spec)

    def now_ms(self) -> int:
        """Virtual milliseconds since 1970: of the second being processed, or of the present."""
        return self.timeline.now_ms() if self.processing_ms is None else self.processing_ms

    def next_tran_id(self) -> int:
        """A number for a loan or a transfer."""
        return next(self._tran_ids)

    def next_interest_id(self) -> int:
        """A number of 19 digits for an interest charge."""
        return next(self._interest_ids)

    def next_order_id(self) -> int:
        """A number for an order."""
        return next(self._order_ids)

    def next_trade_id(self) -> int:
        """A number for a fill."""
        return next(self._trade_ids)

    def next_list_id(self) -> int:
        """A number for an order list."""
        return next(self._list_ids)

    def depth(self, symbol: str) -> Decimal | None:
        """The quantity of a symbol that can still be traded in the present second; None when there is no limit."""
        most = self.scenario.depth.get(symbol)
        if most is None:
            return None
        second, traded = self._traded.get(symbol, (-1, ZERO))
        return most - traded if second == self.now_ms() // 1000 else most

    def consume_depth(self, symbol: str, quantity: Decimal) -> None:
        """Count a trade of a symbol against the depth of the present second."""
        present = self.now_ms() // 1000
        second, traded = self._traded.get(symbol, (-1, ZERO))
        self._traded[symbol] = (present, quantity + (traded if second == present else ZERO))

    def set_rate(self, asset: str, daily: Decimal) -> None:
        """Change a daily interest rate from now on."""
        self.rate_changes.setdefault(asset, []).append((self.now_ms(), self.listings.rates.get(asset, ZERO)))
        self.listings.rates[asset] = daily

    def rate_at(self, asset: str, moment_ms: int) -> Decimal:
        """The daily rate in force at a moment."""
        for changed_ms, before in self.rate_changes.get(asset, []):
            if moment_ms < changed_ms:
                return before
        return self.listings.rates[asset]

    def schedule_at(self, moment_ms: int, action: Callable[[], None]) -> None:
        """Run `action` when virtual time reaches `moment_ms`."""
        heapq.heappush(self._due, (moment_ms, next(self._due_numbers), action))

    def pop_due(self, moment_ms: int) -> Iterable[Callable[[], None]]:
        """The actions due up to `moment_ms`, in order; they are removed."""
        while self._due and self._due[0][0] <= moment_ms:
            yield heapq.heappop(self._due)[2]

    def format_amount(self, amount: Decimal) -> str:
        """An amount as text in the format of answers."""
        return format_plain(amount) if self.scenario.readings.zero_style == "plain" else format_decimal(amount)

    def open_isolated(self, account: SimAccount, symbol: str) -> SimMarginAccount:
        """The isolated account of a pair, created or activated if need be."""
        margin = account.isolated.get(symbol)
        if margin is None:
            margin = SimMarginAccount(account.name, self.ledger.open_wallet(account.name, symbol), symbol)
            account.isolated[symbol] = margin
        margin.created = margin.enabled = True
        return margin

    def record_flow(
        self, account: SimAccount, symbol: str | None, asset: str, kind: str, amount: Decimal, tran_id: int
    ) -> None:
        """Add a row to the capital flow. `amount` is signed as it changed the account."""
        shown = amount if self.scenario.readings.capital_flow_signed else abs(amount)
        account.flows.append(
            CapitalFlowRecord(next(self._flow_ids), tran_id, self.now_ms(), symbol, asset, kind, shown)
        )

    def record_movement(
        self,
        account: SimAccount,
        kind: str,
        asset: str,
        amount: Decimal,
        source: str,
        target: str,
        tran_id: int,
        by: Actor,
    ) -> None:
        """Record a movement and its actor."""
        self.movements.append(
            SimMovement(self.now_ms(), account.name, kind, asset, amount, source, target, tran_id, by)
        )

    def emit_position(self, margin: SimMarginAccount, assets: Iterable[str]) -> None:
        """Send outboundAccountPosition for assets that may have changed."""
        self.dirty = True
        now = self.now_ms()
        margin.last_update_ms = now
        wallet = margin.wallet
        rows = [
            {"a": asset, "f": format_decimal(wallet.get(asset).free), "l": format_decimal(wallet.get(asset).locked)}
            for asset in dict.fromkeys(assets)
        ]
        self.feed.emit(margin.account, margin.symbol, "account", "outboundAccountPosition", {"u": now, "B": rows}, now)

    def emit_balance_update(self, margin: SimMarginAccount, asset: str, delta: Decimal) -> None:
        """Send balanceUpdate: an amount came in or went out by a transfer."""
        now = self.now_ms()
        fields: dict[str, object] = {"a": asset, "d": format_decimal(delta), "T": now}
        self.feed.emit(margin.account, margin.symbol, "account", "balanceUpdate", fields, now)

    def emit_liability_change(
        self, margin: SimMarginAccount, asset: str, kind: str, principal: Decimal, interest: Decimal
    ) -> None:
        """Send USER_LIABILITY_CHANGE; the risk stream knows cross only."""
        self.dirty = True
        if margin.symbol is not None:
            return
        if self.scenario.readings.liability_event == "total":
            balance = margin.wallet.get(asset)
            principal, interest = balance.borrowed, balance.interest
        fields: dict[str, object] = {
            "a": asset,
            "t": kind,
            "p": format_decimal(principal),
            "i": format_decimal(interest),
        }
        self.feed.emit(margin.account, None, "risk", "USER_LIABILITY_CHANGE", fields, self.now_ms())

    def _open_account(self, spec: AccountSpec) -> None:
        cross = SimMarginAccount(spec.name, self.ledger.open_wallet(spec.name, "cross"), created=spec.cross_created)
        account = SimAccount(
            name=spec.name,
            spot=self.ledger.open_wallet(spec.name, "spot"),
            funding=self.ledger.open_wallet(spec.name, "funding"),
            cross=cross,
            thresholds=spec.bars,
            vip_level=spec.vip_level,
            uid=FIRST_UID + len(self.accounts) if spec.uid is None else spec.uid,
            interest_in_bnb=spec.interest_in_bnb,
        )
        for wallet, amounts in ((account.spot, spec.spot), (account.funding, spec.funding)):
            for asset, amount in amounts.items():
                self.ledger.pay(asset, amount, "world", wallet, "opening")
        for asset, held in spec.cross.items():
            self._fund_wallet(cross.wallet, asset, held)
        for symbol, pair_spec in spec.isolated.items():
            pair = self.listings.isolated_pair(symbol)
            if pair is None:
                raise ValueError(f"account {spec.name}: {symbol} is no isolated pair")
            margin = self.open_isolated(account, symbol)
            margin.created, margin.enabled = pair_spec.created, pair_spec.enabled and pair_spec.created
            self._fund_wallet(margin.wallet, pair.base, pair_spec.base)
            self._fund_wallet(margin.wallet, pair.quote, pair_spec.quote)
        self.accounts[spec.name] = account
        for key in spec.all_keys():
            self.keys[key.api_key] = (account, key)

    def _fund_wallet(self, wallet: SimWallet, asset: str, balance: InitialBalance) -> None:
        self.ledger.pay(asset, balance.free + balance.locked, "world", wallet, "opening")
        if balance.locked:
            self.ledger.lock(wallet, asset, balance.locked)
        if balance.borrowed > ZERO:
            self.ledger.lend(wallet, asset, balance.borrowed, "opening")
            self.ledger.pay(asset, balance.borrowed, wallet, "market", "opening")
        self.ledger.accrue(wallet, asset, balance.interest)
