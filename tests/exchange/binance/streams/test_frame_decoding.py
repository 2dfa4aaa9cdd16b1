"""Decoding of frames to events: wrappers, contents, keys, and unreadable frames."""

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model.account import CROSS, Price, Scope
from monitor.core.model.events import StreamEvent
from monitor.core.model.stream_payloads import (
    BalanceAdjusted,
    BalancesChanged,
    LiabilityChanged,
    MarginNotice,
    TradeFilled,
)
from monitor.exchange.binance.streams.frame_decoding import (
    EventFrame,
    ReplyFrame,
    ShutdownFrame,
    UnreadableFrame,
    build_rejected_event,
    parse_stream_event,
    parse_subscription,
    parse_subscription_ids,
    parse_ticker,
    read_frame,
)
from monitor.exchange.binance.wire.numbers import ImplausibleValue

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
POSITION = (
    b'{"e":"outboundAccountPosition","E":1564034571105,"u":1564034571073,'
    b'"B":[{"a":"ETH","f":"10000.000000","l":"0.5"}]}'
)


def event(raw: bytes, *, account: str = "main", scope: Scope = CROSS, hide: str = "") -> StreamEvent:
    return parse_stream_event(account, "account", scope, raw, AT, secret=hide)


def test_subscription_zero_is_a_subscription() -> None:
    assert read_frame(b'{"subscriptionId":0,"event":' + POSITION + b"}") == EventFrame(0, POSITION)


@pytest.mark.parametrize(
    "frame",
    [POSITION, b'{"stream":"someKey","data":' + POSITION + b"}", b'{"event":' + POSITION + b"}"],
)
def test_event_is_found_in_every_known_wrapper(frame: bytes) -> None:
    assert read_frame(frame) == EventFrame(None, POSITION)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"event":{"e":"serverShutdown","E":1770123456789}}',
        b'{"e":"serverShutdown","E":1770123456789}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    ],
)
def test_shutdown_is_recognised_in_every_shape(frame: bytes) -> None:
    assert read_frame(frame) == ShutdownFrame()


@pytest.mark.parametrize(
    ("frame", "reply"),
    [
        (b'{"id":"a","status":200,"result":{"subscriptionId":1}}', ReplyFrame("a", b'{"subscriptionId":1}')),
        (b'{"id":7,"status":200,"result":{},"rateLimits":[]}', ReplyFrame(7, b"{}")),
        (b'{"result":null,"id":1}', ReplyFrame(1, b"null")),
        (b'{"id":7,"status":400,"error":{"code":-1209,"msg":"x"}}', ReplyFrame(7, b"", -1209, "x")),
        (b'{"code":2,"msg":"Invalid request","id":3}', ReplyFrame(3, b"", 2, "Invalid request")),
        (b'{"id":null,"status":401,"error":{"code":-2015,"msg":"x"}}', ReplyFrame(None, b"", -2015, "x")),
        (b'{"id":7,"status":503}', ReplyFrame(7, b"", 0, "status 503")),
    ],
)
def test_reply_is_distinguished_from_an_event(frame: bytes, reply: ReplyFrame) -> None:
    assert read_frame(frame) == reply


@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"\x00\xff\x01", b"[]", b"null", b'"x"', b"{}", b'{"foo":1}', b"NaN", b" " * 2**21, b'{"event":null}'],
)
def test_unreadable_frame_says_why(frame: bytes) -> None:
    answer = read_frame(frame)
    assert isinstance(answer, UnreadableFrame)
    assert answer.reason


@pytest.mark.parametrize("expiry", [1749094553955, 1749094553955000])
def test_subscription_expiry_is_milliseconds_or_microseconds(expiry: int) -> None:
    told = parse_subscription(json.dumps({"subscriptionId": 1, "expirationTime": expiry}).encode())
    assert told == (1, datetime(2025, 6, 5, 3, 35, 53, 955000, tzinfo=UTC))


def test_subscriptions_are_listed() -> None:
    assert parse_subscription_ids(b'[{"subscriptionId":0},{"subscriptionId":4}]') == {0, 4}


def test_position_event_has_absolute_amounts_and_no_debt() -> None:
    told = event(POSITION)
    assert told.parsed == BalancesChanged(
        as_of=datetime(2019, 7, 25, 6, 2, 51, 73000, tzinfo=UTC), amounts={"ETH": (Decimal(10000), Decimal("0.5"))}
    )
    assert told.event_time == datetime(2019, 7, 25, 6, 2, 51, 105000, tzinfo=UTC)
    assert (told.type, told.rejected, told.payload) == ("outboundAccountPosition", None, POSITION.decode())


