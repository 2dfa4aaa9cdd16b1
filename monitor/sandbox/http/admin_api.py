"""The admin API for tests in other processes: state, user actions, faults.

GET /ledger /requests /sent-events /timeline · POST /faults (a list or one object) · DELETE /faults
POST /freeze /thaw /advance?seconds= /freeze-prices /release-prices
POST with a JSON object: /price {symbol, price} /basis {symbol, basis} /rate {asset, daily}
/deposit {account, asset, amount, place?} /borrow /repay {account, asset, amount, symbol?}
/transfer {account, type, asset, amount, fromSymbol?, toSymbol?} /top-up {account, asset, amount} /interest {}
/bars {symbol, bars: [[ms, open, high, low, close, volume], …]}: hourly bars, and no others before the start
/streams/{drop|refuse|half_open|…} {stream, …}: a stream fault at once.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec
from aiohttp import web

from monitor.sandbox.amounts import parse_decimal
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.faults import Fault, FaultError, parse_faults
from monitor.sandbox.ledger.ledger import InsufficientBalance
from monitor.sandbox.scenario.price_path import SimPriceBar
from monitor.sandbox.user_actions import UserActions

ADMIN_PATH = "/_admin"
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")


class AdminApi:
    """Handlers of the admin API. State is read through functions, so that the class knows no other part's internals."""

    def __init__(
        self,
        user_actions: UserActions,
        views: dict[str, Callable[[], object]],
        add_fault: Callable[[Fault], None],
        clear_faults: Callable[[], None],
    ) -> None:
        self._user_actions = user_actions
        self._views = views
        self._add_fault = add_fault
        self._clear_faults = clear_faults

    def add_routes(self, app: web.Application) -> None:
        """Add the admin routes to an application."""
        for name, look in self._views.items():
            app.router.add_get(f"{ADMIN_PATH}/{name}", self._view_handler(look))
        app.router.add_post(f"{ADMIN_PATH}/faults", self._guard(self._post_faults))
        app.router.add_delete(f"{ADMIN_PATH}/faults", self._guard(self._delete_faults))
        app.router.add_post(f"{ADMIN_PATH}/streams/{{what}}", self._guard(self._post_stream))
        app.router.add_post(f"{ADMIN_PATH}/{{act}}", self._guard(self._post_act))

    def _view_handler(self, look: Callable[[], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_request: web.Request) -> object:
            return look()

        return self._guard(answer)

    def _guard(
        self, answer: Callable[[web.Request], Awaitable[object]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            if request.remote not in LOOPBACK_ADDRESSES:
                return _json_response({"error": "only from this machine"}, 403)
            try:
                return _json_response(await answer(request))
            except (SimApiError, FaultError, InsufficientBalance, ValueError, KeyError) as error:
                return _json_response({"error": str(error)}, 400)

        return guarded

    async def _post_faults(self, request: web.Request) -> object:
        raw = (await request.read()).strip()
        faults = parse_faults(raw if raw.startswith(b"[") else b"[" + raw + b"]", "faults")
        for fault in faults:
            self._add_fault(fault)
        return {"added": len(faults)}

    async def _delete_faults(self, _request: web.Request) -> object:
        self._clear_faults()
        return {}

    async def _post_stream(self, request: web.Request) -> object:
        asked = await _read_object(request)
        row = {"stream": "account", **asked, "what": request.match_info["what"]}
        for fault in parse_faults(msgspec.json.encode([row]), "faults"):
            self._add_fault(fault)
        return {}

    async def _post_act(self, request: web.Request) -> object:
        act = request.match_info["act"]
        asked = {**request.query, **await _read_object(request)}
        hand = self._user_actions
        acts: dict[str, Callable[[], object]] = {
            "freeze": hand.freeze,
            "thaw": hand.unfreeze,
            "freeze-prices": hand.freeze_prices,
            "release-prices": hand.release_prices,
            "interest": hand.charge_interest,
            "advance": lambda: hand.advance(float(str(asked["seconds"]))),
            "price": lambda: hand.set_price(str(asked["symbol"]), _amount(asked, "price")),
            "bars": lambda: hand.load_bars(str(asked["symbol"]), _bars(asked["bars"])),
            "basis": lambda: hand.set_basis(str(asked["symbol"]), _amount(asked, "basis")),
            "rate": lambda: hand.set_rate(str(asked["asset"]), _amount(asked, "daily")),
            "deposit": lambda: hand.deposit(*_account_name(asked), str(asked.get("place", "spot"))),
            "borrow": lambda: hand.borrow(*_account_name(asked), _text(asked, "symbol")),
            "repay": lambda: hand.repay(*_account_name(asked), _text(asked, "symbol")),
            "transfer": lambda: self._transfer(asked),
            "top-up": lambda: hand.top_up(*_account_name(asked)),
        }
        if act not in acts:
            raise ValueError(f"unknown act {act}; known are {', '.join(acts)}")
        result = acts[act]()
        return {} if result is None else {"tranId": result}

    def _transfer(self, fields: dict[str, object]) -> int:
        account, asset, amount = _account_name(fields)
        ends = _text(fields, "fromSymbol"), _text(fields, "toSymbol")
        return self._user_actions.transfer(account, str(fields["type"]), asset, amount, *ends)


async def _read_object(request: web.Request) -> dict[str, object]:
    raw = await request.read()
    asked = msgspec.json.decode(raw) if raw.strip() else {}
    if not isinstance(asked, dict):
        raise ValueError("a JSON object is meant")
    return asked


def _amount(fields: dict[str, object], name: str) -> Decimal:
    amount = parse_decimal(str(fields[name]))
    if amount is None:
        raise ValueError(f"{name} is no number")
    return amount


def _bars(rows: object) -> list[SimPriceBar]:
    if not isinstance(rows, list) or any(not isinstance(row, list) or len(row) != 6 for row in rows):
        raise ValueError("bars are lists of ms, open, high, low, close, volume")
    return [SimPriceBar(int(row[0]), *(Decimal(str(figure)) for figure in row[1:])) for row in rows]


def _account_name(fields: dict[str, object]) -> tuple[str, str, Decimal]:
    return str(fields.get("account", "main")), str(fields["asset"]), _amount(fields, "amount")


def _text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)


def _json_response(answer: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")
