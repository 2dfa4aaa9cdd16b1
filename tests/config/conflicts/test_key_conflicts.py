"""Configurations that load key by key and can't work: a conflict of each relation, and a neighbour that works."""

from pathlib import Path

import pytest

from monitor.config.conflicts.conflict import WARNING
from monitor.config.conflicts.key_conflicts import CONFLICT_RULES, find_conflicts
from monitor.config.conflicts.secret_conflicts import refuse_secret_conflicts
from monitor.config.loading import load_config
from monitor.errors import ConfigError
from tests.config.minimal_config import write_config
from tests.support.command import margin_monitor

ACCOUNT = '[[accounts]]\nname = "main"\napi_key = "env:KEY"\napi_secret = "env:SECRET"\n'
SECOND = '[[accounts]]\nname = "second"\napi_key = "env:OTHER"\napi_secret = "env:SECRET"\n'
PHONE = '[[channels]]\nname = "phone"\nurl = "env:PHONE"\n'
MAIL = '[[channels]]\nname = "mail"\nurl = "env:MAIL"\n'
RULE = '[[rules]]\nname = "low"\nscope = "isolated"\nwhen = "margin_level < 1.5"\n'
ASSETS = '[[rules]]\nname = "held"\nscope = "asset"\nwhen = "held > 1"\n'
ACTION = '[[actions]]\nname = "repay"\nkind = "repay"\n'

BASE = ACCOUNT + PHONE

