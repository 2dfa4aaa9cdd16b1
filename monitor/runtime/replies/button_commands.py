"""Commands of buttons: what a press of each asks the store to do."""

from datetime import datetime, timedelta
from functools import partial

from monitor.store.writes.replies import press_commands
from monitor.store.writes.replies.presses import Press, PressCommand
from monitor.view.messages.buttons import SILENCE_FOR, ButtonPress, parse_moment_mark

CONFIRM_WITHIN = timedelta(minutes=10)
"""Time after which the second press of a pause no longer counts."""


def button_command(button: ButtonPress, press: Press, pressed_at: datetime) -> PressCommand:
    """Return the command of a button; `pressed_at` is when the press was first handled."""
    now, user = press.at, press.user
    match button.action:
        case "ack":
            return partial(press_commands.acknowledge, alert=button.number, born=button.born, by=user, at=now)
        case "silence":
            return partial(
                press_commands.silence,
                alert=button.number,
                born=button.born,
                span=SILENCE_FOR,
                channel=press.channel,
                by=user,
                at=now,
            )
        case "approve" | "reject":
            approved = button.action == "approve"
            return partial(
                press_commands.decide, intent=button.number, born=button.born, approved=approved, by=user, at=now
            )
        case _:
            asked_at = parse_moment_mark(button.born)
            if asked_at is None or pressed_at - asked_at > CONFIRM_WITHIN:
                return partial(press_commands.refuse, why="that was asked too long ago: press Pause actions again")
            return partial(press_commands.pause, by=user, at=now)
