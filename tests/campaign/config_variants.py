"""What becomes of a run's configuration: another key that acts, the same for another daemon elsewhere, an action less,
or a flaw."""

from pathlib import Path

from monitor.sandbox.scenario.scenario import ApiKeySpec
from tests.campaign.config_edits import Flaw
from tests.campaign.plan import OWN_KEY, SECOND_KEY

_OUT = "#out: "
_FLAW = "  # flaw"
_FLAWS: dict[Flaw, tuple[str, str]] = {
    "unknown key": ("[safety]", 'settel = "20s"'),
    "stale_after": ("[schedule]", 'stale_after = "1s"'),
    "unknown channel": ("[[rules]]", 'channels = ["nobody"]'),
    "syntax": ("[safety]", "= 20"),
}
"""Below which line a flaw stands, and the line."""


def act_with(config: Path, key: ApiKeySpec) -> None:
    """Write this key into the configuration as the one that acts."""
    lines = [line for line in config.read_text().splitlines(keepends=True) if not line.startswith("action_api_")]
    given = f'action_api_key = "{key.api_key}"\naction_api_secret = "{key.api_secret}"\n'
    _replace(config, "".join(lines).replace("[[accounts]]\n", f"[[accounts]]\n{given}"))


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


def take_out_action(config: Path, name: str) -> None:
    """Take an action out of the configuration, and out of the rules that name it."""
    blocks = config.read_text().split("\n\n")
    _replace(config, "\n\n".join(_without_action(block, name) for block in blocks))


def put_back_action(config: Path, name: str) -> None:
    """Put back what `take_out_action` took out."""
    lines: list[str] = []
    for line in config.read_text().splitlines(keepends=True):
        kept = line.removeprefix(_OUT)
        if kept != line and kept.startswith("actions = ["):
            # The line without the action stands before it.
            lines.pop()
        lines.append(kept)
    _replace(config, "".join(lines))


def _replace(config: Path, text: str) -> None:
    """Replace the file at once: a daemon that starts meanwhile reads the old or the new one."""
    fresh = config.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(config)


def _without_action(block: str, name: str) -> str:
    lines = block.split("\n")
    if lines[0] == "[[actions]]" and f'name = "{name}"' in lines:
        return "\n".join(f"{_OUT}{line}" for line in lines)
    found: list[str] = []
    for line in lines:
        if line.startswith("actions = [") and f'"{name}"' in line:
            named = [one for one in line[len("actions = [") : -1].split(", ") if one != f'"{name}"']
            found += [f"actions = [{', '.join(named)}]", f"{_OUT}{line}"]
        else:
            found.append(line)
    return "\n".join(found)


def add_flaw(config: Path, flaw: Flaw) -> None:
    """Give the configuration a line with which it is refused."""
    below, line = _FLAWS[flaw]
    _replace(config, config.read_text().replace(f"{below}\n", f"{below}\n{line}{_FLAW}\n", 1))


def remove_flaw(config: Path) -> None:
    """Take the line out again."""
    lines = config.read_text().splitlines(keepends=True)
    _replace(config, "".join(line for line in lines if not line.rstrip().endswith(_FLAW)))
