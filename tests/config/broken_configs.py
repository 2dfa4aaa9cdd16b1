"""Broken configurations and the whole line, or lines, that each must be answered with."""
# ruff: noqa: E501 – a table reads best with one row a line

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrokenConfig:
    """A config that must not load: the whole file and its permissions. FOLDER in `lines` stands for its folder."""

    name: str
    text: str
    lines: tuple[str, ...]
    mode: int = 0o600


ACCOUNT = """
[[accounts]]
name = "main"
api_key = "env:KEY"
api_secret = "env:SECRET"
"""

CHANNEL = """
[[channels]]
name = "phone"
url = "env:PHONE"
"""

ANSWERED_CHANNELS = """
[[channels]]
name = "phone"
url = "env:PHONE"
[[channels]]
name = "hook"
webhook = "https://hook.example/x"
[[channels]]
name = "mail"
url = "mailto://user:pass@mail.example"
[[channels]]
name = "pager"
url = "pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi"
[[channels]]
name = "sealed"
url = "pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi?key=0123456789abcdef"
[[channels]]
name = "chat"
url = "tgram://123456789:abcdefghij-KLMN_op/42"
[[channels]]
name = "chats"
url = "tgram://123456789:abcdefghij-KLMN_op/42/43"
[[channels]]
name = "botless"
url = "tgram://abc/42"
[[channels]]
name = "option"
url = "tgram://123456789:abcdefghij-KLMN_op/42?format=html"
"""

RULE = """
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < 1.5"
"""

REPAY = """
[[actions]]
name = "repay"
kind = "repay"
"""


def _case(name: str, text: str, *lines: str, mode: int = 0o600) -> BrokenConfig:
    return BrokenConfig(name, text, lines, mode)


def _key(name: str, table: str, line: str, complaint: str) -> BrokenConfig:
    """A config that is sound but for one key of one table."""
    return _case(name, f"{ACCOUNT}\n[{table}]\n{line}\n", f"config.toml: {table}.{line.partition(' ')[0]}: {complaint}")


def _account(name: str, keys: str, complaint: str) -> BrokenConfig:
    return _case(name, f'[[accounts]]\nname = "main"\n{keys}\n', f'config.toml: accounts[0] "main".{complaint}')


def _replies(name: str, keys: str, complaint: str) -> BrokenConfig:
    """A config with channels of several services and one `[[replies]]`."""
    return _case(name, f"{ACCOUNT}{ANSWERED_CHANNELS}[[replies]]\n{keys}\n", f"config.toml: {complaint}")


def _channel(name: str, keys: str, complaint: str) -> BrokenConfig:
    return _case(
        name, f'{ACCOUNT}[[channels]]\nname = "phone"\n{keys}\n', f'config.toml: channels[0] "phone".{complaint}'
    )


def _rule(name: str, keys: str, complaint: str) -> BrokenConfig:
    return _case(name, f"{ACCOUNT}{CHANNEL}{RULE}{keys}\n", f'config.toml: rules[0] "low".{complaint}')


def _action(name: str, keys: str, complaint: str) -> BrokenConfig:
    return _case(name, f'{ACCOUNT}[[actions]]\nname = "repay"\n{keys}\n', f'config.toml: actions[0] "repay"{complaint}')


SYNTAX = (
    _case(
        "missing_value",
        "[storage]\nurl =\n",
        "config.toml: line 2, column 6: is not TOML: invalid value; correct the line",
    ),
    _case(
        "unclosed_table",
        f"{ACCOUNT}[storage\n",
        "config.toml: line 6, column 9: is not TOML: expected ']' at the end of a table declaration; correct the line",
    ),
    _case(
        "key_twice",
        '[storage]\nurl = "sqlite:///a.db"\nurl = "sqlite:///b.db"\n',
        "config.toml: line 3, column 23: is not TOML: cannot overwrite a value; correct the line",
    ),
    _case(
        "no_account",
        CHANNEL,
        "config.toml: accounts: is missing; write [[accounts]] with name, api_key and api_secret",
    ),
    _case(
        "one_account_as_table",
        '[accounts]\nname = "main"\n',
        "config.toml: accounts: must be a list of tables; write [[accounts]] above each",
    ),
)

