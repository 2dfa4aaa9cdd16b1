"""The admin door, for tests in other processes: look at everything, be the user's hand, make things go wrong.

GET /ledger /requests /sent-events /timeline · POST /faults (a list or one object) · DELETE /faults
POST /freeze /thaw /advance?seconds= /freeze-prices /release-prices
POST with a JSON object: /price {symbol, price} /basis {symbol, basis} /rate {asset, daily}
/deposit {account, asset, amount, place?} /borrow /repay {account, asset, amount, symbol?}
/transfer {account, type, asset, amount, fromSymbol?, toSymbol?} /top-up {account, asset, amount} /interest {}
/streams/{drop|refuse|half_open|…} {stream, …}: a stream fault at once.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec
from aiohttp import web

from monitor.sandbox.amounts import read
from monitor.sandbox.api.errors import Refusal
from monitor.sandbox.faults import Fault, FaultError, parse_faults
from monitor.sandbox.ledger.ledger import Overdrawn
from monitor.sandbox.user_actions import Hand

BASE = "/_admin"
LOOPBACK = ("127.0.0.1", "::1")


class Admin:
    """Answers at the admin door. Looks are given as functions, so that it knows no collaborator's inside."""

    def __init__(
        self,
        hand: Hand,
        looks: dict[str, Callable[[], object]],
        add_fault: Callable[[Fault], None],
        clear_faults: Callable[[], None],
    ) -> None:
        self._hand = hand
        self._looks = looks
        self._add_fault = add_fault
        self._clear_faults = clear_faults

    def add_routes(self, app: web.Application) -> None:
        """Put the door into an application."""
        for name, look in self._looks.items():
            app.router.add_get(f"{BASE}/{name}", self._look(look))
        app.router.add_post(f"{BASE}/faults", self._guarded(self._post_faults))
        app.router.add_delete(f"{BASE}/faults", self._guarded(self._delete_faults))
        app.router.add_post(f"{BASE}/streams/{{what}}", self._guarded(self._post_stream))
        app.router.add_post(f"{BASE}/{{act}}", self._guarded(self._post_act))

    def _look(self, look: Callable[[], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_request: web.Request) -> object:
            return look()

        return self._guarded(answer)

    def _guarded(
        self, answer: Callable[[web.Request], Awaitable[object]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            if request.remote not in LOOPBACK:
                return _json({"error": "only from this machine"}, 403)
            try:
                return _json(await answer(request))
            except (Refusal, FaultError, Overdrawn, ValueError, KeyError) as error:
                return _json({"error": str(error)}, 400)

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
        asked = await _object(request)
        row = {"stream": "account", **asked, "what": request.match_info["what"]}
        for fault in parse_faults(msgspec.json.encode([row]), "faults"):
            self._add_fault(fault)
        return {}

    async def _post_act(self, request: web.Request) -> object:
        act = request.match_info["act"]
        asked = {**request.query, **await _object(request)}
        hand = self._hand
        acts: dict[str, Callable[[], object]] = {
            "freeze": hand.freeze,
            "thaw": hand.thaw,
            "freeze-prices": hand.freeze_prices,
            "release-prices": hand.release_prices,
            "interest": hand.charge_interest,
            "advance": lambda: hand.advance(float(str(asked["seconds"]))),
            "price": lambda: hand.set_price(str(asked["symbol"]), _amount(asked, "price")),
            "basis": lambda: hand.set_basis(str(asked["symbol"]), _amount(asked, "basis")),
            "rate": lambda: hand.set_rate(str(asked["asset"]), _amount(asked, "daily")),
            "deposit": lambda: hand.deposit(*_whose(asked), str(asked.get("place", "spot"))),
            "borrow": lambda: hand.borrow(*_whose(asked), _text(asked, "symbol")),
            "repay": lambda: hand.repay(*_whose(asked), _text(asked, "symbol")),
            "transfer": lambda: self._transfer(asked),
            "top-up": lambda: hand.top_up(*_whose(asked)),
        }
        if act not in acts:
            raise ValueError(f"unknown act {act}; known are {', '.join(acts)}")
        result = acts[act]()
        return {} if result is None else {"tranId": result}

    def _transfer(self, asked: dict[str, object]) -> int:
        account, asset, amount = _whose(asked)
        ends = _text(asked, "fromSymbol"), _text(asked, "toSymbol")
        return self._hand.transfer(account, str(asked["type"]), asset, amount, *ends)


async def _object(request: web.Request) -> dict[str, object]:
    raw = await request.read()
    asked = msgspec.json.decode(raw) if raw.strip() else {}
    if not isinstance(asked, dict):
        raise ValueError("a JSON object is meant")
    return asked


def _amount(asked: dict[str, object], name: str) -> Decimal:
    amount = read(str(asked[name]))
    if amount is None:
        raise ValueError(f"{name} is no number")
    return amount


def _whose(asked: dict[str, object]) -> tuple[str, str, Decimal]:
    return str(asked.get("account", "main")), str(asked["asset"]), _amount(asked, "amount")


def _text(asked: dict[str, object], name: str) -> str | None:
    value = asked.get(name)
    return None if value is None else str(value)


def _json(answer: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")
