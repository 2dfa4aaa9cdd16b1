"""The picture between reads against the sandbox's own books: whatever happens and however it is told."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from monitor.core.account import INFINITE, Balance, CrossSnapshot, Price, Scope
from monitor.core.events import CrossRead, PricesRead, StreamEvent
from monitor.core.measure import cross_figures
from monitor.core.picture import cross_balances
from monitor.core.state import AccountState, Settings, apply
from monitor.exchange.binance.streams.decode import stream_event
from monitor.sandbox import loans, orders, transfers
from monitor.sandbox.accounts import Account
from monitor.sandbox.clockwork import Clockwork
from monitor.sandbox.feed import SentEvent, Stream
from monitor.sandbox.orders import Ticket
from monitor.sandbox.refusal import Refusal
from monitor.sandbox.scenario import AccountSpec, Holding, Readings, Scenario
from monitor.sandbox.timeline import Timeline
from monitor.sandbox.venue import Venue

SETTINGS = Settings("main", isolated=())
PRICES = {"BTCUSDT": Decimal(60_000), "ETHUSDT": Decimal(3_000), "BNBUSDT": Decimal(600)}
ASSETS = ("BTC", "ETH", "BNB", "USDT")
ROUNDING = Decimal("1E-9")
"""A fill's quote amount is rounded to eight decimals, in favour of one side."""


Doing = Callable[["World", str, Decimal], None]


@dataclass
class World:
    """An exchange whose prices stand still and which charges no interest, and what we know of an account there."""

    random: Random
    readings: Readings = field(default_factory=Readings)
    side_effects: tuple[str, ...] = ("NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY")
    unheard: list[SentEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        rich = {"BTC": Decimal(3), "ETH": Decimal(40), "BNB": Decimal(50), "USDT": Decimal(200_000)}
        owing = {
            "BTC": Holding(Decimal(2)),
            "ETH": Holding(Decimal(30), Decimal(5)),
            "USDT": Holding(Decimal(90_000), Decimal(40_000)),
        }
        account = AccountSpec(spot=rich, cross=owing)
        scenario = Scenario(
            accounts=(account,), prices=PRICES, rates=dict.fromkeys(ASSETS, Decimal(0)), readings=self.readings
        )
        self.venue = Venue(scenario, Timeline(scenario.start, frozen=True))
        self.clockwork = Clockwork(self.venue)
        self.venue.feed.join(self)
        self.account: Account = self.venue.accounts["main"]
        self.state = AccountState("main", self.now())
        self.read()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.venue.now_ms() / 1000, UTC)

    def listens_to(self, _account: str, symbol: str | None, _stream: Stream) -> bool:
        return symbol is None

    def carry(self, event: SentEvent) -> None:
        self.unheard.append(event)

    def act(self, *doings: "Doing") -> None:
        """One of these happens in the account, a second later."""
        self.venue.timeline.advance(1)
        self.clockwork.catch_up()
        asset, size = self.random.choice(ASSETS), Decimal(self.random.randint(1, 40)) / 100
        amount = (size * self.account.cross.wallet.get(asset).held).quantize(Decimal("0.0001"))
        with suppress(Refusal):
            self.random.choice(doings)(self, asset, amount)

    def heard(self, events: list[SentEvent]) -> Iterator[None]:
        """The state after each of the events."""
        for sent in events:
            told = stream_event("main", sent.stream, Scope(), sent.text.encode(), self.now())
            assert isinstance(told, StreamEvent)
            assert told.rejected is None
            self.state = apply(self.state, told, self.now())
            yield

    def read(self) -> None:
        now = self.now()
        self.state = apply(self.state, PricesRead({s: Price(p, now) for s, p in PRICES.items()}), now)
        held, owed = self._value("held"), self._value("owed")
        self.state = apply(
            self.state,
            CrossRead(
                CrossSnapshot(
                    as_of=now,
                    received_at=now,
                    balances=self.rows(),
                    margin_level=self.level(),
                    collateral_margin_level=self.level(),
                    assets_btc=held / PRICES["BTCUSDT"],
                    liabilities_btc=owed / PRICES["BTCUSDT"],
                    answered_at=now,
                )
            ),
            now,
        )

    def rows(self) -> dict[str, Balance]:
        """What the exchange's books say."""
        rows = {
            asset: Balance(asset, row.free, row.locked, row.borrowed, row.interest)
            for asset, row in self.account.cross.wallet.balances.items()
        }
        return {asset: row for asset, row in rows.items() if not row.is_zero}

    def level(self) -> Decimal:
        owed = self._value("owed")
        return self._value("held") / owed if owed else INFINITE

    def shown(self) -> Decimal:
        now = self.now()
        priced = apply(self.state, PricesRead({s: Price(p, now) for s, p in PRICES.items()}), now)
        level = cross_figures(priced, SETTINGS, now).values["margin_level"]
        assert isinstance(level, Decimal)
        return level

    def _value(self, side: str) -> Decimal:
        prices = {symbol.removesuffix("USDT"): price for symbol, price in PRICES.items()} | {"USDT": Decimal(1)}
        return sum((getattr(row, side) * prices[asset] for asset, row in self.rows().items()), Decimal(0))

    def borrow(self, asset: str, amount: Decimal) -> None:
        loans.borrow(self.venue, self.account, self.account.cross, asset, amount, by="api")

    def repay(self, asset: str, amount: Decimal) -> None:
        loans.repay(self.venue, self.account, self.account.cross, asset, amount, by="api")

    def bring(self, asset: str, amount: Decimal) -> None:
        way = transfers.route(self.venue, "MAIN_MARGIN", None, None)
        transfers.transfer(self.venue, self.account, way, asset, amount, by="api")

    def take(self, asset: str, amount: Decimal) -> None:
        way = transfers.route(self.venue, "MARGIN_MAIN", None, None)
        transfers.transfer(self.venue, self.account, way, asset, amount, by="api")

    def trade(self, asset: str, amount: Decimal) -> None:
        base = "BTC" if asset == "USDT" else asset
        ticket = Ticket(
            pair=self.venue.catalogue.pairs[f"{base}USDT"],
            side=self.random.choice(("BUY", "SELL")),
            kind="MARKET",
            time_in_force="GTC",
            quantity=max(Decimal("0.01"), (amount / 1000 if asset == "USDT" else amount).quantize(Decimal("0.01"))),
            quote_quantity=Decimal(0),
            price=Decimal(0),
            client_id=f"o{self.random.random()}",
            side_effect=self.random.choice(self.side_effects),
        )
        orders.place(self.venue, self.account, self.account.cross, ticket)


