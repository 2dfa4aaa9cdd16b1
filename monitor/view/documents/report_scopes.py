"""One scope of a report: its level now, the lowest of the span, and the times of which nothing is known."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from monitor.core.engine.history_summary import Extreme, Held, Stretch, first, held, line, lowest, times_of, unknown
from monitor.view.documents.history import Series
from monitor.view.json_values import Document, decimal_text, moment_text

_NOW = (
    "state",
    "as_of",
    "age_s",
    "margin_level",
    "initial_level",
    "margin_call_level",
    "liquidation_level",
    "distance_to_liquidation",
)


Place = tuple[str, str, str, str]
"""What a series is of: account, scope, subject and metric."""


_LOWS = ("margin_level", "distance_to_liquidation")


class SeriesBook:
    """The recorded series by what they are of, as far as they hold in the span; and what alerts saw between samples."""

    def __init__(
        self,
        series: Sequence[Series],
        down: Sequence[Stretch],
        span: Stretch,
        witnessed: Mapping[Place, Sequence[Extreme]],
    ) -> None:
        self._witnessed = witnessed
        self._series: dict[Place, Series] = {(one.account, one.scope, one.subject, one.metric): one for one in series}
        self._down = down
        self.span = span

    def held(self, account: str, scope: str, subject: str, metric: str) -> tuple[Held, ...]:
        """What was known of it in the span; empty when nothing was."""
        one = self._series.get((account, scope, subject, metric))
        return () if one is None else held(one.points, self._down, self.span)

    def lowest(self, account: str, scope: str, subject: str, metric: str) -> Extreme | None:
        """The lowest value that was recorded of it, by a sample or by an alert; None while there is none."""
        seen = [*self._witnessed.get((account, scope, subject, metric), ())]
        sampled = lowest(self.held(account, scope, subject, metric))
        seen += [] if sampled is None else [sampled]
        return min(seen, key=lambda one: (one.value, one.at), default=None)

    def times(
        self, account: str, scope: str, subject: str, metric: str, claim: Callable[[Decimal], bool]
    ) -> tuple[Stretch, ...]:
        """The times in which the claim held of it."""
        return times_of(self.held(account, scope, subject, metric), claim)


def scope_entry(account: str, scope: str, symbol: str | None, now: Document, book: SeriesBook) -> Document:
    """The scope as it is `now`, by its part of the status, and as it was recorded in the span."""
    levels, owed = (book.held(account, scope, symbol or "", metric) for metric in ("margin_level", "liabilities_usdt"))
    lows = {metric: book.lowest(account, scope, symbol or "", metric) for metric in _LOWS}
    here = now if now["state"] in ("ok", "no_debt") else None
    began, ends = first(owed), first(owed[::-1])
    change = ends.value - began.value if began is not None and ends is not None else None
    return {
        "scope": scope,
        "symbol": symbol,
        **{name: now[name] for name in _NOW},
        "lowest": _extreme("margin_level", lows["margin_level"], here, book.span),
        "nearest": _extreme("distance_to_liquidation", lows["distance_to_liquidation"], here, book.span),
        "liabilities_usdt": decimal_text(ends.value) if ends is not None else None,
        "liabilities_change_usdt": decimal_text(change),
        "liabilities_since": moment_text(began.at) if began is not None else None,
        "unknown": [
            {"since": moment_text(gap.since), "until": moment_text(gap.until)} for gap in unknown(levels, book.span)
        ],
        "line": [[moment_text(at), decimal_text(value)] for at, value in line(levels, book.span)],
    }


def _extreme(metric: str, recorded: Extreme | None, now: Document | None, span: Stretch) -> Document | None:
    """The lowest that was recorded, or what holds now where that is lower: prices move between two samples."""
    present = None if now is None or now[metric] is None else Decimal(now[metric])
    if present is not None and (recorded is None or present < recorded.value):
        recorded = Extreme(present, span.until)
    return None if recorded is None else {metric: decimal_text(recorded.value), "at": moment_text(recorded.at)}
