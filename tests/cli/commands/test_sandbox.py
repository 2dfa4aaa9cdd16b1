"""`sandbox`: the built-in exchange alone, ready to be watched by a daemon on the machine's clock."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.command import margin_monitor, write_config

READY = ("rest_url", "ws_api_url", "market_stream_url", "risk_stream_url", "admin_url", "accounts")


def test_first_line_names_the_address_and_check_passes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "sandbox", "--port", "0", "--scenario", "crash-2025-10-10"],
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert set(READY) <= ready.keys()
        (account,) = ready["accounts"]
        assert set(account) == {"name", "api_key", "api_secret"}
        config = write_config(tmp_path, f'[exchange]\nrest_url = "{ready["rest_url"]}"\n')
        text = config.read_text().replace('"key"', f'"{account["api_key"]}"')
        config.write_text(text.replace('"secret"', f'"{account["api_secret"]}"'))
        said = margin_monitor(config, "check", "--json")
        results = {item["name"]: item["result"] for item in said.json()["items"]}
        assert (said.code, results["exchange"], results["clock"], results["key"]) == (0, "ok", "ok", "ok")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_invalid_options_are_one_line(tmp_path: Path) -> None:
    said = margin_monitor(tmp_path / "none.toml", "sandbox", "--prices", "BTCUSDT=none.csv")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("none.csv: can't be read as bars")
