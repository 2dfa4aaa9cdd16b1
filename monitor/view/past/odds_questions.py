"""Scopes of a status document as questions about their odds."""

from collections.abc import Iterator
from decimal import Decimal

from monitor.core.margin.odds_question import OddsQuestion
from monitor.core.metrics.odds import QUESTION_METRICS
from monitor.core.metrics.odds import odds_question as question_of_metrics
from monitor.core.model.account import Balance
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import MissingValue
from monitor.core.model.metric_values import MetricValues, ValuedBalance
from monitor.view.json_values import Document, parse_json_decimal


def odds_question(scope: Document) -> OddsQuestion | None:
    """The scope as it stands, asked as the daemon asks it; None while a figure is unknown, or nothing is owed."""
    is_pair = "index_price" in scope
    rows = [scope["base"], scope["quote"]] if is_pair else scope["balances"]
    if None in rows:
        return None
    values = {name: _value(scope.get(name)) for name in QUESTION_METRICS}
    holdings = tuple(map(_holding, rows))
    kind: MetricScope = "isolated" if is_pair else "cross"
    metrics = MetricValues(kind, "", scope["state"], None, "poll", values, values, list_holdings=lambda: holdings)
    # What debts cost is added where it is known: a person is better served by odds without it than by none.
    question = question_of_metrics(metrics, without_rates=True)
    return question if isinstance(question, OddsQuestion) and question.is_measurable else None


def question_assets(question: OddsQuestion) -> Iterator[str]:
    """The assets whose past prices the question needs."""
    return (row.asset for row in question.positions if not row.is_still and (row.held or row.owed))


def _value(value: str | None) -> Decimal | MissingValue:
    found = parse_json_decimal(value)
    return MissingValue.UNAVAILABLE if found is None else found


def _holding(row: Document) -> ValuedBalance:
    amounts = (Decimal(row[name]) for name in ("free", "locked", "borrowed", "interest"))
    balance = Balance(row["asset"], *amounts)
    return ValuedBalance(balance, parse_json_decimal(row["price_usdt"]), parse_json_decimal(row["hourly_rate"]))
