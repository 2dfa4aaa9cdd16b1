"""Known secrets pass through no output."""

import io
import logging
from pathlib import Path

from monitor.config.effective_config import effective_config
from monitor.config.loading import load_config
from monitor.config.redaction import RedactionFilter, Redactor, redact
from monitor.config.secrets import Secret
from tests.config.minimal_config import MINIMAL, write_config

SECRET = "s3cr3t/+value="


def test_a_secret_prints_as_stars() -> None:
    secret = Secret(SECRET)
    assert (str(secret), repr(secret), f"{secret}", f"{[secret]}") == ("***", "***", "***", "[***]")


def test_a_known_secret_is_hidden_percent_encoded_too() -> None:
    redactor = Redactor([SECRET])
    text = f"plain {SECRET} quoted s3cr3t%2F%2Bvalue%3D half s3cr3t/%2Bvalue%3D"
    assert redactor.redact(text) == "plain *** quoted *** half ***"


def test_lines_of_a_private_key_are_hidden_one_by_one() -> None:
    redactor = Redactor(["-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----"])
    assert redactor.redact("got MC4CAQAwBQYDK2Vw here") == "got *** here"


def test_passwords_and_signatures_in_urls_are_hidden_unknown_ones_too() -> None:
    assert redact("at postgresql+psycopg://me:pw@host/d") == "at postgresql+psycopg://me:***@host/d"
    assert redact("GET https://x/sapi?a=1&signature=abcdef&b=2") == "GET https://x/sapi?a=1&signature=***&b=2"


def test_logs_hold_no_secret_in_message_arguments_or_traceback() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactionFilter(Redactor([SECRET])))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError:
        logger.exception("asked with %s", SECRET)
    assert "asked with ***" in stream.getvalue()
    assert "ValueError: refused ***" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_the_effective_configuration_masks_literals_and_shows_references(tmp_path: Path) -> None:
    text = MINIMAL.replace("env:SECRET", "literal-secret").replace("env:PHONE", "tgram://123-token/chat")
    shown = effective_config(load_config(write_config(tmp_path, text), {}))
    assert (shown["accounts"][0]["api_key"], shown["accounts"][0]["api_secret"]) == ("env:KEY", "***")
    assert shown["channels"][0]["url"] == "***"
    assert "literal-secret" not in str(shown) and "123-token" not in str(shown)