def test_balance_update_has_a_signed_change() -> None:
    told = event(b'{"e":"balanceUpdate","E":1573200697110,"a":"BTC","d":"-100.00000000","T":1573200697068}')
    assert told.parsed == BalanceAdjusted("BTC", Decimal(-100), datetime(2019, 11, 8, 8, 11, 37, 68000, tzinfo=UTC))


def test_margin_call_has_level_and_status() -> None:
    told = event(b'{"e":"MARGIN_LEVEL_STATUS_CHANGE","E":1701949763462,"l":"1.1","s":"MARGIN_CALL"}')
    assert told.parsed == MarginNotice(Decimal("1.1"), "MARGIN_CALL")


def test_liability_change_has_asset_and_kind_and_no_amount() -> None:
    told = event(
        b'{"e":"USER_LIABILITY_CHANGE","E":1701949801133,"a":"BTC","t":"BORROW","p":"0.00000100","i":"0.00000000"}'
    )
    assert told.parsed == LiabilityChanged("BTC", "BORROW", datetime(2023, 12, 7, 11, 50, 1, 133000, tzinfo=UTC))


def report(**fields: object) -> bytes:
    """Return a trade of 0.4 ETH for 0.04 BTC, with 0.0004 ETH paid by the buyer; `fields` replace its fields."""
    told = {"e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "S": "BUY", "x": "TRADE", "X": "FILLED", "t": 77}
    amounts = {"l": "0.40000000", "Y": "0.04000000", "n": "0.00040000", "N": "ETH", "T": 1499405658657}
    return json.dumps({**told, **amounts, **fields}).encode()


def test_fill_has_both_sides_and_the_commission() -> None:
    assert event(report()).parsed == TradeFilled(
        "ETHBTC",
        77,
        True,
        Decimal("0.4"),
        Decimal("0.04"),
        Decimal("0.0004"),
        "ETH",
        datetime(2017, 7, 7, 5, 34, 18, 657000, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "otherwise",
    [{"x": "NEW", "t": -1, "l": "0", "Y": "0", "n": "0", "N": None}, {"x": "CANCELED"}, {"t": -1}, {"N": None}],
)
def test_report_without_a_complete_fill_is_only_recorded(otherwise: dict[str, object]) -> None:
    told = event(report(**otherwise))
    assert (told.type, told.parsed, told.rejected) == ("executionReport", None, None)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"e":"eventStreamTerminated","E":1759089357377}',
        b'{"e":"somethingNew","E":1759089357377,"x":{"y":[1,2]}}',
        b'{"e":"listStatus","E":1564035303637,"s":"ETHBTC","g":2,"c":"OCO"}',
    ],
)
def test_event_without_a_known_meaning_is_recorded_as_it_is(raw: bytes) -> None:
    told = event(raw)
    assert (told.parsed, told.rejected, told.payload) == (None, None, raw.decode())


def test_event_time_may_be_text_or_missing() -> None:
    assert event(b'{"e":"listenKeyExpired","E":"1736996475556"}').event_time == datetime(
        2025, 1, 16, 3, 1, 15, 556000, tzinfo=UTC
    )
    assert event(b'{"e":"new"}').event_time == AT


def test_key_is_the_same_for_the_same_event_however_it_is_written() -> None:
    assert event(b'{"e":"x","E":1759089357377,"n":{"b":1,"a":2}}').key == (
        event(b' {"n": {"a": 2, "b": 1}, "E": 1759089357377, "e": "x"}').key
    )


def test_key_differs_by_account_scope_and_content() -> None:
    raw, other = b'{"e":"x","E":1759089357377}', b'{"e":"x","E":1759089357378}'
    keys = {
        event(raw).key,
        event(raw, account="second").key,
        event(raw, scope=Scope("BTCUSDT")).key,
        event(other).key,
        event(b'{"e":"x","E":1759089357377,"id":1352286576452864727}').key,
        event(b'{"e":"x","E":1759089357377,"id":1352286576452864728}').key,
    }
    assert len(keys) == 6
    assert all(len(key) == 64 for key in keys)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"e":"outboundAccountPosition","E":1564034571105,"B":[{"a":"ETH","f":"NaN","l":"0"}]}',
        b'{"e":"outboundAccountPosition","E":1564034571105,"B":[{"a":"ETH","f":"-1","l":"0"}]}',
        b'{"e":"outboundAccountPosition","E":1564034571105,"B":[{"a":"ETH","f":1,"l":"0"}]}',
        b'{"e":"outboundAccountPosition","E":1564034571105}',
        b'{"e":"balanceUpdate","E":1573200697110,"a":"BTC","d":"lots","T":1573200697068}',
        b'{"e":"x","E":5}',
        b'{"e":5,"E":1573200697110}',
        b'{"E":1573200697110}',
        b'{"e":"x","E":1573200697110',
        b"\xff\xfe",
    ],
)
def test_implausible_event_is_recorded_as_rejected(raw: bytes) -> None:
    told = event(raw)
    assert (told.type, told.parsed, told.event_time) == ("rejected", None, AT)
    assert told.rejected
    assert len(told.key) == 64


