"""Live balances between reads against the sandbox's own ledger, for any events in any order of delivery."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from monitor.core.metrics.cross import measure_cross, measure_pair
from monitor.core.model.account import Balance, CrossSnapshot, IsolatedPair, IsolatedSnapshot, Price, Scope
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead, StreamEvent
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.live_balances import live_cross_balances, live_pair
from monitor.exchange.binance.streams.frame_decoding import parse_stream_event
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.event_feed import SentEvent, UserStreamKind
from monitor.sandbox.exchange_loop import ExchangeLoop
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount
from monitor.sandbox.lending import loans, transfers
from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, InitialBalance, PairSpec, Scenario
from monitor.sandbox.trading import orders
from monitor.sandbox.trading.orders import OrderRequest
from monitor.sandbox.venue import Venue
from monitor.sandbox.virtual_clock import VirtualClock

SETTINGS = AccountSettings("main")
PRICES = {"BTCUSDT": Decimal(60_000), "ETHUSDT": Decimal(3_000), "BNBUSDT": Decimal(600)}
ASSETS = ("BTC", "ETH", "BNB", "USDT")
ROUNDING = Decimal("1E-9")
"""A fill's quote amount is rounded to eight decimals, in favour of one side."""


AccountActivity = Callable[["SimulatedCross", str, Decimal], None]


@dataclass
class SimulatedCross:
    """A sandbox exchange with constant prices and no interest, and the account state that follows it."""

    random: Random
    readings: ApiInterpretations = field(default_factory=ApiInterpretations)
    side_effects: tuple[str, ...] = ("NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY")
    undelivered: list[SentEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        rich = {"BTC": Decimal(3), "ETH": Decimal(40), "BNB": Decimal(50), "USDT": Decimal(200_000)}
        owing = {
            "BTC": InitialBalance(Decimal(2)),
            "ETH": InitialBalance(Decimal(30), Decimal(5)),
            "USDT": InitialBalance(Decimal(90_000), Decimal(40_000)),
        }
        pair = PairSpec(base=InitialBalance(Decimal(2)), quote=InitialBalance(Decimal(90_000), Decimal(40_000)))
        account = AccountSpec(spot=rich, cross=owing, isolated={"BTCUSDT": pair})
        scenario = Scenario(
            accounts=(account,), prices=PRICES, rates=dict.fromkeys(ASSETS, Decimal(0)), readings=self.readings
        )
        self.venue = Venue(scenario, VirtualClock(scenario.start, frozen=True))
        self.clockwork = ExchangeLoop(self.venue)
        self.venue.feed.subscribe(self)
        self.account: SimAccount = self.venue.accounts["main"]
        self.state = AccountState("main", self.now())
        self.read()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.venue.now_ms() / 1000, UTC)

    def listens_to(self, _account: str, symbol: str | None, _stream: UserStreamKind) -> bool:
        return symbol == self.margin.symbol

    @property
    def margin(self) -> SimMarginAccount:
        return self.account.cross

    @property
    def assets(self) -> tuple[str, ...]:
        return ASSETS

    def deliver(self, event: SentEvent) -> None:
        self.undelivered.append(event)

    def do_one_of(self, *doings: "AccountActivity") -> None:
        """Make one random change in the account, a second later."""
        self.venue.timeline.advance(1)
        self.clockwork.catch_up()
        asset, size = self.random.choice(self.assets), Decimal(self.random.randint(1, 40)) / 100
        amount = (size * self.margin.wallet.get(asset).held).quantize(Decimal("0.0001"))
        with suppress(SimApiError):
            self.random.choice(doings)(self, asset, amount)

    def apply_events(self, events: list[SentEvent]) -> Iterator[None]:
        """Apply each of the events, and yield after each."""
        for sent in events:
            told = parse_stream_event(
                "main", sent.stream, Scope(self.margin.symbol or ""), sent.text.encode(), self.now()
            )
            assert isinstance(told, StreamEvent)
            assert told.rejected is None
            self.state = apply_account_event(self.state, told, self.now())
            yield

    def read(self) -> None:
        now = self.now()
        self.state = self.state_with_prices()
        held, owed = self._value("held"), self._value("owed")
        self.state = apply_account_event(
            self.state,
            CrossRead(
                CrossSnapshot(
                    as_of=now,
                    received_at=now,
                    balances=self.true_balances(),
                    margin_level=self.true_level(),
                    collateral_margin_level=self.true_level(),
                    assets_btc=held / PRICES["BTCUSDT"],
                    liabilities_btc=owed / PRICES["BTCUSDT"],
                    answered_at=now,
                )
            ),
            now,
        )

    def true_balances(self) -> dict[str, Balance]:
        """Return the balances in the exchange's ledger."""
        rows = {
            asset: Balance(asset, row.free, row.locked, row.borrowed, row.interest)
            for asset, row in self.margin.wallet.balances.items()
        }
        return {asset: row for asset, row in rows.items() if not row.is_zero}

    def true_level(self) -> Decimal:
        owed = self._value("owed")
        return self._value("held") / owed if owed else INFINITE

    def state_with_prices(self) -> AccountState:
        now = self.now()
        return apply_account_event(self.state, PricesRead({s: Price(p, now) for s, p in PRICES.items()}), now)

    def live_level(self) -> Decimal:
        level = measure_cross(self.state_with_prices(), SETTINGS, self.now()).values["margin_level"]
        assert isinstance(level, Decimal)
        return level

    def live_balances(self) -> dict[str, Balance]:
        """Return the live balances."""
        return dict(live_cross_balances(self.state))

    def _value(self, side: str) -> Decimal:
        prices = {symbol.removesuffix("USDT"): price for symbol, price in PRICES.items()} | {"USDT": Decimal(1)}
        return sum((getattr(row, side) * prices[asset] for asset, row in self.true_balances().items()), Decimal(0))

    def borrow(self, asset: str, amount: Decimal) -> None:
        loans.borrow(self.venue, self.account, self.margin, asset, amount, by="api")

    def repay(self, asset: str, amount: Decimal) -> None:
        loans.repay(self.venue, self.account, self.margin, asset, amount, by="api")

    def transfer_in(self, asset: str, amount: Decimal) -> None:
        way = transfers.find_route(self.venue, "MAIN_MARGIN", None, None)
        transfers.execute_transfer(self.venue, self.account, way, asset, amount, by="api")

    def transfer_out(self, asset: str, amount: Decimal) -> None:
        way = transfers.find_route(self.venue, "MARGIN_MAIN", None, None)
        transfers.execute_transfer(self.venue, self.account, way, asset, amount, by="api")

    def trade(self, asset: str, amount: Decimal) -> None:
        base = "BTC" if asset == "USDT" else asset
        ticket = OrderRequest(
            pair=self.venue.listings.pairs[f"{base}USDT"],
            side=self.random.choice(("BUY", "SELL")),
            kind="MARKET",
            time_in_force="GTC",
            quantity=max(Decimal("0.01"), (amount / 1000 if asset == "USDT" else amount).quantize(Decimal("0.01"))),
            quote_quantity=Decimal(0),
            price=Decimal(0),
            client_id=f"o{self.random.random()}",
            side_effect=self.random.choice(self.side_effects),
        )
        orders.place_order(self.venue, self.account, self.margin, ticket)