UNKNOWN = (
    _key("misspelt_key", "schedule", 'cros = "60s"', 'unknown key; did you mean "cross"?'),
    _case("misspelt_table", f"{ACCOUNT}[schedul]\n", 'config.toml: schedul: unknown key; did you mean "schedule"?'),
    _case(
        "top_level_key_below_a_table",
        f"{ACCOUNT}default_rules = false\n",
        'config.toml: accounts[0] "main".default_rules: unknown key; it belongs above the first [table] of the file',
    ),
    _account(
        "misspelt_account_key",
        'api_key = "env:K"\napi_secret = "env:S"\napi_secrt = "x"',
        'api_secrt: unknown key; did you mean "api_secret"?',
    ),
    _rule("misspelt_rule_key", 'severty = "critical"', 'severty: unknown key; did you mean "severity"?'),
    _channel("misspelt_channel_key", 'url = "env:P"\nurll = "x"', 'urll: unknown key; did you mean "url"?'),
    _action(
        "misspelt_action_key", 'kind = "repay"\nmax_amuont = 5', '.max_amuont: unknown key; did you mean "max_amount"?'
    ),
)

VALUES = (
    _key("bare_number", "schedule", "cross = 60", '60 has no unit; write it like "60s"'),
    _key("bare_fraction", "schedule", "cross = 1.5", '1.5 has no unit; write it like "90s"'),
    _key("number_in_quotes", "schedule", 'cross = "60"', "'60' has no unit; write 60s, 60m or 60h"),
    _key("duration_out_of_order", "schedule", 'cross = "5s1m"', "'5s1m' is not a duration; units descend, each once: 1w2d3h4m5s6ms"),
    _key("not_a_duration", "schedule", 'interest = "hourly"', "'hourly' is not a duration; write it like 30s, 10m, 1h30m or 7d"),
    _key("poll_too_fast", "schedule", 'near_liquidation = "500ms"', "500ms is too short; 1s is the least"),
    _key("recv_window_too_long", "exchange", 'recv_window = "2m"', "2m is too long; 1m is the most"),
    _key("settle_too_short", "safety", 'settle = "4s"', "4s is too short; 5s is the least"),
    _key("duration_as_list", "safety", 'settle = ["60s"]', 'must be a duration, not a list; write it like "90s", "10m" or "1h30m"'),
    _case(
        "asks_before_it_has_settled",
        f'{ACCOUNT}[safety]\nsettle = "2m"\nunresolved_after = "1m"\n',
        "config.toml: safety.unresolved_after: is shorter than settle; make it as long or longer",
    ),
    _key("percentage_of_nothing", "risk", 'drift_bound = "0%"', "0% is out of range; it must be above 0% and at most 100%"),
    _key("percentage_too_large", "risk", "drift_bound = 5", "500% is out of range; it must be above 0% and at most 100%"),
    _key("no_percentage", "risk", 'drift_bound = "one"', "'one' is not a percentage; write 20% or 0.2"),
    _key("history_too_short", "risk", 'history = "23h"', "23h is too short; 1d is the least"),
    _key("history_too_long", "risk", 'history = "731d"', "731d is too long; 2y is the most"),
    _key("history_without_unit", "risk", "history = 90", '90 has no unit; write it like "90s"'),
    _case("peg_to_itself", f'{ACCOUNT}\n[risk]\npegs = {{ ETH = "ETH" }}\n', "config.toml: risk.pegs.ETH: is pegged to itself; name the asset that it should track"),
    _case("peg_of_a_stable_asset", f'{ACCOUNT}\n[risk]\npegs = {{ USDC = "USDT" }}\n', "config.toml: risk.pegs.USDC: is one of stable_assets too; keep it in one of the two"),
    _key("asset_twice", "risk", 'stable_assets = ["USDT", "USDT"]', '"USDT" is listed twice; remove one'),
    _case("boolean_in_quotes", f'default_rules = "true"\n{ACCOUNT}', "config.toml: default_rules: must be true or false, not text; write it without quotes"),
    _account("isolated_as_text", 'api_key = "env:K"\napi_secret = "env:S"\nisolated = "BTCUSDT"', 'isolated: must be "all" or a list of symbols, not "BTCUSDT"; write "all", or ["BTCUSDT"]'),
    _account("symbol_in_small_letters", 'api_key = "env:K"\napi_secret = "env:S"\nisolated = ["btcusdt"]', 'isolated: "btcusdt" is not a symbol; write it as the exchange does, such as "BTCUSDT"'),
    _channel("no_severity", 'url = "env:P"\nseverities = ["critcal"]', 'severities: "critcal" is not one of info, warning or critical; did you mean "critical"?'),
    _channel("no_severities", 'url = "env:P"\nseverities = []', "severities: is an empty list; name at least one or leave the key out"),
)  # fmt: skip

