"""Type of the configuration in force."""

from typing import Any, TypedDict

ConfigTable = dict[str, Any]
"""The keys of one table with their values: durations in seconds, amounts as text, secrets masked."""


class ConfigDocument(TypedDict):
    """The configuration in force with its defaults, by table as in its file; `rules` holds the shipped ones, too."""

    default_rules: bool
    rules_files: list[str]
    storage: ConfigTable
    exchange: ConfigTable
    schedule: ConfigTable
    safety: ConfigTable
    risk: ConfigTable
    heartbeat: ConfigTable
    http: ConfigTable
    report: ConfigTable
    accounts: list[ConfigTable]
    channels: list[ConfigTable]
    replies: list[ConfigTable]
    actions: list[ConfigTable]
    rules: list[ConfigTable]