@dataclass
class SimulatedPair(SimulatedCross):
    """The same simulation for an isolated pair, whose debts no stream reports."""

    @property
    def margin(self) -> SimMarginAccount:
        return self.account.isolated["BTCUSDT"]

    @property
    def assets(self) -> tuple[str, ...]:
        return ("BTC", "USDT")

    def read(self) -> None:
        now, rows = self.now(), self.true_balances()
        self.state = self.state_with_prices()
        pair = IsolatedPair(
            symbol="BTCUSDT",
            base=rows.get("BTC", Balance("BTC")),
            quote=rows.get("USDT", Balance("USDT")),
            margin_level=self.true_level(),
            status=None,
            index_price=PRICES["BTCUSDT"],
            liquidation_price=None,
        )
        snapshot = IsolatedSnapshot(now, now, {"BTCUSDT": pair}, answered_at=now)
        self.state = apply_account_event(self.state, IsolatedRead(snapshot), now)

    def live_level(self) -> Decimal:
        level = measure_pair(self.state_with_prices(), SETTINGS, "BTCUSDT", self.now()).values["margin_level"]
        assert isinstance(level, Decimal)
        return level

    def live_balances(self) -> dict[str, Balance]:
        pair = live_pair(self.state, "BTCUSDT")
        assert pair is not None
        return {side.asset: side for side in (pair.base, pair.quote) if not side.is_zero}


CROSS_ACTIVITIES = (
    SimulatedCross.borrow,
    SimulatedCross.repay,
    SimulatedCross.transfer_in,
    SimulatedCross.transfer_out,
    SimulatedCross.trade,
)
PAIR_ACTIVITIES = (SimulatedCross.borrow, SimulatedCross.repay, SimulatedCross.trade)


@pytest.mark.parametrize("sends_balance_update", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "doings"), [(SimulatedCross, CROSS_ACTIVITIES), (SimulatedPair, PAIR_ACTIVITIES)])
def test_live_level_is_never_safer_than_the_truth_and_exact_after_a_read(
    seed: int, sends_balance_update: bool, kind: type[SimulatedCross], doings: tuple[AccountActivity, ...]
) -> None:
    random = Random(seed)
    world = kind(random, ApiInterpretations(loan_sends_balance_update=sends_balance_update))
    moved = 0
    for _ in range(150):
        at_the_read = world.true_level()
        for _ in range(random.randint(1, 5)):
            world.do_one_of(*doings)
            events, world.undelivered = world.undelivered, []
            events = [event for event in events if random.random() > 0.1]
            events += [event for event in events if random.random() < 0.1]
            if random.random() < 0.3:
                random.shuffle(events)
            for _ in world.apply_events(events):
                assert world.live_level() <= max(at_the_read, world.true_level()) + ROUNDING
                moved += world.live_level() != at_the_read
        world.venue.timeline.advance(1)
        world.read()
        assert world.live_level() == world.true_level()
        assert world.live_balances() == world.true_balances()
    assert moved > 100


@pytest.mark.parametrize("seed", range(3))
def test_trades_and_loans_match_the_ledger_before_any_read(seed: int) -> None:
    world = SimulatedCross(Random(seed), side_effects=("NO_SIDE_EFFECT", "MARGIN_BUY"))
    for _ in range(60):
        world.do_one_of(SimulatedCross.borrow, SimulatedCross.trade)
        events, world.undelivered = world.undelivered, []
        for _ in world.apply_events(events):
            pass
        shown, true = world.live_balances(), world.true_balances()
        assert {a: (row.held, row.owed) for a, row in shown.items()} == {a: (r.held, r.owed) for a, r in true.items()}
