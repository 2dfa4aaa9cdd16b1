"""One scope as a page shows it: verdict, distance, level, prices, ways back to safety, and its age."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import cast
from urllib.parse import quote

from monitor.core.numbers.amounts import INFINITE, ONE, ceil_to
from monitor.core.state.account_settings import PRICES_STALE_AFTER
from monitor.view.documents.stress_portfolio import portfolio_of
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.balances import CrossBalanceDocument
from monitor.view.documents.types.recovery import RecoveryDocument
from monitor.view.documents.types.scopes import CrossDocument, IsolatedDocument
from monitor.view.formatting import (
    INFINITY_SIGN,
    format_level,
    format_percent,
    format_route,
    format_threshold,
    format_usdt,
)
from monitor.view.json_values import Document
from monitor.view.past.past_days import past_days_text, scope_subject
from monitor.web.pages.models.level_bar import LevelBar, level_bar
from monitor.web.pages.models.words import TONE_RANKS, PageTone, age_words, decimal_of, parse_time, price_words

LIVE_PRICES_LOOK_OLD_AFTER_S = 2 * PRICES_STALE_AFTER.total_seconds()
"""Seconds after which prices look old in the browser: a page in the background is read every fifteen."""

MAX_PRICES = 3
"""Prices shown of one scope: of the assets that weigh most."""

UNKNOWN_FIGURE = "?"

_TARGET_STEP = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class FigureAge:
    """Age of figures in seconds when the page was made, counted on in the browser; `words` are those of that moment."""

    seconds: float
    words: str


@dataclass(frozen=True, slots=True)
class PriceLimit:
    """An asset's price now, its price once all prices have moved as far as liquidation, and alone; empty: none does."""

    asset: str
    now: str
    together: str
    alone: str


@dataclass(frozen=True, slots=True)
class SafetyOption:
    """One way back to safety. `is_at_hand`: the amount is there."""

    words: str
    value: str
    is_at_hand: bool


@dataclass(frozen=True, slots=True)
class ScopeView:
    """One scope. `tone` judges the level; `old` where its figures can't be relied on.

    `is_dated`: the verdict says itself that the figures are old. `distance` is how far prices may move until
    liquidation, `move` which move that is (in a row: `short_move`); `call_distance` the same until the margin call.
    `past` is a sentence about the days of the past. `age` is that of the prices, `read_age` that of the balances; in a
    page that is not read again they grow old after `prices_stale_after_s` and `stale_after_s`. `is_aged`: one of them
    was too old when the figures were made.
    """

    account: str
    label: str
    href: str
    anchor: str
    tone: PageTone
    level_tone: PageTone
    verdict: str
    level: str
    distance: str
    move: str
    short_move: str
    call_distance: str
    bar: LevelBar | None
    prices: tuple[PriceLimit, ...]
    target: str
    options: tuple[SafetyOption, ...]
    past: str
    gaps: tuple[str, ...]
    age: FigureAge | None
    read_age: FigureAge | None
    prices_stale_after_s: float
    stale_after_s: float
    is_aged: bool
    order: tuple[int, int, Decimal]
    is_dated: bool
    is_debt_free: bool
    is_distance_known: bool

    @property
    def name(self) -> str:
        return f"{self.account} {self.label}"


def scope_views(account: AccountDocument, stables: frozenset[str]) -> Iterator[ScopeView]:
    """The account's scopes: cross, if it has it, and every pair. `stables`: assets whose price is taken as fixed."""
    cross = account.get("cross")
    if cross is not None:
        yield _scope_view(account, "cross", cross, stables)
    for pair in account["isolated"]:
        yield _scope_view(account, pair["symbol"], pair, stables)


def account_path(account: str) -> str:
    return f"/account/{quote(account, safe='')}"


def figure_age(seconds: float | None) -> FigureAge | None:
    return None if seconds is None else FigureAge(round(seconds, 1), age_words(seconds))


def safety_options(restore: RecoveryDocument | None) -> tuple[str, tuple[SafetyOption, ...]]:
    """The level to reach, and the ways there: those that are at hand first, each group the cheapest first."""
    if restore is None:
        return "", ()
    options = [
        SafetyOption(
            _capitalized(
                format_route(option["route"], Decimal(option["amount"]), option["asset"], option.get("repays", ""))
            ),
            "" if option["asset"] == "USDT" else f"about {format_usdt(Decimal(option['value_usdt']))}",
            option["feasible"],
        )
        for option in restore["options"]
    ]
    return _target_words(Decimal(restore["target"])), tuple(sorted(options, key=lambda option: not option.is_at_hand))