ADDRESSES = (
    _key("plain_http", "exchange", 'rest_url = "http://api.example.com"', "http:// is for loopback hosts only; use https://"),
    _key("plain_ws", "exchange", 'ws_api_url = "ws://10.0.0.1/ws"', "ws:// is for loopback hosts only; use wss://"),
    _key("loopback_lookalike", "exchange", 'rest_url = "http://127.0.0.1.example.com"', "http:// is for loopback hosts only; use https://"),
    _key("wrong_scheme", "exchange", 'market_stream_url = "https://x.example"', '"https" is not a scheme that works here; it must begin with wss://'),
    _key("no_scheme", "exchange", 'rest_url = "api.example.com"', "is not a URL; it must begin with https://"),
    _key("no_host", "exchange", 'rest_url = "https://"', "is a URL without host; write https://HOST"),
    _key("bad_port", "exchange", 'rest_url = "https://x.example:99999"', "is not a URL; check its host and port"),
    _key("plain_http_fallback", "exchange", 'rest_fallback_urls = ["http://b.example"]', "http:// is for loopback hosts only; use https://"),
    _key("no_ca_file", "exchange", 'ca_file = "ca.pem"', "there is no file FOLDER/ca.pem; check the path"),
    _channel("plain_http_webhook", 'webhook = "http://hooks.example.com/x"', "webhook: http:// is for loopback hosts only; use https://"),
    _channel("plain_http_channel", 'url = "http://hooks.example.com/x"', "url: http:// is for loopback hosts only; use https://"),
    _channel("no_address_at_all", "", 'url: is missing; write url = "…" or webhook = "https://…"'),
    _channel("two_addresses", 'url = "env:P"\nwebhook = "env:W"', "webhook: stands beside url; keep one of them"),
    _key("database_in_memory", "storage", 'url = "sqlite://"', 'is not a database in a file; write it like "sqlite:///margin-monitor.db"'),
    _key("driver_unnamed", "storage", 'url = "postgresql://u@h/d"', "postgresql:// does not name the driver; begin it with postgresql+psycopg://"),
    _key("other_database", "storage", 'url = "mysql://h/d"', "is not a database that works here; use sqlite:///FILE or postgresql+psycopg://…"),
)  # fmt: skip