CASES: dict[str, tuple[str, str, str]] = {
    "schedule.cross, isolated × 1.25 against stale_after": (
        BASE + '[schedule]\ncross = "150s"\n',
        "schedule.cross: is 2m30s, at rest 3m7s500ms, but figures are stale after 3m; lower it, or raise stale_after",
        BASE + '[schedule]\ncross = "140s"\n',
    ),
    "schedule.near_liquidation against stale_after": (
        BASE + '[schedule]\nnear_liquidation = "5m"\n',
        "schedule.near_liquidation: is 5m, but figures are stale after 3m; lower it",
        BASE + '[schedule]\nnear_liquidation = "5s"\n',
    ),
    "schedule.near_liquidation against cross, isolated": (
        BASE + '[schedule]\nnear_liquidation = "10s"\ncross = "5s"\n',
        "schedule.near_liquidation is 10s, slower than the reads at rest (5s); lower it",
        BASE + '[schedule]\nnear_liquidation = "5s"\ncross = "5s"\n',
    ),
    "schedule.liquidations against what it is for": (
        BASE + '[schedule]\nliquidations = "1d"\n',
        "schedule.liquidations is 1d: a liquidation would be told so late; lower it",
        BASE + '[schedule]\nliquidations = "30m"\n',
    ),
    "accounts.cross against isolated": (
        ACCOUNT + "cross = false\nisolated = []\n" + PHONE,
        'accounts[0] "main": watches nothing: cross = false and isolated = []; switch one of them on',
        ACCOUNT + 'cross = false\nisolated = ["BTCUSDT"]\n' + PHONE,
    ),
    "accounts.api_key against every other key": (
        ACCOUNT + SECOND.replace("OTHER", "KEY") + PHONE,
        'accounts[1] "second".api_key: is the key of accounts[0] "main".api_key too; name each key once',
        ACCOUNT + SECOND + PHONE,
    ),
    "channels.fallback against all of its severities": (
        ACCOUNT + PHONE + 'severities = ["critical"]\nfallback = "mail"\n' + MAIL + 'severities = ["info"]\n',
        'channels[0] "phone".fallback: "mail" takes nothing of what this channel is told (critical); name another',
        ACCOUNT + PHONE + 'severities = ["critical"]\nfallback = "mail"\n' + MAIL,
    ),
    "channels.fallback against some of its severities": (
        ACCOUNT + PHONE + 'fallback = "mail"\n' + MAIL + 'severities = ["critical"]\n',
        'channels[0] "phone".fallback "mail" does not take info and warning messages, which this channel is told;',
        ACCOUNT + PHONE + 'fallback = "mail"\n' + MAIL,
    ),
    "channels.fallback against its quiet_hours": (
        ACCOUNT + PHONE + 'fallback = "mail"\n' + MAIL + 'quiet_hours = ["23:00-07:00"]\n',
        'channels[0] "phone".fallback "mail" has quiet hours in which this channel is told of more than what is',
        ACCOUNT
        + PHONE
        + 'fallback = "mail"\nquiet_hours = ["22:00-08:00"]\n'
        + MAIL
        + 'quiet_hours = ["23:00-07:00"]\n',
    ),
    "actions.mode approve against channels.severities": (
        ACCOUNT + PHONE + 'severities = ["info"]\n' + ACTION + 'mode = "approve"\n',
        'actions[0] "repay".mode "approve" asks a person, and no channel takes critical messages; add a channel',
        BASE + ACTION + 'mode = "approve"\n',
    ),
    "actions.max_data_age against schedule.near_liquidation": (
        BASE + ACTION + 'max_data_age = "1s"\n',
        'actions[0] "repay".max_data_age is 1s, below the fastest reads (2s): it would hardly act; raise it',
        BASE + ACTION + 'max_data_age = "2s"\n',
    ),
    "actions.cooldown against what it is for": (
        BASE + ACTION + 'cooldown = "1w"\n',
        'actions[0] "repay".cooldown is 1w: after one order nothing is done for so long; lower it',
        BASE + ACTION + 'cooldown = "1h"\n',
    ),
    "rules.for against severity": (
        BASE + RULE + 'severity = "critical"\nfor = "1h"\n',
        'rules[0] "low".for is 1h: a critical alert would come so late; lower it, or lower the severity',
        BASE + RULE + 'severity = "warning"\nfor = "1h"\n',
    ),
    "rules.repeat against severity": (
        BASE + RULE + 'severity = "critical"\nrepeat = "2d"\n',
        'rules[0] "low".repeat is 2d: a critical alert would be repeated once in so long; lower it',
        BASE + RULE + 'severity = "critical"\nrepeat = "1h"\n',
    ),
    "rules.symbols against accounts.isolated": (
        ACCOUNT + 'isolated = ["BTCUSDT"]\n' + PHONE + RULE + 'symbols = ["ETH*"]\n',
        'rules[0] "low".symbols: match none of the watched pairs (BTCUSDT); correct them, or add the pair to isolated',
        ACCOUNT + 'isolated = ["ETHUSDT"]\n' + PHONE + RULE + 'symbols = ["ETH*"]\n',
    ),
    "one of rules.symbols against accounts.isolated": (
        ACCOUNT + 'isolated = ["BTCUSDT"]\n' + PHONE + RULE + 'symbols = ["ETH*", "BTC*"]\n',
        'rules[0] "low".symbols ETH* match none of the watched pairs (BTCUSDT); correct or remove them',
        ACCOUNT + 'isolated = ["BTCUSDT"]\n' + PHONE + RULE + 'symbols = ["BTC*"]\n',
    ),
    "rules.accounts against accounts": (
        BASE + RULE + 'accounts = ["man*"]\n',
        'rules[0] "low".accounts: no account matches "man*"; did you mean "main"?',
        BASE + RULE + 'accounts = ["mai*"]\n',
    ),
    "rules.assets against what can be held": (
        ACCOUNT + 'cross = false\nisolated = ["BTCUSDT"]\n' + PHONE + ASSETS + 'assets = ["ETH"]\n',
        'rules[0] "held".assets: match no asset that can be held or owed (BTCUSDT); correct them',
        ACCOUNT + 'cross = false\nisolated = ["BTCUSDT"]\n' + PHONE + ASSETS + 'assets = ["USD?"]\n',
    ),
    "one of rules.assets against what can be held": (
        BASE + ASSETS + 'assets = ["usdt", "BTC"]\n',
        'rules[0] "held".assets usdt match no asset that can be held or owed (all that there are); correct or remove',
        BASE + ASSETS + 'assets = ["USDT", "BTC"]\n',
    ),
    "rules_files against the files there are": (
        'rules_files = ["nothing/*.toml"]\n' + BASE,
        'rules_files[0] "nothing/*.toml" matches no file; correct it, or remove it',
        'rules_files = ["mine/*.toml"]\n' + BASE,
    ),
}
"""By relation: a conflict, the beginning of its line after the file, and a neighbour that works."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rules.toml").write_text("")
    return tmp_path


def test_every_relation_of_the_table_is_tried() -> None:
    assert set(CASES) == {relation.name for relation in CONFLICT_RULES}
    assert len(CASES) == len(CONFLICT_RULES)


@pytest.mark.parametrize("relation", CONFLICT_RULES, ids=lambda relation: relation.name)
def test_conflict_is_reported_with_place_and_fix(folder: Path, relation: object) -> None:
    name, result = relation.name, relation.result  # type: ignore[attr-defined]  # a Relation
    text, line, good = CASES[name]
    path = write_config(folder, text)
    if result == WARNING:
        found = [
            f"{each.location} {each.message}; {each.mend}" for each in find_conflicts(load_config(path, {}), WARNING)
        ]
    else:
        with pytest.raises(ConfigError) as caught:
            load_config(path, {})
        found = [str(each) for each in (caught.value, *caught.value.others)]
    assert [each for each in found if each.startswith(f"config.toml: {line}")], found
    assert list(find_conflicts(load_config(write_config(folder, good), {}), WARNING)) == []


def test_one_key_under_two_references_is_refused(folder: Path) -> None:
    for name, value in {"key": "abcdefghijkl", "copy": "abcdefghijkl", "other": "zyxwvutsrqpo"}.items():
        (folder / name).write_text(value)
        (folder / name).chmod(0o600)
    first = ACCOUNT.replace("env:KEY", "file:key")
    path = write_config(folder, first + SECOND.replace("env:OTHER", "file:copy") + PHONE)
    with pytest.raises(ConfigError) as caught:
        refuse_secret_conflicts(load_config(path, {}))
    assert str(caught.value) == (
        'config.toml: accounts[1] "second".api_key: holds the very key of accounts[0] "main".api_key; '
        "give each account its own key, and each account once"
    )
    checked = margin_monitor(path, "check", "--offline", "--json").json()["items"]
    assert [row["name"] for row in checked if "holds the very key" in row["detail"]] == ["secrets"]
    path = write_config(folder, first + SECOND.replace("env:OTHER", "file:other") + PHONE)
    refuse_secret_conflicts(load_config(path, {}))


def test_identical_second_key_is_refused_without_quoting_it(folder: Path) -> None:
    keys = 'action_api_key = "abcdefghijkl"\naction_api_secret = "mnopqrstuvwx"\n'
    path = write_config(folder, ACCOUNT.replace("env:KEY", "abcdefghijkl") + keys + PHONE)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(caught.value) == (
        'config.toml: accounts[0] "main".action_api_key: is the key of accounts[0] "main".api_key too; '
        "leave action_api_key out, or name a key of its own"
    )


def test_a_warning_is_a_row_of_check_and_of_lint(folder: Path) -> None:
    path = write_config(folder, BASE + '[schedule]\nliquidations = "1d"\n')
    words = "config.toml: schedule.liquidations is 1d"
    checked = margin_monitor(path, "check", "--offline", "--json").json()["items"]
    assert [row["result"] for row in checked if words in row["detail"]] == ["warning"]
    linted = margin_monitor(path, "rules", "lint", "--json").json()["items"]
    assert [row["kind"] for row in linted if words in row["detail"]] == ["conflict"]
