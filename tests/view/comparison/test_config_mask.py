"""The configuration in a bundle: keys that figures depend on, and a mask for all others."""

from datetime import timedelta
from decimal import Decimal

from monitor.view.comparison.config_mask import mask_config


def test_only_listed_keys_keep_their_values() -> None:
    shown = {
        "default_rules": True,
        "rules_files": ["/home/anna/mine.toml"],
        "risk": {"drift_bound": Decimal("0.01"), "pegs": {"WBETH": "ETH"}, "later": "anna"},
        "schedule": {"cross": timedelta(minutes=1)},
        "http": {"public_url": "https://anna.example"},
        "accounts": [{"name": "anna", "api_key": "env:ANNA", "cross": True, "isolated": ["BTCUSDT"]}],
        "rules": [{"name": "annas", "when": "liabilities_usdt > 12345", "severity": "critical"}],
    }
    masked = mask_config(shown)
    assert masked == {
        "default_rules": True,
        "rules_files": "***",
        "risk": {"drift_bound": "0.01", "pegs": {"WBETH": "ETH"}, "later": "***"},
        "schedule": {"cross": "1m"},
        "http": {"public_url": "***"},
        "accounts": [{"name": "***", "api_key": "***", "cross": True, "isolated": ["BTCUSDT"]}],
        "rules": [{"name": "***", "when": "***", "severity": "critical"}],
    }
