"""How the exchange says no: an HTTP status, a negative code and a text."""

from collections.abc import Mapping


class Refusal(Exception):
    """A request refused with the documented error envelope."""

    def __init__(self, code: int, message: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


def missing(parameter: str) -> Refusal:
    """-1102: a mandatory parameter is absent, empty or malformed."""
    return Refusal(-1102, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed.")


def invalid(parameter: str) -> Refusal:
    """-1130: a parameter's value can't be used."""
    return Refusal(-1130, f"Data sent for parameter '{parameter}' is not valid.")


def bad_symbol() -> Refusal:
    """-1121: no such symbol."""
    return Refusal(-1121, "Invalid symbol.")


def not_a_pair() -> Refusal:
    """-3028: the symbol has no margin trading of this kind."""
    return Refusal(-3028, "Not a valid margin pair.")


def not_an_asset() -> Refusal:
    """-3027: the asset has no margin trading."""
    return Refusal(-3027, "Not a valid margin asset.")


def no_cross_account() -> Refusal:
    """-3003: cross margin was never opened."""
    return Refusal(-3003, "Margin account does not exist.")


def no_isolated_account() -> Refusal:
    """-11001: the pair has no isolated account."""
    return Refusal(-11001, "Isolated margin account does not exist.")
