"""The measurer of odds: asks a child process about every account, when its balances or past prices have changed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.margin.odds_question import OddsQuestion
from monitor.core.metrics.odds import changed_balances, odds_question
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.account import Scope
from monitor.core.model.alert import Severity
from monitor.core.model.odds import METRIC_WINDOWS, OddsAnswer, OddsRead, OddsUnavailable, WindowOdds
from monitor.core.numbers.amounts import ONE
from monitor.core.state.account_settings import AccountSettings
from monitor.errors import MonitorError, OddsFailed, StoreError
from monitor.odds.child import measure_in_child
from monitor.odds.request import OddsRequest
from monitor.runtime.account.account_service import AccountService
from monitor.runtime.past_cache import PastCache
from monitor.store.store import Store

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"""Exchange seconds between two looks at the accounts: what changed must have stood still from one to the next."""

MIN_PAUSE_S = 0.5
"""Machine seconds between two looks, for a fast clock."""

MAX_UNSETTLED = timedelta(seconds=30)
"""Time after which balances that never stand still are measured all the same."""

MOVE = Decimal("0.02")
"""Change of the level since the last measurement, as a fraction, after which odds are measured anew."""

MIN_MOVE_GAP = timedelta(minutes=1)
"""Minimum time between two measurements for a moved level, and after a failure."""

MEASURE_AFTER = timedelta(hours=1)
"""Time after which odds are measured anew even if nothing has changed."""

CHILD_GAP_S = 2.0
"""Machine seconds at least between two children, for many accounts and fast clocks."""

Questions = Mapping[Scope, OddsQuestion | str]


@dataclass(slots=True)
class _Watch:
    """What was asked of one account, and when. `service` is the one that got the answer."""

    service: int = 0
    asked_s: float | None = None
    balances: object = None
    levels: dict[Scope, Decimal] = field(default_factory=dict)
    version: int = -1
    seen_balances: object = None
    unsettled_since_s: float | None = None
    is_failed: bool = False


class OddsMeasurer:
    """The one task that measures the odds of all accounts, one after the other.

    A failure makes the odds of the account unavailable, is notified once until it is over, and is tried again.
    """

    def __init__(
        self,
        settings: Mapping[str, AccountSettings],
        services: Mapping[str, AccountService],
        store: Store,
        clock: Clock,
        notify: Callable[[Severity, str], Awaitable[None]],
    ) -> None:
        """`services` are the accounts that run, by name."""
        self._settings = {name: each for name, each in settings.items() if each.measures_odds}
        self._services = services
        self._clock = clock
        self._notify = notify
        span = max((each.price_history for each in self._settings.values()), default=timedelta())
        self._cache = PastCache(store, clock, span)
        self._watches: dict[str, _Watch] = {}
        self._child_not_before_s = 0.0

    async def run(self) -> None:
        """Measure until cancelled; return at once when no account keeps past prices."""
        while self._settings:
            for name, settings in self._settings.items():
                service = self._services.get(name)
                if service is not None and service.has_read:
                    await self._look(name, settings, service)
            await self._clock.sleep(LOOK_EVERY_S)
            await asyncio.sleep(MIN_PAUSE_S)

    async def _look(self, name: str, settings: AccountSettings, service: AccountService) -> None:
        watch = self._watches.setdefault(name, _Watch())
        if watch.service != id(service):
            # A new service begins without odds.
            watch = self._watches[name] = _Watch(id(service), is_failed=watch.is_failed)
        try:
            now = self._clock.now()
            snapshot = MetricsSnapshot(service.runner.state, settings, now)
            questions = {
                Scope(symbol): odds_question(snapshot.get((kind, symbol))) for kind, symbol in snapshot.margin_subjects
            }
            await self._refresh_past(_assets(questions))
            if not self._is_due(watch, questions):
                return
            _note(watch, questions, self._cache.version, self._clock.elapsed_s())
            answers = await self._measure(questions)
            service.deliver_event(OddsRead(answers, now))
        except (MonitorError, TimeoutError) as error:
            await self._fail(name, service, watch, str(error) or type(error).__name__)
        except Exception as error:
            log.exception("odds.broken account=%s", name)
            await self._fail(name, service, watch, f"an error of this program ({type(error).__name__})")
        else:
            await self._recover(name, watch)

    async def _refresh_past(self, assets: Iterable[str]) -> None:
        """Read new bars. While the database can't be read, the known ones serve."""
        try:
            await self._cache.refresh(assets)
        except StoreError as error:
            log.warning("odds.past_unread cause=%r", str(error))

    def _is_due(self, watch: _Watch, questions: Questions) -> bool:
        now_s = self._clock.elapsed_s()
        balances = _balances(questions)
        is_settled, watch.seen_balances = balances == watch.seen_balances, balances
        if watch.asked_s is None:
            return True
        since_s = now_s - watch.asked_s
        if watch.is_failed or self._cache.version != watch.version or since_s >= MEASURE_AFTER.total_seconds():
            return since_s >= MIN_MOVE_GAP.total_seconds()
        if balances != watch.balances:
            started_s = watch.unsettled_since_s = (
                watch.unsettled_since_s if watch.unsettled_since_s is not None else now_s
            )
            return is_settled or now_s - started_s >= MAX_UNSETTLED.total_seconds()
        return since_s >= MIN_MOVE_GAP.total_seconds() and any(
            scope in watch.levels and abs(level / watch.levels[scope] - ONE) >= MOVE
            for scope, level in _levels(questions).items()
        )

    async def _measure(self, questions: Questions) -> Mapping[Scope, tuple[OddsAnswer, ...]]:
        """Return the answers; a child process is asked only where something is owed and prices are known."""
        past = self._cache.past()
        answers: dict[Scope, tuple[OddsAnswer, ...]] = {}
        asked: dict[Scope, OddsQuestion] = {}
        for scope, question in questions.items():
            if isinstance(question, str):
                answers[scope] = tuple(OddsUnavailable(window, question) for window in METRIC_WINDOWS)
            elif question.owes_nothing:
                answers[scope] = tuple(WindowOdds(window, 0, 0) for window in METRIC_WINDOWS)
            elif past is None or not any(past.has_bars(row.asset) for row in question.positions):
                answers[scope] = tuple(OddsUnavailable(window, "no past prices yet") for window in METRIC_WINDOWS)
            else:
                asked[scope] = question
        if asked and past is not None:
            await asyncio.sleep(max(0.0, self._child_not_before_s - time.monotonic()))
            started_s = time.monotonic()
            self._child_not_before_s = started_s + CHILD_GAP_S
            found = await measure_in_child(OddsRequest(past, tuple(asked.values()), METRIC_WINDOWS))
            if len(found) != len(asked):
                raise OddsFailed("the process that measures odds left a question unanswered")
            answers |= dict(zip(asked, found, strict=True))
            log.debug("odds.measured scopes=%d in_s=%.2f", len(asked), time.monotonic() - started_s)
        return answers

    async def _fail(self, name: str, service: AccountService, watch: _Watch, cause: str) -> None:
        """Make the odds unavailable; notify unless the last measurement failed, too."""
        watch.asked_s = self._clock.elapsed_s()
        service.deliver_event(OddsRead({}, self._clock.now(), failure=cause))
        log.warning("odds.failed account=%s cause=%r", name, cause)
        if not watch.is_failed:
            watch.is_failed = True
            await self._notify(
                "warning",
                f"The odds of liquidation of account {name} can't be measured: {cause}. They are unavailable until a "
                "measurement succeeds, and rules about them wait; the next try is in a minute. All other rules hold.",
            )

    async def _recover(self, name: str, watch: _Watch) -> None:
        if watch.is_failed:
            watch.is_failed = False
            await self._notify("info", f"The odds of liquidation of account {name} are measured again.")


def _assets(questions: Questions) -> set[str]:
    return {row.asset for question in questions.values() if not isinstance(question, str) for row in question.positions}


def _balances(questions: Questions) -> object:
    """Return what the odds depend on besides prices: balances, debts, and liquidation levels."""
    return {
        scope: question if isinstance(question, str) else (changed_balances(question), question.liquidation_level)
        for scope, question in questions.items()
    }


def _levels(questions: Questions) -> dict[Scope, Decimal]:
    return {
        scope: question.level
        for scope, question in questions.items()
        if not isinstance(question, str) and question.is_measurable
    }


def _note(watch: _Watch, questions: Questions, version: int, now_s: float) -> None:
    watch.asked_s, watch.version, watch.unsettled_since_s = now_s, version, None
    watch.balances, watch.levels = _balances(questions), _levels(questions)