SECRETS = (
    _account("no_secret", 'api_key = "env:K"', 'api_secret: is missing; write api_secret = "…" or private_key = "file:KEY.pem"'),
    _account("no_key", 'api_secret = "env:S"', 'api_key: is missing; write api_key = "…"'),
    _account("two_secrets", 'api_key = "env:K"\napi_secret = "env:S"\nprivate_key = "file:k.pem"', "private_key: stands beside api_secret; keep one of them"),
    _account("passphrase_of_nothing", 'api_key = "env:K"\napi_secret = "env:S"\nprivate_key_passphrase = "env:P"', "private_key_passphrase: stands without private_key; remove it"),
    _account("action_secret_alone", 'api_key = "env:K"\napi_secret = "env:S"\naction_api_secret = "env:A"', "action_api_secret: stands without action_api_key; write action_api_key too, or remove it"),
    _account("action_key_alone", 'api_key = "env:K"\napi_secret = "env:S"\naction_api_key = "env:A"', 'action_api_secret: is missing; write action_api_secret = "…" or action_private_key = "file:KEY.pem"'),
    _account("empty_secret", 'api_key = ""\napi_secret = "env:S"', "api_key: is empty; write a value or leave the key out"),
    _account("reference_to_nothing", 'api_key = "env:"\napi_secret = "env:S"', "api_key: env: names nothing; write env:NAME"),
    _account("credential_with_path", 'api_key = "credential:a/b"\napi_secret = "env:S"', "api_key: a credential is named without path; write credential:NAME, or file:PATH"),
    _account("key_is_a_number", 'api_key = 12345\napi_secret = "env:S"', "api_key: must be text, not a number; put it in quotes"),
    _case(
        "literal_secret_others_can_read",
        '[[accounts]]\nname = "main"\napi_key = "env:K"\napi_secret = "literal-secret-value"\n',
        'config.toml: accounts[0] "main".api_secret: a secret stands in a file that others may read; '
        "chmod 600 FOLDER/config.toml, or name it with credential:, file: or env:",
        mode=0o640,
    ),
    _case(
        "channel_url_others_can_read",
        f'{ACCOUNT}[[channels]]\nname = "phone"\nurl = "tgram://123:token/456"\n',
        'config.toml: channels[0] "phone".url: a secret stands in a file that others may read; '
        "chmod 600 FOLDER/config.toml, or name it with credential:, file: or env:",
        mode=0o604,
    ),
    _case(
        "loopback_url_with_password_others_can_read",
        f'{ACCOUNT}[[channels]]\nname = "phone"\nurl = "json://me:secret@127.0.0.1/x"\n',
        'config.toml: channels[0] "phone".url: a secret stands in a file that others may read; '
        "chmod 600 FOLDER/config.toml, or name it with credential:, file: or env:",
        mode=0o644,
    ),
    _case(
        "database_password_others_can_read",
        f'{ACCOUNT}[storage]\nurl = "postgresql+psycopg://u:secret@127.0.0.1/d"\n',
        "config.toml: storage.url: a secret stands in a file that others may read; "
        "chmod 600 FOLDER/config.toml, or name it with credential:, file: or env:",
        mode=0o644,
    ),
    _case("others_can_write", ACCOUNT, "config.toml: others than its owner can write it; chmod go-w FOLDER/config.toml", mode=0o602),
    _case("group_can_write", ACCOUNT, "config.toml: others than its owner can write it; chmod go-w FOLDER/config.toml", mode=0o660),
)  # fmt: skip

