"""The measurer of odds costs a daemon no memory for numbers: those belong to its child."""

import subprocess
import sys


def test_daemon_does_not_import_numpy() -> None:
    program = "import sys, monitor.app.daemon, monitor.runtime.odds_measurer; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
