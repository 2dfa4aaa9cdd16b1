"""The picture between reads against the sandbox's own books: whatever happens and however it is told."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from monitor.core.metrics.cross import cross_figures, isolated_figures
from monitor.core.model.account import Balance, CrossSnapshot, IsolatedPair, IsolatedSnapshot, Price, Scope
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead, StreamEvent
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.core.state.live_balances import cross_balances, pair_now
from monitor.exchange.binance.streams.decode import stream_event
from monitor.sandbox.api.errors import Refusal
from monitor.sandbox.feed import SentEvent, Stream
from monitor.sandbox.ledger.accounts import Account, Margin
from monitor.sandbox.lending import loans, transfers
from monitor.sandbox.scenario.scenario import AccountSpec, Holding, PairSpec, Readings, Scenario
from monitor.sandbox.simulation_loop import Clockwork
from monitor.sandbox.timeline import Timeline
from monitor.sandbox.trading import orders
from monitor.sandbox.trading.orders import Ticket
from monitor.sandbox.venue import Venue

SETTINGS = Settings("main")
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
        pair = PairSpec(base=Holding(Decimal(2)), quote=Holding(Decimal(90_000), Decimal(40_000)))
        account = AccountSpec(spot=rich, cross=owing, isolated={"BTCUSDT": pair})
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
        return symbol == self.margin.symbol

    @property
    def margin(self) -> Margin:
        return self.account.cross

    @property
    def assets(self) -> tuple[str, ...]:
        return ASSETS

    def carry(self, event: SentEvent) -> None:
        self.unheard.append(event)

    def act(self, *doings: "Doing") -> None:
        """One of these happens in the account, a second later."""
        self.venue.timeline.advance(1)
        self.clockwork.catch_up()
        asset, size = self.random.choice(self.assets), Decimal(self.random.randint(1, 40)) / 100
        amount = (size * self.margin.wallet.get(asset).held).quantize(Decimal("0.0001"))
        with suppress(Refusal):
            self.random.choice(doings)(self, asset, amount)

    def heard(self, events: list[SentEvent]) -> Iterator[None]:
        """The state after each of the events."""
        for sent in events:
            told = stream_event("main", sent.stream, Scope(self.margin.symbol or ""), sent.text.encode(), self.now())
            assert isinstance(told, StreamEvent)
            assert told.rejected is None
            self.state = apply(self.state, told, self.now())
            yield

    def read(self) -> None:
        now = self.now()
        self.state = self.priced()
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
            for asset, row in self.margin.wallet.balances.items()
        }
        return {asset: row for asset, row in rows.items() if not row.is_zero}

    def level(self) -> Decimal:
        owed = self._value("owed")
        return self._value("held") / owed if owed else INFINITE

    def priced(self) -> AccountState:
        now = self.now()
        return apply(self.state, PricesRead({s: Price(p, now) for s, p in PRICES.items()}), now)

    def shown(self) -> Decimal:
        level = cross_figures(self.priced(), SETTINGS, self.now()).values["margin_level"]
        assert isinstance(level, Decimal)
        return level

    def known(self) -> dict[str, Balance]:
        """What the picture says."""
        return dict(cross_balances(self.state))

    def _value(self, side: str) -> Decimal:
        prices = {symbol.removesuffix("USDT"): price for symbol, price in PRICES.items()} | {"USDT": Decimal(1)}
        return sum((getattr(row, side) * prices[asset] for asset, row in self.rows().items()), Decimal(0))

    def borrow(self, asset: str, amount: Decimal) -> None:
        loans.borrow(self.venue, self.account, self.margin, asset, amount, by="api")

    def repay(self, asset: str, amount: Decimal) -> None:
        loans.repay(self.venue, self.account, self.margin, asset, amount, by="api")

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
        orders.place(self.venue, self.account, self.margin, ticket)


@dataclass
class PairWorld(World):
    """The same of an isolated pair, of whose debts no stream tells."""

    @property
    def margin(self) -> Margin:
        return self.account.isolated["BTCUSDT"]

    @property
    def assets(self) -> tuple[str, ...]:
        return ("BTC", "USDT")

    def read(self) -> None:
        now, rows = self.now(), self.rows()
        self.state = self.priced()
        pair = IsolatedPair(
            symbol="BTCUSDT",
            base=rows.get("BTC", Balance("BTC")),
            quote=rows.get("USDT", Balance("USDT")),
            margin_level=self.level(),
            status=None,
            index_price=PRICES["BTCUSDT"],
            liquidation_price=None,
        )
        snapshot = IsolatedSnapshot(now, now, {"BTCUSDT": pair}, answered_at=now)
        self.state = apply(self.state, IsolatedRead(snapshot), now)

    def shown(self) -> Decimal:
        level = isolated_figures(self.priced(), SETTINGS, "BTCUSDT", self.now()).values["margin_level"]
        assert isinstance(level, Decimal)
        return level

    def known(self) -> dict[str, Balance]:
        pair = pair_now(self.state, "BTCUSDT")
        assert pair is not None
        return {side.asset: side for side in (pair.base, pair.quote) if not side.is_zero}


CROSS_DOINGS = (World.borrow, World.repay, World.bring, World.take, World.trade)
PAIR_DOINGS = (World.borrow, World.repay, World.trade)


@pytest.mark.parametrize("sends_balance_update", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "doings"), [(World, CROSS_DOINGS), (PairWorld, PAIR_DOINGS)])
def test_unexplained_money_never_makes_the_picture_safer_and_a_read_makes_it_true(
    seed: int, sends_balance_update: bool, kind: type[World], doings: tuple[Doing, ...]
) -> None:
    random = Random(seed)
    world = kind(random, Readings(loan_sends_balance_update=sends_balance_update))
    moved = 0
    for _ in range(150):
        at_the_read = world.level()
        for _ in range(random.randint(1, 5)):
            world.act(*doings)
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
        assert world.known() == world.rows()
    assert moved > 100


@pytest.mark.parametrize("seed", range(3))
def test_trades_and_loans_are_shown_as_the_books_have_them_before_any_read(seed: int) -> None:
    world = World(Random(seed), side_effects=("NO_SIDE_EFFECT", "MARGIN_BUY"))
    for _ in range(60):
        world.act(World.borrow, World.trade)
        events, world.unheard = world.unheard, []
        for _ in world.heard(events):
            pass
        shown, true = world.known(), world.rows()
        assert {a: (row.held, row.owed) for a, row in shown.items()} == {a: (r.held, r.owed) for a, r in true.items()}
