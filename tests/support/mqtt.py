"""A real MQTT broker on loopback, and the messages published through it."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.timeouts import DEADLINE_FACTOR

MISSING = "mosquitto is not installed: apt-get install mosquitto"
PATIENCE_S = 30.0 * DEADLINE_FACTOR


class MqttSink:
    """Every message published under `alerts/`, in the order of arrival."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.published: list[str] = []
        self._arrived = threading.Condition()

    def take(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        with self._arrived:
            self.published.append(message.payload.decode())
            self._arrived.notify_all()

    def wait_for_count(self, count: int, timeout_s: float = PATIENCE_S) -> list[str]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.published) >= count, timeout_s), self.published
            return list(self.published)


@contextmanager
def mqtt_sink(folder: Path, password: str = "") -> Iterator[MqttSink]:
    """A new mosquitto and a subscribed client; open to anybody unless there is a password."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip(MISSING)
    port = _free_port()
    config = folder / "mosquitto.conf"
    # A broker started by root would drop its privileges, and could not read the folder then.
    config.write_text(f"user root\nlistener {port} 127.0.0.1\n{_access(folder, password)}\n")
    broker = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sink = MqttSink(port)
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = sink.take
    if password:
        client.username_pw_set("listener", password)
    try:
        _connect(client, port)
        client.subscribe("alerts/#", qos=1)
        client.loop_start()
        yield sink
    finally:
        client.loop_stop()
        client.disconnect()
        broker.kill()
        broker.wait()


def _connect(client: Client, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.connect("127.0.0.1", port)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _access(folder: Path, password: str) -> str:
    if not password:
        return "allow_anonymous true"
    known = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(known), "listener", password], check=True, capture_output=True)
    return f"allow_anonymous false\npassword_file {known}"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
