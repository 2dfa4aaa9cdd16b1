"""Our own figures beside the exchange's: reads every account, records and changes nothing."""

import contextlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from monitor.app.exchange import load_weight_budget, open_binance_account
from monitor.clock import Clock
from monitor.config import policies
from monitor.config.model import Config
from monitor.core.comparison.account_figures import compare_account
from monitor.core.comparison.figure import ComparedFigure
from monitor.core.model.reported_figures import AccountReport, ReadFailure
from monitor.errors import MonitorError
from monitor.version import describe_version
from monitor.view.comparison.answer_mask import ReceivedAnswer

if TYPE_CHECKING:
    from monitor.exchange.binance.rate_limits import WeightBudget

LIBRARIES = ("httpx", "msgspec", "websockets", "sqlalchemy", "apscheduler", "apprise", "cryptography")
"""Libraries whose versions a report of a mistake needs."""


@dataclass(frozen=True, slots=True)
class AccountComparison:
    """The compared figures of one account, and the exchange's answers behind them."""

    account: str
    figures: tuple[ComparedFigure, ...]
    answers: tuple[ReceivedAnswer, ...] = ()

    @property
    def is_unreachable(self) -> bool:
        """True if no read of the account's figures got an answer."""
        failures = [figure.failure for figure in self.figures if figure.failure is not None]
        return not self.answers and any(failure.code == "exchange_unreachable" for failure in failures)


async def compare_accounts(config: Config, clock: Clock, tolerance: Decimal | None) -> tuple[AccountComparison, ...]:
    """Compare every account, one after the other. `tolerance` None: the account's `[risk] drift_bound`.

    An account that can't be read is in the result, with the reason; nothing raises for one alone.
    """
    budget = load_weight_budget(config, clock)
    return tuple([await _compare_one(config, account.name, clock, tolerance, budget) for account in config.accounts])


async def _compare_one(
    config: Config, name: str, clock: Clock, tolerance: Decimal | None, budget: "WeightBudget"
) -> AccountComparison:
    from monitor.exchange.binance.operations.account_report import read_account_report

    settings = policies.build_policy(config, name).settings
    allowed = settings.max_drift if tolerance is None else tolerance
    try:
        exchange = open_binance_account(config, name, clock, budget)
    except MonitorError as error:
        failure = ReadFailure("the account's keys", error.code, str(error))
        isolated = failure if settings.isolated != () else None
        report = AccountReport(failure if settings.cross else None, isolated, failure)
        return AccountComparison(name, compare_account(report, settings, allowed))
    async with contextlib.aclosing(exchange):
        report, answers = await read_account_report(exchange.read_transport, settings, clock)
    received = tuple(ReceivedAnswer(answer.endpoint, answer.parameters, answer.body) for answer in answers)
    return AccountComparison(name, compare_account(report, settings, allowed), received)


def describe_versions() -> Mapping[str, str]:
    """Return the versions of program, Python, libraries and system; nothing that names the machine."""
    found = {
        "margin-monitor": describe_version(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for library in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[library] = version(library)
    return found
