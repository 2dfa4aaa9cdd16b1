"""One account of the `status` document, as the daemon leaves it in the store."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import get_args

from monitor.core.metrics.asset import monitored, owed_rates
from monitor.core.metrics.collateral import may_leave
from monitor.core.metrics.cross import cross_figures, isolated_figures
from monitor.core.metrics.data_quality import Gap, gaps
from monitor.core.metrics.unknown_conditions import lasting
from monitor.core.metrics.valuation import newest_at
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import SEVERITIES, AlertState
from monitor.core.model.events import Oddity
from monitor.core.model.intent import IN_FLIGHT
from monitor.core.model.metric import Value
from monitor.core.model.metric_values import Danger, Figures, Holding
from monitor.core.numbers.amounts import EIGHT, ceil_to, floor_to, plain
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import scopes
from monitor.view.documents.recovery import restoration, restore_document
from monitor.view.json_values import (
    Document,
    age_number,
    balance_fields,
    decimal_text,
    moment_text,
    seconds_number,
)

_CROSS_LEVELS = (
    "margin_level",
    "polled_margin_level",
    "collateral_margin_level",
    "initial_level",
    "margin_call_level",
    "liquidation_level",
    "assets_usdt",
    "liabilities_usdt",
    "equity_usdt",
    "interest_usdt",
    "distance_to_liquidation",
    "drop_to_liquidation",
    "rise_to_liquidation",
    "drop_to_margin_call",
)
_ISOLATED_LEVELS = (
    "margin_level",
    "polled_margin_level",
    "initial_level",
    "margin_call_level",
    "liquidation_level",
    "index_price",
    "distance_to_liquidation",
    "interest_usdt",
)


def account_document(state: AccountState, settings: Settings, now: datetime, version: str) -> Document:
    """The account's figures, streams, and counts of alerts and intents at `now`.

    `stale_after_s` and `version` (of the program that wrote it) let a later reader judge its age by itself.
    `worst_alert` is the highest severity that fires, null when none does. `actions_stopped`: what alerts want and is
    not done, and why; `by_limit` where that is a limit which a person should change. `conditions_unknown`: the critical
    rules of which nobody can say whether they hold, and the figures that they lack. `monitored`: what is held or owed
    and bears the exchange's tag *Monitoring*.
    """
    cross = cross_document(state, settings, cross_figures(state, settings, now), now) if settings.cross else None
    isolated = [
        isolated_document(isolated_figures(state, settings, symbol, now), state, settings, now)
        for symbol in _symbols(state, settings)
    ]
    firing = [alert for alert in state.alerts.values() if alert.state is AlertState.FIRING]
    document: Document = {"account": state.account, "state": "unknown"}
    if cross is not None:
        document["cross"] = cross
    document |= {
        "isolated": isolated,
        "streams": [
            {
                "name": name,
                "connected": stream.connected,
                "subscriptions": list(stream.subscriptions),
                "last_frame_at": moment_text(stream.last_frame_at),
                "silence_s": age_number(stream.last_frame_at, now),
                "reconnects": stream.reconnects,
                **{oddity: stream.oddities.get(oddity, 0) for oddity in get_args(Oddity)},
            }
            for name, stream in sorted(state.streams.items())
        ],
        "rates": [
            {
                "asset": asset,
                "scope": scope.kind,
                "symbol": scope.symbol or None,
                "hourly": decimal_text(rate.hourly),
                "next_hourly": decimal_text(rate.next_hourly),
                "as_of": moment_text(rate.as_of),
            }
            for scope, asset, rate in owed_rates(state, settings)
        ],
        "clock_offset_s": seconds_number(state.health.clock_offset_s),
        "weight_used": decimal_text(state.health.weight_used),
        "alerts_firing": len(firing),
        "worst_alert": max((alert.severity for alert in firing), key=SEVERITIES.index, default=None),
        "intents_in_flight": sum(intent.state in IN_FLIGHT for intent in state.intents.values()),
        "actions_stopped": [
            {
                "scope": scope.kind,
                "symbol": scope.symbol or None,
                "action": action,
                "why": stop.reason,
                "by_limit": stop.counts,
            }
            for (scope, action), stop in state.blocked.items()
        ],
        "monitored": list(monitored(state, settings)),
        "conditions_unknown": [
            {
                "rule": key.rule,
                "scope": key.scope,
                "subject": key.subject or None,
                "lacking": list(one.lacking),
                "since": moment_text(one.since),
            }
            for key, one in sorted(lasting(state.unknown, now).items())
        ],
        "stale_after_s": seconds_number(settings.stale_after),
        "version": version,
    }
    document["state"] = account_state(document, key_refused=state.key_accepted is False)
    return document


def account_state(document: Document, *, key_refused: bool) -> str:
    """ok, stale, unknown or key_refused, from the states of the account's scopes: the worst one speaks."""
    states = [scope["state"] for scope in scope_documents(document)]
    if key_refused:
        return "key_refused"
    if all(state in ("unavailable", "not_created") for state in states):
        return "unknown"
    return "stale" if any(state in ("stale", "unavailable") for state in states) else "ok"


