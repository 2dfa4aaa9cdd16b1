"""Message template files of the channels."""

from pathlib import Path

from monitor.config.model import Config
from monitor.errors import ConfigError

FILE_PREFIX = "file:"


def read_template(config: Config, channel: str) -> tuple[str, str] | None:
    """Name and content of the channel's template; None if it has none. Raises ConfigError."""
    said = config.channel(channel).template
    if not said:
        return None
    where = f'channels "{channel}".template'
    if not said.startswith(FILE_PREFIX):
        raise ConfigError("is not a file", where=where, mend='write "file:message.txt", from the folder of this file')
    path = config.folder / Path(said.removeprefix(FILE_PREFIX)).expanduser()
    try:
        # A byte order mark, which some editors write, is no part of the text.
        return path.name, path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", where=where, mend="name a file that can be read") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8", where=where, mend="save it as UTF-8") from error
