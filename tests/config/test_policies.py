"""Configuration to the settings that decisions use."""

from datetime import timedelta
from pathlib import Path

from monitor.config.loading import load_config
from monitor.config.policies import build_policy
from monitor.core.state.account_settings import AccountSettings
from tests.config.minimal_config import MINIMAL, write_config

ENVIRONMENT = {"KEY": "k" * 64, "SECRET": "s" * 64, "PHONE": "json://127.0.0.1"}


def settings_of(folder: Path, more: str = "") -> AccountSettings:
    return build_policy(load_config(write_config(folder, MINIMAL + more), ENVIRONMENT), "main").settings


def test_past_prices_are_kept_for_ninety_days_unless_they_are_off(tmp_path: Path) -> None:
    assert settings_of(tmp_path).price_history == timedelta(days=90)
    assert settings_of(tmp_path).measures_odds
    assert not settings_of(tmp_path, '[risk]\nhistory = "0"\n').measures_odds


def test_rules_about_odds_alone_are_slow(tmp_path: Path) -> None:
    mixed = """
[[rules]]
name = "mixed"
when = "liquidation_odds_1d > 5% and margin_level < 2"
scope = "cross"
"""
    assert settings_of(tmp_path, mixed).slow_rules == {"worst-day", "odds-high", "odds-high-critical"}
