"""One account of the status document, as the daemon stores it."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from monitor.core.metrics.asset import list_debt_rates, monitoring_tagged_assets
from monitor.core.metrics.collateral import transfer_out_limits
from monitor.core.metrics.data_quality import DataIssue, find_data_issues
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.metrics.unknown_conditions import filter_lasting
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.alert import AlertState, severity_rank
from monitor.core.model.intent import IN_FLIGHT_STATES
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import LiquidationSide, MetricValues, ValuedBalance
from monitor.core.model.stream_payloads import StreamName
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ceil_to, floor_to, format_decimal
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import watched_scopes
from monitor.core.state.stream_status import StreamStatus
from monitor.view.documents.recovery import find_recovery, recovery_document
from monitor.view.documents.status import account_state
from monitor.view.documents.types.account import AccountDocument, StreamDocument
from monitor.view.documents.types.balances import BalanceDocument, CrossBalanceDocument, PairSideDocument
from monitor.view.documents.types.scopes import CrossDocument, DataGapDocument, IsolatedDocument
from monitor.view.json_values import json_age, json_decimal, json_seconds, json_time
from monitor.view.past.windows_document import past_day_document


def account_document(
    state: AccountState,
    settings: AccountSettings,
    now: datetime,
    version: str,
    metrics: MetricsSnapshot | None = None,
) -> AccountDocument:
    """The account's figures, streams, and counts of alerts and intents at `now`.

    `stale_after_s` and `version` (of the program that wrote it) let a later reader judge the document's age.
    `worst_alert` is the highest severity that fires, null when none does. `actions_stopped`: actions that alerts ask
    for and that are blocked, and why; `by_limit` where a person should change a limit. `conditions_unknown`: critical
    rules whose condition can't be evaluated, and the figures that they lack. `monitored`: assets held or owed that bear
    the exchange's tag *Monitoring*. `metrics`: the figures, if they have been measured already.
    """
    metrics = metrics or MetricsSnapshot(state, settings, now)
    cross = cross_document(state, settings, metrics.get(("cross", "")), now) if settings.cross else None
    isolated = [
        isolated_document(metrics.get(("isolated", symbol)), state, settings, now)
        for symbol in _symbols(state, settings)
    ]
    firing = sorted(
        (alert.severity for alert in state.alerts.values() if alert.state is AlertState.FIRING), key=severity_rank
    )
    document: AccountDocument = {
        "account": state.account,
        "state": "unknown",
        "isolated": isolated,
        "streams": [_stream_document(name, stream, now) for name, stream in sorted(state.streams.items())],
        "rates": [
            {
                "asset": asset,
                "scope": scope.kind,
                "symbol": scope.symbol or None,
                "hourly": format_decimal(rate.hourly),
                "next_hourly": json_decimal(rate.next_hourly),
                "as_of": json_time(rate.as_of),
            }
            for scope, asset, rate in list_debt_rates(state, settings)
        ],
        "clock_offset_s": json_seconds(state.health.clock_offset_s),
        "weight_used": json_decimal(state.health.weight_used),
        "alerts_firing": len(firing),
        "worst_alert": firing[-1] if firing else None,
        "intents_in_flight": sum(intent.state in IN_FLIGHT_STATES for intent in state.intents.values()),
        "actions_stopped": [
            {
                "scope": scope.kind,
                "symbol": scope.symbol or None,
                "action": action,
                "why": stop.reason,
                "by_limit": stop.blocks_live_action,
            }
            for (scope, action), stop in state.action_blocks.items()
        ],
        "monitored": list(monitoring_tagged_assets(state, settings)),
        "conditions_unknown": [
            {
                "rule": key.rule,
                "scope": key.scope,
                "subject": key.subject or None,
                "lacking": list(one.missing_metrics),
                "since": json_time(one.since),
            }
            for key, one in sorted(filter_lasting(state.measurement.unknown_conditions, now).items())
        ],
        "stale_after_s": json_seconds(settings.stale_after),
        "version": version,
    }
    if cross is not None:
        document["cross"] = cross
    document["state"] = account_state(document, key_refused=state.keys.is_accepted is False)
    return document


def cross_document(
    state: AccountState, settings: AccountSettings, figures: MetricValues, now: datetime
) -> CrossDocument:
    """Cross margin. A row's `value_usdt` is that of its net amount, so that the rows add up to the equity.

    `notice` is the level that the exchange reported after the last read; the worse of the two is the level.
    `may_leave`: the amount of each asset that may be moved out while the exchange's collateral level is kept.
    """
    levels = figures.display.get
    live_as_of = _live_as_of(state, figures)
    return {
        "state": figures.state,
        "as_of": json_time(figures.as_of),
        "age_s": json_age(figures.as_of, now),
        "source": figures.source,
        "live_as_of": json_time(live_as_of),
        "live_age_s": json_age(live_as_of, now),
        "bars_origin": figures.thresholds.origin if figures.thresholds is not None else None,
        "notice": None
        if figures.notice is None
        else {
            "level": format_decimal(figures.notice.level),
            "status": figures.notice.status,
            "at": json_time(figures.notice.at),
        },
        "margin_level": json_decimal(levels("margin_level")),
        "polled_margin_level": json_decimal(levels("polled_margin_level")),
        "collateral_margin_level": json_decimal(levels("collateral_margin_level")),
        "initial_level": json_decimal(levels("initial_level")),
        "margin_call_level": json_decimal(levels("margin_call_level")),
        "liquidation_level": json_decimal(levels("liquidation_level")),
        "assets_usdt": json_decimal(levels("assets_usdt")),
        "liabilities_usdt": json_decimal(levels("liabilities_usdt")),
        "equity_usdt": json_decimal(levels("equity_usdt")),
        "interest_usdt": json_decimal(levels("interest_usdt")),
        "distance_to_liquidation": json_decimal(levels("distance_to_liquidation")),
        "drop_to_liquidation": json_decimal(levels("drop_to_liquidation")),
        "rise_to_liquidation": json_decimal(levels("rise_to_liquidation")),
        "drop_to_margin_call": json_decimal(levels("drop_to_margin_call")),
        "time_to_liquidation_by_interest": json_seconds(levels("time_to_liquidation_by_interest")),
        "balances": [_balance_row(holding) for holding in figures.holdings if not holding.balance.is_zero],
        "gaps": _data_issues(find_data_issues(state, settings, CROSS, figures, now)),
        "may_leave": [
            {
                "asset": limit.asset,
                "amount": format_decimal(limit.amount),
                "value_usdt": format_decimal(limit.value_usdt),
            }
            for limit in transfer_out_limits(state, settings, now)
        ],
        "restore": recovery_document(find_recovery(state, CROSS, figures)),
        "past_day": None if figures.state == "no_debt" else past_day_document(state, CROSS, now),
    }


def isolated_document(
    figures: MetricValues, state: AccountState, settings: AccountSettings, now: datetime
) -> IsolatedDocument:
    """One isolated pair; `base` and `quote` are null while nothing is known of the pair."""
    pair = state.polled_pair(figures.subject)
    holdings = {holding.balance.asset: holding for holding in figures.holdings}
    base = holdings.get(pair.base.asset) if pair is not None else None
    quote = holdings.get(pair.quote.asset) if pair is not None else None
    levels = figures.display.get
    live_as_of = _live_as_of(state, figures)
    return {
        "symbol": figures.subject,
        "state": figures.state,
        "as_of": json_time(figures.as_of),
        "age_s": json_age(figures.as_of, now),
        "source": figures.source,
        "live_as_of": json_time(live_as_of),
        "live_age_s": json_age(live_as_of, now),
        "bars_origin": figures.thresholds.origin if figures.thresholds is not None else None,
        "status": pair.status.name if pair is not None and pair.status is not None else None,
        "margin_level": json_decimal(levels("margin_level")),
        "polled_margin_level": json_decimal(levels("polled_margin_level")),
        "initial_level": json_decimal(levels("initial_level")),
        "margin_call_level": json_decimal(levels("margin_call_level")),
        "liquidation_level": json_decimal(levels("liquidation_level")),
        "index_price": json_decimal(levels("index_price")),
        "distance_to_liquidation": json_decimal(levels("distance_to_liquidation")),
        "interest_usdt": json_decimal(levels("interest_usdt")),
        "liquidation_price": _price(levels("liquidation_price"), base.liquidation_side if base is not None else None),
        "danger": base.liquidation_side if base is not None else None,
        "base": _side(base),
        "quote": _side(quote),
        "gaps": _data_issues(find_data_issues(state, settings, Scope(figures.subject), figures, now)),
        "restore": recovery_document(find_recovery(state, Scope(figures.subject), figures)),
        "past_day": None if figures.state == "no_debt" else past_day_document(state, Scope(figures.subject), now),
    }


def _data_issues(issues: Iterable[DataIssue]) -> list[DataGapDocument]:
    return [{"kind": gap.kind, "name": gap.name or None, "text": gap.text} for gap in issues]


def _symbols(state: AccountState, settings: AccountSettings) -> tuple[str, ...]:
    if settings.isolated is not None:
        return settings.isolated
    return tuple(scope.symbol for scope in watched_scopes(state, settings) if scope != CROSS)


def _live_as_of(state: AccountState, figures: MetricValues) -> datetime | None:
    """The time of the newest prices since the scope's read."""
    return state.prices.newest_at if figures.source == "live" else None


