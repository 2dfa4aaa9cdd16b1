"""The report of recorded messages that can't be understood: which rows, and what follows."""

from collections.abc import Collection

from monitor.errors import MonitorError
from monitor.runtime.replies.reply_service import ReplyContext


class RejectedMessages:
    """The rows that one loop has reported; each is reported once."""

    def __init__(self, effect: str) -> None:
        """`effect` says what follows for the messages of such rows."""
        self._what = f"rows of channel_messages can't be understood, so {effect}"
        self._known: frozenset[str] = frozenset()

    async def report(self, rows: Collection[str], context: ReplyContext) -> None:
        """Log the rows, and notify people, when there are others than the last time."""
        found = frozenset(rows)
        if found and found != self._known:
            await context.report_fault("warning", self._what, MonitorError(f"row {', row '.join(sorted(found)[:20])}"))
        self._known = found