def scope_documents(document: Document) -> Iterator[Document]:
    """The cross document, if the account has one, and those of its pairs."""
    if document.get("cross") is not None:
        yield document["cross"]
    yield from document.get("isolated", ())


def cross_document(state: AccountState, settings: Settings, figures: Figures, now: datetime) -> Document:
    """Cross margin. A row's `value_usdt` is that of its net amount, so that the rows add up to the equity.

    `notice` is what the exchange said of the level after the last read; the worse of the two is the level.
    `may_leave`: of each asset what may be moved out while the collateral level that the exchange demands remains.
    """
    return {
        **_head(state, figures, now),
        "notice": None
        if figures.notice is None
        else {
            "level": plain(figures.notice.level),
            "status": figures.notice.status,
            "at": moment_text(figures.notice.at),
        },
        **{name: decimal_text(figures.shown.get(name)) for name in _CROSS_LEVELS},
        "time_to_liquidation_by_interest": seconds_number(figures.shown.get("time_to_liquidation_by_interest")),
        "balances": [_balance_row(holding) for holding in figures.holdings if not holding.balance.is_zero],
        "gaps": _gaps(gaps(state, settings, CROSS, figures, now)),
        "may_leave": [
            {"asset": one.asset, "amount": plain(one.amount), "value_usdt": plain(one.value_usdt)}
            for one in may_leave(state, settings, now)
        ],
        "restore": restore_document(restoration(state, CROSS, figures)),
    }


def isolated_document(figures: Figures, state: AccountState, settings: Settings, now: datetime) -> Document:
    """One isolated pair; `base` and `quote` are null while nothing is known of it."""
    pair = state.isolated.pairs.get(figures.subject) if state.isolated is not None else None
    holdings = {holding.balance.asset: holding for holding in figures.holdings}
    base = holdings.get(pair.base.asset) if pair is not None else None
    quote = holdings.get(pair.quote.asset) if pair is not None else None
    return {
        "symbol": figures.subject,
        **_head(state, figures, now),
        "status": pair.status.name if pair is not None and pair.status is not None else None,
        **{name: decimal_text(figures.shown.get(name)) for name in _ISOLATED_LEVELS},
        "liquidation_price": _price(figures.shown.get("liquidation_price"), base.danger if base is not None else None),
        "danger": base.danger if base is not None else None,
        "base": _side(base),
        "quote": _side(quote),
        "gaps": _gaps(gaps(state, settings, Scope(figures.subject), figures, now)),
        "restore": restore_document(restoration(state, Scope(figures.subject), figures)),
    }


def _gaps(found: Iterable[Gap]) -> list[Document]:
    return [{"kind": gap.kind, "name": gap.name or None, "text": gap.text} for gap in found]


def _symbols(state: AccountState, settings: Settings) -> tuple[str, ...]:
    if settings.isolated is not None:
        return settings.isolated
    return tuple(scope.symbol for scope in scopes(state, settings) if scope != CROSS)


def _head(state: AccountState, figures: Figures, now: datetime) -> Document:
    """How old the figures are: `as_of` is when the scope was read, `live_as_of` of when the prices since are."""
    live_as_of = newest_at(state) if figures.source == "live" else None
    return {
        "state": figures.state,
        "as_of": moment_text(figures.as_of),
        "age_s": age_number(figures.as_of, now),
        "source": figures.source,
        "live_as_of": moment_text(live_as_of),
        "live_age_s": age_number(live_as_of, now),
        "bars_origin": figures.bars.origin if figures.bars is not None else None,
    }


def _balance_row(holding: Holding) -> Document:
    price = holding.price
    value: Decimal | None = None if price is None else holding.balance.net * price
    return {
        **balance_fields(holding.balance),
        "price_usdt": decimal_text(price),
        "value_usdt": decimal_text(value),
        "hourly_rate": decimal_text(holding.hourly_rate),
        "liquidation_price": _price(holding.liquidation_price, holding.danger),
        "danger": holding.danger,
    }


def _price(price: Value | None, danger: Danger | None) -> str | None:
    """A price to the 8 decimals that the venue gives, never further away than it is."""
    if not isinstance(price, Decimal) or not price.is_finite():
        return None
    return plain(floor_to(price, EIGHT) if danger == "above" else ceil_to(price, EIGHT))


def _side(holding: Holding | None) -> Document | None:
    if holding is None:
        return None
    return {
        **balance_fields(holding.balance),
        "price_usdt": decimal_text(holding.price),
        "hourly_rate": decimal_text(holding.hourly_rate),
    }
