"""Addresses of Pushover channels that can be answered: one user or one group, and nothing secret in an error."""

import pytest

from monitor.config.errors import InvalidValue
from monitor.config.redaction import redact
from monitor.config.replies.pushover_address import PushoverAddress
from monitor.config.reply_channels import check_users, parse_reply_address
from monitor.config.schema import ReplyConfig
from monitor.config.secrets import Secret

TOKEN, USER, GROUP = (
    "azGDORePK8gMaC0QOYAMyEEuzJnyUi",
    "uQiRzpo4DXghDmr9QzzfQu27cmVRsG",
    "gznej3rKEVAvPUxu9vvNnqpmZpokzF",
)
PLAIN = PushoverAddress(Secret(TOKEN), Secret(USER))


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (f"{USER}@{TOKEN}", PLAIN),
        (f"{USER}@{TOKEN}/", PLAIN),
        (f"{USER}@{TOKEN}/annas-phone/ipad", PushoverAddress(Secret(TOKEN), Secret(USER), "annas-phone,ipad")),
        (f"{USER}@{TOKEN}/%23{GROUP}", PushoverAddress(Secret(TOKEN), Secret(GROUP))),
        (f"{USER}@{TOKEN}/#{GROUP}?sound=siren", PushoverAddress(Secret(TOKEN), Secret(GROUP), sound="siren")),
        (f"{USER}@{TOKEN}?priority=high", PushoverAddress(Secret(TOKEN), Secret(USER), priority=1)),
        (f"{USER}@{TOKEN}?priority=-1", PushoverAddress(Secret(TOKEN), Secret(USER), priority=-1)),
        (
            f"{USER}@{TOKEN}?interval=30&expire=900",
            PushoverAddress(Secret(TOKEN), Secret(USER), interval_s=30, expire_s=900),
        ),
    ],
)
def test_address_names_one_user_or_group(rest: str, expected: PushoverAddress) -> None:
    assert parse_reply_address(f"pover://{rest}") == expected


@pytest.mark.parametrize(
    ("rest", "part"),
    [
        (USER, "no user key and application token"),
        (f"short@{TOKEN}", "no user key and application token"),
        (f"{USER}@{TOKEN}/#{GROUP}/#{GROUP}", "more than one user or group"),
        (f"{USER}@{TOKEN}/phone/#{GROUP}", "more than one user or group"),
        (f"{USER}@{TOKEN}/my phone", "impossible name"),
        (f"{USER}@{TOKEN}?priority=emergency", 'has priority "emergency"'),
        (f"{USER}@{TOKEN}?priority=loud", "unknown priority"),
        (f"{USER}@{TOKEN}?interval=29", '"interval" out of its bounds'),
        (f"{USER}@{TOKEN}?expire=10801", '"expire" out of its bounds'),
        (f"{USER}@{TOKEN}?key={'0' * 64}", 'option "key", which does not work with replies'),
    ],
)
def test_impossible_address_is_refused_without_its_keys(rest: str, part: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_reply_address(f"pover://{rest}")
    assert part in caught.value.message
    assert caught.value.mend
    assert not any(key in caught.value.message + caught.value.mend for key in (TOKEN, USER, GROUP, "0" * 64))


def test_keys_are_redacted_wherever_they_appear() -> None:
    parse_reply_address(f"pover://{USER}@{TOKEN}/#{GROUP}")
    assert redact(f"GET /1/receipts/r.json?token={TOKEN} for {USER} or {GROUP}").count("***") == 3


def test_acknowledging_is_all_that_can_be_done_from_a_message() -> None:
    check_users(ReplyConfig(channel="phone"), PLAIN)
    check_users(ReplyConfig(channel="phone", allow=("ack",)), PLAIN)
    for reply, key in (
        (ReplyConfig(channel="p", users=(1,)), "users"),
        (ReplyConfig(channel="p", allow=("status",)), "allow"),
    ):
        with pytest.raises(InvalidValue) as caught:
            check_users(reply, PLAIN)
        assert caught.value.key == key
