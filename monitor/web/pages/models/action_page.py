"""The page of one intent: its story, and its account as it is now."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.action import ActionView, action_view
from monitor.web.pages.models.health import WatchFaults
from monitor.web.pages.models.scope import scope_views
from monitor.web.pages.models.verdict import PageVerdict, judge_account
from monitor.web.pages.models.words import PageTone, parse_time, worst_tone

ANSWERS = ("approved", "rejected")


@dataclass(frozen=True, slots=True)
class ActionPage:
    """One intent, and whether all actions are paused. `answer`: the person's, until the daemon has taken it up.

    `verdict` is that on its account now; None where that is no longer watched.
    """

    action: ActionView
    is_paused: bool
    answer: str
    verdict: PageVerdict | None

    @property
    def title(self) -> str:
        return f"{self.action.headline}: {self.action.state_words} · margin-monitor"

    @property
    def tone(self) -> PageTone:
        """The worse of the intent's and its account's."""
        return worst_tone(self.own_tone, self.verdict.tone) if self.verdict is not None else self.own_tone

    @property
    def own_tone(self) -> PageTone:
        """The intent's alone: one that is done says nothing of safety."""
        return "dim" if self.action.tone == "good" else self.action.tone

    @property
    def now(self) -> str:
        """The verdict on the account in words; empty while it is calm."""
        return "" if self.verdict is None or self.verdict.tone == "good" else self.verdict.sentence


def action_page(
    action: ActionDocument,
    status: StatusDocument,
    alerts: Sequence[AlertDocument] | None,
    faults: WatchFaults,
    stables: frozenset[str],
    answer: str,
) -> ActionPage:
    """The page. `alerts` is None while the database can't be read."""
    view = action_view(action, parse_time(status["generated_at"]))
    account = next((one for one in status["accounts"] if one["account"] == action["account"]), None)
    verdict = None
    if account is not None:
        verdict = judge_account(status, account, tuple(scope_views(account, stables)), alerts, faults)
    taken_up = not view.waits_for_approval or answer not in ANSWERS
    return ActionPage(view, status["daemon"]["paused"], "" if taken_up else answer, verdict)