NAMES = (
    _case("account_twice", f"{ACCOUNT}{ACCOUNT}", 'config.toml: accounts[1] "main".name: accounts[0] has the same name; give each its own'),
    _case("channel_twice", f"{ACCOUNT}{CHANNEL}{CHANNEL}", 'config.toml: channels[1] "phone".name: channels[0] has the same name; give each its own'),
    _case("rule_twice", f"{ACCOUNT}{RULE}{RULE}", 'config.toml: rules[1] "low".name: rules[0] has the same name; give each its own'),
    _case("action_twice", f"{ACCOUNT}{REPAY}{REPAY}", 'config.toml: actions[1] "repay".name: actions[0] has the same name; give each its own'),
    _case("no_name", '[[accounts]]\napi_key = "env:K"\napi_secret = "env:S"\n', 'config.toml: accounts[0].name: is missing; write name = "…"'),
    _channel("fallback_unknown", 'url = "env:P"\nfallback = "phon"', 'fallback: no channel is called "phon"; did you mean "phone"?'),
    _channel("fallback_to_itself", 'url = "env:P"\nfallback = "phone"', "fallback: names the channel itself; name another channel"),
    _channel("quiet_hours_without_end", 'url = "env:P"\nquiet_hours = ["23:00"]', 'quiet_hours: "23:00" is not a span of hours; write it like "23:00-07:00"'),
    _channel("quiet_hours_of_no_length", 'url = "env:P"\nquiet_hours = ["07:00-07:00"]', 'quiet_hours: "07:00-07:00" begins when it ends; for the whole day write "00:00-24:00"'),
    _channel("time_zone_unknown", 'url = "env:P"\ntime_zone = "Berlin"', 'time_zone: "Berlin" is not a time zone; write it like "Europe/Berlin"'),
    _rule("rule_tells_nobody", 'channels = ["fone"]', 'channels: no channel is called "fone"; did you mean "phone"?'),
    _rule("rule_acts_by_nothing", 'actions = ["repay"]', 'actions: no action is called "repay"; add [[actions]] with that name'),
    _rule("rule_of_no_account", 'accounts = ["man"]', 'accounts: no account matches "man"; did you mean "main"?'),
    _rule("escalates_to_nobody", 'escalate = [{ after = "5m", channels = ["boss"] }]', 'escalate[0].channels: no channel is called "boss"; did you mean "phone"?'),
)  # fmt: skip

RULES = (
    _case("rule_without_when", f'{ACCOUNT}[[rules]]\nname = "low"\nscope = "cross"\n', 'config.toml: rules[0] "low": a rule needs `when`; write when = "margin_level < 1.5"'),
    _rule("rule_for_bare_number", "for = 30", 'for: 30 is not a duration; write for = "30s"'),
    _rule("rule_symbols_of_cross", 'symbols = ["BTCUSDT"]', 'symbols: means nothing for scope cross; remove it, or write scope = "isolated"'),
    _rule("rule_assets_of_cross", 'assets = ["BTC"]', 'assets: means nothing for scope cross; remove it, or write scope = "asset"'),
    _rule("rule_severity", 'severity = "warn"', 'severity: unknown severity "warn"; did you mean "warning"?'),
    _case("no_rules_file", f'rules_files = ["rules.toml"]\n{ACCOUNT}', "config.toml: rules_files[0]: there is no file FOLDER/rules.toml; check the path, or remove it"),
)  # fmt: skip