def _stream_document(name: StreamName, stream: StreamStatus, now: datetime) -> StreamDocument:
    return {
        "name": name,
        "connected": stream.connected,
        "subscriptions": list(stream.subscriptions),
        "last_frame_at": json_time(stream.last_frame_at),
        "silence_s": json_age(stream.last_frame_at, now),
        "reconnects": stream.reconnects,
        "rejected": stream.anomalies.get("rejected", 0),
        "repeated": stream.anomalies.get("repeated", 0),
        "late": stream.anomalies.get("late", 0),
        "unknown": stream.anomalies.get("unknown", 0),
    }


def _balance_document(balance: Balance) -> BalanceDocument:
    return {
        "asset": balance.asset,
        "free": format_decimal(balance.free),
        "locked": format_decimal(balance.locked),
        "borrowed": format_decimal(balance.borrowed),
        "interest": format_decimal(balance.interest),
        "net": format_decimal(balance.net),
    }


def _balance_row(holding: ValuedBalance) -> CrossBalanceDocument:
    price = holding.price
    value: Decimal | None = None if price is None else holding.balance.net * price
    return {
        **_balance_document(holding.balance),
        "price_usdt": json_decimal(price),
        "value_usdt": json_decimal(value),
        "hourly_rate": json_decimal(holding.hourly_rate),
        "liquidation_price": _price(holding.liquidation_price, holding.liquidation_side),
        "danger": holding.liquidation_side,
    }


def _price(price: MetricValue | None, danger: LiquidationSide | None) -> str | None:
    """A price to the 8 decimals of the exchange, rounded so that it never looks further away than it is."""
    if not isinstance(price, Decimal) or not price.is_finite():
        return None
    return format_decimal(floor_to(price, EIGHT_DECIMALS) if danger == "above" else ceil_to(price, EIGHT_DECIMALS))


def _side(holding: ValuedBalance | None) -> PairSideDocument | None:
    if holding is None:
        return None
    return {
        **_balance_document(holding.balance),
        "price_usdt": json_decimal(holding.price),
        "hourly_rate": json_decimal(holding.hourly_rate),
    }
