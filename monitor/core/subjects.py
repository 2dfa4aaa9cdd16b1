"""What rules look at: every subject of an account, and the figures of those that are no margin scope."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.account import INFINITE, ZERO, Balance
from monitor.core.alerts import MetricScope
from monitor.core.events import StreamName
from monitor.core.figures import Figures
from monitor.core.measure import cross_figures, isolated_figures
from monitor.core.metrics import METRICS, Missing, Value
from monitor.core.pace import below_initial, cross_interval, isolated_interval
from monitor.core.rates import hourly_rate
from monitor.core.state import AccountState, Settings, StreamState, scopes
from monitor.core.valuation import ONE, calibration, drift, is_fresh, newest, price_of, valued

UNAVAILABLE = Missing.UNAVAILABLE

Subject = tuple[MetricScope, str]

MEASURED = METRICS.keys() - {"orders_open", "liquidation_loan_usdt", "time_to_delist"}
"""The metrics that this version measures. A rule that reads another is refused, or left out of the shipped ladder."""


def subjects(state: AccountState, settings: Settings) -> tuple[Subject, ...]:
    """Every subject that exists now; a pair or asset that is not in it is gone (once all scopes were read)."""
    found: list[Subject] = [
        ("cross" if not scope.symbol else "isolated", scope.symbol) for scope in scopes(state, settings)
    ]
    found += [("asset", asset) for asset in all_assets(state)]
    return (*found, ("account", ""), ("monitor", ""))


def is_complete(state: AccountState, settings: Settings) -> bool:
    """Whether every watched scope was read, so that a missing subject is really gone."""
    pairs_known = settings.isolated == () or state.isolated is not None
    return pairs_known and (not settings.cross or state.cross is not None)


def figures_of(state: AccountState, settings: Settings, subject: Subject, now: datetime) -> Figures:
    """The figures of one subject."""
    kind, name = subject
    match kind:
        case "cross":
            return cross_figures(state, settings, now)
        case "isolated":
            return isolated_figures(state, settings, name, now)
        case "asset":
            return asset_figures(state, settings, name, now)
        case "account":
            return account_figures(state, now)
        case "monitor":
            return monitor_figures(state, settings, now)


def asset_figures(state: AccountState, settings: Settings, asset: str, now: datetime) -> Figures:
    """One asset over cross and all pairs together."""
    rows = [b for b in _all_balances(state) if b.asset == asset]
    price = price_of(asset, state.prices)
    rate = hourly_rate(state, asset)
    values: dict[str, Value] = {
        "held": sum((b.held for b in rows), ZERO),
        "owed": sum((b.owed for b in rows), ZERO),
        "hourly_rate": rate if rate is not None else UNAVAILABLE,
        "annual_rate": rate * 24 * 365 if rate is not None else UNAVAILABLE,
        "interest_24h_usdt": _interest_usdt(state, asset, price, now - timedelta(hours=24)),
        "interest_30d_usdt": _interest_usdt(state, asset, price, now - timedelta(days=30)),
    }
    for wallet in ("spot", "funding"):
        known = state.wallets.get(wallet)
        values[f"{wallet}_free"] = known.free.get(asset, ZERO) if known is not None else UNAVAILABLE
    if asset in settings.stable_assets and asset != "USDT":
        fresh = is_fresh(newest(state.prices), now, settings.prices_stale_after)
        values["peg_deviation"] = price - ONE if price is not None and fresh else UNAVAILABLE
    as_of = max((s.as_of for s in (state.cross, state.isolated) if s is not None), default=None)
    stale = not is_fresh(as_of, now, settings.stale_after)
    seen = dict.fromkeys(values, UNAVAILABLE) if stale else values
    return Figures("asset", asset, "stale" if stale else "ok", as_of, "poll", seen, values)


def account_figures(state: AccountState, now: datetime) -> Figures:
    """What concerns the account as a whole: its key and its blocked actions."""
    key = state.key
    values: dict[str, Value] = {
        "key_accepted": UNAVAILABLE if state.key_accepted is None else Decimal(state.key_accepted),
        "actions_blocked": Decimal(len(state.blocked)),
        "liquidations_24h": UNAVAILABLE
        if state.liquidations is None
        else Decimal(sum(1 for order in state.liquidations if order.at > now - timedelta(hours=24))),
    }
    if key is None:
        values |= dict.fromkeys(("key_can_withdraw", "key_ip_restricted", "time_to_key_expiry"), UNAVAILABLE)
    else:
        values["key_can_withdraw"] = Decimal(key.withdrawals)
        values["key_ip_restricted"] = Decimal(key.ip_restricted)
        values["time_to_key_expiry"] = INFINITE if key.expires_at is None else seconds_between(now, key.expires_at)
    return Figures("account", "", "ok", now, "poll", values, values)


def monitor_figures(state: AccountState, settings: Settings, now: datetime) -> Figures:
    """How well the daemon sees this account: ages, streams, drift, its own health."""
    age, interval = _most_overdue(state, settings, now)
    price_at = newest(state.prices)
    wanted: tuple[StreamName, ...] = ("account", "market", "risk") if settings.cross else ("account", "market")
    streams = [state.streams.get(name, StreamState()) for name in wanted]
    heard = [s.last_frame_at or s.changed_at or state.started_at for s in streams]
    values: dict[str, Value] = {
        "data_age": age,
        "poll_interval": interval,
        "price_age": seconds_between(price_at or state.started_at, now),
        "stream_connected": Decimal(all(s.connected for s in streams)),
        "stream_silence": seconds_between(min(heard), now),
        "clock_offset": _or_unavailable(state.health.clock_offset_s),
        "weight_used": _or_unavailable(state.health.weight_used),
        "live_drift": _cross_drift(state),
        "notifications_failing": Decimal(state.health.notifications_failing),
        "store_failing": Decimal(state.health.store_failing),
    }
    return Figures("monitor", "", "ok", now, "poll", values, values)


def all_assets(state: AccountState) -> tuple[str, ...]:
    """Every asset held or owed in any scope, in order."""
    return tuple(sorted({b.asset for b in _all_balances(state) if not b.is_zero}))


def seconds_between(earlier: datetime, later: datetime) -> Decimal:
    """Exact seconds from `earlier` to `later`; negative when it is the other way round."""
    return Decimal((later - earlier) // timedelta(microseconds=1)) / 1_000_000


def _interest_usdt(state: AccountState, asset: str, price: Decimal | None, since: datetime) -> Value:
    charged = [
        c.interest
        for (_, owed), known in state.interest.items()
        if owed == asset
        for c in known.recent
        if c.charged_at > since
    ]
    if not charged:
        return ZERO
    return sum(charged, ZERO) * price if price is not None else UNAVAILABLE


def _all_balances(state: AccountState) -> Iterator[Balance]:
    if state.cross is not None:
        yield from state.cross.balances.values()
    if state.isolated is not None:
        for pair in state.isolated.pairs.values():
            yield pair.base
            yield pair.quote


def _most_overdue(state: AccountState, settings: Settings, now: datetime) -> tuple[Decimal, Decimal]:
    """Age and interval (seconds) of the scope whose poll is most overdue, counted from the start while nothing came."""
    reads: list[tuple[Decimal, Decimal]] = []
    if settings.cross:
        cross = cross_figures(state, settings, now)
        near = below_initial(cross.shown.get("margin_level", UNAVAILABLE), cross.shown["initial_level"])
        as_of = state.cross.as_of if state.cross is not None else state.started_at
        reads.append(_read(as_of, cross_interval(state, settings, near), now))
    if settings.isolated != ():
        pairs = [isolated_figures(state, settings, s.symbol, now) for s in scopes(state, settings) if s.symbol]
        near = any(below_initial(pair.shown["margin_level"], pair.shown["initial_level"]) for pair in pairs)
        as_of = state.isolated.as_of if state.isolated is not None else state.started_at
        reads.append(_read(as_of, isolated_interval(state, settings, near), now))
    return max(reads, key=lambda read: read[0] / read[1], default=(ZERO, ONE))


def _read(as_of: datetime, interval: timedelta, now: datetime) -> tuple[Decimal, Decimal]:
    return max(ZERO, seconds_between(as_of, now)), Decimal(interval // timedelta(microseconds=1)) / 1_000_000


def _cross_drift(state: AccountState) -> Value:
    if state.cross is None or not state.cross.margin_level.is_finite():
        return ZERO if state.cross is not None else UNAVAILABLE
    own = valued(state.cross.balances.values(), state.cross_prices)
    factor = calibration(state.cross.margin_level, own.totals)
    return drift(factor) if factor is not None else UNAVAILABLE


def _or_unavailable(value: Decimal | None) -> Value:
    return UNAVAILABLE if value is None else value