def _scope_view(
    account: AccountDocument, label: str, scope: CrossDocument | IsolatedDocument, stables: frozenset[str]
) -> ScopeView:
    level = decimal_of(scope.get("margin_level"))
    distance = decimal_of(scope.get("distance_to_liquidation"))
    owes_nothing = level is None and _owes_nothing(scope)
    level_tone, verdict = _judge_level(scope, level)
    if owes_nothing:
        level_tone, verdict = "good", "nothing was owed"
    tone, verdict = _judge_state(scope, level_tone, verdict)
    is_safe = scope["state"] == "no_debt" or owes_nothing
    level_text = format_level(level) if level is not None else INFINITY_SIGN if is_safe else UNKNOWN_FIGURE
    live_age = scope.get("live_age_s") if scope["source"] == "live" else None
    stale_after_s = account.get("stale_after_s") or timedelta(minutes=3).total_seconds()
    target, options = safety_options(scope.get("restore"))
    # The document has neither an infinite nor an unknown distance: no move of prices liquidates what can be measured.
    is_known = distance is not None or is_safe or portfolio_of(cast("Document", scope)) is not None
    shown = format_percent(distance) if distance is not None else INFINITY_SIGN if is_known else UNKNOWN_FIGURE
    move = _move_words(scope, distance) if is_known else "not known"
    # An unknown distance may be the shortest.
    far = distance if distance is not None else INFINITE if is_known else -ONE
    return ScopeView(
        account=account["account"],
        label=label,
        href=account_path(account["account"]),
        anchor=label,
        tone=tone,
        level_tone=level_tone,
        verdict=verdict,
        level=level_text,
        distance=shown,
        move=move,
        short_move=move.removesuffix(" to liquidation"),
        call_distance=_call_words(scope, level),
        bar=level_bar(
            level,
            decimal_of(scope.get("initial_level")),
            decimal_of(scope.get("margin_call_level")),
            decimal_of(scope.get("liquidation_level")),
            level_text,
        ),
        prices=_price_limits(scope, distance, stables) if is_known else (),
        target=target,
        options=options,
        past=_past_words(scope),
        gaps=tuple(gap["text"] for gap in scope.get("gaps", ())),
        age=figure_age(live_age if live_age is not None else scope["age_s"]),
        read_age=figure_age(scope["age_s"]),
        prices_stale_after_s=LIVE_PRICES_LOOK_OLD_AFTER_S if scope["source"] == "live" else stale_after_s,
        stale_after_s=stale_after_s,
        is_aged=_is_aged(scope, live_age, stale_after_s),
        order=(TONE_RANKS[tone], TONE_RANKS[level_tone], far),
        is_dated=scope["state"] == "stale",
        is_debt_free=is_safe,
        is_distance_known=is_known,
    )


def _is_aged(scope: CrossDocument | IsolatedDocument, live_age_s: float | None, stale_after_s: float) -> bool:
    """Return whether the figures are older than they should be. `live_age_s`: the age of the stream's prices."""
    read_age_s = scope["age_s"]
    prices_age_s = live_age_s
    if any(gap["kind"] == "prices_stale" for gap in scope.get("gaps", ())):
        prices_age_s = read_age_s
    is_old_price = prices_age_s is not None and prices_age_s > PRICES_STALE_AFTER.total_seconds()
    return is_old_price or (read_age_s is not None and read_age_s > stale_after_s)


def _owes_nothing(scope: CrossDocument | IsolatedDocument) -> bool:
    """Whether the last balances of a scope without fresh figures hold no debt: then no price can have made one."""
    if scope["state"] != "stale":
        return False
    if _is_pair(scope):
        pair = cast("IsolatedDocument", scope)
        sides = [side for side in (pair["base"], pair["quote"]) if side is not None]
        return len(sides) == 2 and not any(Decimal(side["borrowed"]) + Decimal(side["interest"]) for side in sides)
    cross = cast("CrossDocument", scope)
    return decimal_of(cross["liabilities_usdt"]) == 0


def _past_words(scope: CrossDocument | IsolatedDocument) -> str:
    """How the scope would have fared on the days of the past; empty where it was not measured."""
    past, as_of = scope.get("past_day"), scope["as_of"]
    if past is None or as_of is None:
        return ""
    kind = "isolated" if _is_pair(scope) else "cross"
    return _capitalized(past_days_text(past, scope_subject(kind), parse_time(as_of)))


