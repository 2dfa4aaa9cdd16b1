"""Emergencies: messages that a service repeats until a person acknowledges them, and when they are to end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.core.model.alert import Alert, AlertState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN_STATES = (AlertState.PENDING, AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class Emergency:
    """A message of one channel that repeats, by its receipt.

    `alerts` are as they are now. `drill` is the number of the drill that it belongs to, `is_drill_over` whether that is
    over.
    """

    receipt: str
    at: datetime
    alerts: tuple[Alert, ...]
    drill: int | None = None
    is_drill_over: bool = False

    @property
    def tags(self) -> frozenset[str]:
        """The tags that the message was sent with."""
        own = {alert_tag(alert) for alert in self.alerts}
        return frozenset(own if self.drill is None else own | {drill_tag(self.drill)})


@dataclass(frozen=True, slots=True)
class OpenEmergencies:
    """Emergencies of which the end is not recorded, oldest first; `rejected` names rows that can't be understood."""

    emergencies: tuple[Emergency, ...] = ()
    rejected: tuple[str, ...] = ()


def find_unwanted(emergencies: Iterable[Emergency]) -> frozenset[str]:
    """Return the receipts of the emergencies that are to end, since nobody needs to be called any more.

    One is wanted while a critical alert of it is open and neither acknowledged nor silenced; nor inhibited, if the
    worse alert has an emergency of its own. One of a drill is wanted until the drill is over.
    """
    known = tuple(emergencies)
    calling = {alert.id for emergency in known for alert in emergency.alerts}
    return frozenset(
        emergency.receipt
        for emergency in known
        if (emergency.drill is not None and emergency.is_drill_over)
        or (emergency.drill is None and not any(_is_calling(alert, calling) for alert in emergency.alerts))
    )


def alert_tag(alert: Alert) -> str:
    """Return the tag of the emergencies about one episode of an alert; no other daemon with the same token has it."""
    began_ms = ((alert.fired_at or alert.since) - _EPOCH) // timedelta(milliseconds=1)
    return f"mm-{alert.id}-{began_ms}"


def drill_tag(drill: int) -> str:
    """Return the tag of the emergencies of a drill."""
    return f"mm-drill-{drill}"


def _is_calling(alert: Alert, calling: set[int]) -> bool:
    return (
        alert.state in _OPEN_STATES
        and alert.severity == "critical"
        and alert.acked_at is None
        and alert.silenced_by is None
        and alert.inhibited_by not in calling
    )
