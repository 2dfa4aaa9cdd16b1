"""Paths of the files shipped with the program: rules, migrations, service units."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def packaged_path(*parts: str) -> Path:
    """Return the path of a shipped file or folder, such as `packaged_path("config", "rules", "ladder.toml")`.

    In an installed wheel these files lie inside the package, in a checkout beside it.
    """
    inside = _PACKAGE / "_shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent).joinpath(*parts)
