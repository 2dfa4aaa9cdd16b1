"""Type of an answer of the exchange that is printed as it came."""

from typing import Any

ExchangeAnswer = dict[str, Any] | list[Any]
"""The exchange's own JSON, which `call` prints: of the last request where a function takes several, {} of none."""
