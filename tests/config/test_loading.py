"""Finding and loading the configuration."""

import shutil
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.config.loading import build_config, find_config, load_config
from monitor.config.policies import build_policy
from monitor.errors import ConfigError
from tests.config.minimal_config import MINIMAL, write_config

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "config" / "margin-monitor.example.toml"
ONE_RULE = '[[rules]]\nname = "{name}"\nscope = "cross"\nwhen = "margin_level < 1.5"\n'


def test_one_account_and_one_channel_are_enough(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path), {})
    account = config.accounts[0]
    assert (account.name, str(account.api_key), account.cross, account.isolated) == ("main", "env:KEY", True, "all")
    assert [channel.name for channel in config.channels] == ["phone"]
    assert config.default_rules and {"thin", "near-call", "liquidation-near"} <= {rule.name for rule in config.rules}
    assert config.actions == ()


def test_configuration_without_a_channel_loads(tmp_path: Path) -> None:
    assert load_config(write_config(tmp_path, MINIMAL.partition("[[channels]]")[0]), {}).channels == ()


def test_defaults_are_those_documented(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path), {})
    schedule = config.schedule
    assert (schedule.cross, schedule.near_liquidation) == (timedelta(seconds=60), timedelta(seconds=2))
    assert (schedule.interest, schedule.reference_data) == (timedelta(hours=1), timedelta(hours=6))
    assert (schedule.stale_after, schedule.key_permissions) == (timedelta(minutes=3), timedelta(hours=24))
    assert config.exchange.rest_url == "https://api.binance.com"
    assert config.exchange.ws_api_url == "wss://ws-api.binance.com:443/ws-api/v3"
    assert (config.exchange.recv_window, config.exchange.request_timeout) == (
        timedelta(seconds=5),
        timedelta(seconds=10),
    )
    assert (config.safety.settle, config.safety.unresolved_after) == (timedelta(seconds=60), timedelta(minutes=10))
    assert config.risk.pegs == {"WBETH": "ETH", "BNSOL": "SOL"}
    assert config.risk.drift_bound == Decimal("0.01")
    assert config.risk.history == timedelta(days=90)
    assert config.risk.isolated_margin_call["1.18"] == Decimal("1.22")
    storage = config.storage
    assert (storage.retain_samples, storage.retain_hourly_samples) == (timedelta(days=90), timedelta(days=400))
    assert (config.http.listen, config.http.token, config.http.public_url) == ("127.0.0.1:9184", None, "")


def test_the_shipped_example_loads(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, EXAMPLE.read_text(), 0o644), {})
    assert (config.actions[0].name, config.actions[0].mode) == ("repay-usdt", "dry-run")


def test_zero_switches_past_prices_off(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, EXAMPLE.read_text() + '[risk]\nhistory = "0"\n'), {})
    assert config.risk.history == timedelta()


def test_configured_margin_calls_override_the_shipped_ones(tmp_path: Path) -> None:
    own = '[risk]\nisolated_margin_call = { "1.050" = "1.12", "1.3" = "1.35" }\n'
    config = load_config(write_config(tmp_path, EXAMPLE.read_text() + own), {})
    assert config.risk.isolated_margin_call["1.18"] == Decimal("1.22")
    calls = build_policy(config, "main").settings.isolated_margin_call
    assert calls == {
        Decimal("1.05"): Decimal("1.12"),
        Decimal("1.15"): Decimal("1.19"),
        Decimal("1.18"): Decimal("1.22"),
        Decimal("1.3"): Decimal("1.35"),
    }


def test_off_values_are_accepted(tmp_path: Path) -> None:
    off = 'quiet_hours = []\nmax_per_hour = 0\ntemplate = ""\n[http]\nlisten = ""\ntoken = ""\n'
    off += '[heartbeat]\nurl = ""\n[report]\n'
    config = load_config(write_config(tmp_path, MINIMAL + off), {})
    assert (config.http.listen, config.http.token) == ("", None)
    assert (config.heartbeat.url, config.report.at) == (None, None)


def test_amounts_are_read_exactly_from_numbers_and_from_text(tmp_path: Path) -> None:
    actions = (
        '[[actions]]\nname = "a"\nkind = "repay"\nmax_amount = 0.1000000000000000000000001\n'
        '[[actions]]\nname = "b"\nkind = "repay"\nmax_amount = "0.1000000000000000000000001"\n'
    )
    first, second = load_config(write_config(tmp_path, MINIMAL + actions), {}).actions
    assert first.max_amount == second.max_amount == Decimal("0.1000000000000000000000001")


def test_further_hosts_are_only_for_the_default_exchange(tmp_path: Path) -> None:
    default = load_config(write_config(tmp_path), {}).exchange.rest_fallback_urls
    other = load_config(
        write_config(tmp_path, MINIMAL + '[exchange]\nrest_url = "http://127.0.0.1:8000/"\n'), {}
    ).exchange
    assert default is not None and default[0] == "https://api-gcp.binance.com"
    assert (other.rest_url, other.rest_fallback_urls) == ("http://127.0.0.1:8000", ())


def test_literal_secrets_are_accepted_in_a_private_file(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, MINIMAL.replace("env:SECRET", "the-secret-itself")), {})
    assert "the-secret-itself" not in repr(config)


