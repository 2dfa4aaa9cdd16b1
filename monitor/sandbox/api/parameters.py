"""Request parameters, parsed as the exchange parses them."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from urllib.parse import parse_qsl

from monitor.sandbox.amounts import parse_decimal
from monitor.sandbox.api.errors import SimApiError, invalid_parameter, missing_parameter


class RequestParams:
    """Named texts with typed readers. A reader refuses a missing (-1102) or malformed parameter."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    @classmethod
    def parse(cls, query: str, body: str, *, repeats: Collection[str] = ()) -> "RequestParams":
        """The parameters of the raw query string and form body; one in both is taken from the query.

        Parameters in `repeats` may occur several times and are joined by commas. Raises SimApiError (-1101) when query
        or body names another parameter twice.
        """
        values: dict[str, str] = {}
        for part in (body, query):
            found: dict[str, str] = {}
            for name, value in parse_qsl(part, keep_blank_values=True):
                if name in found and name not in repeats:
                    raise SimApiError(-1101, "Duplicate values for a parameter detected.")
                found[name] = f"{found[name]},{value}" if name in found else value
            values.update(found)
        return cls(values)

    def get(self, name: str) -> str | None:
        """The text, None when absent; refused when empty (-1105)."""
        value = self.values.get(name)
        if value == "":
            raise SimApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """The text of a mandatory parameter."""
        value = self.values.get(name)
        if not value:
            raise missing_parameter(name)
        return value

    def choice(self, name: str, *allowed: str, default: str | None = None) -> str:
        """One of `allowed`; mandatory without a default."""
        value = self.get(name) or default
        if value is None:
            raise missing_parameter(name)
        if value not in allowed:
            raise invalid_parameter(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A decimal, None when absent."""
        value = self.get(name)
        if value is None:
            return None
        amount = parse_decimal(value) if "e" not in value.lower() else None
        if amount is None:
            raise _illegal_value(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
        return amount

    def required_decimal(self, name: str) -> Decimal:
        """A mandatory decimal."""
        self.required(name)
        amount = self.decimal(name)
        if amount is None:
            raise missing_parameter(name)
        return amount

    def integer(self, name: str) -> int | None:
        """A whole number, None when absent."""
        value = self.get(name)
        if value is None:
            return None
        if not value.lstrip("-").isdigit():
            raise _illegal_value(name, "^[0-9]{1,20}$")
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A request boolean: TRUE or FALSE in any case."""
        value = self.get(name)
        if value is None:
            return default
        if value.upper() not in ("TRUE", "FALSE"):
            raise invalid_parameter(name)
        return value.upper() == "TRUE"

    def names(self, name: str) -> list[str] | None:
        """The names of a comma-separated list, None when absent."""
        value = self.get(name)
        return None if value is None else [part for part in value.split(",") if part]


def _illegal_value(name: str, form: str) -> SimApiError:
    return SimApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{form}'.")
