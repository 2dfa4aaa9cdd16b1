"""The files of a bundle, and the archive that holds them."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from monitor.core.comparison.figure import AMOUNT_UNITS, ComparedFigure
from monitor.view.comparison.answer_mask import MASK, ReceivedAnswer, mask_answer
from monitor.view.comparison.compare_document import compare_document, format_figure, order_figures
from monitor.view.comparison.config_mask import mask_config
from monitor.view.comparison.scaling import ALL_PAIRS, SMALL, AmountScaler, round_ratio
from monitor.view.documents.types.checks import ComparedFigureDocument

README = """\
A bundle of `margin-monitor compare --bundle`, to attach to a report of a mistake.

compare.json   our figures beside the exchange's
versions.json  versions of the program, its libraries and the system
config.json    the configuration in force
answers/       the answers of the exchange that the figures come from, in the order of the requests

What was done to it:
- Accounts are numbered. Of the configuration only keys that figures depend on keep their values; names, addresses,
  paths, secrets, references to secrets, conditions and amounts are ***.
- All amounts of one scope (cross, each isolated pair, the totals over all pairs) are multiplied by one factor, drawn
  anew for each bundle and written nowhere. Each has a random error of its own, too, of up to 0.1 percent, a round one
  (two digits, such as 0.5 or 12000) of up to 3 percent. So sums of them are off by as much. Four digits are shown.
  Amounts of two scopes can't be compared with each other.
- Amounts below a limit between 0.01 and 0.1, drawn for each scope, are "small": the exchange counts in steps of 1e-8,
  and the ratios of few steps would tell the factor. Most charges of interest are among them.
- Where an amount agrees, ours is shown as the exchange's: the rounding would show its size. Where it differs, both have
  the same error; the relative difference is "small", too, if one of the amounts is.
- Collateral, the level by collateral, what may leave, and the tier of a pair are ***: tiers are bounded by amounts.
- Numbers of charges, users and orders are ***; so is each field of an answer that is not known to be harmless. The time
  of an interest charge is that of its hour.
- What the exchange said about a failed read is its code alone.

What stays: the names of assets and pairs, the levels, the prices, the hour, and all ratios within the errors. Rates
tell the VIP level; liquidation and margin call levels of a pair tell its leverage, and may tell between which bounds
its debt lies. Shown amounts and "small" may show the order of magnitude. Whoever knows or guesses one true amount of a
scope knows all of them within the errors: several amounts that are likely to be round (10000 borrowed here, 1500
there) make such a guess easier. Look into the files before you attach them.
"""

TIERED_FIGURES = frozenset({"collateral_usdt", "collateral_margin_level", "may_leave"})
"""Figures that follow from tiers in USD: beside the level they would tell how large an account is."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class BundleAccount:
    """One account of a bundle: its figures, and the answers behind them."""

    figures: Sequence[ComparedFigure]
    answers: Sequence[ReceivedAnswer]


def bundle_files(
    accounts: Iterable[BundleAccount],
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    now: datetime,
    choose_factor: Callable[[], Decimal],
    choose_part: Callable[[], Decimal],
) -> dict[str, str]:
    """Return the text of each file by its name; nothing in them names a person or the size of an account."""
    scaler = AmountScaler(choose_factor, choose_part)
    named = [(f"account-{number}", account) for number, account in enumerate(accounts, 1)]
    hour = now.replace(minute=0, second=0, microsecond=0)
    document = compare_document(
        ((name, account.figures) for name, account in named), hour, versions.get("margin-monitor", "")
    )
    ordered = [figure for _, account in named for figure in order_figures(account.figures)]
    document["items"] = [
        _mask_item(item, figure, scaler) for item, figure in zip(document["items"], ordered, strict=True)
    ]
    files = {
        "README.txt": README,
        "compare.json": _json(document),
        "versions.json": _json(versions),
        "config.json": _json(mask_config(config)),
    }
    for name, account in named:
        for number, answer in enumerate(account.answers, 1):
            files[f"answers/{name}-{number:02}.json"] = _json(mask_answer(answer, name, scaler))
    return files


def pack_files(files: Mapping[str, str]) -> bytes:
    """Return a ZIP archive of the files, without times and owners."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _mask_item(item: ComparedFigureDocument, figure: ComparedFigure, scaler: AmountScaler) -> ComparedFigureDocument:
    """The item with scaled amounts. Rounding would show the size of an account: where figures agree, one is shown."""
    name, failure = figure.name, figure.failure
    masked: ComparedFigureDocument = {**item, "allowed": None}
    if failure is not None:
        venue = "" if failure.venue_code is None else f", the exchange's code {failure.venue_code}"
        masked["why"] = f"{failure.read} failed: {failure.code}{venue}"
    (masked["exchange"], masked["ours"], masked["difference"]), masked["relative"] = _mask_numbers(
        figure, scaler, item["account"]
    )
    if figure.result == "same" and (name.unit in AMOUNT_UNITS or name.figure == "margin_level_by_totals"):
        masked["ours"] = masked["exchange"]
        masked["difference"] = masked["relative"] = "0" if masked["exchange"] is not None else None
    return masked


def _mask_numbers(
    figure: ComparedFigure, scaler: AmountScaler, account: str
) -> tuple[tuple[str | None, str | None, str | None], str | None]:
    """The exchange's number, ours and their difference as the bundle shows them, and the relative difference."""
    name, relative = figure.name, format_figure(round_ratio(figure.relative), "level")
    reported = figure.reported if figure.is_reported else None
    if name.figure in TIERED_FIGURES:
        return (_hide(reported), _hide(figure.ours), _hide(figure.difference)), relative
    if name.unit not in AMOUNT_UNITS:
        if name.figure != "margin_level_by_totals":
            relative = format_figure(figure.relative, "level")
            numbers = (reported, figure.ours, figure.difference)
        else:
            # It is made of rounded totals: its last digits would tell how large these are.
            numbers = (reported, round_ratio(figure.ours), round_ratio(figure.difference))
        exchange, ours, difference = (format_figure(number, name.unit) for number in numbers)
        return (exchange, ours, difference), relative
    scope = name.symbol or ("cross" if name.scope == "cross" else ALL_PAIRS)
    like = reported or figure.ours

    def scaled(number: Decimal | None) -> str | None:
        if number is None:
            return None
        shown = scaler.scale(number, account, scope, like=like)
        return SMALL if shown is None else format_figure(shown, name.unit)

    amounts = scaled(reported), scaled(figure.ours), scaled(figure.difference)
    return amounts, SMALL if SMALL in amounts and figure.relative else relative


def _hide(number: Decimal | None) -> str | None:
    return MASK if number is not None and number.is_finite() else None


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
