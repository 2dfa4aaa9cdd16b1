"""Simulator: the engine in virtual time, one moment after the other, with its orders executed on a portfolio.

Every action runs as if it were live, and a proposal counts as approved: a simulation shows what would be done. The
streams are connected, the key has all permissions that actions need, and an order takes two seconds. A sale is
filled completely, at the current price and the usual fee. Open orders are not known, so none is cancelled.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count

from monitor.core.actions.scope_position import build_scope_position
from monitor.core.actions.spec import ActionSpec
from monitor.core.engine.step import IdSource, Policy, step
from monitor.core.metrics.poll_intervals import required_streams
from monitor.core.metrics.valuation import usdt_price
from monitor.core.model.account import CROSS, KeyPermissions, LiquidationOrder, Price, Scope
from monitor.core.model.events import CommandsRead, IntentUpdated, LiquidationsRead, PricesRead, Tick
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.journal import JournalEntry
from monitor.core.model.order import ManualCall
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, KeyState, LiquidationHistory, PollingState, ThresholdState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.reference_state import ReferenceState
from monitor.core.state.stream_status import StreamStatus
from monitor.simulation.adjustments import Adjustments, accumulate_difference, apply_adjustments
from monitor.simulation.odds import SimulatedOdds
from monitor.simulation.overrides import MetricOverrides, OverriddenMetrics
from monitor.simulation.portfolio import (
    SimulatedPortfolio,
    balance_reads,
    execute_order,
    liquidate,
    margin_level_of,
    symbol_rules_read,
    threshold_tiers,
)

ORDER_DURATION = timedelta(seconds=2)
TRAILING_TIME = timedelta(minutes=1)
"""Time after the last frame in which orders may still follow."""

_FAR_FUTURE = datetime.max.replace(tzinfo=UTC)
_NO_LIMIT = Decimal("1E30")
_FULL_PERMISSIONS = KeyPermissions(
    reading=True, margin=True, trading=True, universal_transfer=True, withdrawals=False, ip_restricted=True
)


@dataclass(frozen=True, slots=True)
class MarketFrame:
    """Input of the simulation from one moment on.

    `prices` are the newest prices by symbol. `is_read` False: the exchange can't be read. `portfolio` holds the
    recorded balances of the time; None: as before. `commands` are those of people; None: as before.
    """

    at: datetime
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    overrides: MetricOverrides = field(default_factory=dict)
    is_read: bool = True
    portfolio: SimulatedPortfolio | None = None
    commands: CommandsRead | None = None


@dataclass(frozen=True, slots=True)
class SimulationStep:
    """Result of one moment. `levels` are the portfolio's margin levels before the `executed` orders."""

    at: datetime
    state: AccountState
    entry: JournalEntry
    levels: Mapping[Scope, Decimal]
    executed: tuple[Intent, ...] = ()
    liquidated: tuple[Scope, ...] = ()


def simulate(
    policy: Policy,
    portfolio: SimulatedPortfolio,
    frames: Iterable[MarketFrame],
    *,
    gap: timedelta = timedelta(),
    liquidates: bool = True,
    odds: SimulatedOdds | None = None,
) -> Iterator[SimulationStep]:
    """Yield a step for every frame, and one for each moment after an order was executed.

    The frames ascend in time. `gap` is the longest time between frames for which prices do not become stale. With
    `liquidates`, a scope at its liquidation level is liquidated. `odds` measures the odds of liquidation; None: they
    are unavailable, unless frames give them.
    """
    policy = _simulation_policy(policy, portfolio, gap)
    needs_symbol_rules = any(spec.kind == "reduce" for spec in policy.actions)
    alerts, intents = count(1), count(1)
    ids = IdSource(lambda: next(alerts), lambda: next(intents))
    state: AccountState | None = None
    adjustments: Adjustments = {}
    for frame, until in _with_ends(frames):
        state = state or _initial_state(policy.settings, portfolio, frame.at)
        if frame.portfolio is not None:
            portfolio = apply_adjustments(frame.portfolio, adjustments)
        if frame.commands is not None:
            state = apply_account_event(state, frame.commands, frame.at)
        now = frame.at
        while True:
            state = _apply_reads(state, portfolio, frame, now, with_symbol_rules=needs_symbol_rules)
            measured = odds.read(state, policy.settings, now) if odds is not None and frame.is_read else None
            if measured is not None:
                state = apply_account_event(state, measured, now)
            levels = {scope: margin_level_of(portfolio, scope, state.prices.newest) for scope in portfolio.scopes}
            make_snapshot = partial(OverriddenMetrics, overrides=frame.overrides)
            stepped = step(state, Tick(), policy, now, ids, make_snapshot)
            state = stepped.state
            before = portfolio
            executed = []
            for intent in stepped.entry.intents:
                if intent.state is IntentState.PLANNED:
                    portfolio, settled = _execute(
                        state, portfolio, intent, make_snapshot(state, policy.settings, now), now
                    )
                    state = apply_account_event(state, IntentUpdated(settled), now)
                    executed.append(settled)
            adjustments = accumulate_difference(before, portfolio, adjustments) if executed else adjustments
            liquidated_scopes = (
                _scopes_to_liquidate(portfolio, state.prices.newest) if liquidates and frame.is_read else ()
            )
            for scope in liquidated_scopes:
                state = apply_account_event(state, _liquidation_read(state, portfolio, scope, now), now)
                portfolio = liquidate(portfolio, scope, state.prices.newest)
            yield SimulationStep(now, state, stepped.entry, levels, tuple(executed), liquidated_scopes)
            if not executed or now + ORDER_DURATION >= until:
                break
            now += ORDER_DURATION


