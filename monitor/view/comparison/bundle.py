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
from monitor.view.comparison.answer_mask import ReceivedAnswer, mask_answer
from monitor.view.comparison.compare_document import compare_document, format_figure, order_figures
from monitor.view.comparison.config_mask import mask_config
from monitor.view.comparison.scaling import ALL_PAIRS, AmountScaler
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
  anew for each bundle and written nowhere, and rounded to six digits. Ratios within a scope stay, and so do levels,
  prices and rates. Amounts of two scopes can't be compared with each other.
- Where an amount agrees, ours is shown as the exchange's: the rounding would show its size.
- Numbers of charges, users and orders are ***; so is each field of an answer that is not known to be harmless. The time
  of an interest charge is that of its hour.
- What the exchange said about a failed read is its code alone.

What stays: the names of assets and pairs, the levels, the prices, the hour. Whoever knows one true amount of a scope
knows all of them, and rounding may show the order of magnitude. Look into the files before you attach them.
"""

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
) -> dict[str, str]:
    """Return the text of each file by its name; nothing in them names a person or the size of an account."""
    scaler = AmountScaler(choose_factor)
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
    is_amount = name.unit in AMOUNT_UNITS
    scope = name.symbol or ("cross" if name.scope == "cross" else ALL_PAIRS)

    def shown(value: Decimal | None) -> str | None:
        scaled = value if value is None or not is_amount else scaler.scale(value, item["account"], scope)
        return format_figure(scaled, name.unit)

    masked["exchange"] = shown(figure.reported) if figure.is_reported else None
    if figure.result == "same" and (is_amount or name.figure == "margin_level_by_totals"):
        masked["ours"] = masked["exchange"]
        masked["difference"] = masked["relative"] = "0" if masked["exchange"] is not None else None
    else:
        masked["ours"], masked["difference"] = shown(figure.ours), shown(figure.difference)
    return masked


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