def _judge_level(scope: CrossDocument | IsolatedDocument, level: Decimal | None) -> tuple[PageTone, str]:
    """The level against its thresholds."""
    liquidation, initial = decimal_of(scope["liquidation_level"]), decimal_of(scope["initial_level"])
    call = decimal_of(scope["margin_call_level"])
    if scope["state"] == "no_debt":
        return "good", "nothing is owed"
    if level is None:
        return "old", "level not known"
    if liquidation is None:
        return "note", "thresholds not known"
    if level <= liquidation:
        return "bad", "at liquidation"
    if call is not None and level <= call:
        return "bad", "margin call"
    if initial is None:
        return "note", "initial level not known"
    return ("note", "below its initial level") if level < initial else ("good", "above its initial level")


def _judge_state(scope: CrossDocument | IsolatedDocument, tone: PageTone, verdict: str) -> tuple[PageTone, str]:
    """The verdict with the reliability of the figures: old figures are never good."""
    match scope["state"]:
        case "stale":
            return "bad" if tone == "bad" else "old", f"figures are old; last known: {verdict}"
        case "unavailable" if scope["margin_level"] is None:
            return "old", "nothing is known"
        case "unavailable":
            return "bad" if tone == "bad" else "old", f"{verdict}; reported by the exchange, not read yet"
        case "not_created":
            return "dim", "not opened"
        case _:
            return tone, verdict


def _move_words(scope: CrossDocument | IsolatedDocument, distance: Decimal | None) -> str:
    if distance is None:
        return "no move of prices liquidates it"
    if not distance:
        return "liquidation may come at any moment"
    if _is_pair(scope):
        pair = cast("IsolatedDocument", scope)
        verb = {"below": "fall", "above": "rise"}.get(pair["danger"] or "", "move")
        asset = pair["base"]["asset"] if pair["base"] is not None else pair["symbol"]
        return f"{verb} of {asset} to liquidation"
    return f"{'fall' if _falls(cast('CrossDocument', scope), distance) else 'rise'} of all prices to liquidation"


def _falls(cross: CrossDocument, distance: Decimal) -> bool:
    """Return whether the distance is that of a fall."""
    drop = decimal_of(cross["drop_to_liquidation"])
    return drop is not None and drop <= distance


def _call_words(scope: CrossDocument | IsolatedDocument, level: Decimal | None) -> str:
    """The distance to the margin call; empty where it is reached or not known."""
    call, text = decimal_of(scope.get("margin_call_level")), scope.get("drop_to_margin_call")
    if text is None or call is None or level is None or level <= call:
        return ""
    return f"margin call after a fall of {format_percent(Decimal(cast('str', text)))}"


def _price_limits(
    scope: CrossDocument | IsolatedDocument, distance: Decimal | None, stables: frozenset[str]
) -> tuple[PriceLimit, ...]:
    if _is_pair(scope):
        return _pair_limits(cast("IsolatedDocument", scope))
    cross = cast("CrossDocument", scope)
    if decimal_of(cross["margin_level"]) is None:
        return ()
    factor = None if distance is None else ONE - distance if _falls(cross, distance) else ONE + distance
    moving = [row for row in cross["balances"] if row["price_usdt"] is not None and row["asset"] not in stables]
    weighty = sorted(moving, key=_weight, reverse=True)[:MAX_PRICES]
    return tuple(
        PriceLimit(
            row["asset"],
            price_words(price),
            "" if factor is None else price_words(price * factor),
            price_words(limit) if (limit := decimal_of(row["liquidation_price"])) is not None else "",
        )
        for row in weighty
        if (price := decimal_of(row["price_usdt"])) is not None
    )


def _pair_limits(pair: IsolatedDocument) -> tuple[PriceLimit, ...]:
    index, limit = decimal_of(pair["index_price"]), decimal_of(pair["liquidation_price"])
    if index is None or limit is None or pair["base"] is None:
        return ()
    return (PriceLimit(pair["base"]["asset"], price_words(index), "", price_words(limit)),)


def _weight(row: CrossBalanceDocument) -> Decimal:
    """The value of what is held and owed of the asset, together."""
    held = Decimal(row["free"]) + Decimal(row["locked"])
    owed = Decimal(row["borrowed"]) + Decimal(row["interest"])
    return (held + owed) * Decimal(row["price_usdt"] or 0)


def _is_pair(scope: CrossDocument | IsolatedDocument) -> bool:
    return "symbol" in scope


def _target_words(target: Decimal) -> str:
    """A level to reach, rounded up to three decimals."""
    return format_threshold(ceil_to(target, _TARGET_STEP).normalize())


def _capitalized(words: str) -> str:
    return words[:1].upper() + words[1:]
