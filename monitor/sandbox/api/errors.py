"""API errors: HTTP status, negative code and text."""

from collections.abc import Mapping


class SimApiError(Exception):
    """A request refused with the documented error envelope."""

    def __init__(self, code: int, message: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


def missing_parameter(name: str) -> SimApiError:
    """-1102: a mandatory parameter is absent, empty or malformed."""
    return SimApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def invalid_parameter(name: str) -> SimApiError:
    """-1130: a parameter's value can't be used."""
    return SimApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def unknown_symbol() -> SimApiError:
    """-1121: no such symbol."""
    return SimApiError(-1121, "Invalid symbol.")


def not_a_margin_pair() -> SimApiError:
    """-3028: the symbol has no margin trading of this kind."""
    return SimApiError(-3028, "Not a valid margin pair.")


def not_a_margin_asset() -> SimApiError:
    """-3027: the asset has no margin trading."""
    return SimApiError(-3027, "Not a valid margin asset.")


def no_cross_account() -> SimApiError:
    """-3003: cross margin was never opened."""
    return SimApiError(-3003, "Margin account does not exist.")


def no_isolated_account() -> SimApiError:
    """-11001: the pair has no isolated account."""
    return SimApiError(-11001, "Isolated margin account does not exist.")
