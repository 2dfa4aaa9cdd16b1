"""Listed margin assets and pairs with filters, tiers, collateral ratios and daily rates."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO, round_down
from monitor.sandbox.scenario.scenario import Scenario, SimCollateralTier

STABLE_ASSETS = ("USDT", "USDC", "FDUSD", "TUSD", "USDP", "DAI", "BUSD", "USD1")
ASSET_COUNT = 400

# Prices of assets that a scenario does not set: any round figure will do.
_DEFAULT_PRICES = {
    "BTC": "100000", "ETH": "4000", "BNB": "1000", "SOL": "200", "XRP": "2.5", "ADA": "0.8", "DOGE": "0.2",
    "AVAX": "30", "NEAR": "3", "LINK": "20", "DOT": "4", "LTC": "100", "TRX": "0.3", "ATOM": "4", "UNI": "8",
    "AAVE": "280", "ARB": "0.4", "OP": "0.7", "APT": "4", "SUI": "3", "FIL": "2", "ICP": "4", "ETC": "18",
    "XLM": "0.35", "BCH": "550", "HBAR": "0.2", "INJ": "10", "TIA": "1.2", "SEI": "0.25", "PEPE": "0.00001",
    "SHIB": "0.000012", "WBETH": "4300", "BNSOL": "215",
}  # fmt: skip
_DEFAULT_RATES = {"USDT": "0.00027397", "USDC": "0.00027397", "BTC": "0.00004110", "ETH": "0.00006849"}
_FALLBACK_RATE = Decimal("0.00019178")
_BTC_QUOTED = ("ETH", "BNB", "SOL", "XRP", "ADA", "LTC", "LINK")
_FULL_COLLATERAL = ("BTC", "ETH", "BNB", *STABLE_ASSETS)
_TIER_STEPS = {
    10: ("1.111", "1.1264", "1.1418", "1.1572", "1.1726", "1.188", "1.2034", "1.2188", "1.2342", "1.2496"),
    5: ("1.25", "1.3125", "1.375", "1.4375", "1.5"),
    3: ("1.5", "1.875", "2.25", "2.625", "3"),
}
_TIER_LEVERAGE = {
    10: ("10", "8.91", "8.05", "7.36", "6.79", "6.31", "5.91", "5.57", "5.26", "5"),
    5: ("5", "4.2", "3.66", "3.28", "3"),
    3: ("3", "2.14", "1.8", "1.61", "1.5"),
}
_LIQUIDATION_RATIO = {10: Decimal("1.05"), 5: Decimal("1.15"), 3: Decimal("1.18")}
_MARGIN_CALL_RATIO = {10: Decimal("1.1"), 5: Decimal("1.19"), 3: Decimal("1.22")}
_TIER_QUOTE_STEP = {10: Decimal(2_000_000), 5: Decimal(500_000), 3: Decimal(100_000)}


@dataclass(frozen=True, slots=True)
class ListedPair:
    """A listed pair with the filters of its orders."""

    symbol: str
    base: str
    quote: str
    number: int
    leverage: int
    tick: Decimal
    step: Decimal
    min_notional: Decimal
    isolated: bool


@dataclass(frozen=True, slots=True)
class SimIsolatedTier:
    """One isolated tier: debt limits, and the ratios that apply up to them."""

    number: int
    multiple: str
    initial_ratio: Decimal
    margin_call_ratio: Decimal
    liquidation_ratio: Decimal
    base_max: Decimal
    quote_max: Decimal


class Listings:
    """Everything listed in one scenario, fixed at its start (except rates)."""

    def __init__(self, scenario: Scenario) -> None:
        wanted = _scenario_assets(scenario)
        self.prices = {
            **{f"{asset}USDT": Decimal(price) for asset, price in _DEFAULT_PRICES.items()},
            **{f"{asset}USDT": ONE for asset in STABLE_ASSETS if asset != "USDT"},
        }
        self.assets = _asset_names(wanted)
        for asset in self.assets:
            if asset != "USDT" and asset not in scenario.only_pairs:
                self.prices.setdefault(f"{asset}USDT", ONE)
        self.prices.update(scenario.prices)
        self.pairs = self._list_pairs(scenario)
        self.rates = {asset: Decimal(_DEFAULT_RATES.get(asset, str(_FALLBACK_RATE))) for asset in self.assets}
        self.rates.update(scenario.rates)
        self.collateral = {asset: self._collateral(asset, scenario) for asset in self.assets}
        self._tiers: dict[str, list[SimIsolatedTier]] = {}
        self._min_repay = dict(scenario.min_repay)

    def pair_assets(self) -> dict[str, tuple[str, str]]:
        """Base and quote of every symbol."""
        return {symbol: (pair.base, pair.quote) for symbol, pair in self.pairs.items()}

    def isolated_pair(self, symbol: str) -> ListedPair | None:
        """The pair, if it has isolated margin."""
        pair = self.pairs.get(symbol)
        return pair if pair is not None and pair.isolated else None

    def tiers(self, symbol: str) -> list[SimIsolatedTier]:
        """The isolated tiers of a pair, mildest first."""
        known = self._tiers.get(symbol)
        if known is None:
            known = self._tiers[symbol] = self._list_tiers(self.pairs[symbol])
        return known

    def tier_for(self, symbol: str, base_debt: Decimal, quote_debt: Decimal) -> SimIsolatedTier:
        """The tier of these debts: the higher one of the two, the last one beyond all."""
        tiers = self.tiers(symbol)
        for tier in tiers:
            if base_debt <= tier.base_max and quote_debt <= tier.quote_max:
                return tier
        return tiers[-1]

    def hourly_rate(self, asset: str) -> Decimal:
        """Interest for one hour as a fraction of the principal."""
        return self.rates.get(asset, _FALLBACK_RATE) / 24

    def min_repay(self, asset: str) -> Decimal:
        """The smallest repayment, and the smallest debt that may be left."""
        return self._min_repay.get(asset, ZERO)

    def _list_tiers(self, pair: ListedPair) -> list[SimIsolatedTier]:
        step = _TIER_QUOTE_STEP[pair.leverage]
        price = self.prices.get(pair.symbol) or ONE
        return [
            SimIsolatedTier(
                number=number,
                multiple=multiple,
                initial_ratio=Decimal(initial),
                margin_call_ratio=_MARGIN_CALL_RATIO[pair.leverage],
                liquidation_ratio=_LIQUIDATION_RATIO[pair.leverage],
                base_max=round_down(step * number / price),
                quote_max=step * number,
            )
            for number, (multiple, initial) in enumerate(
                zip(_TIER_LEVERAGE[pair.leverage], _TIER_STEPS[pair.leverage], strict=True), start=1
            )
        ]

    def _list_pairs(self, scenario: Scenario) -> dict[str, ListedPair]:
        only = scenario.only_pairs
        quotes = [_split_symbol(asset, only[asset]) if asset in only else (asset, "USDT") for asset in self.assets[1:]]
        quotes += [(asset, "BTC") for asset in _BTC_QUOTED]
        return {
            f"{base}{quote}": self._pair(base, quote, number, scenario) for number, (base, quote) in enumerate(quotes)
        }

    def _pair(self, base: str, quote: str, number: int, scenario: Scenario) -> ListedPair:
        symbol = f"{base}{quote}"
        price = self.prices.get(symbol) or ONE
        expensive, usual = price >= 1000, price >= 1
        small = quote == "BTC"
        return ListedPair(
            symbol=symbol,
            base=base,
            quote=quote,
            number=351_637_150_141_315_000 + number,
            leverage=scenario.leverage.get(symbol, 10 if base in ("BTC", "ETH") else 5),
            tick=Decimal("0.00000100" if small else "0.01" if expensive else "0.0001" if usual else "0.00000001"),
            step=Decimal("0.00001" if expensive else "0.001" if usual else "1"),
            min_notional=Decimal("0.0001" if small else "5"),
            isolated=not base.startswith("TKN") and base not in STABLE_ASSETS,
        )

    def _collateral(self, asset: str, scenario: Scenario) -> tuple[SimCollateralTier, ...]:
        own = scenario.collateral.get(asset)
        if own is not None:
            return own
        if asset in _FULL_COLLATERAL:
            return (SimCollateralTier(ZERO, ONE),)
        if asset in _DEFAULT_PRICES:
            return (
                SimCollateralTier(ZERO, Decimal("0.95")),
                SimCollateralTier(Decimal(10_000_000), Decimal("0.9")),
                SimCollateralTier(Decimal(20_000_000), ZERO),
            )
        return (SimCollateralTier(ZERO, Decimal("0.6")), SimCollateralTier(Decimal(1_000_000), ZERO))


def _scenario_assets(scenario: Scenario) -> list[str]:
    symbols = {*scenario.prices, *scenario.paths, *scenario.bars, *scenario.leverage}
    names = [symbol.removesuffix("USDT") for symbol in symbols if symbol.endswith("USDT")]
    for account in scenario.accounts:
        names += [*account.spot, *account.funding, *account.cross]
        names += [symbol.removesuffix("USDT") for symbol in account.isolated if symbol.endswith("USDT")]
    return sorted({*names, *scenario.rates, *scenario.collateral, *scenario.only_pairs})


def _split_symbol(asset: str, symbol: str) -> tuple[str, str]:
    """Base and quote of the one pair of an asset."""
    if symbol.startswith(asset):
        return asset, symbol.removeprefix(asset)
    return symbol.removesuffix(asset), asset


def _asset_names(required: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys([*STABLE_ASSETS[:1], *_DEFAULT_PRICES, *STABLE_ASSETS[1:], *required])
    number = 0
    while len(names) < ASSET_COUNT:
        number += 1
        names[f"TKN{number:03d}"] = None
    return tuple(names)
