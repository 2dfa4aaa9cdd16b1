"""What may befall a request or a stream, drawn by chance."""

import random
from dataclasses import replace

from monitor.sandbox.faults import MALFORMED_BODIES, MALFORMED_FRAMES, Fault
from tests.campaign.judge.facts import CROSS_PATH, OPEN_ORDERS_PATH, ORDER_PATH, REPAY_PATH, TRANSFER_PATH

MONEY_PATHS = (REPAY_PATH, TRANSFER_PATH)
LATEST_S = 45
"""Exchange seconds within which everything that was cut off has been carried out, or never will be."""


def money_fault(chance: random.Random, settle_s: int) -> Fault:
    """What befalls the next order, or the one after it."""
    path = chance.choice([REPAY_PATH, REPAY_PATH, TRANSFER_PATH, TRANSFER_PATH, ORDER_PATH])
    order = Fault("hang", "POST", path, nth=chance.choice([1, 1, 1, 2]))
    if chance.random() < 0.1:
        order = Fault("hang", "DELETE", OPEN_ORDERS_PATH)
    late_s = chance.uniform(0.5, settle_s * 0.6) if chance.random() < 0.9 else chance.uniform(settle_s, LATEST_S)
    pending = replace(order, what="status", status=400, code=-3007, message="You have pending transaction.")
    kinds = [
        order,
        replace(order, what="cut_before"),
        replace(order, what="cut_after", count=chance.choice([1, 2])),
        replace(order, what="apply_late", seconds=late_s),
        replace(order, what="apply_late", seconds=late_s),
        replace(order, what="delay", seconds=chance.uniform(0.05, 1.5)),
        replace(order, what="malformed", form=chance.choice(MALFORMED_BODIES)),
        replace(order, what="status", status=chance.choice([500, 502, 503, 504]), applies=chance.random() < 0.5),
        replace(order, what="status", status=403, body="<html>403</html>", applies=chance.random() < 0.3),
        replace(pending, count=chance.choice([1, 2, 3])),
        replace(pending, code=-1021, message="Timestamp for this request is outside of the recvWindow."),
        replace(order, what="limit", seconds=chance.uniform(1, 10)),
        replace(order, what="ban", seconds=chance.uniform(2, 40)),
        replace(order, what="maintenance"),
    ]
    return chance.choice(kinds)


def read_fault(chance: random.Random) -> Fault:
    """What befalls some reads."""
    path = chance.choice([CROSS_PATH, "/sapi/v1/margin/*", "/sapi/*", *MONEY_PATHS, "/sapi/v1/margin/capital-flow"])
    read = Fault("hang", "GET", path, count=chance.choice([1, 2, 5, 10]))
    kinds = [
        replace(read, count=min(read.count, 2)),
        replace(read, what="status", status=chance.choice([500, 502, 503])),
        replace(read, what="cut_before"),
        replace(read, what="cut_after"),
        replace(read, what="delay", seconds=chance.uniform(0.05, 0.9)),
        replace(read, what="malformed", form=chance.choice(MALFORMED_BODIES)),
        replace(read, what="limit", count=1, seconds=chance.uniform(1, 10)),
        replace(read, what="ban", count=1, seconds=chance.uniform(2, 40)),
        replace(read, what="maintenance"),
    ]
    return chance.choice(kinds)


def stream_fault(chance: random.Random) -> Fault:
    """What befalls a stream."""
    stream = chance.choice(["account", "market", "risk"])
    count, seconds = chance.randint(1, 5), chance.uniform(5, 60)
    kinds = [
        Fault("drop", stream=stream),
        Fault("refuse", stream=stream, seconds=seconds),
        Fault("half_open", stream=stream, seconds=seconds),
        Fault("malform", stream=stream, count=count, form=chance.choice(MALFORMED_FRAMES)),
        Fault("duplicate", stream=stream, count=count),
        Fault("delay", stream=stream, count=count, seconds=chance.uniform(0.1, 0.8)),
        Fault("reorder", stream=stream, count=count),
        Fault("mute", stream=stream, seconds=seconds),
        Fault("forget", stream=stream),
        Fault("shutdown", stream=stream),
        Fault("expire", stream="account"),
        Fault("terminate", stream="account"),
    ]
    return chance.choice(kinds)
