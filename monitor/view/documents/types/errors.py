"""Types of the error document."""

from typing import NotRequired, TypedDict


class VenueErrorDocument(TypedDict):
    """The exchange's own error."""

    code: int
    msg: str


class ErrorDetailDocument(TypedDict):
    """An error: the place, what is wrong, the fix. `code` is a stable word."""

    code: str
    message: str
    where: NotRequired[str]
    mend: NotRequired[str]
    exchange: NotRequired[VenueErrorDocument]


class ErrorDocument(TypedDict):
    """An error; `others`: further mistakes of the same file."""

    error: ErrorDetailDocument
    others: NotRequired[list[ErrorDetailDocument]]