ACTIONS = (
    _action("action_without_kind", 'mode = "dry-run"', '.kind: is missing; write kind = "…"'),
    _action("action_kind_unknown", 'kind = "repaid"', '.kind: "repaid" is not one of repay, transfer_in, reduce or cancel_orders; did you mean "repay"?'),
    _action("live_without_limits", 'kind = "repay"\nmode = "live"', '.mode: "live" needs max_amount and max_per_day; set them, or write mode = "dry-run"'),
    _action("live_without_daily_limit", 'kind = "repay"\nmode = "live"\nmax_amount = 5', '.mode: "live" needs max_per_day; set it, or write mode = "dry-run"'),
    _action("act_without_limits", 'kind = "repay"\nmode = "approve"\non_no_answer = "act"', '.on_no_answer: "act" moves money without a person and needs max_amount and max_per_day; set them, or write on_no_answer = "skip"'),
    _action("act_without_daily_limit", 'kind = "reduce"\nmode = "approve"\non_no_answer = "act"\nmax_amount = 5', '.on_no_answer: "act" moves money without a person and needs max_per_day; set it, or write on_no_answer = "skip"'),
    _action("less_than_nothing_left", 'kind = "transfer_in"\nkeep_in_source = -1', ".keep_in_source: -1 is not an amount; 0 is the least"),
    _action("never_acts", 'kind = "repay"\nmax_actions_per_day = 0', ".max_actions_per_day: 0 is too small; 1 is the least"),
    _action("no_source", 'kind = "transfer_in"\nsource = []', ".source: is an empty list; name at least one or leave the key out"),
    _action("data_of_no_age", 'kind = "repay"\nmax_data_age = "0s"', ".max_data_age: 0s is too short; 1s is the least"),
    _action("slippage_of_all", 'kind = "reduce"\nmax_slippage = "100%"', ".max_slippage: 100% is out of range; it must be above 0% and below 100%"),
    _action("limit_of_nothing", 'kind = "repay"\nmax_amount = 0', ".max_amount: 0 is not a positive amount"),
    _action("limit_is_no_number", 'kind = "repay"\nmax_amount = "lots"', ".max_amount: 'lots' is not a number; write it like 1250.5"),
    _action("limit_is_not_finite", 'kind = "repay"\nmax_amount = inf', ".max_amount: 'Infinity' is not a number; write it like 1250.5"),
    _action("sized_twice", 'kind = "repay"\namount = 5\ntarget = "margin_level >= 1.5"', ".amount: stands beside target; keep one of them"),
    _action("key_of_another_kind", 'kind = "repay"\nkeep_in_source = 5', '.keep_in_source: means nothing for kind = "repay"; remove it'),
    _action("source_unknown", 'kind = "transfer_in"\nsource = ["futures"]', '.source: "futures" is not one of spot or funding; did you mean "funding"?'),
    _action("target_is_no_level", 'kind = "repay"\ntarget = "interest_usdt >= 1"', ".target: column 1: `interest_usdt` is not a level; a target has the form `margin_level >= 1.5`"),
)  # fmt: skip

REPLIES = (
    _replies("reply_to_no_channel", 'channel = "phon"\nusers = [1]', 'replies[0].channel: no channel is called "phon"; did you mean "phone"?'),
    _replies("reply_to_webhook", 'channel = "hook"\nusers = [1]', "replies[0].channel: names a webhook, which can't be answered; name a channel whose url is tgram://TOKEN/CHAT or pover://USER@TOKEN"),
    _replies("reply_to_mail", 'channel = "mail"\nusers = [1]', "replies[0].channel: names a channel of mailto://, which can't be answered; name a channel whose url is tgram://TOKEN/CHAT or pover://USER@TOKEN"),
    _replies("reply_without_channel", "users = [1]", 'replies[0].channel: is missing; write channel = "…"'),
    _replies("reply_of_anybody", 'channel = "chat"', "replies[0].users: is missing: who may press the buttons?; write users = [123456789] with the number of your Telegram user (docs/guide/telegram.md)"),
    _replies("reply_of_pushover_users", 'channel = "pager"\nusers = [1]', "replies[0].users: means nothing for pover://; remove it"),
    _replies("reply_of_pushover_without_ack", 'channel = "pager"\nallow = ["status"]', 'replies[0].allow: lacks "ack", the only answer of pover://; write allow = ["ack"]'),
    _replies("reply_of_pushover_encrypted", 'channel = "sealed"', 'replies[0].channel: names a channel whose pover:// address has the option "key", which does not work with replies; remove the option'),
    _replies("reply_that_resumes", 'channel = "chat"\nusers = [1]\nallow = ["resume"]', 'replies[0].allow: "resume" is never allowed from a message; use `margin-monitor actions resume`'),
    _replies("reply_that_does_anything", 'channel = "chat"\nusers = [1]\nallow = ["act"]', 'replies[0].allow: "act" is not one of ack, silence, status, approve, reject or pause; did you mean "ack"?'),
    _replies("reply_that_allows_nothing", 'channel = "chat"\nusers = [1]\nallow = []', "replies[0].allow: is an empty list; name at least one or leave the key out"),
    _replies("reply_of_user_by_name", 'channel = "chat"\nusers = ["ann"]', "replies[0].users: must be a whole number, not text"),
    _replies("reply_of_group_as_user", 'channel = "chat"\nusers = [-100123]', "replies[0].users: -100123 is too small; 1 is the least"),
    _replies("reply_twice", 'channel = "chat"\nusers = [1]\n[[replies]]\nchannel = "chat"\nusers = [2]', "replies[1].channel: replies[0] has the same channel; write one [[replies]] a channel"),
    _replies("reply_of_two_chats", 'channel = "chats"\nusers = [1]', "replies[0].channel: names a channel whose tgram:// address has 2 chats; write tgram://TOKEN/CHAT with one chat"),
    _replies("reply_of_no_bot", 'channel = "botless"\nusers = [1]', "replies[0].channel: names a channel whose tgram:// address has no bot token; write tgram://TOKEN/CHAT"),
    _replies("reply_with_option", 'channel = "option"\nusers = [1]', 'replies[0].channel: names a channel whose tgram:// address has the option "format", which does not work with replies; remove the option'),
    _replies("reply_over_plain_http", 'channel = "chat"\nusers = [1]\napi_url = "http://bots.example"', "replies[0].api_url: http:// is for loopback hosts only; use https://"),
)  # fmt: skip

