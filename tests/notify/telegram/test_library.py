"""The optional library: one line says how to install it."""

import importlib.metadata
import logging

import pytest

from monitor.errors import ConfigError
from monitor.notify.telegram.library import check_library, prepare_library


def test_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    check_library("replies")

    def refuse(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", refuse)
    with pytest.raises(ConfigError) as caught:
        check_library('replies of channel "phone"')
    fix = "buttons of Telegram need python-telegram-bot; pip install 'margin-monitor[telegram]'"
    assert str(caught.value) == f'replies of channel "phone": {fix}'


def test_library_says_nothing_in_the_log() -> None:
    prepare_library()
    assert not logging.getLogger("telegram.Bot").isEnabledFor(logging.CRITICAL)
