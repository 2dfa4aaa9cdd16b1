"""Parameters of the documents that the API sends, as OpenAPI describes them: the options of the reading commands."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS
from monitor.view.documents.types.values import MAX_ITEMS, MAX_SUMS, GroupedBy

Parameter = dict[str, Any]


def query_parameter(
    name: str, description: str, schema: Mapping[str, Any], *, required: bool = False, example: str | None = None
) -> Parameter:
    """One parameter of the query string."""
    described: Parameter = {"name": name, "in": "query", "description": description, "schema": dict(schema)}
    if required:
        described["required"] = True
    if example is not None:
        described["example"] = example
    return described


def number_parameter(what: str) -> Parameter:
    """The number in a path."""
    return {"name": "id", "in": "path", "required": True, "description": f"Number of the {what}.", "schema": _NUMBER}


_TEXT = {"type": "string", "minLength": 1}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 999_999_999_999_999_999}
_SINCE = "A duration ago (`2h`), a day (`2025-10-10`), or a moment (RFC 3339)"

_LIMIT = query_parameter(
    "limit", "At most so many items, the newest ones.", {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS}
)
_ALL = {"type": "boolean", "default": False}

DOCUMENT_PARAMETERS: Mapping[str, Sequence[Parameter]] = {
    "status": (),
    "alerts": (query_parameter("all", "Resolved alerts, too.", _ALL), _LIMIT),
    "events": (
        query_parameter(
            "type",
            'The exchange\'s own event type, "rejected", or a type of its histories.',
            _TEXT,
            example="executionReport",
        ),
        query_parameter("since", f"{_SINCE}: only events received since.", _TEXT, example="2h"),
        query_parameter(
            "limit",
            f"At most so many events, the newest ones; by default 100, with `since` {MAX_ITEMS}.",
            {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS},
        ),
    ),
    "actions": (query_parameter("all", "Settled intents, too.", _ALL), _LIMIT),
    "interest": (
        query_parameter(
            "by",
            "One sum for each day and asset, or for each asset.",
            {"type": "string", "enum": list(get_args(GroupedBy)), "default": "asset"},
        ),
        query_parameter(
            "since", f"{_SINCE}; by default 30 days ago. More than {MAX_SUMS} sums are refused.", _TEXT, example="7d"
        ),
    ),
    "history": (
        query_parameter(
            "metric", "The metric.", {"type": "string", "enum": list(METRICS)}, required=True, example="margin_level"
        ),
        query_parameter("account", "One account.", _TEXT),
        query_parameter("scope", "One scope.", {"type": "string", "enum": list(get_args(MetricScope))}),
        query_parameter("symbol", "One isolated pair. Excludes `asset`.", _TEXT, example="BTCUSDT"),
        query_parameter("asset", "One asset. Excludes `symbol`.", _TEXT, example="BTC"),
        query_parameter("since", f"{_SINCE}; by default 24 hours ago.", _TEXT, example="6h"),
    ),
    "stress": (
        query_parameter("drop", "Fall of all assets that are not stable.", _TEXT, example="20%"),
        query_parameter(
            "like",
            "A crash of the past, without any move the first; or the worst window of each scope's own past.",
            {"type": "string", "enum": [*STRESS_SCENARIOS, "worst"]},
        ),
        query_parameter(
            "move",
            "Moves of single assets, each `ASSET=MOVE`.",
            {"type": "array", "items": {"type": "string", "examples": ["SOL=-35%"]}},
        ),
        query_parameter(
            "history", "Take each scope through so much of the past; at most `[risk] history`.", _TEXT, example="90d"
        ),
        query_parameter("window", "Length of the past's windows, whole hours; by default 24h.", _TEXT, example="7d"),
        query_parameter("target_odds", "Odds that a remedy is to reach.", _TEXT, example="1%"),
    ),
    "rules": (),
}
"""The parameters of each document by its name."""
