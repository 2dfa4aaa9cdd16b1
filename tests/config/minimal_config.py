"""Configurations that load, and how tests write them."""

from pathlib import Path

MINIMAL = """
[[accounts]]
name = "main"
api_key = "env:KEY"
api_secret = "env:SECRET"

[[channels]]
name = "phone"
url = "env:PHONE"
"""


def write_config(folder: Path, text: str = MINIMAL, mode: int = 0o600) -> Path:
    """The path of a config file with this text and these permissions."""
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    return path