def _simulation_policy(policy: Policy, portfolio: SimulatedPortfolio, gap: timedelta) -> Policy:
    settings = policy.settings
    calls = {
        pair.thresholds.liquidation.normalize(): pair.thresholds.margin_call
        for pair in portfolio.pairs.values()
        if pair.thresholds
    }
    return replace(
        policy,
        actions=tuple(_as_if_live(spec) for spec in policy.actions),
        settings=replace(
            settings,
            acts_with_own_key=False,
            prices_stale_after=max(settings.prices_stale_after, gap),
            # The simulation reports a liquidation at once.
            liquidations_stale_after=timedelta.max,
            isolated_margin_call={**settings.isolated_margin_call, **calls},
        ),
    )


def _as_if_live(spec: ActionSpec) -> ActionSpec:
    if spec.mode == "live" or spec.kind == "cancel_orders":
        return replace(spec, mode="live")
    return replace(
        spec, mode="live", max_amount=spec.max_amount or _NO_LIMIT, max_per_day=spec.max_per_day or _NO_LIMIT
    )


def _initial_state(settings: AccountSettings, portfolio: SimulatedPortfolio, at: datetime) -> AccountState:
    up = StreamStatus(connected=True, last_frame_at=_FAR_FUTURE, connects=1)
    return AccountState(
        account=settings.account,
        started_at=at,
        # No thresholds are read here: without those of the portfolio the documented ones are assumed at once.
        polling=PollingState(failed_at={"reference_data": at}),
        thresholds=ThresholdState(
            cross=portfolio.thresholds,
            tiers={symbol: threshold_tiers(pair) for symbol, pair in portfolio.pairs.items()},
        ),
        liquidations=LiquidationHistory((), at),
        keys=KeyState(is_accepted=True, permissions=_FULL_PERMISSIONS),
        streams=dict.fromkeys(required_streams(settings), up),
        reference=ReferenceState(terms_assumed=True),
    )


def _with_ends(frames: Iterable[MarketFrame]) -> Iterator[tuple[MarketFrame, datetime]]:
    """Yield each frame with the moment at which the next one begins."""
    last: MarketFrame | None = None
    for frame in frames:
        if last is not None:
            yield last, frame.at
        last = frame
    if last is not None:
        yield last, last.at + TRAILING_TIME


def _apply_reads(
    state: AccountState, portfolio: SimulatedPortfolio, frame: MarketFrame, now: datetime, *, with_symbol_rules: bool
) -> AccountState:
    if frame.prices:
        state = apply_account_event(
            state, PricesRead({name: Price(value, now) for name, value in frame.prices.items()}), now
        )
    if frame.is_read:
        thresholds = portfolio.thresholds or state.thresholds.cross
        tiers = {
            **state.thresholds.tiers,
            **{symbol: threshold_tiers(pair) for symbol, pair in portfolio.pairs.items() if pair.thresholds},
        }
        state = replace(state, thresholds=replace(state.thresholds, cross=thresholds, tiers=tiers))
        for event in balance_reads(portfolio, state.prices.newest, now):
            state = apply_account_event(state, event, now)
        if with_symbol_rules:
            state = apply_account_event(state, symbol_rules_read(portfolio, now), now)
    return state


def _execute(
    state: AccountState, portfolio: SimulatedPortfolio, intent: Intent, snapshot: OverriddenMetrics, now: datetime
) -> tuple[SimulatedPortfolio, Intent]:
    """Execute an intent's order on the portfolio. An order that can't be simulated is refused."""
    order, scope = intent.order, intent.scope
    position = build_scope_position(state, scope, snapshot.get((scope.kind, scope.symbol)))
    if position is None or isinstance(order, ManualCall):
        return portfolio, replace(intent, state=IntentState.REFUSED, settled_at=now, evidence="it can't be rehearsed")
    done = replace(intent, state=IntentState.CONFIRMED, submitted_at=now, settled_at=now, ref="rehearsal")
    return execute_order(portfolio, order, position), done


def _scopes_to_liquidate(portfolio: SimulatedPortfolio, prices: Mapping[str, Price]) -> tuple[Scope, ...]:
    """Scopes that the exchange would liquidate now."""
    by_scope = ((scope, portfolio.thresholds_of(scope)) for scope in portfolio.scopes)
    return tuple(
        scope
        for scope, thresholds in by_scope
        if thresholds is not None and margin_level_of(portfolio, scope, prices) <= thresholds.liquidation
    )


def _liquidation_read(
    state: AccountState, portfolio: SimulatedPortfolio, scope: Scope, now: datetime
) -> LiquidationsRead:
    """Liquidation read as the exchange would report it: one sale of the asset of the largest value."""
    known = state.liquidations.orders if state.liquidations is not None else ()
    worth = {
        row.asset: row.held * (usdt_price(row.asset, state.prices.newest) or 0) for row in portfolio.balances_of(scope)
    }
    asset = max(worth, key=lambda name: worth[name])
    held = next(row.held for row in portfolio.balances_of(scope) if row.asset == asset)
    price = usdt_price(asset, state.prices.newest) or Decimal(0)
    symbol = scope.symbol or f"{asset}USDT"
    sale = LiquidationOrder(symbol, "SELL", held, price, len(known) + 1, scope != CROSS, now)
    return LiquidationsRead((*known, sale))
