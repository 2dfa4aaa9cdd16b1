"""Virtual time: the engine looks at one moment after the other, and its orders are carried out on a portfolio.

Every action is carried out as if it were live, and a proposal counts as approved: a rehearsal shows what would be
done. The lines are up, the key may do what it has to, and an order takes two seconds. What is sold is sold whole, at
the price of the moment and the usual fee; which orders are open is not known, so none is cancelled.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count

from monitor.core.actions.position import standing_of
from monitor.core.actions.spec import ActionSpec
from monitor.core.engine.step import Ids, Policy, step
from monitor.core.metrics.poll_intervals import wanted_streams
from monitor.core.metrics.valuation import price_of
from monitor.core.model.account import CROSS, KeyPermissions, Liquidation, Price, Scope
from monitor.core.model.events import ActionSettled, LiquidationsRead, OperatorRead, PricesRead, Tick
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.journal import Entry
from monitor.core.model.order import ByName
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.core.state.reference_state import Followed
from monitor.core.state.stream_status import StreamState
from monitor.simulation.adjustments import Moved, added, difference
from monitor.simulation.overrides import Given, GivenSight
from monitor.simulation.portfolio import Portfolio, carried_out, level_of, liquidated, markets_of, reads, tiers_of

ORDER_TAKES = timedelta(seconds=2)
LAST_ORDERS = timedelta(minutes=1)
"""How long after the last frame what was begun may go on."""

_ALWAYS = datetime.max.replace(tzinfo=UTC)
_UNLIMITED = Decimal("1E30")
_ABLE = KeyPermissions(
    reading=True, margin=True, trading=True, universal_transfer=True, withdrawals=False, ip_restricted=True
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is true from one moment on.

    `prices` are the newest by symbol. `is_read` False: the exchange can't be read. `portfolio`: what was really held
    and owed then; None: as before. `orders` are those of people; None: as before.
    """

    at: datetime
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    given: Given = field(default_factory=dict)
    is_read: bool = True
    portfolio: Portfolio | None = None
    orders: OperatorRead | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What the engine made of one moment. `levels` are those of the portfolio, before `done` was carried out."""

    at: datetime
    state: AccountState
    entry: Entry
    levels: Mapping[Scope, Decimal]
    done: tuple[Intent, ...] = ()
    liquidated: tuple[Scope, ...] = ()


def rehearse(
    policy: Policy,
    portfolio: Portfolio,
    frames: Iterable[Frame],
    *,
    gap: timedelta = timedelta(),
    liquidates: bool = True,
) -> Iterator[Moment]:
    """Every moment of the frames, which rise in time, and those after an order was carried out.

    `gap` is how far apart frames with prices may be without prices being stale. With `liquidates` a scope at its
    liquidation level is liquidated.
    """
    policy = _rehearsed(policy, portfolio, gap)
    trades = any(spec.kind == "reduce" for spec in policy.actions)
    alerts, intents = count(1), count(1)
    ids = Ids(lambda: next(alerts), lambda: next(intents))
    state: AccountState | None = None
    moved: Moved = {}
    for frame, until in _with_ends(frames):
        state = state or _start(policy.settings, portfolio, frame.at)
        if frame.portfolio is not None:
            portfolio = added(frame.portfolio, moved)
        if frame.orders is not None:
            state = apply(state, frame.orders, frame.at)
        now = frame.at
        while True:
            state = _read(state, portfolio, frame, now, trades=trades)
            levels = {scope: level_of(portfolio, scope, state.prices) for scope in portfolio.scopes}
            look = partial(GivenSight, given=frame.given)
            stepped = step(state, Tick(), policy, now, ids, look)
            state = stepped.state
            before = portfolio
            done = []
            for intent in stepped.entry.intents:
                if intent.state is IntentState.PLANNED:
                    portfolio, settled = _sent(state, portfolio, intent, look(state, policy.settings, now), now)
                    state = apply(state, ActionSettled(settled), now)
                    done.append(settled)
            moved = difference(before, portfolio, moved) if done else moved
            lost = _lost(portfolio, state.prices) if liquidates and frame.is_read else ()
            for scope in lost:
                state = apply(state, _told_of(state, portfolio, scope, now), now)
                portfolio = liquidated(portfolio, scope, state.prices)
            yield Moment(now, state, stepped.entry, levels, tuple(done), lost)
            if not done or now + ORDER_TAKES >= until:
                break
            now += ORDER_TAKES


def _rehearsed(policy: Policy, portfolio: Portfolio, gap: timedelta) -> Policy:
    settings = policy.settings
    calls = {pair.bars.liquidation.normalize(): pair.bars.margin_call for pair in portfolio.pairs.values() if pair.bars}
    return replace(
        policy,
        actions=tuple(_as_if_live(spec) for spec in policy.actions),
        settings=replace(
            settings,
            acts_with_own_key=False,
            prices_stale_after=max(settings.prices_stale_after, gap),
            # What liquidates is told at once.
            liquidations_stale_after=timedelta.max,
            isolated_margin_call={**settings.isolated_margin_call, **calls},
        ),
    )


def _as_if_live(spec: ActionSpec) -> ActionSpec:
    if spec.mode == "live" or spec.kind == "cancel_orders":
        return replace(spec, mode="live")
    return replace(
        spec, mode="live", max_amount=spec.max_amount or _UNLIMITED, max_per_day=spec.max_per_day or _UNLIMITED
    )


def _start(settings: Settings, portfolio: Portfolio, at: datetime) -> AccountState:
    up = StreamState(connected=True, last_frame_at=_ALWAYS, connects=1)
    return AccountState(
        account=settings.account,
        started_at=at,
        # Nothing reads bars here: where the portfolio has none, the documented ones are supposed at once.
        failed_at={"reference_data": at},
        bars=portfolio.bars,
        tiers={symbol: tiers_of(pair) for symbol, pair in portfolio.pairs.items()},
        liquidations=(),
        liquidations_at=at,
        key_accepted=True,
        key=_ABLE,
        streams=dict.fromkeys(wanted_streams(settings), up),
        followed=Followed(terms_given=True),
    )


def _with_ends(frames: Iterable[Frame]) -> Iterator[tuple[Frame, datetime]]:
    """Each frame with the moment at which the next begins."""
    last: Frame | None = None
    for frame in frames:
        if last is not None:
            yield last, frame.at
        last = frame
    if last is not None:
        yield last, last.at + LAST_ORDERS


def _read(state: AccountState, portfolio: Portfolio, frame: Frame, now: datetime, *, trades: bool) -> AccountState:
    if frame.prices:
        state = apply(state, PricesRead({name: Price(value, now) for name, value in frame.prices.items()}), now)
    if frame.is_read:
        bars = portfolio.bars or state.bars
        tiers = {**state.tiers, **{symbol: tiers_of(pair) for symbol, pair in portfolio.pairs.items() if pair.bars}}
        state = replace(state, bars=bars, tiers=tiers)
        for event in reads(portfolio, state.prices, now):
            state = apply(state, event, now)
        if trades:
            state = apply(state, markets_of(portfolio, now), now)
    return state


def _sent(
    state: AccountState, portfolio: Portfolio, intent: Intent, sight: GivenSight, now: datetime
) -> tuple[Portfolio, Intent]:
    """The portfolio and the intent after the order was carried out; an order that can't be is refused."""
    order, scope = intent.order, intent.scope
    standing = standing_of(state, scope, sight.of((scope.kind, scope.symbol)))
    if standing is None or isinstance(order, ByName):
        return portfolio, replace(intent, state=IntentState.REFUSED, settled_at=now, evidence="it can't be rehearsed")
    done = replace(intent, state=IntentState.CONFIRMED, submitted_at=now, settled_at=now, ref="rehearsal")
    return carried_out(portfolio, order, standing), done


def _lost(portfolio: Portfolio, prices: Mapping[str, Price]) -> tuple[Scope, ...]:
    """The scopes that the exchange liquidates now."""
    bars = ((scope, portfolio.bars_of(scope)) for scope in portfolio.scopes)
    return tuple(
        scope for scope, bar in bars if bar is not None and level_of(portfolio, scope, prices) <= bar.liquidation
    )


def _told_of(state: AccountState, portfolio: Portfolio, scope: Scope, now: datetime) -> LiquidationsRead:
    """What the exchange tells of a liquidation: one sale of what was worth most."""
    known = state.liquidations or ()
    worth = {row.asset: row.held * (price_of(row.asset, state.prices) or 0) for row in portfolio.rows(scope)}
    asset = max(worth, key=lambda name: worth[name])
    held = next(row.held for row in portfolio.rows(scope) if row.asset == asset)
    price = price_of(asset, state.prices) or Decimal(0)
    symbol = scope.symbol or f"{asset}USDT"
    sale = Liquidation(symbol, "SELL", held, price, len(known) + 1, scope != CROSS, now)
    return LiquidationsRead((*known, sale))
