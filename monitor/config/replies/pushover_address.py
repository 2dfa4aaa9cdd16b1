"""The address of a Pushover channel whose critical messages can be answered: `pover://USER@TOKEN/DEVICE?…`."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from monitor.config import redaction
from monitor.config.errors import InvalidValue
from monitor.config.secrets import Secret

MIN_INTERVAL_S, MAX_EXPIRE_S = 30, 10_800
"""Bounds of the service, in seconds: how soon an emergency repeats, and when it ends at the latest."""

DEFAULT_INTERVAL_S = 60

_KEY = re.compile(r"[A-Za-z0-9]{20,40}")
_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,25}")
_PRIORITIES = {"low": -2, "moderate": -1, "normal": 0, "high": 1, "-2": -2, "-1": -1, "0": 0, "1": 1}
_OPTIONS = ("priority", "sound", "interval", "expire")
_SHAPE = "write pover://USER@TOKEN, with one device or one group (#GROUP) after it if you wish"


@dataclass(frozen=True, slots=True)
class PushoverAddress:
    """One user or one group of one application. `devices` "": all of them.

    `priority` is that of messages that are no emergency. `interval_s` is how soon an emergency repeats, `expire_s` when
    it ends.
    """

    token: Secret
    user: Secret
    devices: str = ""
    priority: int = 0
    sound: str = ""
    interval_s: int = DEFAULT_INTERVAL_S
    expire_s: int = MAX_EXPIRE_S


def parse_pushover_address(rest: str) -> PushoverAddress:
    """Parse what follows `pover://`. Raises InvalidValue, without the address."""
    # A group stands behind a bare "#" as well, where other addresses have a fragment.
    path, _, query = rest.partition("?")
    authority, *targets = path.split("/")
    user, _, token = (unquote(part) for part in authority.rpartition("@"))
    for key in (user, token):
        if not _KEY.fullmatch(key):
            raise InvalidValue("names a channel whose pover:// address has no user key and application token", _SHAPE)
        redaction.KNOWN_SECRETS.remember(key)
    options = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
    unknown = next((name for name in options if name not in _OPTIONS), None)
    if unknown is not None:
        what = f'names a channel whose pover:// address has the option "{unknown}", which does not work with replies'
        raise InvalidValue(what, "remove the option")
    names = [unquote(target).strip() for target in targets if target.strip()]
    groups = [name.removeprefix("#") for name in names if name.startswith("#")]
    if len(groups) > 1 or (groups and len(names) > 1) or not all(map(_KEY.fullmatch, groups)):
        raise InvalidValue("names a channel whose pover:// address has more than one user or group", _SHAPE)
    if not groups and not all(map(_DEVICE.fullmatch, names)):
        raise InvalidValue("names a channel whose pover:// address has a device with an impossible name", _SHAPE)
    interval_s = _seconds(options, "interval", DEFAULT_INTERVAL_S)
    expire_s = _seconds(options, "expire", MAX_EXPIRE_S)
    if groups:
        redaction.KNOWN_SECRETS.remember(groups[0])
    return PushoverAddress(
        Secret(token),
        Secret(groups[0] if groups else user),
        "" if groups else ",".join(names),
        _priority(options.get("priority", "normal").lower()),
        options.get("sound", ""),
        interval_s,
        max(expire_s, interval_s),
    )


def _priority(text: str) -> int:
    if text in ("2", "emergency"):
        what = 'names a channel whose pover:// address has priority "emergency"'
        raise InvalidValue(what, "remove it: with replies critical messages are emergencies, and no others")
    if text not in _PRIORITIES:
        raise InvalidValue(
            "names a channel whose pover:// address has an unknown priority", "write low, normal or high"
        )
    return _PRIORITIES[text]


def _seconds(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name) or str(default)
    if not text.isdecimal() or not MIN_INTERVAL_S <= int(text) <= MAX_EXPIRE_S:
        what = f'names a channel whose pover:// address has "{name}" out of its bounds'
        raise InvalidValue(what, f"write {MIN_INTERVAL_S} to {MAX_EXPIRE_S} seconds")
    return int(text)
