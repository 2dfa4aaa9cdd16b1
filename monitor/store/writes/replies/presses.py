"""Presses and words of people in a chat: each carried out once, whatever is delivered again after a crash."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from monitor.errors import MonitorError, StoreError
from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables

PressCommand = Callable[[Connection], str]
"""The command of a press: it returns the answer in words, or refuses by raising before it writes anything."""

NOT_LISTED = "not listed"
"""The command recorded of a user who is not listed."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press or one word of a person. `key` identifies it for good; `user` is who, as the audit shows it."""

    key: str
    channel: str
    user: str
    command: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PressResult:
    """The answer to a press; `is_repeated`: the press was carried out, or refused, before."""

    is_done: bool
    answer: str
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class UpdateOffset:
    """The next update of a bot to read, as of the last one that was read."""

    next: int
    at: datetime


def carry_out(connection: Connection, press: Press, work: PressCommand) -> PressResult:
    """Run the command of a press and record both in this one transaction; a press that is recorded is not run again.

    The refusal of a command is recorded like its answer.
    """
    table = tables.presses
    known = connection.execute(select(table.c.is_done, table.c.answer).where(table.c.key == press.key)).one_or_none()
    if known is not None:
        return PressResult(known.is_done, known.answer, is_repeated=True)
    try:
        result = PressResult(True, work(connection))
    except StoreError:
        raise
    except MonitorError as error:
        result = PressResult(False, str(error))
    row = {
        "key": press.key,
        "channel": press.channel,
        "user": press.user,
        "at": press.at,
        "command": press.command,
        "is_done": result.is_done,
        "answer": result.answer,
    }
    connection.execute(insert(table), row)
    return result


def count_presses(connection: Connection, command: str, since: datetime, user: str | None = None) -> int:
    """Return how many presses of this command, of one user or of all, were recorded since a moment."""
    table = tables.presses
    wanted = select(func.count()).select_from(table).where(table.c.command == command, table.c.at > since)
    if user is not None:
        wanted = wanted.where(table.c.user == user)
    return int(connection.execute(wanted).scalar_one())


def note_stranger(connection: Connection, press: Press, max_a_day: int) -> bool:
    """Record that a user who is not listed is answered; False where the user was within a day, or too many others."""
    since = press.at - timedelta(days=1)
    if (
        count_presses(connection, NOT_LISTED, since, press.user)
        or count_presses(connection, NOT_LISTED, since) >= max_a_day
    ):
        return False
    return not carry_out(connection, press, lambda _: "").is_repeated


def save_offset(connection: Connection, bot: int, offset: UpdateOffset) -> None:
    """Save the next update of the bot to read."""
    row = {"bot": bot, "next": offset.next, "at": offset.at}
    connection.execute(upsert(tables.update_offsets, connection.dialect, ("bot",)), row)


def read_offset(connection: Connection, bot: int) -> UpdateOffset | None:
    """Return the next update of the bot to read; None where none was read."""
    table = tables.update_offsets
    row = connection.execute(select(table.c.next, table.c.at).where(table.c.bot == bot)).one_or_none()
    return None if row is None else UpdateOffset(row.next, row.at)
