"""Lending terms (thresholds, tiers, collateral ratios, restrictions, delistings) and their changes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import CollateralTier, LeverageTier, Thresholds
from monitor.core.numbers.amounts import format_decimal

TermsKind = Literal["bars", "tiers", "collateral", "restricted"]


@dataclass(frozen=True, slots=True)
class LendingTerms:
    """Lending terms of one subject as comparable text, and when they were first seen.

    `subject` is an asset, a pair, or empty for the cross account.
    """

    kind: TermsKind
    subject: str
    text: str
    seen_at: datetime


TermsKey = tuple[TermsKind, str]


@dataclass(frozen=True, slots=True)
class RememberedThresholds:
    """Thresholds and tiers from the terms of an earlier run."""

    thresholds: Thresholds | None = None
    tiers: Mapping[str, tuple[LeverageTier, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Assets that can't be borrowed for new longs, and assets that the exchange no longer accepts as collateral."""

    no_new_longs: frozenset[str] = frozenset()
    no_more_collateral: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Delisting:
    """An asset or pair that leaves margin trading at `at`.

    Positions are closed then, and borrowing stops about a day before.
    """

    at: datetime
    assets: frozenset[str]
    symbols: frozenset[str]


def thresholds_text(thresholds: Thresholds) -> str:
    initial, call = _number_text(thresholds.initial), _number_text(thresholds.margin_call)
    return f"initial {initial}, margin call {call}, liquidation {_number_text(thresholds.liquidation)}"


def tiers_text(tiers: Sequence[LeverageTier]) -> str:
    """Return the tiers in order as text: initial and liquidation level, and the maximum debts of each."""
    return "; ".join(
        f"{tier.number}: {_number_text(tier.initial)}/{_number_text(tier.liquidation)} "
        f"up to {_number_text(tier.base_max_borrowable)}/{_number_text(tier.quote_max_borrowable)}"
        for tier in tiers
    )


def parse_remembered_thresholds(known_terms: Iterable[LendingTerms]) -> RememberedThresholds:
    """Return the thresholds and tiers of `thresholds_text` and `tiers_text`; unreadable text counts as never seen."""
    thresholds: Thresholds | None = None
    tiers: dict[str, tuple[LeverageTier, ...]] = {}
    for terms in known_terms:
        if terms.kind == "bars" and (found := _THRESHOLDS.fullmatch(terms.text)) is not None:
            thresholds = Thresholds(*map(Decimal, found.groups()))
        if terms.kind == "tiers" and terms.text:
            parts = [_TIER.fullmatch(part) for part in terms.text.split("; ")]
            read = [LeverageTier(int(part[1]), *map(Decimal, part.groups()[1:])) for part in parts if part is not None]
            if len(read) == len(parts):
                tiers[terms.subject] = tuple(read)
    return RememberedThresholds(thresholds, tiers)


def collateral_text(tiers: Sequence[CollateralTier]) -> str:
    """Return the collateral ratios by held value in USDT, as text. An unlisted asset counts for nothing."""
    if not tiers:
        return "not listed"
    parts = [
        f"{_number_text(t.ratio)} up to {_number_text(t.end)}" if t.end is not None else _number_text(t.ratio)
        for t in tiers
    ]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, then {parts[-1]}"


def restrictions_text(asset: str, restrictions: Restrictions) -> str:
    """Return the restrictions of the exchange on the asset, as text."""
    words = []
    if asset in restrictions.no_new_longs:
        words.append("no new longs by borrowing")
    if asset in restrictions.no_more_collateral:
        words.append("no more of it is taken as collateral")
    return "; ".join(words) or "none"


def changed_terms(
    known: Mapping[TermsKey, LendingTerms], kind: TermsKind, texts: Mapping[str, str], now: datetime
) -> tuple[LendingTerms, ...]:
    """Return the terms in `texts` (by subject) that are new or differ from the known ones."""
    return tuple(
        LendingTerms(kind, subject, text, now)
        for subject, text in sorted(texts.items())
        if (kind, subject) not in known or known[kind, subject].text != text
    )


def describe_changes(known: Mapping[TermsKey, LendingTerms], new: Iterable[LendingTerms]) -> tuple[str, ...]:
    """Return a description of each change for people; terms that were never seen before are no change."""
    texts = []
    for terms in new:
        before = known.get((terms.kind, terms.subject))
        if before is not None and before.text != terms.text:
            texts.append(f"{_title(terms)} changed: {before.text} → {terms.text} (first seen {_time_text(terms)})")
    return tuple(texts)


def seconds_to_delisting(
    subject: str, kind: Literal["isolated", "asset"], schedule: Iterable[Delisting], now: datetime
) -> Decimal | None:
    """Return the seconds until the pair, or the asset in cross margin, leaves margin trading.

    Zero once the time has come; None when nothing is scheduled.
    """
    times = [d.at for d in schedule if subject in (d.symbols if kind == "isolated" else d.assets)]
    if not times:
        return None
    left = min(times) - now
    return max(Decimal(0), Decimal(left.days * 86_400 + left.seconds) + Decimal(left.microseconds) / 1_000_000)


def _title(terms: LendingTerms) -> str:
    match terms.kind:
        case "bars":
            return "the thresholds of the cross account"
        case "tiers":
            return f"the tiers of {terms.subject}"
        case "collateral":
            return f"the collateral ratio of {terms.subject}"
        case "restricted":
            return f"what is restricted of {terms.subject}"


def _time_text(terms: LendingTerms) -> str:
    return f"{terms.seen_at:%Y-%m-%d %H:%M} UTC"


def _number_text(number: Decimal) -> str:
    return format_decimal(number + 0)


_NUMBER = r"(-?\d+(?:\.\d+)?)"
_THRESHOLDS = re.compile(f"initial {_NUMBER}, margin call {_NUMBER}, liquidation {_NUMBER}")
_TIER = re.compile(rf"(\d+): {_NUMBER}/{_NUMBER} up to {_NUMBER}/{_NUMBER}")
