"""The catalogue of metrics: name, scopes, unit, range and meaning of each.

Rules, history, JSON, `/metrics` and the reference all read this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from types import MappingProxyType

from monitor.core.model.alert import MetricScope

PREFIX = "margin_monitor_"


class MissingValue(Enum):
    """Reason why a metric has no value. Infinite is not missing: it is INFINITE, larger than every number."""

    UNAVAILABLE = "unavailable"
    """Stale, rejected or never seen: every comparison with it is unknown."""
    NOT_APPLICABLE = "not applicable"
    """The subject has no such metric (`peg_deviation` of BTC): the subject is left out of the rule."""


MetricValue = Decimal | MissingValue


class MetricUnit(StrEnum):
    """Unit of a metric. A status is compared as Decimal(int(PairStatus)), a boolean is 0 or 1."""

    LEVEL = "level"
    FRACTION = "fraction"
    USDT = "usdt"
    AMOUNT = "asset amount"
    PRICE = "price"
    SECONDS = "seconds"
    COUNT = "count"
    BOOLEAN = "boolean"
    STATUS = "status"


_SUFFIXES: Mapping[MetricUnit, str] = {
    MetricUnit.LEVEL: "_ratio",
    MetricUnit.FRACTION: "_ratio",
    MetricUnit.USDT: "_usdt",
    MetricUnit.SECONDS: "_seconds",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its scopes, its unit, and the finite values (`low` to `high`) that it may be compared with."""

    name: str
    scopes: tuple[MetricScope, ...]
    unit: MetricUnit
    low: Decimal
    high: Decimal
    meaning: str

    @property
    def exposition(self) -> str:
        """Name of the metric in `/metrics`: prefix, name, and the suffix of its base unit."""
        suffix = _SUFFIXES.get(self.unit, "")
        return f"{PREFIX}{self.name}" if self.name.endswith(suffix) else f"{PREFIX}{self.name}{suffix}"


def metrics_of(scope: MetricScope) -> tuple[Metric, ...]:
    """Return the metrics of one scope, in the order of the table."""
    return tuple(metric for metric in METRICS.values() if scope in metric.scopes)


_CROSS: tuple[MetricScope, ...] = ("cross",)
_PAIR: tuple[MetricScope, ...] = ("isolated",)
_MARGIN: tuple[MetricScope, ...] = ("cross", "isolated")
_ASSET: tuple[MetricScope, ...] = ("asset",)
_ACCOUNT: tuple[MetricScope, ...] = ("account",)
_MONITOR: tuple[MetricScope, ...] = ("monitor",)

_RANGES: Mapping[MetricUnit, tuple[str, str]] = {
    MetricUnit.LEVEL: ("0", "100"),
    MetricUnit.FRACTION: ("0", "10"),
    MetricUnit.USDT: ("0", "1E15"),
    MetricUnit.AMOUNT: ("0", "1E30"),
    MetricUnit.PRICE: ("0", "1E30"),
    MetricUnit.SECONDS: ("0", "3153600000"),
    MetricUnit.COUNT: ("0", "1E9"),
    MetricUnit.BOOLEAN: ("0", "1"),
    MetricUnit.STATUS: ("0", "4"),
}


def _metric(
    name: str, scopes: tuple[MetricScope, ...], unit: MetricUnit, meaning: str, low: str = "", high: str = ""
) -> Metric:
    usual_low, usual_high = _RANGES[unit]
    return Metric(name, scopes, unit, Decimal(low or usual_low), Decimal(high or usual_high), meaning)


