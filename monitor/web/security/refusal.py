"""Requests that are not carried out, with the HTTP status of the answer."""

from collections.abc import Mapping

from monitor.errors import MonitorError


class RequestRefused(MonitorError):
    """A request that is refused before it reaches any part of the program."""

    def __init__(
        self, status: int, code: str, message: str, *, mend: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, mend=mend)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
