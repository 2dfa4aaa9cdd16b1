"""Each scope after a price shock, and taken through the past by the hourly bars that the daemon keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.app.documents.past_choice import PastChoice, check_past_is_kept
from monitor.app.documents.status import StatusQuery, stable_assets_of
from monitor.app.documents.stress import StressChoice
from monitor.config.model import Config
from monitor.core.margin.history_remarks import describe_history
from monitor.core.margin.odds_question import OddsQuestion
from monitor.core.margin.past_prices import floor_hour
from monitor.core.model.odds import MIN_HISTORY, OddsAnswer, OddsUnavailable
from monitor.core.model.price_history import PriceHistory
from monitor.core.numbers.amounts import ZERO
from monitor.odds.child import measure_in_child
from monitor.odds.past import build_past
from monitor.odds.request import OddsRequest
from monitor.store.readers.price_history import read_price_histories
from monitor.store.reads import Reads
from monitor.view.documents.stress import PastByScope, stress_document
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import StressDocument
from monitor.view.past.odds_questions import odds_question, question_assets
from monitor.view.past.windows_document import past_windows_document

ScopeKey = tuple[str, str]
"""An account's name, and "cross" or a pair's symbol."""

UNKNOWN_LEVEL = "the level, or a price, is unknown"


@dataclass(frozen=True, slots=True)
class PastRecords:
    """The accounts as they were stored last, and past prices of their assets in whole hours."""

    status: StatusDocument
    histories: Mapping[str, PriceHistory]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class PastStress:
    """The document, and the answers behind it."""

    document: StressDocument
    answers: Mapping[ScopeKey, OddsAnswer]


@dataclass(frozen=True, slots=True)
class PastStressQuery:
    """A stress with the past. What `read` finds in the database, `measure` works out in a process of its own."""

    config: Config
    choice: StressChoice
    past: PastChoice

    def __post_init__(self) -> None:
        """Refuse a past that is longer than what is kept. Raises ParameterInvalid."""
        check_past_is_kept(self.past, self.config.risk.history or timedelta())

    def read(self, reads: Reads) -> PastRecords:
        """Read everything that the answer needs. Raises StoreError."""
        status = StatusQuery(self.config).read(reads)
        until = floor_hour(datetime.fromisoformat(status["generated_at"]))
        since = until - (self.past.span or self.config.risk.history or timedelta())
        assets = {asset for question in _questions(status).values() for asset in question_assets(question)}
        histories = reads.read(read_price_histories, sorted(assets), since, until)
        return PastRecords(status, histories, since, until)

    async def measure(self, records: PastRecords, *, with_fan: bool = False) -> PastStress:
        """Work out the odds and the document. Raises OddsFailed."""
        questions = _questions(records.status)
        answers: dict[ScopeKey, OddsAnswer] = {
            (account["account"], label): OddsUnavailable(self.past.window, UNKNOWN_LEVEL)
            for account in records.status["accounts"]
            for label, scope in scopes_of(account)
            if scope["state"] not in ("no_debt", "not_created")
        }
        if questions:
            found = await measure_in_child(self._request(records, questions, with_fan=with_fan))
            answers |= {key: answer for key, (answer,) in zip(questions, found, strict=True)}
        document = stress_document(
            records.status,
            self.choice.shock,
            stable_assets_of(self.config),
            self._documents(answers, questions, records),
            worst_window=self.past.window if self.choice.is_like_worst else None,
        )
        return PastStress(document, answers)

    def _request(
        self, records: PastRecords, questions: Mapping[ScopeKey, OddsQuestion], *, with_fan: bool
    ) -> OddsRequest:
        span = records.until - records.since
        bars = {asset: history.bars for asset, history in records.histories.items() if history.bars}
        return OddsRequest(
            past=build_past(bars, records.since, records.until),
            questions=tuple(questions.values()),
            windows=(self.past.window,),
            targets=_targets(self.past.target),
            # Of a past that is asked to be short, half must be known.
            min_history=min(MIN_HISTORY, span / 2),
            with_fan=with_fan,
        )

    def _documents(
        self,
        answers: Mapping[ScopeKey, OddsAnswer],
        questions: Mapping[ScopeKey, OddsQuestion],
        records: PastRecords,
    ) -> PastByScope:
        remarks = {asset: describe_history(history) for asset, history in records.histories.items()}
        found = {}
        for key, answer in answers.items():
            assets = question_assets(questions[key]) if key in questions else ()
            said = [line for asset in assets for line in remarks.get(asset, ())]
            found[key] = past_windows_document(answer, self.past.target, said)
        return found


def _questions(status: StatusDocument) -> dict[ScopeKey, OddsQuestion]:
    return {
        (account["account"], label): question
        for account in status["accounts"]
        for label, scope in scopes_of(account)
        if (question := odds_question(scope)) is not None
    }


def _targets(target: Decimal | None) -> tuple[Decimal, ...]:
    """Return the odds to reach: all windows survived, and those that were asked for."""
    return (ZERO,) if not target else (ZERO, target)
