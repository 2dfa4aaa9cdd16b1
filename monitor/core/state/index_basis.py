"""The basis of an index: index price over the spot price of the same moment, used only where that is certain.

The exchange dates an index price by its own clock; a stream reports a spot price up to a second after it came about. So
the spot price of the index's moment lies between the last report dated up to it and the first one after it. If these
two differ, they give no basis and the previous one stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.model.account import IsolatedPair, IsolatedSnapshot, Price
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, floor_to
from monitor.core.state.scope_value import prices_moved_since

MATCH_WINDOW = timedelta(seconds=15)
"""Maximum time between an index price and the spot price reports around it for them to be comparable."""

MAX_SPOT_DIFFERENCE = Decimal("0.001")
"""Maximum difference between the two spot prices around an index price, as a fraction: the basis is off by no more."""


@dataclass(frozen=True, slots=True)
class IndexReading:
    """The index price of a symbol, and the spot price in force at its time."""

    index: Price
    spot: Price | None = None
    """The last report dated no later than the index price; None: no report is near enough."""
    fallback_basis: Decimal | None = None
    """Basis in force when this reading gives none."""
    is_open: bool = True
    """True while a further report may change the spot price of the index's moment."""

    @property
    def is_unmatched(self) -> bool:
        """True if no spot price of the index's moment can be known any more."""
        return self.spot is None and not self.is_open

    @property
    def should_retry(self) -> bool:
        """True if another reading should not wait for its turn: this one matched nothing, and no basis is known."""
        return self.is_unmatched and self.fallback_basis is None

    @property
    def basis(self) -> Decimal | None:
        """Index price over spot price, else `fallback_basis`.

        Floored to eight decimals, so that everything computed from it stays exact.
        """
        return (
            self.fallback_basis if self.spot is None else floor_to(self.index.value / self.spot.value, EIGHT_DECIMALS)
        )

    def with_report(self, spot: Price) -> "IndexReading":
        """Return the reading after another report of the spot price; the order of the reports does not matter."""
        if not self.is_open:
            return self
        if self.spot is not None and spot.at == self.spot.at and spot.value != self.spot.value:
            # Two prices of one moment: it is unknown which of them entered the index.
            return replace(self, is_open=False, spot=None)
        if spot.at <= self.index.at:
            is_nearer = self.index.at - spot.at <= MATCH_WINDOW and (self.spot is None or spot.at >= self.spot.at)
            return replace(self, spot=spot) if is_nearer else self
        if self.spot is None or spot.at - self.index.at > MATCH_WINDOW:
            return replace(self, is_open=False)
        is_steady = abs(spot.value - self.spot.value) <= MAX_SPOT_DIFFERENCE * self.spot.value
        return replace(self, is_open=False, spot=self.spot if is_steady else None)


def match_index(index: Price, spot: Price | None, fallback_basis: Decimal | None) -> IndexReading:
    """Return the reading of a new index price.

    `spot` is the newest report known, `fallback_basis` the basis known.
    """
    reading = IndexReading(index, fallback_basis=fallback_basis)
    # A report after the index has replaced the one that was in force: then the index's moment is not matched.
    return reading if spot is None else reading.with_report(spot)


def update_bases(bases: Mapping[str, Decimal], readings: Mapping[str, IndexReading]) -> Mapping[str, Decimal]:
    """Return `bases` with those of the readings; a symbol without a basis in either has none."""
    changed = {symbol: reading.basis for symbol, reading in readings.items() if bases.get(symbol) != reading.basis}
    if not changed:
        return bases
    return {symbol: basis for symbol, basis in {**bases, **changed}.items() if basis is not None}


def pair_prices_at_answer(
    snapshot: IsolatedSnapshot,
    last: Mapping[str, IsolatedPair],
    last_prices: Mapping[str, Price],
    before: Mapping[str, Price],
    newest: Mapping[str, Price],
) -> Mapping[str, Price]:
    """Return the spot prices at the moment of the answer, so far as they differ from the newest.

    The index price in a pair's row tells where the spot price stood between the one before the request and the newest.
    `last` are the pairs of the previous answer, `last_prices` the spot prices at its moment.
    """
    found: dict[str, Price] = {}
    for symbol, (earlier, newer) in prices_moved_since(snapshot.as_of, before, newest).items():
        pair = snapshot.pairs.get(symbol)
        if pair is None or not pair.index_price:
            continue
        spot = pair.index_price / _basis(last.get(symbol), last_prices.get(symbol))
        low, high = sorted((earlier.value, newer.value))
        found[symbol] = Price(min(max(spot, low), high), newer.at)
    # A row that can't be believed is still the one of its own read.
    return found | {symbol: last_prices[symbol] for symbol in snapshot.rejected if symbol in last_prices}


def _basis(pair: IsolatedPair | None, spot: Price | None) -> Decimal:
    """Return index over spot price at the previous answer; one if it is unknown."""
    return pair.index_price / spot.value if pair is not None and pair.index_price and spot is not None else ONE
