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


class Missing(Enum):
    """Reason why a metric has no value. Infinite is not missing: it is INFINITE, larger than every number."""

    UNAVAILABLE = "unavailable"
    """Stale, rejected or never seen: every comparison with it is unknown."""
    NOT_APPLICABLE = "not applicable"
    """The subject has no such metric (`peg_deviation` of BTC): the subject is left out of the rule."""


MetricValue = Decimal | Missing


class Unit(StrEnum):
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


_SUFFIXES: Mapping[Unit, str] = {
    Unit.LEVEL: "_ratio",
    Unit.FRACTION: "_ratio",
    Unit.USDT: "_usdt",
    Unit.SECONDS: "_seconds",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its scopes, its unit, and the finite values (`low` to `high`) that it may be compared with."""

    name: str
    scopes: tuple[MetricScope, ...]
    unit: Unit
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

_RANGES: Mapping[Unit, tuple[str, str]] = {
    Unit.LEVEL: ("0", "100"),
    Unit.FRACTION: ("0", "10"),
    Unit.USDT: ("0", "1E15"),
    Unit.AMOUNT: ("0", "1E30"),
    Unit.PRICE: ("0", "1E30"),
    Unit.SECONDS: ("0", "3153600000"),
    Unit.COUNT: ("0", "1E9"),
    Unit.BOOLEAN: ("0", "1"),
    Unit.STATUS: ("0", "4"),
}


def _metric(
    name: str, scopes: tuple[MetricScope, ...], unit: Unit, meaning: str, low: str = "", high: str = ""
) -> Metric:
    usual_low, usual_high = _RANGES[unit]
    return Metric(name, scopes, unit, Decimal(low or usual_low), Decimal(high or usual_high), meaning)


_TABLE = (
    _metric(
        "margin_level",
        _MARGIN,
        Unit.LEVEL,
        "assets ÷ liabilities, the best current figure: revalued live while prices are fresh, else the last polled or, "
        "where that is worse, what later prices made of it",
    ),
    _metric("polled_margin_level", _MARGIN, Unit.LEVEL, "the exchange's own level, as last polled"),
    _metric(
        "collateral_margin_level",
        _CROSS,
        Unit.LEVEL,
        "the exchange's level after haircuts, which decides borrowing and transfers out",
    ),
    _metric("initial_level", _MARGIN, Unit.LEVEL, "threshold below which nothing more can be borrowed"),
    _metric("margin_call_level", _MARGIN, Unit.LEVEL, "threshold at which the exchange calls for margin"),
    _metric("liquidation_level", _MARGIN, Unit.LEVEL, "threshold at which the exchange liquidates"),
    _metric("assets_usdt", _MARGIN, Unit.USDT, "value of everything held"),
    _metric("liabilities_usdt", _MARGIN, Unit.USDT, "value of everything owed, interest included"),
    _metric("equity_usdt", _MARGIN, Unit.USDT, "assets minus liabilities", low="-1E15"),
    _metric("interest_usdt", _MARGIN, Unit.USDT, "value of the interest owed and not yet repaid"),
    _metric(
        "distance_to_liquidation",
        _MARGIN,
        Unit.FRACTION,
        "cross: the smaller of drop and rise to liquidation; isolated: |index − liquidation price| ÷ index",
    ),
    _metric(
        "drop_to_liquidation",
        _MARGIN,
        Unit.FRACTION,
        "by how much all assets that are not stable must fall together; 0 if already there",
        high="1",
    ),
    _metric(
        "rise_to_liquidation",
        _MARGIN,
        Unit.FRACTION,
        "by how much all assets that are not stable must rise together; may exceed 100%",
    ),
    _metric(
        "drop_to_margin_call",
        _MARGIN,
        Unit.FRACTION,
        "by how much all assets that are not stable must fall together to reach the margin call",
        high="1",
    ),
    _metric(
        "time_to_liquidation_by_interest",
        _MARGIN,
        Unit.SECONDS,
        "time until interest alone brings the level to liquidation, a step at each full hour",
    ),
    _metric(
        "margin_level_change_5m",
        _MARGIN,
        Unit.LEVEL,
        "by prices alone: the level now minus the level of the present balances at the prices of 5 minutes ago",
        low="-100",
    ),
    _metric(
        "status",
        _PAIR,
        Unit.STATUS,
        "the exchange's status: EXCESSIVE < NORMAL < MARGIN_CALL < PRE_LIQUIDATION < FORCE_LIQUIDATION",
    ),
    _metric("index_price", _PAIR, Unit.PRICE, "the exchange's index price, quote per base"),
    _metric("liquidation_price", _PAIR, Unit.PRICE, "index price at which the pair is liquidated"),
    _metric("base_held", _PAIR, Unit.AMOUNT, "free and locked of the base asset"),
    _metric("quote_held", _PAIR, Unit.AMOUNT, "free and locked of the quote asset"),
    _metric("base_borrowed", _PAIR, Unit.AMOUNT, "principal owed of the base asset"),
    _metric("quote_borrowed", _PAIR, Unit.AMOUNT, "principal owed of the quote asset"),
    _metric("time_to_delist", ("isolated", "asset"), Unit.SECONDS, "time until margin trading of it ends"),
    _metric(
        "monitoring_tag",
        _ASSET,
        Unit.BOOLEAN,
        "1 when the exchange has tagged it Monitoring, as it does weeks before it delists an asset",
    ),
    _metric("held", _ASSET, Unit.AMOUNT, "free and locked, cross and all pairs together"),
    _metric("owed", _ASSET, Unit.AMOUNT, "principal and interest, cross and all pairs together"),
    _metric("price_usdt", _ASSET, Unit.USDT, "price of one unit in USDT, the newest known"),
    _metric("hourly_rate", _ASSET, Unit.FRACTION, "highest interest rate an hour now paid; not owed: that of cross"),
    _metric("next_hourly_rate", _ASSET, Unit.FRACTION, "the rate of the coming hour where it is owed, as published"),
    _metric("annual_rate", _ASSET, Unit.FRACTION, "the hourly rate times the hours of 365 days", high="1000"),
    _metric(
        "rate_change_24h",
        _ASSET,
        Unit.FRACTION,
        "change of the rate against 24 hours ago, relative to the rate then",
        low="-1",
        high="1000",
    ),
    _metric("interest_24h_usdt", _ASSET, Unit.USDT, "interest charged in the last 24 hours"),
    _metric("interest_30d_usdt", _ASSET, Unit.USDT, "interest charged in the last 30 days"),
    _metric(
        "peg_deviation",
        _ASSET,
        Unit.FRACTION,
        "price against its peg, minus one: −2% is two per cent too cheap",
        low="-1",
    ),
    _metric(
        "peg_ratio",
        _ASSET,
        Unit.PRICE,
        "price in the asset that it should track; of a stable asset in USDT",
    ),
    _metric("spot_free", _ASSET, Unit.AMOUNT, "free in the spot wallet"),
    _metric("funding_free", _ASSET, Unit.AMOUNT, "free in the funding wallet"),
    _metric("orders_open", _ACCOUNT, Unit.COUNT, "open margin orders"),
    _metric("liquidations_24h", _ACCOUNT, Unit.COUNT, "liquidations by the exchange in the last 24 hours"),
    _metric(
        "foreign_movements_24h",
        _ACCOUNT,
        Unit.COUNT,
        "movements of the last 24 hours that sending actions could make and that no order of this database explains",
    ),
    _metric("liquidation_loan_usdt", _ACCOUNT, Unit.USDT, "what is still owed after a liquidation"),
    _metric("key_accepted", _ACCOUNT, Unit.BOOLEAN, "1 when the exchange accepts the API key"),
    _metric("key_can_withdraw", _ACCOUNT, Unit.BOOLEAN, "1 when the API key may withdraw, which it never should"),
    _metric("key_ip_restricted", _ACCOUNT, Unit.BOOLEAN, "1 when the API key is bound to addresses"),
    _metric("time_to_key_expiry", _ACCOUNT, Unit.SECONDS, "time until the API key expires"),
    _metric("actions_blocked", _ACCOUNT, Unit.COUNT, "live actions of firing alerts that a limit stops"),
    _metric("data_age", _MONITOR, Unit.SECONDS, "age of the newest snapshot of the scope whose poll is most overdue"),
    _metric("poll_interval", _MONITOR, Unit.SECONDS, "interval now in force for that scope"),
    _metric(
        "price_age",
        _MONITOR,
        Unit.SECONDS,
        "time since the newest price of the market stream; polled prices do not count",
    ),
    _metric("stream_connected", _MONITOR, Unit.BOOLEAN, "1 when all streams of the account are connected"),
    _metric("stream_silence", _MONITOR, Unit.SECONDS, "longest time since the last frame of a stream"),
    _metric("clock_offset", _MONITOR, Unit.SECONDS, "exchange clock minus ours", low="-3153600000"),
    _metric("weight_used", _MONITOR, Unit.FRACTION, "share used of the fullest request weight pool"),
    _metric(
        "live_drift",
        _MONITOR,
        Unit.FRACTION,
        "relative difference of the live level from the exchange's at the last read, in the worst scope",
    ),
    _metric("notifications_failing", _MONITOR, Unit.COUNT, "channels whose last message failed"),
    _metric("store_failing", _MONITOR, Unit.BOOLEAN, "1 while the database can't be written"),
    _metric(
        "store_space_low",
        _MONITOR,
        Unit.BOOLEAN,
        "1 while less than 500 MB, or 5%, is free where the database lies (PostgreSQL: in the state folder)",
    ),
    _metric(
        "account_failing",
        _MONITOR,
        Unit.BOOLEAN,
        "1 while an account's tasks are down, or after they fell again and again in the last minute",
    ),
    _metric(
        "conditions_unknown",
        _MONITOR,
        Unit.COUNT,
        "critical rules × subjects whose condition is unknown for over a minute while the account is read; "
        "longer where nothing but a history is missing that has yet to grow",
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""Every metric by name."""
