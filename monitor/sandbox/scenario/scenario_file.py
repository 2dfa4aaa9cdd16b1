"""Scenarios from JSON files: the fields of Scenario, amounts as texts, a plain text for a free balance.

`paths` are lists of [virtual ms, price]; `bars` are files, relative to the scenario's own.
"""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from monitor.sandbox.scenario.price_path import SimPricePath
from monitor.sandbox.scenario.scenario import AccountSpec, Scenario


class ScenarioError(Exception):
    """A scenario file that can't be used; the text says where, why, and the fix."""


def read_scenario(path: Path) -> Scenario:
    """The scenario in a JSON file. Raises ScenarioError with the location and the fix."""
    try:
        document = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ScenarioError(
            f"{path}: can't be read ({error.strerror}); name a built-in scenario or a readable JSON file"
        ) from error
    except msgspec.DecodeError as error:
        raise ScenarioError(f"{path}: not JSON ({error}); mend it there") from error
    if not isinstance(document, dict):
        raise ScenarioError(f"{path}: one object is meant")
    _check_field_names(document, Scenario, f"{path}")
    for number, account in enumerate(document.get("accounts", [])):
        if not isinstance(account, dict):
            raise ScenarioError(f"{path}: accounts[{number}]: an object is meant")
        _check_field_names(account, AccountSpec, f"{path}: accounts[{number}]")
        account["cross"] = {asset: _expand_balance(held) for asset, held in account.get("cross", {}).items()}
        for pair in account.get("isolated", {}).values():
            for side in ("base", "quote"):
                if side in pair:
                    pair[side] = _expand_balance(pair[side])
    try:
        document["bars"] = {symbol: str(path.parent / name) for symbol, name in document.get("bars", {}).items()}
        return msgspec.convert(document, Scenario, dec_hook=_decode_value)
    except (msgspec.ValidationError, AttributeError, TypeError, ValueError) as error:
        raise ScenarioError(f"{path}: {error}; mend it there") from error


def _check_field_names(document: dict[str, object], kind: type[Any], where: str) -> None:
    known = [field.name for field in fields(kind)]
    for name in document:
        if name not in known:
            raise ScenarioError(f'{where}: unknown key "{name}"; known are {", ".join(known)}')


def _expand_balance(balance: object) -> object:
    return {"free": balance} if isinstance(balance, str) else balance


def _decode_value(kind: type, raw: object) -> object:
    if kind is SimPricePath and isinstance(raw, list):
        return SimPricePath([(int(at), Decimal(str(price))) for at, price in raw])
    if issubclass(kind, Path) and isinstance(raw, str):
        return Path(raw)
    raise ValueError(f"no {kind.__name__} can be made of {raw!r}")
