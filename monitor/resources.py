"""Files that travel with the program: shipped rules, migrations, service units."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def packaged_path(*parts: str) -> Path:
    """Path of a shipped file or folder such as `shipped("config", "rules", "ladder.toml")`.

    In an installed wheel they lie inside the package, in a checkout beside it.
    """
    inside = _PACKAGE / "_shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent).joinpath(*parts)
