"""Figures of cross margin: net amounts, totals, levels, collateral, liquidation prices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from monitor.core.comparison.figure import (
    ComparedFigure,
    FigureName,
    FigureUnit,
    exact_net,
    failed_figure,
    part_of,
    unread_figure,
    unreported_figure,
)
from monitor.core.margin.collateral_ratios import collateral_value
from monitor.core.margin.levels import Position, Totals, margin_level, sum_positions
from monitor.core.margin.liquidation import liquidation_price
from monitor.core.margin.usdt_prices import usdt_price
from monitor.core.model.account import Price, Thresholds
from monitor.core.model.reported_figures import AccountReport, ReadFailure, ReportedCross
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO

CROSS_FIGURES: Mapping[str, FigureUnit] = {
    "assets_btc": "BTC",
    "liabilities_btc": "BTC",
    "equity_btc": "BTC",
    "margin_level": "level",
    "margin_level_by_totals": "level",
    "collateral_usdt": "USDT",
    "collateral_margin_level": "level",
}
"""Figures of the whole account; those of single assets come beside them."""

NO_PRICE = "no price leads to a value of"


def compare_cross(report: AccountReport, tolerance: Decimal) -> Iterator[ComparedFigure]:
    """Return the figures of cross. `tolerance` is the allowed part of figures that depend on prices."""
    cross = report.cross
    if cross is None:
        return
    if isinstance(cross, ReadFailure):
        yield from (failed_figure(_name(figure), cross) for figure in CROSS_FIGURES)
        return
    yield _level_by_totals(cross)
    valued = value_cross(cross, report.prices)
    yield from (*_priced_figures(cross, valued, tolerance), *_collateral_figures(cross, report, valued, tolerance))
    yield from _liquidation_prices(cross, report.thresholds, valued)
    for row in cross.balances:
        yield exact_net(FigureName("net", "asset", "cross", asset=row.balance.asset), row.balance.net, row.net)
    yield from (unread_figure(FigureName("net", "asset", "cross", asset=asset)) for asset in cross.unread)


@dataclass(frozen=True, slots=True)
class ValuedCross:
    """The positions of cross at the last prices; `why` where they are not all known.

    `btc` is the price of BTC, zero where nothing can be valued. `is_partial`: some positions have no price.
    """

    positions: tuple[Position, ...] = ()
    btc: Decimal = ZERO
    why: str = ""
    failure: ReadFailure | None = None
    is_partial: bool = False

    @property
    def totals(self) -> Totals:
        return sum_positions(self.positions)


def _name(figure: str) -> FigureName:
    return FigureName(figure, CROSS_FIGURES[figure], "cross")


def value_cross(cross: ReportedCross, prices: Mapping[str, Price] | ReadFailure) -> ValuedCross:
    """Return the positions of cross that have a price, and why others have none."""
    if isinstance(prices, ReadFailure):
        return ValuedCross(why=f"{prices.read} failed: {prices.reason}", failure=prices)
    btc = usdt_price("BTC", prices)
    found = {row.balance.asset: usdt_price(row.balance.asset, prices) for row in cross.balances}
    lacking = sorted({*cross.unread, *(asset for asset, price in found.items() if price is None)})
    if btc is None or not btc:
        return ValuedCross(why=f"{NO_PRICE} BTC")
    balances = [row.balance for row in cross.balances]
    return ValuedCross(
        tuple(Position(b.asset, b.held, b.owed, price) for b in balances if (price := found[b.asset]) is not None),
        btc,
        f"without {', '.join(lacking)}: no price, or no readable row" if lacking else "",
        is_partial=bool(lacking),
    )


def _priced_figures(cross: ReportedCross, valued: ValuedCross, tolerance: Decimal) -> Iterator[ComparedFigure]:
    totals, btc = valued.totals, valued.btc or ONE
    # A difference of the equity is judged by what it is the difference of: it may be close to zero.
    room = part_of(cross.assets_btc + cross.liabilities_btc, tolerance)
    rows = (
        ("assets_btc", totals.assets / btc, cross.assets_btc, part_of(cross.assets_btc, tolerance)),
        (
            "liabilities_btc",
            totals.liabilities / btc,
            cross.liabilities_btc,
            part_of(cross.liabilities_btc, tolerance),
        ),
        ("equity_btc", totals.equity / btc, cross.net_btc, room),
        ("margin_level", totals.level, cross.margin_level, part_of(cross.margin_level, tolerance)),
    )
    for figure, ours, reported, allowed in rows:
        known = ours if valued.btc else None
        yield ComparedFigure(
            _name(figure), known, reported, allowed, valued.why, failure=valued.failure, is_partial=valued.is_partial
        )


def _level_by_totals(cross: ReportedCross) -> ComparedFigure:
    """The level by the exchange's own totals: prices have no part in it, only the rounding of three figures."""
    ours = margin_level(cross.assets_btc, cross.liabilities_btc)
    rounding = EIGHT_DECIMALS * (ONE + ours) / cross.liabilities_btc if cross.liabilities_btc else ZERO
    allowed = rounding + EIGHT_DECIMALS if ours.is_finite() else ZERO
    return ComparedFigure(_name("margin_level_by_totals"), ours, cross.margin_level, allowed)


def _collateral_figures(
    cross: ReportedCross, report: AccountReport, valued: ValuedCross, tolerance: Decimal
) -> Iterator[ComparedFigure]:
    ratios = report.collateral
    ours: Decimal | None = None
    failure, why = valued.failure, valued.why
    if isinstance(ratios, ReadFailure):
        failure, why = ratios, f"{ratios.read} failed: {ratios.reason}"
    elif ratios is not None and valued.btc:
        parts = (collateral_value(p.held * p.price, ratios.get(p.asset, ())) for p in valued.positions)
        ours = sum(parts, ZERO)
    level = None if ours is None else margin_level(ours, valued.totals.liabilities)
    rows = (
        ("collateral_usdt", ours, cross.collateral_usdt),
        ("collateral_margin_level", level, cross.collateral_margin_level),
    )
    for figure, own, reported in rows:
        if reported is None:
            yield unreported_figure(_name(figure), own, "the exchange's answer lacks it")
        else:
            allowed = part_of(reported, tolerance)
            yield ComparedFigure(
                _name(figure), own, reported, allowed, why, failure=failure, is_partial=valued.is_partial
            )


def _liquidation_prices(
    cross: ReportedCross, thresholds: Thresholds | ReadFailure | None, valued: ValuedCross
) -> Iterator[ComparedFigure]:
    """Our liquidation prices, as `status` shows them: no answer of the exchange has one of cross."""
    totals = valued.totals
    if not any(row.balance.owed for row in cross.balances):
        return
    # As in `status`: the exchange acts on its own level, so ours is scaled to meet it.
    level = cross.margin_level
    scale = totals.level / level if level.is_finite() and level > ZERO and totals.liabilities else ONE
    for row in cross.balances:
        asset = row.balance.asset
        if asset == "USDT":
            continue
        name = FigureName("liquidation_price", "price", "cross", asset=asset)
        if isinstance(thresholds, ReadFailure):
            yield failed_figure(name, thresholds)
            continue
        position = next((position for position in valued.positions if position.asset == asset), None)
        if thresholds is None or position is None or valued.is_partial:
            yield unreported_figure(name, None, valued.why or "the thresholds are not known")
            continue
        end = liquidation_price(position, totals, thresholds.liquidation * scale)
        if end is None:
            yield unreported_figure(name, None, "no price of it alone liquidates; the exchange reports none either")
        else:
            yield unreported_figure(name, end.price, "in no answer of the exchange: compare it with its page")
