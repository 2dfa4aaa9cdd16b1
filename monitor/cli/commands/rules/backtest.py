"""`rules backtest`: alerts and actions over price files or recorded data."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path

from monitor.app.database import open_reader
from monitor.app.parameters import check_time_parameter, time_parameter
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config import policies
from monitor.config.model import Config
from monitor.config.simulation.portfolio import (
    PricedPortfolio,
    missing_prices,
    peg_prices,
    portfolio_from_status,
    read_portfolio,
)
from monitor.config.simulation.price_bars import read_price_bars
from monitor.core.model.price_history import PriceBar
from monitor.core.numbers.durations import format_duration
from monitor.errors import ExitCode, MonitorError, UsageError, suggest_nearest
from monitor.simulation.backtest import Backtest, run_backtest
from monitor.simulation.odds import SimulatedOdds, odds_bars
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.price_path import PricePath, build_price_path, evaluation_times
from monitor.simulation.recorded_frames import FILL_INTERVAL, SUBJECT_TIMEOUT, ReplaySample, recorded_frames
from monitor.simulation.simulator import MarketFrame
from monitor.store.command_store import ReadStore
from monitor.store.readers.history import read_history
from monitor.store.readers.samples import read_samples, read_thinned_until
from monitor.store.readers.status import read_live_documents
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.backtests import backtest_document, backtest_items
from monitor.view.terminal.backtests import backtest_lines, backtest_table

READ_SPAN = timedelta(hours=6)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="WHEN", help="over recorded data since: 2d, 2025-10-10 or RFC 3339")
    parser.add_argument(
        "--prices", metavar="SYMBOL=FILE", nargs="+", action="extend", help="over the bars of a .csv or .csv.gz"
    )
    parser.add_argument("--portfolio", metavar="FILE", help="file of balances and debts (default: as last recorded)")
    parser.add_argument("--account", metavar="NAME", help="one account (default: all recorded ones)")
    add_json(parser, lists=True)


def run(args: argparse.Namespace) -> int:
    if (args.since is None) == (args.prices is None):
        raise UsageError("over what?", mend="give --since WHEN, or --prices SYMBOL=FILE")
    if args.portfolio and args.since:
        raise UsageError("--portfolio goes with --prices", mend="what was recorded has its own balances")
    config = config_option.read_config(args)
    accounts = _select_accounts(config, args.account)
    if args.since is not None:
        tests = _backtest_recorded(config, accounts, args.since)
    else:
        tests = _backtest_prices(config, accounts, _read_price_files(args.prices), args.portfolio)
    _print(args, tests)
    return ExitCode.DONE


def _print(args: argparse.Namespace, tests: Sequence[Backtest]) -> None:
    items = [item for found in tests for item in backtest_items(found)]
    if args.jsonl:
        output.print_jsonl(items)
    elif args.json:
        output.print_json(backtest_document(tests))
    else:
        output.print_view_table(backtest_table(items))
        if not items:
            output.print_line("no rule would have fired")
        for found in tests:
            output.print_cells(backtest_lines(found))


def _backtest_prices(
    config: Config, accounts: Sequence[str], bars: Mapping[str, Sequence[PriceBar]], portfolio: str | None
) -> list[Backtest]:
    paths = {symbol: build_price_path(series) for symbol, series in bars.items()}
    if portfolio is not None:
        starts = {accounts[0]: read_portfolio(Path(portfolio).expanduser(), accounts[0])}
    else:
        with open_reader(config) as store:
            starts = _last_portfolios(store, accounts)
        if not starts:
            raise MonitorError(
                "nothing is recorded of any account", where="rules backtest", mend="give --portfolio FILE"
            )
    moments = evaluation_times(paths.values())
    gap = max((later - earlier for earlier, later in pairwise(moments)), default=timedelta())
    tests = []
    for account, start in starts.items():
        prices = {**peg_prices(config), **start.prices}
        missing = missing_prices(
            start.portfolio, {**prices, **{symbol: path.values[0] for symbol, path in paths.items()}}
        )
        if missing:
            names = " ".join(f"{symbol}=FILE" for symbol in missing)
            raise UsageError(f"{account}: the price of {', '.join(missing)} is missing", mend=f"add --prices {names}")
        frames = partial(_market_frames, prices, paths, moments)
        policy, past = policies.build_policy(config, account), odds_bars(bars, prices)
        odds = partial(SimulatedOdds, past, policy.settings.price_history) if policy.settings.measures_odds else None
        tests.append(run_backtest(policy, start.portfolio, frames, gap=gap, odds=odds or (lambda: None)))
    return tests


def _market_frames(
    prices: Mapping[str, Decimal], paths: Mapping[str, PricePath], moments: Iterable[datetime]
) -> Iterator[MarketFrame]:
    for at in moments:
        yield MarketFrame(at, {**prices, **{symbol: path.at(at) for symbol, path in paths.items()}})


def _read_price_files(words: Sequence[str]) -> dict[str, Sequence[PriceBar]]:
    found: dict[str, Sequence[PriceBar]] = {}
    for word in words:
        given, equals, name = word.partition("=")
        symbol = given.upper()
        # Symbols may be of any alphabet: the exchange names assets after tokens, and tokens are named freely.
        if not equals or not name or not symbol.isalnum():
            raise UsageError(f'--prices: "{word}" is no SYMBOL=FILE', mend="write it like BTCUSDT=prices.csv.gz")
        if symbol in found:
            raise UsageError(f"--prices: {symbol} is given twice", mend="give it once")
        found[symbol] = tuple(read_price_bars(Path(name).expanduser()))
    return found


def _select_accounts(config: Config, name: str | None) -> list[str]:
    names = [account.name for account in config.accounts]
    if name is None:
        return names
    if name not in names:
        raise UsageError(f'there is no account "{name}"', mend=suggest_nearest(name, names))
    return [name]


def _last_portfolios(store: ReadStore, accounts: Sequence[str]) -> dict[str, PricedPortfolio]:
    """The last recorded holdings and debts of each account; the wallets as far as they were recorded."""
    documents = {row.account: json.loads(row.document) for row in store.read(read_live_documents)}
    found: dict[str, PricedPortfolio] = {}
    for account in accounts:
        if account not in documents:
            continue
        start = portfolio_from_status(documents[account], f"{account}, as last recorded")
        wallets = {name: _wallet(store, account, name) for name in ("spot", "funding")}
        found[account] = replace(start, portfolio=replace(start.portfolio, wallets=wallets))
    return found


def _wallet(store: ReadStore, account: str, name: str) -> dict[str, Decimal]:
    """The last recorded free balances of a wallet, for assets held or owed in margin."""
    series = store.read(read_history, f"{name}_free", account=account, scope="asset", resolution="1h")
    last = {row.subject: row.points[-1].value for row in series if row.points}
    return {asset: amount for asset, amount in last.items() if amount}


def _backtest_recorded(config: Config, accounts: Sequence[str], since: str) -> list[Backtest]:
    """Backtest the accounts, each from where its samples are no longer thinned to the hour."""
    tests: list[Backtest] = []
    mend = "choose an earlier --since"
    check_time_parameter("since", since)
    with open_reader(config) as store:
        now = store.read(command_clock).now()
        start = time_parameter("since", since, now)
        for account in accounts:
            whole_since = store.read(read_thinned_until, account)
            begin = start if whole_since is None else max(start, whole_since)
            if begin > start:
                mend = f"choose a --since after {begin:%Y-%m-%d %H:%M}"
                output.print_note(
                    f"{account}: begins at {begin:%Y-%m-%d %H:%M} UTC: of the hours before only a few samples are "
                    f"kept; an earlier --since takes a longer [storage] retain_samples (now "
                    f"{format_duration(config.storage.retain_samples)}) at the time they are recorded"
                )
            if next(_samples(store, account, begin, now), None) is None:
                continue
            frames = partial(_recorded_frames, store, account, begin, now)
            policy = policies.build_policy(config, account)
            tests.append(run_backtest(policy, SimulatedPortfolio(), frames, gap=FILL_INTERVAL, liquidates=False))
    if not tests:
        raise MonitorError("nothing is recorded in that time", where="rules backtest", mend=mend)
    return tests


def _recorded_frames(store: ReadStore, account: str, since: datetime, until: datetime) -> Iterator[MarketFrame]:
    return recorded_frames(_samples(store, account, since - SUBJECT_TIMEOUT, until), since)


def _samples(store: ReadStore, account: str, since: datetime, until: datetime) -> Iterator[ReplaySample]:
    """The samples, read a few hours at a time: months of them need not be in memory at once."""
    while since < until:
        end = min(since + READ_SPAN, until)
        yield from store.read(read_samples, account, since, end)
        since = end
