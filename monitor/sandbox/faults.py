"""Scripted faults of requests and streams."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import get_args

import msgspec

REQUEST_FAULTS = (
    "status", "delay", "cut_before", "cut_after", "apply_late", "hang", "malformed", "ban", "limit", "maintenance",
    "key_revoked", "ip_refused", "clock_skew", "take_more",
)  # fmt: skip
STREAM_FAULTS = (
    "drop", "refuse", "half_open", "malform", "duplicate", "delay", "reorder", "mute", "flood", "forget", "spurn",
    "terminate", "feign", "expire", "shutdown", "silent",
)  # fmt: skip
STREAMS = ("account", "market", "risk")
MALFORMED_BODIES = (
    "truncated",
    "nan",
    "wrong_types",
    "html",
    "empty",
    "missing_rows",
    "not_json",
    "contradiction",
    "odd_row",
)
MALFORMED_FRAMES = ("truncated", "binary", "large", "oversized", "deep", "wrapped")


class FaultError(Exception):
    """A fault that can't be used; the text says where, why, and the fix."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of requests or streams.

    Without `stream` it applies to requests that match `method`, `path` (exact, or a prefix ending in `*`),
    `params` (all of these), `account` and `host` (a name of this server, without the port): from the `nth` match
    on, `count` times (0: from then on always).
    - status: answer `status` with `body`, or with `code` and `message`; the request counts only if `applies`
    - delay: do it, and answer after `seconds` of real time, or once the faults are cleared
    - cut_before, cut_after: cut the connection instead of doing it, or after doing it
    - apply_late: cut now and do it `seconds` of exchange time later
    - hang: never answer, and don't do it
    - malformed: do it, and corrupt the answer by `form` (see MALFORMED_BODIES)
    - ban, limit: 418 or 429 for `seconds` of exchange time
    - take_more: do it, and take `share` of its amount once more from what is free in the scope, reported nowhere
    - maintenance, key_revoked, ip_refused: refused for this reason; clock_skew: the server's clock is off by `seconds`

    With `stream` ("account", "market" or "risk") it applies to connections, `at` seconds of exchange time
    after the start (default: at once), for `seconds` of exchange time or `count` frames, whichever is given:
    - drop: cut; refuse: new connections fail; half_open: nothing is sent and pings are ignored
    - malform (by `form`, see MALFORMED_FRAMES), duplicate, delay (by `seconds` of real time), reorder: applied to
      frames with events; mute: events and prices are dropped while pings and answers are sent
    - silent: as mute, also for connections that are opened meanwhile
    - flood: `count` extra events; terminate: end subscriptions; feign: report it and keep them; expire: end tokens or
      keys; shutdown: notice, then cut
    - forget: subscriptions are dropped without a notice; spurn: the next `count` listen tokens are refused
    """

    what: str
    method: str = ""
    path: str = "*"
    params: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    host: str = ""
    nth: int = 1
    count: int = 1
    status: int = 500
    code: int = -1000
    message: str = "An unknown error occurred while processing the request."
    body: str | None = None
    applies: bool = False
    form: str = "truncated"
    seconds: float = 0.0
    share: float = 1.0
    stream: str = ""
    at: float | None = None

    def __post_init__(self) -> None:
        known = STREAM_FAULTS if self.stream else REQUEST_FAULTS
        if self.stream and self.stream not in STREAMS:
            raise FaultError(f'"stream" is {self.stream!r}; one of {", ".join(STREAMS)} is meant')
        if self.what not in known:
            raise FaultError(f'"what" is {self.what!r}; one of {", ".join(known)} is meant')
        forms = {"malformed": MALFORMED_BODIES, "malform": MALFORMED_FRAMES}.get(self.what)
        if forms is not None and self.form not in forms:
            raise FaultError(f'"form" is {self.form!r}; one of {", ".join(forms)} is meant')
        if self.nth < 1 or self.count < 0:
            raise FaultError('"nth" starts at 1 and "count" at 0; raise it')

    def matches(self, method: str, path: str, params: Mapping[str, str], account: str, host: str = "") -> bool:
        """Return whether a request matches, count and order aside."""
        if self.stream or (self.method and self.method != method) or (self.account and self.account != account):
            return False
        if self.host and self.host != host:
            return False
        fits = path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path
        return fits and all(params.get(name) == value for name, value in self.params.items())


@dataclass(slots=True)
class _ActiveFault:
    fault: Fault
    match_count: int = 0

    @property
    def is_used_up(self) -> bool:
        return self.fault.count > 0 and self.match_count >= self.fault.nth + self.fault.count - 1


class FaultScript:
    """The request faults in force. Of several that match, the first one applies."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._active: list[_ActiveFault] = []
        self.cleared = asyncio.Event()
        """Set once the faults in force at present are cleared."""
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Add a fault to those in force."""
        self._active.append(_ActiveFault(fault))

    def clear(self) -> None:
        """Clear all faults."""
        self._active.clear()
        self.cleared.set()
        self.cleared = asyncio.Event()

    def trigger(self, method: str, path: str, params: Mapping[str, str], account: str, host: str = "") -> Fault | None:
        """The fault that applies to this request, if any. Counts it."""
        for armed in self._active:
            if armed.fault.matches(method, path, params, account, host) and not armed.is_used_up:
                armed.match_count += 1
                if armed.match_count >= armed.fault.nth:
                    return armed.fault
        return None


def read_faults(path: Path) -> list[Fault]:
    """The faults of a JSON file. Raises FaultError with the location and the fix."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FaultError(f"{path}: can't be read ({error.strerror}); name a readable JSON file") from error
    return parse_faults(raw, str(path))


def parse_faults(raw: bytes, where: str) -> list[Fault]:
    """The faults of a JSON list. `where` names it in errors. Raises FaultError."""
    try:
        rows = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise FaultError(f"{where}: not JSON ({error}); write a list of objects") from error
    if not isinstance(rows, list):
        raise FaultError(f"{where}: a list of objects is meant; put the faults in [ ]")
    return [_parse_fault(row, f"{where}: [{number}]") for number, row in enumerate(rows)]


def _parse_fault(row: object, where: str) -> Fault:
    if not isinstance(row, dict) or "what" not in row:
        raise FaultError(f'{where}: an object with "what" is meant')
    types = {attribute.name: attribute.type for attribute in fields(Fault)}
    for name, value in row.items():
        wanted = types.get(name)
        if wanted is None:
            raise FaultError(f'{where}: unknown key "{name}"; known are {", ".join(types)}')
        if not _has_type(value, wanted):
            raise FaultError(f"{where}.{name}: {value!r} is no {_type_name(wanted)}; mend its type")
    try:
        return Fault(**row)
    except FaultError as error:
        raise FaultError(f"{where}: {error}") from error


def _has_type(value: object, type_: object) -> bool:
    if get_args(type_) == (str, str):
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    options = get_args(type_) or (type_,)
    if bool not in options and isinstance(value, bool):
        return False
    return any(
        isinstance(value, (int, float) if option is float else option) for option in options if isinstance(option, type)
    )


def _type_name(type_: object) -> str:
    return getattr(type_, "__name__", str(type_))
