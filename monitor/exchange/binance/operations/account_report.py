"""The report of one account: the exchange's own figures as its answers state them, and these answers."""

from collections.abc import Awaitable, Collection, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from monitor.clock import Clock
from monitor.core.comparison.interest_figures import owed_assets
from monitor.core.comparison.pair_figures import watched_pairs
from monitor.core.comparison.transfer_figures import transferable_assets
from monitor.core.margin.usdt_prices import candidate_symbols, usdt_price
from monitor.core.model.account import CROSS, Price
from monitor.core.model.reported_figures import AccountReport, ReadFailure, ReportedCross, ReportedIsolated
from monitor.core.state.account_settings import AccountSettings
from monitor.errors import ExchangeError
from monitor.exchange.binance.api.accounts import (
    get_isolated_margin_account,
    get_margin_account,
    get_max_margin_transfer,
)
from monitor.exchange.binance.api.answer_recorder import RawAnswer, RecordingTransport
from monitor.exchange.binance.api.market import get_cross_margin_collateral_ratio
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations import accounts, prices
from monitor.exchange.binance.operations.interest import BinanceInterestSource
from monitor.exchange.binance.translate.reference_data import parse_collateral_tiers
from monitor.exchange.binance.translate.reported_figures import parse_reported_cross, parse_reported_isolated
from monitor.exchange.binance.wire.accounts import CrossAccountPayload, IsolatedAccountPayload
from monitor.exchange.binance.wire.plain_values import to_decimal

T = TypeVar("T")

INTEREST_SPAN = timedelta(hours=24)
"""Time of which interest charges are compared."""


async def read_account_report(
    transport: Transport, settings: AccountSettings, clock: Clock
) -> tuple[AccountReport, tuple[RawAnswer, ...]]:
    """Read everything that our figures are compared with. A read that fails is in the report: none raises."""
    recorder = RecordingTransport(transport)
    reads = _Reads(recorder, clock)
    cross = await reads.read_cross() if settings.cross else None
    isolated = await reads.read_isolated() if settings.isolated != () else None
    # Right after the accounts: the exchange valued them at the prices of that moment.
    found = await reads.read_prices(_assets(cross, isolated), _symbols(isolated))
    report = AccountReport(cross, isolated, found)
    debts = owed_assets(report, settings)
    scopes = list(dict.fromkeys(scope for scope, _ in debts))
    source = BinanceInterestSource(recorder, clock)
    until = clock.now()
    owing = [] if not isinstance(isolated, ReportedIsolated) else watched_pairs(isolated, settings)
    symbols = [reported.pair.symbol for reported in owing if reported.is_owing]
    has_cross = isinstance(cross, ReportedCross)
    return AccountReport(
        cross,
        isolated,
        found,
        thresholds=await attempt("tradeCoeff", accounts.read_thresholds(recorder)) if has_cross else None,
        collateral=await attempt(
            "crossMarginCollateralRatio",
            get_cross_margin_collateral_ratio.fetch(recorder, lambda rows, _: parse_collateral_tiers(rows)),
        )
        if has_cross
        else None,
        transferable={
            asset: await attempt("maxTransferable", reads.read_transferable(asset))
            for asset in (transferable_assets(cross, found) if isinstance(cross, ReportedCross) else ())
        },
        tiers={
            symbol: await attempt("isolatedMarginTier", accounts.read_tiers(recorder, symbol)) for symbol in symbols
        },
        charges={
            scope: await attempt("interestHistory", source.read_charges(scope, until - INTEREST_SPAN, until))
            for scope in scopes
        },
        rates=await attempt("crossMarginData", source.read_rates()) if CROSS in scopes else None,
        next_rates={
            kind: await attempt(
                "next-hourly-interest-rate",
                source.read_next_rates(sorted({a for s, a in debts if s.kind == kind}), isolated=kind == "isolated"),
            )
            for kind in dict.fromkeys(scope.kind for scope in scopes)
        },
    ), tuple(recorder.answers)


async def attempt(read: str, reading: Awaitable[T]) -> T | ReadFailure:
    """Return what the read gives, or why it failed."""
    try:
        return await reading
    except ExchangeError as error:
        return ReadFailure(read, error.code, error.message, error.venue_code)


class _Reads:
    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    async def read_cross(self) -> ReportedCross | ReadFailure:
        def translated(account: CrossAccountPayload, answer: ApiResponse) -> ReportedCross:
            return parse_reported_cross(account, tuple(answer.rejected_rows))

        return await attempt("margin/account", get_margin_account.fetch(self._transport, translated))

    async def read_isolated(self) -> ReportedIsolated | ReadFailure:
        def translated(account: IsolatedAccountPayload, answer: ApiResponse) -> ReportedIsolated:
            return parse_reported_isolated(account, tuple(answer.rejected_rows))

        return await attempt("isolated/account", get_isolated_margin_account.fetch(self._transport, translated))

    async def read_transferable(self, asset: str) -> Decimal:
        return await get_max_margin_transfer.fetch(
            self._transport, lambda answer, _: to_decimal(answer.amount), asset=asset
        )

    async def read_prices(self, assets: Collection[str], symbols: Iterable[str]) -> Mapping[str, Price] | ReadFailure:
        """Return the last prices of the symbols, and of those that lead from the assets to USDT."""
        wanted = {"BTCUSDT", *symbols, *(f"{asset}USDT" for asset in assets if asset != "USDT")}
        found: dict[str, Price] = {}
        asked: set[str] = set()
        # A first read by the pairs with USDT, a second for the assets that have none, a third over a bridge.
        for _ in range(3):
            read = await attempt("ticker/price", prices.read_prices(self._transport, wanted - asked))
            if isinstance(read, ReadFailure):
                return read
            found.update(read)
            asked |= wanted
            lacking = [asset for asset in assets if usdt_price(asset, found) is None]
            wanted = wanted.union(*(candidate_symbols(asset, found) for asset in lacking))
            if wanted <= asked:
                break
        return found


def _assets(
    cross: ReportedCross | ReadFailure | None, isolated: ReportedIsolated | ReadFailure | None
) -> frozenset[str]:
    found: set[str] = set()
    if isinstance(cross, ReportedCross):
        found.update(row.balance.asset for row in cross.balances)
    if isinstance(isolated, ReportedIsolated):
        found.update(reported.pair.quote.asset for reported in isolated.pairs)
    return frozenset(found)


def _symbols(isolated: ReportedIsolated | ReadFailure | None) -> list[str]:
    if not isinstance(isolated, ReportedIsolated):
        return []
    return [reported.pair.symbol for reported in isolated.pairs if not reported.pair.base.is_zero]