@pytest.mark.parametrize("sends_balance_update", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_unexplained_money_never_makes_the_picture_safer_and_a_read_makes_it_true(
    seed: int, sends_balance_update: bool
) -> None:
    random = Random(seed)
    world = World(random, Readings(loan_sends_balance_update=sends_balance_update))
    moved = 0
    for _ in range(150):
        at_the_read = world.level()
        for _ in range(random.randint(1, 5)):
            world.act(World.borrow, World.repay, World.bring, World.take, World.trade)
            events, world.unheard = world.unheard, []
            events = [event for event in events if random.random() > 0.1]
            events += [event for event in events if random.random() < 0.1]
            if random.random() < 0.3:
                random.shuffle(events)
            for _ in world.heard(events):
                assert world.shown() <= max(at_the_read, world.level()) + ROUNDING
                moved += world.shown() != at_the_read
        world.venue.timeline.advance(1)
        world.read()
        assert world.shown() == world.level()
        assert cross_balances(world.state) == world.rows()
    assert moved > 100


@pytest.mark.parametrize("seed", range(3))
def test_trades_and_loans_are_shown_as_the_books_have_them_before_any_read(seed: int) -> None:
    world = World(Random(seed), side_effects=("NO_SIDE_EFFECT", "MARGIN_BUY"))
    for _ in range(60):
        world.act(World.borrow, World.trade)
        events, world.unheard = world.unheard, []
        for _ in world.heard(events):
            pass
        shown, true = cross_balances(world.state), world.rows()
        assert {a: (row.held, row.owed) for a, row in shown.items()} == {a: (r.held, r.owed) for a, r in true.items()}