def test_record_of_a_rejected_frame_is_bounded() -> None:
    assert len(build_rejected_event("main", "account", CROSS, b"x" * 10**6, "too large", AT).payload) == 2000


def test_secret_never_enters_the_record() -> None:
    raw = b'{"e":"listenKeyExpired","E":"1736996475556","listenKey":"WsCMN0a4"}'
    assert "WsCMN0a4" not in event(raw, hide="WsCMN0a4").payload
    assert event(raw, hide="WsCMN0a4").key == event(raw).key


def test_mini_ticker_is_a_price() -> None:
    frame = (
        b'{"stream":"bnbbtc@miniTicker","data":{"e":"24hrMiniTicker","E":1564034571105,"s":"BNBBTC","c":"0.0025",'
        b'"o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18"}}'
    )
    assert parse_ticker(frame) == (
        "BNBBTC",
        Price(Decimal("0.0025"), datetime(2019, 7, 25, 6, 2, 51, 105000, tzinfo=UTC)),
    )


@pytest.mark.parametrize("frame", [b'{"result":null,"id":1}', b"{", b'{"stream":"x","data":{"e":"trade"}}', POSITION])
def test_other_frames_are_no_price(frame: bytes) -> None:
    assert parse_ticker(frame) is None


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "1e40"])
def test_absurd_price_is_refused(price: str) -> None:
    frame = json.dumps({"stream": "x", "data": {"e": "24hrMiniTicker", "E": 1564034571105, "s": "X", "c": price}})
    with pytest.raises(ImplausibleValue, match="price of X"):
        parse_ticker(frame.encode())


@pytest.mark.parametrize(
    "frame",
    [
        b'{"depth":' + b"[" * 400_000 + b"]" * 400_000 + b',"e":"x"}',
        b'{"subscriptionId":0,"event":{"e":"x","depth":' + b"[" * 400_000 + b"]" * 400_000 + b"}}",
    ],
)
def test_frame_nested_without_end_is_unreadable(frame: bytes) -> None:
    assert read_frame(frame) == UnreadableFrame("unreadable: nested too deeply")


@pytest.mark.parametrize(
    "field", [b'"status":"FILLED"', b'"code":"A-1"', b'"id":{"a":1}', b'"msg":[]', b'"error":"no"']
)
def test_event_may_use_the_keys_of_an_envelope(field: bytes) -> None:
    frame = b'{"e":"somethingNew","E":1564034571105,' + field + b"}"
    assert read_frame(frame) == EventFrame(None, frame)


def test_time_before_1970_is_no_time() -> None:
    raw = b'{"e":"balanceUpdate","E":1609459200000,"a":"BTC","d":"1","T":-99999999999999}'
    assert event(raw).rejected == "T is no time: -99999999999999"


_FIELDS = ["e", "E", "u", "B", "a", "f", "l", "d", "T", "s", "i", "id", "status", "event", "data", "stream", "code"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_FIELDS),
            inner,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_no_frame_of_any_shape_raises(frame: object) -> None:
    for raw in (json.dumps(frame).encode(), json.dumps({"subscriptionId": 0, "event": frame}).encode()):
        ticker_or_none(raw)
        told = read_frame(raw)
        if isinstance(told, EventFrame):
            event(told.event)


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    ticker_or_none(raw)
    assert isinstance(read_frame(raw), ReplyFrame | UnreadableFrame | EventFrame | ShutdownFrame)


def ticker_or_none(raw: bytes) -> None:
    """Decode a frame as a price; a bad price may raise Implausible and nothing else."""
    with contextlib.suppress(ImplausibleValue):
        parse_ticker(raw)


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("NEW", True), ("PARTIALLY_FILLED", True), ("FILLED", False), ("CANCELED", False), ("EXPIRED_IN_MATCH", False)],
)
def test_report_says_whether_its_order_is_open(status: str, is_open: bool) -> None:
    told = {"e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "i": 4293153, "X": status, "T": 1499405658657}
    found = event(json.dumps(told).encode()).order
    assert found is not None
    assert (found.order_id, found.symbol, found.is_open) == (4293153, "ETHBTC", is_open)
    assert found.as_of == datetime(2017, 7, 7, 5, 34, 18, 657000, tzinfo=UTC)


def test_report_of_an_unknown_status_says_nothing_of_its_order() -> None:
    told = {"e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "i": 1, "X": "RESTING", "T": 1499405658657}
    assert event(json.dumps(told).encode()).order is None
