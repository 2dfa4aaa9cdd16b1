"""What becomes of a run's configuration: another key that acts, or the same for another daemon elsewhere."""

from pathlib import Path

from monitor.sandbox.scenario.scenario import ApiKeySpec
from tests.campaign.plan import OWN_KEY, SECOND_KEY


def act_with(config: Path, key: ApiKeySpec) -> None:
    """Write this key into the configuration as the one that acts."""
    lines = [line for line in config.read_text().splitlines(keepends=True) if not line.startswith("action_api_")]
    given = f'action_api_key = "{key.api_key}"\naction_api_secret = "{key.api_secret}"\n'
    config.write_text("".join(lines).replace("[[accounts]]\n", f"[[accounts]]\n{given}"))


def of_another_daemon(config: Path, channel: str) -> Path:
    """The configuration with another key of the account, a database of its own, and a channel that nobody reads.

    It acts with that key, too: by an action key of both nobody could tell whose order it was.
    """
    lines = config.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("action_api_"))
    for given, other in (
        (OWN_KEY.api_key, SECOND_KEY.api_key),
        (OWN_KEY.api_secret, SECOND_KEY.api_secret),
        ("monitor.db", "elsewhere.db"),
        (f'"{channel}"', f'"{channel}elsewhere"'),
    ):
        text = text.replace(given, other)
    written = config.with_name("elsewhere.toml")
    written.touch(mode=0o600)
    written.write_text(text)
    return written