REPORT = (
    _key("report_at", "report", 'at = "8:00"', '"8:00" is not a time of day; write it like "08:00"'),
    _case("report_zone", f'{ACCOUNT}[report]\nat = "08:00"\ntime_zone = "Europe/Berlim"\n', 'config.toml: report.time_zone: "Europe/Berlim" is not a time zone; write it like "Europe/Berlin"'),
    _case("report_to_nobody", f'{ACCOUNT}[report]\nat = "08:00"\nchannels = ["phone"]\n', 'config.toml: report.channels: no channel is called "phone"; add [[channels]] with that name'),
    _case("report_without_time", f'{ACCOUNT}[report]\ntime_zone = "Europe/Berlin"\n', 'config.toml: report.at: is missing; write at = "08:00", or remove [report]'),
)  # fmt: skip

HTTP = (
    _case("page_for_all_without_token", f'{ACCOUNT}[http]\nlisten = "0.0.0.0:9184"\n', 'config.toml: http.listen: "0.0.0.0:9184" can be reached from other machines, which needs a token; set token, or write listen = "127.0.0.1:9184"'),
    _case("page_for_ipv6_without_token", f'{ACCOUNT}[http]\nlisten = "[::]:9184"\ntoken = ""\n', 'config.toml: http.listen: "[::]:9184" can be reached from other machines, which needs a token; set token, or write listen = "127.0.0.1:9184"'),
    _key("page_without_port", "http", 'listen = "127.0.0.1"', '"127.0.0.1" is not an address; write it like "127.0.0.1:9184", or "" to switch it off'),
    _key("public_url_plain", "http", 'public_url = "http://mon.example"', "http:// is for loopback hosts only; use https://"),
    _key("public_url_with_path", "http", 'public_url = "https://mon.example/mm/"', "has more than a host and a port; write https://HOST, without a path"),
)  # fmt: skip

NOT_AVAILABLE_YET = (
    _key("listen_key", "exchange", 'account_stream = "listen-key-v2"', '"listen-key-v2" is not available yet; choose another'),
)  # fmt: skip

SEVERAL = (
    _case(
        "every_mistake_is_told_at_once",
        f"{ACCOUNT}[schedule]\ncross = 60\nisolated = 30\n[safety]\nsettel = 1\n",
        'config.toml: schedule.cross: 60 has no unit; write it like "60s"',
        'config.toml: schedule.isolated: 30 has no unit; write it like "30s"',
        'config.toml: safety.settel: unknown key; did you mean "settle"?',
    ),
)

ALL = (
    SYNTAX
    + UNKNOWN
    + VALUES
    + ADDRESSES
    + SECRETS
    + NAMES
    + RULES
    + ACTIONS
    + REPLIES
    + REPORT
    + HTTP
    + NOT_AVAILABLE_YET
    + SEVERAL
)
