"""Lists whose single rows may be unreadable: these are left out and named, and the others are used."""

from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import msgspec

from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.numbers import ImplausibleValue

T = TypeVar("T")

WHOLE_ANSWER = ""
"""Field name that stands for the answer itself, where that is the list."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not believed: its symbol or asset, as far as readable, and why."""

    name: str
    why: str
    is_named: bool = True
    """False where the name is the number of the row: whose it is can't be known."""


class _RowNames(msgspec.Struct, rename="camel"):
    symbol: Any = None
    asset: Any = None
    coin: Any = None
    asset_name: Any = None
    asset_code: Any = None
    isolated_created: Any = None


def decode_rows(body: bytes, kind: type[T], field: str) -> tuple[T, tuple[RejectedRow, ...]]:
    """Return the body as `kind` without the unreadable rows of its list, and these rows.

    `field` is the name of the list in the answer, or WHOLE_ANSWER. Raises Implausible when another part of the answer
    is wrong, or when no row can be read.
    """
    try:
        return decode(body, kind), ()
    except ImplausibleValue:
        answer = {WHOLE_ANSWER: msgspec.Raw(body)} if field == WHOLE_ANSWER else decode(body, dict[str, msgspec.Raw])
        if field not in answer:
            raise
        rows = decode(bytes(answer[field]), list[msgspec.Raw])
        good, odd = _split_rows(rows, _row_type(kind, field))
        if len(good) == len(rows) or not good:
            raise
        answer[field] = msgspec.Raw(b"[" + b",".join(good) + b"]")
        cleaned = bytes(answer[WHOLE_ANSWER]) if field == WHOLE_ANSWER else msgspec.json.encode(answer)
        return decode(cleaned, kind), tuple(odd)


def _split_rows(rows: list[msgspec.Raw], kind: type[Any]) -> tuple[list[bytes], list[RejectedRow]]:
    good, odd = [], []
    for number, row in enumerate(rows, 1):
        raw = bytes(row)
        try:
            decode(raw, kind)
        except ImplausibleValue as why:
            named = _read_names(raw)
            # A pair that was never created is a placeholder, and its faults don't matter.
            if named.isolated_created is not False:
                name = _row_name(named)
                odd.append(RejectedRow(name or f"row {number}", str(why), is_named=bool(name)))
        else:
            good.append(raw)
    return good, odd


def _read_names(raw: bytes) -> _RowNames:
    try:
        return decode(raw, _RowNames)
    except ImplausibleValue:
        return _RowNames()


def _row_name(row: _RowNames) -> str:
    found = (row.symbol, row.asset, row.coin, row.asset_name, row.asset_code)
    return next((name[:40] for name in found if isinstance(name, str) and name), "")


def _row_type(kind: type[Any], field: str) -> Any:
    if field == WHOLE_ANSWER:
        return get_args(kind)[0]
    listed = next(struct_field for struct_field in msgspec.structs.fields(kind) if struct_field.encode_name == field)
    return get_args(listed.type)[0]
