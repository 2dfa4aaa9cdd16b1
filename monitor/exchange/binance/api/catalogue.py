"""Every function of the margin API by its name and by its other names."""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from monitor.exchange.binance.api import accounts, loans, market, orders, transfers, wallets
from monitor.exchange.binance.api.endpoint_function import EndpointFunction

AnyEndpointFunction = EndpointFunction[Any, Any]

TOPIC_MODULES: tuple[ModuleType, ...] = (accounts, loans, orders, transfers, market, wallets)

FUNCTIONS: Mapping[str, AnyEndpointFunction] = MappingProxyType(
    {
        function.name: function
        for topic in TOPIC_MODULES
        for function in vars(topic).values()
        if isinstance(function, EndpointFunction)
    }
)
"""Functions by name, in the order of their declaration."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {alias: function.name for function in FUNCTIONS.values() for alias in function.aliases}
)
"""Function names by the names that other programs use."""
