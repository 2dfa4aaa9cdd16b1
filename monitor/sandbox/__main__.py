"""`python -m monitor.sandbox`: the sandbox exchange alone."""

import sys

from monitor.sandbox.standalone import main

if __name__ == "__main__":
    sys.exit(main())