def test_a_loopback_url_is_no_secret(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, MINIMAL.replace("env:PHONE", "json://127.0.0.1:8080/hook"), 0o644), {})
    assert str(config.channels[0].url) == "json://127.0.0.1:8080/hook"


def test_own_rules_follow_those_of_files_and_the_ladder(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name in ("b", "a"):
        (tmp_path / "rules" / f"{name}.toml").write_text(ONE_RULE.format(name=name))
    text = f'default_rules = false\nrules_files = ["rules/*.toml"]\n{MINIMAL}{ONE_RULE.format(name="own")}'
    assert [rule.name for rule in load_config(write_config(tmp_path, text), {}).rules] == ["a", "b", "own"]


def test_an_own_rule_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    shipped = load_config(write_config(tmp_path), {}).rules
    changed = load_config(write_config(tmp_path, MINIMAL + ONE_RULE.format(name="thin")), {}).rules
    assert [rule.name for rule in changed] == [rule.name for rule in shipped]
    assert next(rule for rule in changed if rule.name == "thin").when.text == "margin_level < 1.5"


def test_the_shipped_rules_load_from_a_checkout_of_a_group(tmp_path: Path) -> None:
    for folder in ("monitor", "config"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "config" / "rules" / "ladder.toml").chmod(0o664)
    path = write_config(tmp_path, MINIMAL)
    program = (
        "import sys; from pathlib import Path; from monitor.config.loading import load_config; "
        "config = load_config(Path(sys.argv[1]), {}); print(config.default_rules, len(config.rules) > 10)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("True True\n", "")


@pytest.mark.parametrize(
    ("content", "mode", "line"),
    [
        ("x = 1\n", 0o600, 'more.toml: x: unknown key; did you mean "rules"?'),
        ("", 0o666, "more.toml: others than its owner can write it; chmod go-w FOLDER/more.toml"),
        (
            ONE_RULE.format(name="a") + "fro = 1\n",
            0o600,
            'more.toml: rules[0] "a".fro: unknown key; did you mean "for"?',
        ),
    ],
)
def test_mistakes_of_rules_files_name_that_file(tmp_path: Path, content: str, mode: int, line: str) -> None:
    more = tmp_path / "more.toml"
    more.write_text(content)
    more.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(tmp_path, 'rules_files = ["more.toml"]\n' + MINIMAL), {})
    assert str(caught.value) == line.replace("FOLDER", str(tmp_path))


def test_a_file_that_is_not_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_bytes(b"# one\n# \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"^config\.toml: line 2: is not UTF-8 text; save the file as UTF-8$"):
        load_config(path, {})


def test_config_is_searched_in_the_documented_order(tmp_path: Path) -> None:
    explicit, named = tmp_path / "a.toml", tmp_path / "b.toml"
    user, service = tmp_path / "xdg" / "margin-monitor" / "config.toml", tmp_path / "etc" / "config.toml"
    for path in (user, service):
        path.parent.mkdir(parents=True)
        path.touch()
    environ = {
        "MARGIN_MONITOR_CONFIG": str(named),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
        "CONFIGURATION_DIRECTORY": str(tmp_path / "etc"),
    }
    assert find_config(explicit, environ) == explicit
    assert find_config(None, environ) == named
    del environ["MARGIN_MONITOR_CONFIG"]
    assert find_config(None, environ) == user
    user.unlink()
    assert find_config(None, environ) == service


def test_missing_config_names_the_searched_paths(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert str(caught.value) == (
        f"no configuration found (looked for {tmp_path}/margin-monitor/config.toml, /etc/margin-monitor/config.toml); "
        "write one with `margin-monitor init`, or give --config FILE"
    )


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/one:/var/lib/two", "XDG_STATE_HOME": "/x"}, "/var/lib/one"),
        ({"XDG_STATE_HOME": "/x"}, "/x/margin-monitor"),
        ({"HOME": "/home/me"}, "/home/me/.local/state/margin-monitor"),
    ],
)
def test_a_relative_database_lies_in_the_state_folder(tmp_path: Path, environ: dict[str, str], folder: str) -> None:
    assert load_config(write_config(tmp_path), environ).storage_url == f"sqlite:///{folder}/margin-monitor.db"


def test_a_system_config_keeps_its_database_in_var_lib(tmp_path: Path) -> None:
    config = build_config(MINIMAL.encode(), Path("/etc/margin-monitor/config.toml"), {"HOME": str(tmp_path)})
    assert config.storage_url == "sqlite:////var/lib/margin-monitor/margin-monitor.db"


def test_paths_are_relative_to_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = MINIMAL + '[exchange]\nca_file = "ca.pem"\n'
    assert load_config(write_config(tmp_path, text), {}).exchange.ca_file == f"{tmp_path}/ca.pem"


def test_the_pause_file_is_relative_to_the_config_file_and_need_not_be_there(tmp_path: Path) -> None:
    text = MINIMAL + '[safety]\npause_file = "PAUSE"\n'
    assert load_config(write_config(tmp_path, text), {}).safety.pause_file == f"{tmp_path}/PAUSE"
