"""Figures of isolated pairs: net amounts, levels, liquidation prices, margin calls, and the totals of all pairs."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from monitor.core.comparison.cross_figures import NO_PRICE
from monitor.core.comparison.figure import (
    ComparedFigure,
    FigureName,
    exact_net,
    failed_figure,
    part_of,
    unread_figure,
    unreported_figure,
)
from monitor.core.margin.levels import isolated_level
from monitor.core.margin.liquidation import isolated_liquidation_price
from monitor.core.margin.usdt_prices import usdt_price
from monitor.core.metrics.thresholds import applicable_tier, assumed_margin_call
from monitor.core.model.account import IsolatedPair, LeverageTier
from monitor.core.model.reported_figures import AccountReport, ReadFailure, ReportedIsolated, ReportedPair
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.state.account_settings import AccountSettings

_TOTALS = ("assets_btc", "liabilities_btc", "equity_btc")


def compare_pairs(report: AccountReport, settings: AccountSettings, tolerance: Decimal) -> Iterator[ComparedFigure]:
    """Return the figures of the watched pairs, and the totals of all pairs."""
    isolated = report.isolated
    if isolated is None:
        return
    if isinstance(isolated, ReadFailure):
        for symbol in settings.isolated or ("",):
            for figure in ("margin_level", "liquidation_price"):
                unit = "level" if figure == "margin_level" else "price"
                yield failed_figure(FigureName(figure, unit, "isolated", symbol), isolated)  # type: ignore[arg-type]
        return
    for reported in watched_pairs(isolated, settings):
        yield from _compare_pair(reported, report.tiers.get(reported.pair.symbol), settings, tolerance)
        yield from _compare_nets(reported)
    for symbol in _disabled_pairs(isolated, settings):
        yield unreported_figure(FigureName("margin_level", "level", "isolated", symbol), None, "the pair is disabled")
    for symbol in isolated.unread:
        if settings.isolated is None or symbol in settings.isolated:
            yield unread_figure(FigureName("margin_level", "level", "isolated", symbol))
    known = {*isolated.unread, *(reported.pair.symbol for reported in isolated.pairs)}
    for symbol in sorted(set(settings.isolated or ()) - known):
        name = FigureName("margin_level", "level", "isolated", symbol)
        yield unreported_figure(name, None, "the exchange lists no such pair of the account")
    yield from _compare_totals(isolated, report, tolerance)


def watched_pairs(isolated: ReportedIsolated, settings: AccountSettings) -> Iterable[ReportedPair]:
    """Return the enabled pairs that the configuration names, or all of them."""
    return [
        reported
        for reported in isolated.pairs
        if reported.pair.enabled and (settings.isolated is None or reported.pair.symbol in settings.isolated)
    ]


def _disabled_pairs(isolated: ReportedIsolated, settings: AccountSettings) -> list[str]:
    """Return the disabled pairs that the configuration names, or all of them with anything in them."""
    return [
        pair.symbol
        for pair in (reported.pair for reported in isolated.pairs)
        if not pair.enabled
        and (
            not (pair.base.is_zero and pair.quote.is_zero)
            if settings.isolated is None
            else pair.symbol in settings.isolated
        )
    ]


def _compare_pair(
    reported: ReportedPair,
    tiers: tuple[LeverageTier, ...] | ReadFailure | None,
    settings: AccountSettings,
    tolerance: Decimal,
) -> Iterator[ComparedFigure]:
    pair = reported.pair
    name = FigureName("margin_level", "level", "isolated", pair.symbol)
    if not reported.is_owing:
        yield ComparedFigure(name, INFINITE, pair.margin_level, why="nothing is owed")
        return
    if not pair.index_price:
        yield ComparedFigure(name, None, pair.margin_level, why="the exchange's answer has no index price")
    else:
        level = _level(pair)
        yield ComparedFigure(name, level, pair.margin_level, part_of(pair.margin_level, tolerance))
    yield from _compare_tier_figures(pair, tiers, settings.isolated_margin_call, tolerance)


def _compare_nets(reported: ReportedPair) -> Iterator[ComparedFigure]:
    pair = reported.pair
    for side, net in ((pair.base, reported.base_net), (pair.quote, reported.quote_net)):
        if not side.is_zero or net:
            yield exact_net(FigureName("net", "asset", "isolated", pair.symbol, side.asset), side.net, net)


def _compare_tier_figures(
    pair: IsolatedPair,
    tiers: tuple[LeverageTier, ...] | ReadFailure | None,
    margin_calls: Mapping[Decimal, Decimal],
    tolerance: Decimal,
) -> Iterator[ComparedFigure]:
    name = FigureName("liquidation_price", "price", "isolated", pair.symbol)
    call_name = FigureName("margin_call_level", "level", "isolated", pair.symbol)
    if isinstance(tiers, ReadFailure):
        yield from (failed_figure(one, tiers) for one in (name, call_name))
        return
    if not tiers:
        yield from (unreported_figure(one, None, "the tiers of the pair are not known") for one in (name, call_name))
        return
    tier = applicable_tier(pair, tiers)
    end = isolated_liquidation_price(
        base_held=pair.base.held,
        base_owed=pair.base.owed,
        quote_held=pair.quote.held,
        quote_owed=pair.quote.owed,
        price=pair.index_price,
        level=tier.liquidation,
    )
    if end is not None and end.is_reached:
        yield unreported_figure(name, end.price, "the level of liquidation is reached already")
    else:
        ours, reported = ZERO if end is None else end.price, pair.liquidation_price or ZERO
        why = "" if ours and reported else "0 stands for no such price"
        yield ComparedFigure(name, ours, reported, part_of(reported, tolerance), why)
    call = margin_calls.get(tier.liquidation)
    known = call is not None
    ours = call if call is not None else assumed_margin_call(tier.initial, tier.liquidation)
    source = "from the exchange's published table" if known else "in no table, supposed"
    yield unreported_figure(call_name, ours, f"{source}; in no answer of the exchange: compare it with its page")


def _level(pair: IsolatedPair) -> Decimal:
    return isolated_level(
        base_held=pair.base.held,
        base_owed=pair.base.owed,
        quote_held=pair.quote.held,
        quote_owed=pair.quote.owed,
        price=pair.index_price,
    )


def _compare_totals(isolated: ReportedIsolated, report: AccountReport, tolerance: Decimal) -> Iterator[ComparedFigure]:
    """Compare the values of all pairs together, disabled ones included, in BTC."""
    if isolated.assets_btc is None or not (isolated.pairs or isolated.assets_btc or isolated.liabilities_btc):
        return
    sums = _sum_pairs(isolated, report)
    for figure, position in zip(_TOTALS, range(3), strict=True):
        reported = (isolated.assets_btc, isolated.liabilities_btc, isolated.net_btc)[position]
        name = FigureName(figure, "BTC", "isolated")
        if isinstance(sums, ReadFailure):
            yield failed_figure(name, sums)
        elif isinstance(sums, str):
            yield ComparedFigure(name, None, reported, why=sums)
        else:
            # The equity may be close to zero: what it is the difference of decides.
            against = reported if figure != "equity_btc" else sums[0] + sums[1]
            why = f"without {', '.join(isolated.unread)}: no readable row" if isolated.unread else ""
            allowed, is_partial = part_of(against, tolerance), bool(isolated.unread)
            yield ComparedFigure(name, sums[position], reported, allowed, why, is_partial=is_partial)


def _sum_pairs(
    isolated: ReportedIsolated, report: AccountReport
) -> tuple[Decimal, Decimal, Decimal] | str | ReadFailure:
    """Return assets, liabilities and equity in BTC; the reason where a price is not known."""
    prices = report.prices
    if isinstance(prices, ReadFailure):
        return prices
    btc = usdt_price("BTC", prices)
    if not btc:
        return f"{NO_PRICE} BTC"
    assets = liabilities = ZERO
    for reported in isolated.pairs:
        pair = reported.pair
        if pair.base.is_zero and pair.quote.is_zero:
            continue
        quote = usdt_price(pair.quote.asset, prices)
        if quote is None or (not pair.index_price and not pair.base.is_zero):
            return f"{NO_PRICE} {pair.symbol}"
        assets += (pair.base.held * pair.index_price + pair.quote.held) * quote
        liabilities += (pair.base.owed * pair.index_price + pair.quote.owed) * quote
    return assets / btc, liabilities / btc, (assets - liabilities) / btc
