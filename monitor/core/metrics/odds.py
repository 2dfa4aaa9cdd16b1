"""Odds of liquidation of a scope as metrics, and the questions whose answers they are."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.model.account import Scope
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.model.metric_values import MetricValues, ValuedBalance
from monitor.core.model.odds import OddsAnswer, OddsUnavailable, WindowOdds
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState

MAX_ODDS_AGE = timedelta(hours=2)
"""Age from which on odds are stale: they are measured at every full hour, and after each change of balances."""

QUESTION_METRICS = ("margin_level", "liquidation_level", "index_price", "assets_usdt", "liabilities_usdt")
"""The metrics that a question is made of, besides the holdings; some of them for one kind of scope alone."""

ODDS_METRICS = frozenset({"liquidation_odds_1d", "liquidation_odds_7d", "worst_level_1d"})

UNAVAILABLE = MissingValue.UNAVAILABLE


class ScopeOdds(NamedTuple):
    """The measured odds of one scope at the margin `level` of now.

    Not applicable when no past prices are kept. Nothing owed now: odds of zero and an infinite worst level, whatever
    was measured. Unavailable while nothing was measured, or it failed, is stale, or was measured when nothing was owed.
    """

    state: AccountState
    settings: AccountSettings
    scope: Scope
    level: Decimal
    now: datetime

    def share(self, window: timedelta) -> MetricValue:
        """Return the share of windows that would have liquidated the scope."""
        return self._value(window, ZERO)

    def worst_level(self, window: timedelta) -> MetricValue:
        """Return the lowest level of any window."""
        return self._value(window, INFINITE)

    def _value(self, window: timedelta, without_debt: Decimal) -> MetricValue:
        if not self.settings.measures_odds:
            return MissingValue.NOT_APPLICABLE
        if not self.level.is_finite():
            return without_debt
        answer = find_odds(self.state, self.scope, window, self.now)
        if not isinstance(answer, WindowOdds) or answer.worst is None:
            return UNAVAILABLE
        return answer.odds if without_debt is ZERO else answer.worst_level


def find_odds(state: AccountState, scope: Scope, window: timedelta, now: datetime) -> OddsAnswer | None:
    """Return the answer for one length of window; None while nothing was measured for the scope."""
    read = state.odds
    if read is None:
        return None
    if read.failure:
        return OddsUnavailable(window, read.failure)
    for answer in read.answers.get(scope, ()):
        if answer.window == window:
            is_old = now - read.as_of > MAX_ODDS_AGE
            return OddsUnavailable(window, "the last measurement is too old") if is_old else answer
    return None


def odds_question(metrics: MetricValues, *, without_rates: bool = False) -> OddsQuestion | str:
    """Return the question about a scope with these metrics, or the reason why none can be asked.

    Prices and the level are those of the metrics. `without_rates`: debts with an unknown rate bear no interest.
    """
    level, liquidation = metrics.values.get("margin_level"), metrics.values.get("liquidation_level")
    if not isinstance(level, Decimal):
        return "the level is unknown"
    holdings = metrics.holdings
    if not level.is_finite():
        return OddsQuestion((), INFINITE, ONE)
    if not isinstance(liquidation, Decimal):
        return "the liquidation level is unknown"
    unrated = [row.balance.asset for row in holdings if row.balance.borrowed and row.hourly_rate is None]
    if unrated and not without_rates:
        return f"the interest rate of {', '.join(unrated)} is unknown"
    priced = _pair_prices(metrics, holdings) if metrics.kind == "isolated" else holdings
    positions = tuple(_position(row) for row in priced if row.price is not None and not row.balance.is_zero)
    unpriced = [row.balance.asset for row in priced if row.price is None and not row.balance.is_zero]
    if unpriced:
        rest = _unpriced_rest(metrics, positions, ", ".join(unpriced))
        if rest is None:
            return "the value of assets without a price is unknown"
        positions = (*positions, rest)
    return OddsQuestion(positions, level, liquidation)


def changed_balances(question: OddsQuestion | str) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Return what the odds depend on besides prices and hourly interest: amounts held and borrowed, by asset."""
    if isinstance(question, str):
        return ()
    return tuple((row.asset, row.held, row.borrowed) for row in question.positions if not row.is_rest)


def _position(row: ValuedBalance) -> OddsPosition:
    balance = row.balance
    price = ZERO if row.price is None else row.price
    return OddsPosition(balance.asset, balance.held, balance.borrowed, balance.interest, price, row.hourly_rate or ZERO)


def _pair_prices(metrics: MetricValues, holdings: tuple[ValuedBalance, ...]) -> tuple[ValuedBalance, ...]:
    """Return both sides of a pair, the base asset at the exchange's index price; in USDT if the quote asset has one."""
    index = metrics.values.get("index_price")
    base, quote = holdings
    quote_price = quote.price or ONE
    base_price = index * quote_price if isinstance(index, Decimal) else None
    return (_priced(base, base_price), _priced(quote, quote_price))


def _priced(row: ValuedBalance, price: Decimal | None) -> ValuedBalance:
    return ValuedBalance(row.balance, price, row.hourly_rate)


def _unpriced_rest(metrics: MetricValues, positions: tuple[OddsPosition, ...], names: str) -> OddsPosition | None:
    """Return what the exchange's totals have beyond the priced positions; None when they are unknown."""
    assets, liabilities = metrics.values.get("assets_usdt"), metrics.values.get("liabilities_usdt")
    if not isinstance(assets, Decimal) or not isinstance(liabilities, Decimal):
        return None
    held = sum((row.held * row.price for row in positions), ZERO)
    owed = sum((row.owed * row.price for row in positions), ZERO)
    return OddsPosition(names, max(ZERO, assets - held), max(ZERO, liabilities - owed), ZERO, ONE, is_rest=True)
