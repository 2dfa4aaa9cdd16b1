"""The figures of an account as a whole, and of how well the daemon sees it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.poll_intervals import interval_in_force, intervals, repaced, wanted_streams
from monitor.core.metrics.unknown_conditions import count
from monitor.core.metrics.valuation import AHEAD, is_fresh, newest_at, price_of
from monitor.core.model.account import INFINITE, ZERO, pairs_as_of
from monitor.core.model.blocks import counting
from monitor.core.model.metric import Missing, Value
from monitor.core.model.metric_values import Figures
from monitor.core.numbers.amounts import ONE
from monitor.core.state.account_state import AccountState, Settings, scopes
from monitor.core.state.stream_status import StreamState

UNAVAILABLE = Missing.UNAVAILABLE


def account_figures(state: AccountState, settings: Settings, now: datetime) -> Figures:
    """What concerns the account as a whole: its key, its liquidations and its blocked actions.

    Where a second key moves money, what is said holds for the worse of the two. What a refused key may do is not known.
    """
    accepted = None if state.key_accepted is None else state.key_accepted and state.action_key_accepted is not False
    keys = [key for key in (state.key, state.action_key) if key is not None] if accepted and state.key else []
    values: dict[str, Value] = {
        "key_accepted": UNAVAILABLE if accepted is None else Decimal(accepted),
        "actions_blocked": Decimal(len(counting(state.blocked))),
        "orders_open": _orders_open(state, settings),
        "liquidation_loan_usdt": _liquidation_loan(state, settings, now),
        "liquidations_24h": _liquidations(state, settings, now),
        "foreign_movements_24h": Decimal(len(state.hands.found)),
    }
    if not keys:
        values |= dict.fromkeys(("key_can_withdraw", "key_ip_restricted", "time_to_key_expiry"), UNAVAILABLE)
    else:
        values["key_can_withdraw"] = Decimal(any(key.withdrawals for key in keys))
        values["key_ip_restricted"] = Decimal(all(key.ip_restricted for key in keys))
        ends = [key.expires_at for key in keys if key.expires_at is not None]
        values["time_to_key_expiry"] = seconds_between(now, min(ends)) if ends else INFINITE
    return Figures("account", "", "ok", now, "poll", values, values)


def monitor_figures(state: AccountState, settings: Settings, scopes: Iterable[Figures], now: datetime) -> Figures:
    """How well the daemon sees this account: ages, streams, drift, its own health. `scopes`: cross and all pairs."""
    scopes = tuple(scopes)
    age, interval = _most_overdue(state, settings, scopes, now)
    streams = [state.streams.get(name, StreamState()) for name in wanted_streams(settings)]
    heard = [s.last_frame_at or s.changed_at or state.started_at for s in streams]
    drifts = [figures.drift for figures in scopes if figures.drift is not None]
    values: dict[str, Value] = {
        "data_age": age,
        "poll_interval": interval,
        "price_age": _age(_last_live_price(state), now),
        "stream_connected": Decimal(all(s.connected for s in streams)),
        "stream_silence": _age(min(heard), now),
        "clock_offset": _or_unavailable(state.health.clock_offset_s),
        "weight_used": _or_unavailable(state.health.weight_used),
        "live_drift": max(drifts) if drifts else UNAVAILABLE,
        "notifications_failing": Decimal(state.health.notifications_failing),
        "store_failing": Decimal(state.health.store_failing),
        "store_space_low": UNAVAILABLE if (low := state.health.store_space_low) is None else Decimal(low),
        "account_failing": Decimal(state.health.account_failing),
        "conditions_unknown": count(state.unknown, now),
    }
    return Figures("monitor", "", "ok", now, "poll", values, values)


def only_counted(state: AccountState, settings: Settings) -> frozenset[str]:
    """The metrics that are counted from the start because nothing has come yet: they can alarm, not reassure."""
    unread = (settings.cross and state.cross is None) or (settings.isolated != () and state.isolated is None)
    unheard = newest_at(state) is None or state.streams.get("market", StreamState()).last_frame_at is None
    return (frozenset({"data_age", "poll_interval"}) if unread else frozenset()) | (
        frozenset({"price_age"}) if unheard else frozenset()
    )


def _orders_open(state: AccountState, settings: Settings) -> Value:
    """The open orders of all watched scopes; not known while those of one scope are not."""
    watched = scopes(state, settings)
    if (settings.cross and state.cross is None) or (settings.isolated != () and state.isolated is None):
        return UNAVAILABLE
    known = [state.followed.orders.get(scope) for scope in watched if scope not in state.followed.disagreeing]
    if len(known) < len(watched) or any(orders is None or orders.read_at is None for orders in known):
        return UNAVAILABLE
    return Decimal(sum(len(orders.numbers) for orders in known if orders is not None))


def _liquidations(state: AccountState, settings: Settings, now: datetime) -> Value:
    """The orders of the last day; of a day that was not read to its end lately nobody knows how many it has."""
    if state.liquidations is None or not is_fresh(state.liquidations_at, now, settings.liquidations_stale_after):
        return UNAVAILABLE
    return Decimal(sum(1 for order in state.liquidations if order.at > now - timedelta(hours=24)))


def _liquidation_loan(state: AccountState, settings: Settings, now: datetime) -> Value:
    """What cross was left owing; nothing of the kind exists without cross."""
    if not settings.cross:
        return Missing.NOT_APPLICABLE
    loan = state.followed.liquidation_loan
    if loan is None or not is_fresh(loan.at, now, settings.reference_stale_after):
        return UNAVAILABLE
    if not loan.remaining:
        return ZERO
    price = price_of(loan.asset, state.prices)
    return UNAVAILABLE if price is None else loan.remaining * price


def seconds_between(earlier: datetime, later: datetime) -> Decimal:
    """Exact seconds from `earlier` to `later`; negative when it is the other way round."""
    return Decimal((later - earlier) // timedelta(microseconds=1)) / 1_000_000


def _age(at: datetime, now: datetime) -> Value:
    """Seconds since; not known where it lies in the future, beyond what is known of the time."""
    return UNAVAILABLE if at - now > AHEAD else max(ZERO, seconds_between(at, now))


def _blind_for(at: datetime, now: datetime) -> Decimal:
    """Seconds since a read; one that lies in the future is as far off as its stamp, and as good as none."""
    age = seconds_between(at, now)
    return abs(age) if at - now > AHEAD else max(ZERO, age)


def _last_live_price(state: AccountState) -> datetime:
    """When the newest price was true, but no later than the market stream was last heard.

    Prices that are polled because the stream is dead are no sign of its life.
    """
    heard = state.streams.get("market", StreamState()).last_frame_at
    return min(newest_at(state) or state.started_at, heard or state.started_at)


def _most_overdue(
    state: AccountState, settings: Settings, scopes: tuple[Figures, ...], now: datetime
) -> tuple[Decimal, Decimal]:
    """Age and interval (seconds) of the scope whose poll is most overdue, counted from the start while nothing came."""
    as_of: Mapping[str, datetime | None] = {
        "cross": state.cross.as_of if state.cross is not None else None,
        "isolated": pairs_as_of(state.isolated, settings.isolated),
    }
    reads = [
        (
            _blind_for(as_of[name] or state.started_at, now),
            _seconds(interval_in_force(paced, now)),
        )
        for name, paced in repaced(state, intervals(state, settings, scopes), now).items()
    ]
    return max(reads, key=lambda read: read[0] / read[1], default=(ZERO, ONE))


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def _or_unavailable(value: Decimal | None) -> Value:
    return UNAVAILABLE if value is None else value
