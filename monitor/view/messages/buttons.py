"""Buttons under messages: what a person may do from there now, and the data by which a press names it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.intent import Intent, IntentState
from monitor.core.settlement.notices import order_phrase

ButtonAction = Literal["ack", "silence", "status", "approve", "reject", "pause", "confirm_pause"]

SILENCE_FOR = timedelta(hours=1)
"""The span of a silence that a button starts."""

MAX_BUTTON_ALERTS = 5
"""Alerts of one message that have buttons of their own; the others are answered by words."""

MAX_BUTTON_CHARS = 60
MAX_DATA_BYTES = 64
"""The limit of Telegram for the data of a button."""

_LETTERS: dict[ButtonAction, str] = {
    "ack": "a",
    "silence": "s",
    "status": "t",
    "approve": "y",
    "reject": "n",
    "pause": "p",
    "confirm_pause": "q",
}
_ACTIONS = {letter: action for action, letter in _LETTERS.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Button:
    """One button: its label, and its data of at most 64 bytes."""

    label: str
    data: str


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """The content of a button's data.

    `number` is that of an alert, an intent or a drill; `born` the moment at which it began, so that a number that the
    database has given to another one since is noticed.
    """

    action: ButtonAction
    number: int = 0
    born: str = ""
    is_drill: bool = False


ButtonRows = tuple[tuple[Button, ...], ...]


def alert_buttons(alerts: Sequence[Alert], allowed: Collection[str]) -> ButtonRows:
    """Return the rows of buttons of a message about these alerts: what is allowed, and possible now."""
    rows: list[tuple[Button, ...]] = []
    is_open = False
    for alert in alerts[:MAX_BUTTON_ALERTS]:
        if alert.state not in (AlertState.PENDING, AlertState.FIRING):
            continue
        is_open = True
        of = f" #{alert.id}" if len(alerts) > 1 else ""
        row = []
        if "ack" in allowed and alert.acked_by is None:
            row.append(Button(f"Acknowledge{of}", _data("ack", alert.id, alert.since)))
        if "silence" in allowed and alert.silenced_by is None:
            row.append(Button(f"Silence 1 h{of}", _data("silence", alert.id, alert.since)))
        rows.append(tuple(row))
    return _without_empty([*rows, _last_row(allowed, has_pause=is_open)])


def intent_buttons(intent: Intent, is_decided: bool, allowed: Collection[str]) -> ButtonRows:
    """Return the rows of buttons of a message about an intent: of a proposal that waits, approve and reject."""
    rows: list[tuple[Button, ...]] = []
    if intent.state is IntentState.PROPOSED and not is_decided:
        if "approve" in allowed:
            label = _shorten(f"Approve: {order_phrase(intent)}")
            rows.append((Button(label, _data("approve", intent.id, intent.created_at)),))
        if "reject" in allowed:
            rows.append((Button("Reject", _data("reject", intent.id, intent.created_at)),))
    return _without_empty([*rows, _last_row(allowed, has_pause=True)])


def drill_buttons(drill: int, allowed: Collection[str]) -> ButtonRows:
    """Return the buttons of a drill's message: they answer, and change nothing."""
    labels: tuple[tuple[ButtonAction, str], ...] = (("ack", "Acknowledge"), ("silence", "Silence 1 h"))
    row = tuple(Button(label, f"{_LETTERS[action]}d:{drill}") for action, label in labels if action in allowed)
    return _without_empty([row, _last_row(allowed, has_pause=False)])


def pause_confirmation(asked_at: datetime) -> ButtonRows:
    """Return the button of the second press that pauses all actions."""
    return ((Button("Yes, pause all actions", f"{_LETTERS['confirm_pause']}:0:{moment_mark(asked_at)}"),),)


def parse_button(data: str) -> ButtonPress | None:
    """Return the content of a button's data; None for data that no button of this program has."""
    head, *rest = data.split(":")
    action = _ACTIONS.get(head[:1])
    if action is None or head[1:] not in ("", "d") or len(rest) > 2 or len(data) > MAX_DATA_BYTES:
        return None
    number, born = (*rest, "", "")[:2]
    if number and not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    return ButtonPress(action, int(number or "0"), born, is_drill=head[1:] == "d")


def moment_mark(moment: datetime) -> str:
    """Return a short text for a moment, exact to the millisecond of the database."""
    left, digits = (moment - _EPOCH) // timedelta(milliseconds=1), ""
    while left > 0:
        left, digit = divmod(left, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits or "0"


def parse_moment_mark(mark: str) -> datetime | None:
    """Return the moment of a mark; None for a text that is none."""
    if not (0 < len(mark) <= 10 and set(mark) <= set(_DIGITS)):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(mark, len(_DIGITS)))
    except OverflowError:
        return None


def _data(action: ButtonAction, number: int, born: datetime) -> str:
    return f"{_LETTERS[action]}:{number}:{moment_mark(born)}"


def _last_row(allowed: Collection[str], *, has_pause: bool) -> tuple[Button, ...]:
    row = [Button("Status", _LETTERS["status"])] if "status" in allowed else []
    if has_pause and "pause" in allowed:
        row.append(Button("Pause actions", _LETTERS["pause"]))
    return tuple(row)


def _without_empty(rows: Sequence[tuple[Button, ...]]) -> ButtonRows:
    return tuple(row for row in rows if row)


def _shorten(label: str) -> str:
    return label if len(label) <= MAX_BUTTON_CHARS else label[: MAX_BUTTON_CHARS - 1] + "…"
