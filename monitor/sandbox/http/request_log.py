"""The record of every request received: request, sender, result."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class ReceivedRequest:
    """One request. `at` is virtual ms; `account` "" when the key is unknown or absent.

    `status` is 0 while unanswered and when the connection was cut. `applied`: the request was carried out, although the
    answer may never have left. `tran_id` is the number of the transaction, 0 without one; `form` is the corruption of
    its answer, `taken` the amount of the asset that a fault took in addition.
    """

    at: int
    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    account: str = ""
    api_key: str = ""
    status: int = 0
    code: int = 0
    fault: str = ""
    form: str = ""
    applied: bool = False
    tran_id: int = 0
    taken: Decimal = Decimal(0)

    def as_json(self) -> dict[str, object]:
        """The request in the form of the admin API; the key by its first letters only."""
        return {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "params": self.params,
            "account": self.account,
            "api_key": self.api_key[:6],
            "status": self.status,
            "code": self.code,
            "fault": self.fault,
            "applied": self.applied,
        }
