"""The command `margin-monitor`."""

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import cast

from monitor.cli import output, parser
from monitor.errors import MonitorError

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Any failure prints one line for a person, never a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    # httpx loads its own command line if it can, with rich and pygments: five megabytes that a daemon would keep.
    sys.modules.setdefault("httpx._main", cast("ModuleType", None))
    try:
        output.prepare_streams()
        code = parser.dispatch(words)
        sys.stdout.flush()
        return code
    except MonitorError as error:
        return output.print_error(error, as_json=parser.asks_for_json(words))
    except BrokenPipeError:
        output.drop_stdout()
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        return output.print_os_error(error, as_json=parser.asks_for_json(words))
    except Exception as error:  # noqa: BLE001 – the last bulkhead before the user
        return output.print_bug(error, as_json=parser.asks_for_json(words))


if __name__ == "__main__":
    raise SystemExit(main())