_TABLE = (
    _metric(
        "margin_level",
        _MARGIN,
        MetricUnit.LEVEL,
        "assets ÷ liabilities, the best current figure: revalued live while prices are fresh, else the last polled or, "
        "where that is worse, what later prices made of it",
    ),
    _metric("polled_margin_level", _MARGIN, MetricUnit.LEVEL, "the exchange's own level, as last polled"),
    _metric(
        "collateral_margin_level",
        _CROSS,
        MetricUnit.LEVEL,
        "the exchange's level after haircuts, which decides borrowing and transfers out",
    ),
    _metric("initial_level", _MARGIN, MetricUnit.LEVEL, "threshold below which nothing more can be borrowed"),
    _metric("margin_call_level", _MARGIN, MetricUnit.LEVEL, "threshold at which the exchange calls for margin"),
    _metric("liquidation_level", _MARGIN, MetricUnit.LEVEL, "threshold at which the exchange liquidates"),
    _metric("assets_usdt", _MARGIN, MetricUnit.USDT, "value of everything held"),
    _metric("liabilities_usdt", _MARGIN, MetricUnit.USDT, "value of everything owed, interest included"),
    _metric("equity_usdt", _MARGIN, MetricUnit.USDT, "assets minus liabilities", low="-1E15"),
    _metric("interest_usdt", _MARGIN, MetricUnit.USDT, "value of the interest owed and not yet repaid"),
    _metric(
        "distance_to_liquidation",
        _MARGIN,
        MetricUnit.FRACTION,
        "cross: the smaller of drop and rise to liquidation; isolated: |index − liquidation price| ÷ index",
    ),
    _metric(
        "drop_to_liquidation",
        _MARGIN,
        MetricUnit.FRACTION,
        "by how much all assets that are not stable must fall together; 0 if already there",
        high="1",
    ),
    _metric(
        "rise_to_liquidation",
        _MARGIN,
        MetricUnit.FRACTION,
        "by how much all assets that are not stable must rise together; may exceed 100%",
    ),
    _metric(
        "drop_to_margin_call",
        _MARGIN,
        MetricUnit.FRACTION,
        "by how much all assets that are not stable must fall together to reach the margin call",
        high="1",
    ),
    _metric(
        "time_to_liquidation_by_interest",
        _MARGIN,
        MetricUnit.SECONDS,
        "time until interest alone brings the level to liquidation, a step at each full hour",
    ),
    _metric(
        "margin_level_change_5m",
        _MARGIN,
        MetricUnit.LEVEL,
        "by prices alone: the level now minus the level of the present balances at the prices of 5 minutes ago",
        low="-100",
    ),
    _metric(
        "liquidation_odds_1d",
        _MARGIN,
        MetricUnit.FRACTION,
        "share of the days of the past, by the hour, in which the balances and debts of now would have touched the "
        "liquidation level; 0 when nothing is owed",
        high="1",
    ),
    _metric(
        "liquidation_odds_7d",
        _MARGIN,
        MetricUnit.FRACTION,
        "`liquidation_odds_1d` over windows of seven days",
        high="1",
    ),
    _metric(
        "worst_level_1d",
        _MARGIN,
        MetricUnit.LEVEL,
        "the lowest level that the balances and debts of now would have had in any day of the past",
    ),
    _metric(
        "status",
        _PAIR,
        MetricUnit.STATUS,
        "the exchange's status, in `/metrics` and histories as a number: "
        "0 EXCESSIVE < 1 NORMAL < 2 MARGIN_CALL < 3 PRE_LIQUIDATION < 4 FORCE_LIQUIDATION",
    ),
    _metric("index_price", _PAIR, MetricUnit.PRICE, "the exchange's index price, quote per base"),
    _metric("liquidation_price", _PAIR, MetricUnit.PRICE, "index price at which the pair is liquidated"),
    _metric("base_held", _PAIR, MetricUnit.AMOUNT, "free and locked of the base asset"),
    _metric("quote_held", _PAIR, MetricUnit.AMOUNT, "free and locked of the quote asset"),
    _metric("base_borrowed", _PAIR, MetricUnit.AMOUNT, "principal owed of the base asset"),
    _metric("quote_borrowed", _PAIR, MetricUnit.AMOUNT, "principal owed of the quote asset"),
    _metric("time_to_delist", ("isolated", "asset"), MetricUnit.SECONDS, "time until margin trading of it ends"),
    _metric(
        "monitoring_tag",
        _ASSET,
        MetricUnit.BOOLEAN,
        "1 when the exchange has tagged it Monitoring, as it does weeks before it delists an asset",
    ),
    _metric("held", _ASSET, MetricUnit.AMOUNT, "free and locked, cross and all pairs together"),
    _metric("owed", _ASSET, MetricUnit.AMOUNT, "principal and interest, cross and all pairs together"),
    _metric("price_usdt", _ASSET, MetricUnit.USDT, "price of one unit in USDT, the newest known"),
    _metric(
        "hourly_rate", _ASSET, MetricUnit.FRACTION, "highest interest rate an hour now paid; not owed: that of cross"
    ),
    _metric(
        "next_hourly_rate", _ASSET, MetricUnit.FRACTION, "the rate of the coming hour where it is owed, as published"
    ),
    _metric("annual_rate", _ASSET, MetricUnit.FRACTION, "the hourly rate times the hours of 365 days", high="1000"),
    _metric(
        "rate_change_24h",
        _ASSET,
        MetricUnit.FRACTION,
        "change of the rate against 24 hours ago, relative to the rate then",
        low="-1",
        high="1000",
    ),
    _metric("interest_24h_usdt", _ASSET, MetricUnit.USDT, "interest charged in the last 24 hours"),
    _metric("interest_30d_usdt", _ASSET, MetricUnit.USDT, "interest charged in the last 30 days"),
    _metric(
        "peg_deviation",
        _ASSET,
        MetricUnit.FRACTION,
        "price against its peg, minus one: −2% is two per cent too cheap",
        low="-1",
    ),
    _metric(
        "peg_ratio",
        _ASSET,
        MetricUnit.PRICE,
        "price in the asset that it should track; of a stable asset in USDT",
    ),
    _metric("spot_free", _ASSET, MetricUnit.AMOUNT, "free in the spot wallet"),
    _metric("funding_free", _ASSET, MetricUnit.AMOUNT, "free in the funding wallet"),
    _metric("orders_open", _ACCOUNT, MetricUnit.COUNT, "open margin orders"),
    _metric("liquidations_24h", _ACCOUNT, MetricUnit.COUNT, "liquidations by the exchange in the last 24 hours"),
    _metric(
        "foreign_movements_24h",
        _ACCOUNT,
        MetricUnit.COUNT,
        "movements of the last 24 hours that sending actions could make and that no order of this database explains",
    ),
    _metric("liquidation_loan_usdt", _ACCOUNT, MetricUnit.USDT, "what is still owed after a liquidation"),
    _metric("key_accepted", _ACCOUNT, MetricUnit.BOOLEAN, "1 when the exchange accepts the API key"),
    _metric("key_can_withdraw", _ACCOUNT, MetricUnit.BOOLEAN, "1 when the API key may withdraw, which it never should"),
    _metric("key_ip_restricted", _ACCOUNT, MetricUnit.BOOLEAN, "1 when the API key is bound to addresses"),
    _metric("time_to_key_expiry", _ACCOUNT, MetricUnit.SECONDS, "time until the API key expires"),
    _metric("actions_blocked", _ACCOUNT, MetricUnit.COUNT, "live actions of firing alerts that a limit stops"),
    _metric(
        "data_age", _MONITOR, MetricUnit.SECONDS, "age of the newest snapshot of the scope whose poll is most overdue"
    ),
    _metric("poll_interval", _MONITOR, MetricUnit.SECONDS, "interval now in force for that scope"),
    _metric(
        "price_age",
        _MONITOR,
        MetricUnit.SECONDS,
        "time since the newest price of the market stream; polled prices do not count",
    ),
    _metric("stream_connected", _MONITOR, MetricUnit.BOOLEAN, "1 when all streams of the account are connected"),
    _metric("stream_silence", _MONITOR, MetricUnit.SECONDS, "longest time since the last frame of a stream"),
    _metric("clock_offset", _MONITOR, MetricUnit.SECONDS, "exchange clock minus ours", low="-3153600000"),
    _metric("weight_used", _MONITOR, MetricUnit.FRACTION, "share used of the fullest request weight pool"),
    _metric(
        "live_drift",
        _MONITOR,
        MetricUnit.FRACTION,
        "relative difference of the live level from the exchange's at the last read, in the worst scope",
    ),
    _metric("notifications_failing", _MONITOR, MetricUnit.COUNT, "channels whose last message failed"),
    _metric("store_failing", _MONITOR, MetricUnit.BOOLEAN, "1 while the database can't be written"),
    _metric(
        "store_space_low",
        _MONITOR,
        MetricUnit.BOOLEAN,
        "1 while less than 500 MB, or 5%, is free where the database lies (PostgreSQL: in the state folder)",
    ),
    _metric(
        "account_failing",
        _MONITOR,
        MetricUnit.BOOLEAN,
        "1 while an account's tasks are down, or after they fell again and again in the last minute",
    ),
    _metric(
        "lease_held",
        _MONITOR,
        MetricUnit.BOOLEAN,
        "1 while this daemon has proved in the last four seconds that it holds the account: only then it sends orders",
    ),
    _metric(
        "conditions_unknown",
        _MONITOR,
        MetricUnit.COUNT,
        "critical rules × subjects whose condition is unknown for over a minute while the account is read; "
        "longer where nothing but a history is missing that has yet to grow",
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""Every metric by name."""
