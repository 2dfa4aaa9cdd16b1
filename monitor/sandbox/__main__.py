"""`python -m monitor.sandbox`: the sandbox exchange alone."""

import sys

from monitor.sandbox.server_main import main

if __name__ == "__main__":
    sys.exit(main())
